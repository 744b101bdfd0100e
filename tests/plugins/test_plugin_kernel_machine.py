"""The kernel machine: linear models on Nyström features."""

from dataclasses import replace

import numpy as np
import pytest
from automl_plugins.linear.kernel import KernelMachine
from sklearn.kernel_ridge import KernelRidge

from automl import Effort, PredictorError
from automl.data.records import MatrixData
from automl.testing import model_checks, toy_matrix, toy_task

CONFIG = {"choice": "fixed", "C": 10.0, "kernel": "gaussian", "gamma": 0.5, "landmarks": 1000, "relevance": 0.0}


@pytest.mark.parametrize("check", model_checks("kernel_machine"), ids=str)
def test_conformance(check):
    check()


def fitted(problem_type, train=None, **config):
    rows, valid = toy_matrix(problem_type)
    model = KernelMachine(CONFIG | config, toy_task(problem_type), 0)
    facts = model.fit(train or rows, valid, Effort())
    return model, train or rows, valid, facts


def rings(rows, seed):
    """Classes that no straight line tells apart."""
    points = np.random.default_rng(seed).normal(size=(rows, 2)).astype(np.float32)
    inner = (np.hypot(*points.T) < 1.2).astype(np.int64)
    return MatrixData(names=("x", "y"), values=points, target=inner, weight=None)


@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
def test_with_all_rows_as_landmarks_it_is_kernel_ridge(kernel):
    model, train, valid, _ = fitted("regression", kernel=kernel)
    values, held = (np.asarray(rows.values, dtype=np.float64) * model._arrays["scale"] for rows in (train, valid))

    def product(one, other):
        distances = ((one[:, None] - other) ** 2).sum(axis=2)
        return np.exp(-(np.sqrt(distances) if kernel == "laplace" else distances))

    # An intercept that is not penalised is what centring the kernel amounts to, up to the mean of the target.
    middle, unit = train.target.mean(), train.target.std()
    count = len(values)
    centre = np.eye(count) - 1 / count
    gram = product(values, values)
    other = KernelRidge(alpha=1 / 10.0, kernel="precomputed")
    other.fit(centre @ gram @ centre, (train.target - middle) / unit)
    expected = other.predict((product(held, values) - gram.mean(axis=0)) @ centre) * unit + middle

    assert np.abs(model.predict(valid) - expected).max() < 0.02 * unit


def test_it_bends_where_classes_are_rings():
    train, test = rings(400, 0), rings(400, 1)
    model = KernelMachine(CONFIG, toy_task("binary"), 0)
    model.fit(train, None, Effort())

    assert ((model.predict(test)[:, 1] > 0.5) == test.target).mean() > 0.95


def test_the_width_does_not_depend_on_units():
    model, train, valid, _ = fitted("regression")
    larger, *_ = fitted("regression", replace(train, values=train.values * 8))

    assert larger.predict(replace(valid, values=valid.values * 8)) == pytest.approx(model.predict(valid), rel=1e-2)


def test_c_is_chosen_on_the_validation_rows():
    _, _, _, facts = fitted("multiclass", choice="auto")

    assert facts["C"] != 10.0
    assert 0 < facts["features"] <= 200


def test_there_are_no_more_features_than_landmarks():
    *_, facts = fitted("regression", landmarks=12)

    assert 0 < facts["features"] <= 12


def test_equal_rows_are_no_problem():
    train, _ = toy_matrix("regression")
    same = replace(train, values=np.ones_like(train.values))
    model, *_ = fitted("regression", same)

    assert model.predict(same) == pytest.approx(train.target.mean(), rel=1e-3)


@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
def test_what_is_predicted_of_a_row_does_not_depend_on_others_where_the_kernel_is_wide(kernel):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1500, 8)).astype(np.float32)
    target = np.sin(values[:, 0]) + values[:, 1] + 0.3 * rng.normal(size=1500)
    train = MatrixData(names=tuple("abcdefgh"), values=values, target=target, weight=None)
    config = CONFIG | {"kernel": kernel, "gamma": 0.02, "C": 1e4, "landmarks": 600}
    model = KernelMachine(config, toy_task("regression"), 0)
    model.fit(train, None, Effort())
    alone = [model.predict(replace(train, values=values[[row]], target=None))[0] for row in range(20)]

    assert alone == pytest.approx(model.predict(train)[:20], abs=1e-5)


@pytest.mark.parametrize("broken", ["missing", "damaged", "shapes"])
def test_damaged_files_are_told(broken, tmp_path):
    model, *_ = fitted("binary")
    model.save(tmp_path)
    path = tmp_path / "linear.npz"
    if broken == "missing":
        path.unlink()
    elif broken == "damaged":
        path.write_bytes(path.read_bytes()[:100])
    else:
        arrays = dict(np.load(path))
        np.savez(path, **(arrays | {"turn": arrays["turn"][:-1]}))

    with pytest.raises(PredictorError, match="again"):
        KernelMachine.load(tmp_path, CONFIG, toy_task("binary"), 0)
