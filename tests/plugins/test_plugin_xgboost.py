"""XGBoost, where it is installed."""

import time

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from tree_tools import blind, conformance, fitted, make, saved_and_loaded, slope, table, task_of

from automl import Effort, PredictorError
from automl.testing import toy_table, toy_task

xgboost = pytest.importorskip("xgboost", reason="xgboost is not installed")


@pytest.fixture(autouse=True)
def _few_threads():
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("check", conformance("xgboost"))
def test_conformance(check):
    check()


def test_only_the_best_rounds_are_kept(tmp_path):
    train, valid = slope(), slope(seed=1)
    model = make("xgboost", task_of(train))
    best = model.fit(train, valid, Effort())["rounds"]
    loaded = saved_and_loaded(model, tmp_path / "model")

    assert best == model._booster.num_boosted_rounds() == loaded._booster.num_boosted_rounds() < 500


def test_the_first_trees_of_a_checkpoint_stay(tmp_path):
    train, _ = toy_table("binary")
    first = fitted("xgboost", train, toy_task("binary"), effort=Effort(fidelity={"rounds": 20.0}))
    saved_and_loaded(first, tmp_path / "first")
    effort = Effort(fidelity={"rounds": 50.0}, checkpoint=tmp_path / "first")
    second = fitted("xgboost", train, toy_task("binary"), effort=effort)
    trees = [model._booster.get_dump() for model in (first, second)]

    assert (20, 50) == tuple(map(len, trees))
    assert trees[0] == trees[1][:20]
    assert trees[0][0] != trees[1][20]


def test_the_clock_and_early_stopping_agree_on_the_best_round():
    """The deadline may come before, between or after the best round."""
    train, valid = slope(5000), slope(5000, seed=1)
    for seconds in (0.0, 0.05, 0.3):
        model = make("xgboost", task_of(train))
        rounds = model.fit(train, valid, Effort(deadline=time.monotonic() + seconds))["rounds"]

        assert rounds == model._booster.num_boosted_rounds() >= 1


def test_missing_values_are_a_side_of_a_cut():
    rng = np.random.default_rng(0)
    gone = rng.random(400) < 0.4
    train = table(np.where(gone, np.nan, rng.normal(size=400))[:, None], gone + 0.1 * rng.normal(size=400))
    found = fitted("xgboost", train, task_of(train)).predict(blind(train))

    assert np.corrcoef(found, gone)[0, 1] > 0.95


def test_a_damaged_file_is_a_predictor_error(tmp_path):
    train, _ = toy_table("binary")
    model = fitted("xgboost", train, toy_task("binary"))
    model.save(tmp_path)
    path = tmp_path / "booster.ubj"
    path.write_bytes(path.read_bytes()[:300])

    with pytest.raises(PredictorError, match="missing or damaged"):
        type(model).load(tmp_path, {}, toy_task("binary"), 0)


def test_the_number_of_leaves_holds_where_trees_grow_by_loss():
    train = slope(400)
    task = task_of(train)
    model = fitted("xgboost", train, task, grow_policy="lossguide", max_leaves=8, max_depth=10)
    leaves = [tree.count("leaf=") for tree in model._booster.get_dump()]

    assert 4 < max(leaves) <= 8
    assert 8 < max(tree.count("leaf=") for tree in fitted("xgboost", train, task, max_depth=10)._booster.get_dump())
