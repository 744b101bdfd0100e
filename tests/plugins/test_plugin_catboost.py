"""CatBoost, where it is installed."""

import time
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from tree_tools import blind, conformance, fitted, make, saved_and_loaded, slope, table, task_of

from automl import Effort, PredictorError
from automl.testing import toy_table, toy_task

catboost = pytest.importorskip("catboost", reason="catboost is not installed")


@pytest.fixture(autouse=True)
def _few_threads():
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("check", conformance("catboost"))
def test_conformance(check):
    check()


@pytest.mark.parametrize("metric", ["rmse", "mae"])
@pytest.mark.parametrize("with_valid", [True, False])
def test_a_constant_target_is_predicted(metric, with_valid, tmp_path):
    valid = slope(200)
    train = replace(valid, target=np.full(200, 1e6))
    model = fitted("catboost", train, task_of(train, metric=metric), valid if with_valid else None)
    found = saved_and_loaded(model, tmp_path / "model").predict(blind(valid))

    assert np.full(200, 1e6) == pytest.approx(found, abs=1.0)


@pytest.mark.parametrize("classes", [0, 2])
def test_a_model_without_trees_can_be_continued(classes, tmp_path):
    """It learned nothing, so the next one starts anew."""
    target = np.arange(100) % 2 if classes else np.linspace(0, 1, 100)
    train = table(np.ones((100, 2)), target)
    task = task_of(train, "binary" if classes else "regression", classes)
    first = fitted("catboost", train, task)
    saved_and_loaded(first, tmp_path / "first")
    second = make("catboost", task)
    facts = second.fit(train, None, Effort(fidelity={"rounds": 100.0}, checkpoint=tmp_path / "first"))

    assert {"rounds": 1.0} == facts
    assert np.full(100, 0.5) == pytest.approx(
        second.predict(blind(train))[..., -1] if classes else second.predict(train)
    )


def test_weights_count_in_the_shares():
    train = table(np.ones((100, 1)), np.arange(100) % 2, weight=np.where(np.arange(100) % 2, 3.0, 1.0))
    found = fitted("catboost", train, task_of(train, "binary", 2)).predict(blind(train))

    assert found[0].tolist() == pytest.approx([0.25, 0.75])


def test_the_first_trees_of_a_checkpoint_stay(tmp_path):
    """The first 20 rounds of the longer model predict what the shorter one did."""
    train, valid = toy_table("regression")
    first = fitted("catboost", train, toy_task("regression"), effort=Effort(fidelity={"rounds": 20.0}))
    saved_and_loaded(first, tmp_path / "first")
    effort = Effort(fidelity={"rounds": 50.0}, checkpoint=tmp_path / "first")
    second = fitted("catboost", train, toy_task("regression"), effort=effort)
    start = second._model.predict(second._pool(blind(valid), target=False), ntree_end=20, thread_count=1)

    assert 50 == second._model.tree_count_
    assert first.predict(blind(valid)) == pytest.approx(start, abs=1e-6)


def test_a_rate_that_the_time_chose_is_reported_and_kept(tmp_path, monkeypatch):
    """By a refit, which has more time, and by training that goes on."""
    monkeypatch.setattr("automl_plugins.catboost.model._rate_in_time", lambda *_: 0.2)
    train, soon = slope(300), time.monotonic() + 600
    task = task_of(train)
    first = make("catboost", task)
    facts = first.fit(train, None, Effort(fidelity={"rounds": 30.0}, deadline=soon))
    refitted = fitted("catboost", train, task, effort=Effort(fidelity={"rounds": facts["rounds"]}, facts=facts))
    saved_and_loaded(first, tmp_path / "first")
    effort = Effort(fidelity={"rounds": 50.0}, checkpoint=tmp_path / "first")
    longer = make("catboost", task)

    assert {"rounds": 30.0, "learning_rate": 0.2} == facts
    assert first.predict(blind(train)) == pytest.approx(refitted.predict(blind(train)))
    assert {"rounds": 50.0, "learning_rate": 0.2} == longer.fit(train, None, effort)
    assert 0.2 == pytest.approx(longer._model.get_all_params()["learning_rate"])


def test_a_rate_that_was_asked_for_stays_however_short_the_time_is(monkeypatch):
    monkeypatch.setattr("automl_plugins.catboost.model._rate_in_time", lambda *_: 0.2)
    train = slope(300)
    model = make("catboost", task_of(train), learning_rate=0.01)
    facts = model.fit(train, None, Effort(fidelity={"rounds": 30.0}, deadline=time.monotonic() + 600))

    assert 0.01 == facts["learning_rate"] == pytest.approx(model._model.get_all_params()["learning_rate"])


def test_categories_in_no_order_are_learned():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 40, (1600, 1))
    high = rng.permutation(40)[:20]
    target = np.isin(codes[:, 0], high) + 0.1 * rng.normal(size=1600)
    whole = table(rng.normal(size=(1600, 1)), target, codes=codes, levels=(40,))
    train, test = whole.take(np.arange(800)), whole.take(np.arange(800, 1600))
    found = fitted("catboost", train, task_of(train)).predict(blind(test))

    assert np.corrcoef(found, test.target)[0, 1] > 0.9


def test_few_rows_take_shallow_trees_and_in_wide_tables_few_borders():
    """Each border of each column is tried at each level, whatever the rows."""
    train = slope(200)
    model = make("catboost", task_of(train), depth=8)
    few = model._options(Effort(), 10, train, 3)
    many = model._options(Effort(), 10, slope(5000), 3)
    wide = model._options(Effort(), 10, train, 500)

    assert (254, 5) == (few["border_count"], few["depth"])
    assert (254, 8) == (many["border_count"], many["depth"])
    assert (1.0, 0.3, 32) == (few["rsm"], wide["rsm"], wide["border_count"])


def test_a_damaged_file_is_a_predictor_error(tmp_path):
    train, _ = toy_table("binary")
    model = fitted("catboost", train, toy_task("binary"))
    model.save(tmp_path)
    path = tmp_path / "model.cbm"
    path.write_bytes(path.read_bytes()[:300])

    with pytest.raises(PredictorError, match="missing or damaged"):
        type(model).load(tmp_path, {}, toy_task("binary"), 0)


def test_trees_that_are_not_symmetric_are_saved_continued_and_kept_monotone(tmp_path):
    """CatBoost keeps only symmetric trees monotone; asked for both, monotone wins."""
    train = slope(300)
    task = task_of(train)
    first = fitted("catboost", train, task, grow_policy="Depthwise", depth=4)
    loaded = saved_and_loaded(first, tmp_path / "first")
    second = make("catboost", task, grow_policy="Depthwise", depth=4)
    facts = second.fit(train, None, Effort(fidelity={"rounds": 100.0}, checkpoint=tmp_path / "first"))

    assert first.predict(blind(train)).tolist() == loaded.predict(blind(train)).tolist()
    assert (
        first.predict(blind(train)).tolist() != fitted("catboost", train, task, depth=4).predict(blind(train)).tolist()
    )
    assert {"rounds": 100.0, "learning_rate": 0.06} == facts
    rising = replace(task, monotone={train.layout.numbers[0]: 1})
    fitted("catboost", train, rising, grow_policy="Depthwise", depth=4)


def test_crossed_categories_are_left_out_of_large_tables_unless_asked_for():
    from automl.registry import load_registry
    from automl.space import model_space

    spec, task = load_registry().models["catboost"], toy_task("binary")
    defaults = [
        model_space(spec, replace(task, rows=rows)).get_default_configuration()["max_ctr_complexity"]
        for rows in (1000, 100_000)
    ]

    assert [2, 1] == defaults
