"""scikit-learn's forests, grown in steps and kept as arrays."""

import time

import numpy as np
import pytest
from automl_plugins.trees.forests import RandomForest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestRegressor
from threadpoolctl import threadpool_limits
from tree_tools import blind, conformance, fitted, make, saved_and_loaded, slope, table, task_of

from automl import Effort, PredictorError
from automl.testing import toy_table, toy_task


@pytest.fixture(autouse=True)
def _few_threads():
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("check", [*conformance("random_forest"), *conformance("extra_trees", quick=("multiclass",))])
def test_conformance(check):
    check()


def test_values_are_those_of_scikit_learn():
    train = slope()
    model = fitted("random_forest", train, task_of(train), seed=3)
    options = {name: value for name, value in model._config.items() if name != "max_samples"}
    other = RandomForestRegressor(n_estimators=40, random_state=3, **options).fit(train.numbers, train.target)

    assert other.predict(train.numbers) == pytest.approx(model.predict(blind(train)), abs=1e-9)


def test_shares_are_those_of_scikit_learn():
    train = slope(classes=True)
    model = fitted("extra_trees", train, task_of(train, "binary", 2), seed=3)
    other = ExtraTreesClassifier(n_estimators=40, random_state=3, **model._config).fit(train.numbers, train.target)

    assert other.predict_proba(train.numbers) == pytest.approx(model.predict(blind(train)), abs=1e-6)


def test_a_deadline_far_away_changes_nothing():
    train = slope()
    unlimited, limited = (
        fitted("random_forest", train, task_of(train), effort=Effort(fidelity={"trees": 30.0}, deadline=deadline))
        for deadline in (None, time.monotonic() + 1000)
    )

    assert unlimited.predict(blind(train)).tolist() == limited.predict(blind(train)).tolist()


@pytest.mark.parametrize("name", ["random_forest", "extra_trees"])
def test_the_trees_of_a_checkpoint_are_not_grown_again(name, tmp_path):
    train, _ = toy_table("regression")
    first = fitted(name, train, toy_task("regression"), effort=Effort(fidelity={"trees": 20.0}))
    saved_and_loaded(first, tmp_path / "first")
    second = make(name, toy_task("regression"))
    grown = []
    second._grow = lambda features, rows, wanted, effort, before: grown.append((wanted, before)) or []
    second.fit(train, None, Effort(fidelity={"trees": 50.0}, checkpoint=tmp_path / "first"))

    assert [(30, 20)] == grown
    assert 20 == len(second._trees)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_share_of_rows_does_not_depend_on_the_unit_of_the_weights(scale):
    train = slope()
    weighted = table(train.numbers, train.target, weight=np.full(len(train), scale))
    forest = make("random_forest", task_of(train), max_samples=0.5)
    forest.fit(weighted, None, Effort(fidelity={"trees": 10.0}))
    plain = fitted("random_forest", train, task_of(train), effort=Effort(fidelity={"trees": 10.0}), max_samples=0.5)
    sizes = [np.mean([tree.node_count for tree in model._trees]) for model in (forest, plain)]

    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


def test_large_values_keep_their_digits(tmp_path):
    train = slope()
    train = table(train.numbers, 1e9 + train.target)
    model = fitted("random_forest", train, task_of(train))
    found = saved_and_loaded(model, tmp_path / "model").predict(blind(train))

    assert np.corrcoef(found, train.target)[0, 1] > 0.8


@pytest.mark.parametrize(
    ("field", "place", "value"), [("node_left_child", 0, 10**6), ("node_feature", 0, 99), ("leaf_values", 0, np.nan)]
)
def test_a_damaged_forest_is_a_predictor_error(field, place, value, tmp_path):
    train, _ = toy_table("binary")
    fitted("random_forest", train, toy_task("binary")).save(tmp_path)
    with np.load(tmp_path / "forest.npz") as file:
        arrays = dict(file)
    arrays[field][place] = value
    np.savez(tmp_path / "forest.npz", **arrays)

    with pytest.raises(PredictorError, match="damaged"):
        RandomForest.load(tmp_path, {}, toy_task("binary"), 0)
