"""scikit-learn's histogram gradient boosting, looked at between the rounds."""

import time
from dataclasses import replace

import numpy as np
import pytest
from automl_plugins.trees import hist_boosting
from automl_plugins.trees.hist_boosting import HistGradientBoosting
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_info, threadpool_limits
from tree_tools import blind, conformance, fitted, make, saved_and_loaded, slope, table, task_of

from automl import Effort, PredictorError
from automl.testing import toy_table, toy_task


@pytest.fixture(autouse=True)
def _few_threads():
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("check", conformance("hist_gradient_boosting"))
def test_conformance(check):
    check()


@pytest.mark.parametrize("far", [None, 1000.0])
def test_values_are_those_of_scikit_learn(far):
    """In one step, and in many."""
    train = slope()
    effort = Effort(fidelity={"rounds": 40.0}, deadline=None if far is None else time.monotonic() + far)
    model = fitted("hist_gradient_boosting", train, task_of(train), effort=effort)
    other = HistGradientBoostingRegressor(max_iter=40, early_stopping=False, random_state=0, **model._config)
    other.fit(train.numbers, train.target)

    assert other.predict(train.numbers) == pytest.approx(model.predict(blind(train)), abs=1e-6)


@pytest.mark.parametrize("problem_type", ["binary", "multiclass"])
def test_shares_are_those_of_scikit_learn(problem_type):
    train, _ = toy_table(problem_type)
    train = table(train.numbers, train.target)
    task = task_of(train, problem_type, 2 if problem_type == "binary" else 3)
    model = fitted("hist_gradient_boosting", train, task, class_weight="none")
    options = {name: value for name, value in model._config.items() if name != "class_weight"}
    other = HistGradientBoostingClassifier(max_iter=60, early_stopping=False, random_state=0, **options)
    other.fit(train.numbers, train.target)

    assert other.predict_proba(train.numbers) == pytest.approx(model.predict(blind(train)), abs=1e-6)


@pytest.mark.parametrize("deadline", [None, 1000.0])
def test_the_rounds_after_the_best_are_cut_off(deadline, tmp_path):
    train, valid = slope(), slope(seed=1)
    model = make("hist_gradient_boosting", task_of(train))
    best = model.fit(train, valid, Effort(deadline=deadline and time.monotonic() + deadline))["rounds"]

    def error(rounds):
        effort = Effort(fidelity={"rounds": float(rounds)})
        found = fitted("hist_gradient_boosting", train, task_of(train), effort=effort).predict(blind(valid))
        return np.mean((found - valid.target) ** 2)

    assert best == len(model._trees) == len(saved_and_loaded(model, tmp_path / "model")._trees)
    assert error(best) < min(error(best - 5), error(best + 15))


# -- columns with nothing in them -----------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_a_column_that_was_empty_in_fit_is_never_asked(weighted, tmp_path):
    """Its few values may all stand in rows of weight zero."""
    train = slope()
    numbers = np.array(train.numbers)
    numbers[:, 1] = np.nan
    weight = None
    if weighted:
        numbers[:5, 1] = 1.0
        weight = np.where(np.arange(len(train)) < 5, 0.0, 1.0)
    model = fitted("hist_gradient_boosting", table(numbers, train.target, weight=weight), task_of(train))
    loaded = saved_and_loaded(model, tmp_path / "model")
    answers = []
    for value in (np.nan, -1e30, 0.0, 1e30):
        numbers[:, 1] = value
        answers.append(loaded.predict(table(numbers)).tolist())

    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert np.corrcoef(answers[0], train.target)[0, 1] > 0.5


def test_few_values_among_many_rows_are_left_out(monkeypatch):
    """scikit-learn looks for bins in a sample of the rows, which may miss them all."""
    monkeypatch.setattr(hist_boosting, "BINNING_ROWS", 1000)
    features = np.full((20_000, 2), np.nan, dtype=np.float32)
    features[:20, 0] = features[:2000, 1] = 1.0
    found = hist_boosting._without_empty_columns(features, None)

    assert (found[:, 0] == 0).all()
    assert 2000 == np.isfinite(found[:, 1]).sum()


def test_a_constant_column_with_gaps_is_used():
    rng = np.random.default_rng(0)
    gone = rng.random(300) < 0.5
    train = table(np.where(gone, np.nan, 3.0)[:, None], gone + 0.1 * rng.normal(size=300))
    found = fitted("hist_gradient_boosting", train, task_of(train)).predict(blind(train))

    assert np.corrcoef(found, gone)[0, 1] > 0.95


# -- threads, weights, files ----------------------------------------------------------------------


def test_it_takes_the_threads_it_is_given(monkeypatch):
    train = slope()
    seen = []
    original = HistGradientBoosting._boost

    def spy(self, *arguments):
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"})
        return original(self, *arguments)

    monkeypatch.setattr(HistGradientBoosting, "_boost", spy)
    with threadpool_limits(2, user_api="openmp"):
        fitted("hist_gradient_boosting", train, task_of(train), effort=Effort(threads=1, fidelity={"rounds": 3.0}))

    assert [{1}] == seen


def test_validation_rows_of_weight_zero_do_not_stop_it():
    train, right, wrong = slope(), slope(seed=1), slope(sign=-1.0, seed=2)
    valid = table(
        np.vstack([right.numbers, wrong.numbers]),
        np.concatenate([right.target, wrong.target]),
        weight=np.repeat([1.0, 0.0], len(right)),
    )
    rounds = [
        make("hist_gradient_boosting", task_of(train)).fit(train, rows, Effort())["rounds"]
        for rows in (right, valid, replace(valid, weight=None))
    ]

    assert rounds[0] == rounds[1] > rounds[2]


@pytest.mark.parametrize(("field", "value"), [("node_left", 10**6), ("node_feature_idx", 99), ("baseline", np.nan)])
def test_a_damaged_file_is_a_predictor_error(field, value, tmp_path):
    train, _ = toy_table("binary")
    fitted("hist_gradient_boosting", train, toy_task("binary")).save(tmp_path)
    with np.load(tmp_path / "boosting.npz") as file:
        arrays = dict(file)
    arrays[field][0] = value
    np.savez(tmp_path / "boosting.npz", **arrays)

    with pytest.raises(PredictorError, match="damaged"):
        HistGradientBoosting.load(tmp_path, {}, toy_task("binary"), 0)
