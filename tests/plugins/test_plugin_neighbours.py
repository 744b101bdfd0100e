"""Nearest neighbours."""

from dataclasses import replace

import numpy as np
import pytest
from automl_plugins.neighbours import nearest
from automl_plugins.neighbours.nearest import NearestNeighbours
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from automl import Effort, PredictorError
from automl.data.records import MatrixData
from automl.testing import check_plugin_is_light, model_checks, toy_matrix, toy_task

CONFIG = {"neighbours": 7, "weights": "uniform", "power": 2, "relevance": 0.0}


@pytest.mark.parametrize("check", model_checks("nearest_neighbours"), ids=str)
def test_conformance(check):
    check()


def test_entry_module_is_light():
    check_plugin_is_light("automl_plugins.neighbours")


def fitted(problem_type, train=None, **config):
    rows, valid = toy_matrix(problem_type)
    train = train or rows
    model = NearestNeighbours(CONFIG | config, toy_task(problem_type), 0)
    facts = model.fit(train, valid, Effort())
    return model, train, valid, facts


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("power", [1, 2])
def test_values_are_those_of_scikit_learn(weights, power):
    model, train, valid, _ = fitted("regression", weights=weights, power=power)
    other = KNeighborsRegressor(7, weights=weights, p=power).fit(train.values, train.target)

    assert other.predict(valid.values) == pytest.approx(model.predict(valid), rel=1e-4)


def test_classes_are_those_of_scikit_learn_and_never_impossible():
    model, train, valid, _ = fitted("multiclass")
    expected = KNeighborsClassifier(7).fit(train.values, train.target).predict_proba(valid.values)
    found = model.predict(valid)

    assert 0 < found.min() < 0.1
    assert np.abs(found - (expected * 7 + np.bincount(train.target) / 200) / 8).max() < 1e-6


def test_a_row_without_weight_does_not_vote():
    train, valid = toy_matrix("regression")
    outlier = replace(train, target=np.where(np.arange(200) == 3, 1e6, train.target))
    weight = np.where(np.arange(200) == 3, 0.0, 1.0)
    model, *_ = fitted("regression", replace(outlier, weight=weight))

    assert model.predict(replace(valid, values=train.values[3:4])).max() < 1e3


def test_relevance_ignores_noise():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(800, 30)).astype(np.float32)
    target = values[:, 0].astype(np.float64)
    names = tuple(map(str, range(30)))
    train = MatrixData(names=names, values=values[:600], target=target[:600])
    valid = MatrixData(names=names, values=values[600:], target=target[600:])
    errors = []
    for relevance in (0.0, 1.0):
        model, *_ = fitted("regression", train, relevance=relevance)
        errors.append(np.mean((model.predict(valid) - valid.target) ** 2))

    assert errors[1] < 0.3 * errors[0]


def test_a_sample_of_many_rows_keeps_every_class(monkeypatch):
    monkeypatch.setattr(nearest, "MOST_ROWS", 20)
    train, _ = toy_matrix("multiclass")
    target = np.where(np.arange(200) == 150, 2, train.target % 2)
    model, _, valid, facts = fitted("multiclass", replace(train, target=target))

    assert 20 <= facts["rows_kept"] <= 23
    assert {0, 1, 2} == set(model._arrays["target"].tolist())
    assert (100, 3) == model.predict(valid).shape


def test_empty_tables_have_empty_predictions():
    model, _, valid, _ = fitted("binary")

    assert (0, 2) == model.predict(replace(valid, values=valid.values[:0], target=None)).shape


@pytest.mark.parametrize("file", ["values.npy", "target.npy", "scale.npy"])
def test_a_damaged_file_is_a_predictor_error(tmp_path, file):
    model, *_ = fitted("binary")
    model.save(tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:200])

    with pytest.raises(PredictorError, match="missing or damaged"):
        NearestNeighbours.load(tmp_path, CONFIG, toy_task("binary"), 0)


def test_rows_of_another_task_are_a_predictor_error(tmp_path):
    model, *_ = fitted("multiclass")
    model.save(tmp_path)

    with pytest.raises(PredictorError, match="classes beyond the 2"):
        NearestNeighbours.load(tmp_path, CONFIG, toy_task("binary"), 0)
