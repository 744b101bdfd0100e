"""The constant prediction."""

import json
from dataclasses import replace

import numpy as np
import pytest
from automl_plugins.dummy.constant import Constant, best_constant

from automl import Effort, PredictorError
from automl.testing import check_plugin_is_light, model_checks, toy_table, toy_task


@pytest.mark.parametrize("check", model_checks("dummy"), ids=str)
def test_conformance(check):
    check()


def test_entry_module_is_light():
    check_plugin_is_light("automl_plugins.dummy")


def fitted(problem_type, metric=None, weight=None, target=None):
    train, valid = toy_table(problem_type)
    train = replace(train, weight=weight, target=train.target if target is None else target)
    model = Constant({}, toy_task(problem_type, metric=metric), 0)
    model.fit(train, valid, Effort())
    return model, train, valid


def test_classes_are_predicted_by_their_weighted_shares():
    target = np.array([0, 1, 2, 2] * 50)
    model, _, valid = fitted("multiclass", weight=np.where(target == 0, 3.0, 1.0), target=target)

    assert [0.5, 1 / 6, 1 / 3] == pytest.approx(model.predict(valid)[0])


def test_weights_that_are_all_zero_count_as_none():
    model, train, valid = fitted("regression", weight=np.zeros(200))

    assert train.target.mean() == pytest.approx(model.predict(valid)[0])


@pytest.mark.parametrize(
    ("metric", "error"),
    [
        ("rmse", lambda truth, value: (truth - value) ** 2),
        ("mae", lambda truth, value: abs(truth - value)),
        ("mape", lambda truth, value: abs(truth - value) / abs(truth)),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_no_other_value_is_better_for_the_metric(metric, error, weighted):
    rng = np.random.default_rng(0)
    target = rng.lognormal(size=61)
    weight = rng.uniform(0, 2, 61) if weighted else np.ones(61)
    found = best_constant(target, weight, metric)
    least = weight @ error(target, found)

    assert all(least <= weight @ error(target, value) + 1e-9 for value in np.linspace(0, 10, 2001))


def test_the_median_of_an_even_number_of_values_lies_between_the_middle_two():
    assert 2.5 == best_constant(np.array([4.0, 1.0, 3.0, 2.0]), np.ones(4), "mae")


def test_empty_tables_have_empty_predictions():
    model, _, valid = fitted("multiclass")

    assert (0, 3) == model.predict(valid.take(np.arange(0))).shape


@pytest.mark.parametrize("content", [None, "{", "[1, 2, 3]", '["a", 1]'])
def test_a_damaged_file_is_a_predictor_error(tmp_path, content):
    model, *_ = fitted("binary")
    model.save(tmp_path)
    path = tmp_path / "constant.json"

    assert [0.5, 0.5] == pytest.approx(json.loads(path.read_text()), abs=0.1)
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(PredictorError, match="fit again"):
        Constant.load(tmp_path, {}, toy_task("binary"), 0)
