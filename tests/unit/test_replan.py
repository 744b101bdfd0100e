"""How many folds a run goes on with once a fit has told what fits cost."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from automl.api import fit_run, make_settings
from automl.clock import Clock
from automl.early_discard import discards
from automl.metrics import load_metric
from automl.registry import load_registry
from automl.replan import affordable_folds, cost_of_kinds, least_folds
from automl.settings import Settings
from automl.specs import ModelSpec
from automl.unfinished import finish_folder


def spec(cost, **changes):
    return ModelSpec(name=f"m{cost}", summary="", factory="x:y", space="x:y", relative_cost=cost, **changes)


def folds(fit_seconds, *, least=2, planned=8, core_seconds=100.0):
    return affordable_folds(
        folds=planned, least=least, fit_seconds=fit_seconds, kinds_cost=10.0, core_seconds=core_seconds
    )


def test_folds_go_down_as_fits_get_dearer_and_no_further_than_allowed():
    found = [folds(seconds) for seconds in (0.01, 1.0, 2.0, 3.0, 50.0)]

    assert found == sorted(found, reverse=True)
    assert 8 == found[0]
    assert 2 == found[-1]
    assert 3 == folds(50.0, least=3)
    assert 1 == folds(50.0, planned=1)
    assert folds(2.0) < folds(2.0, core_seconds=500.0)


def test_folds_go_up_where_most_kinds_end_after_the_first():
    found = [
        affordable_folds(folds=8, least=2, fit_seconds=seconds, kinds_cost=10.0, core_seconds=100.0, discards=True)
        for seconds in (2.0, 3.0, 50.0)
    ]

    assert [8, 5, 2] == found
    assert [3, 2, 2] == [folds(seconds) for seconds in (2.0, 3.0, 50.0)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"early_discard": False}, False),
        ({"partial": True}, False),
        ({"metric": load_metric("f1_macro", load_registry())}, False),
        ({"clock": Clock(started=0.0, end=None, search_end=None)}, False),
    ],
    ids=["works", "switched off", "small budgets", "labels", "no clock"],
)
def test_early_discard_counts_only_where_it_works(changes, expected):
    plain = SimpleNamespace(
        early_discard=True,
        partial=False,
        metric=load_metric("log_loss", load_registry()),
        clock=Clock(started=0.0, end=60.0, search_end=60.0),
        target=np.arange(300) % 3,
    )

    assert expected == discards(SimpleNamespace(**(vars(plain) | changes)))


def test_baselines_and_the_dearest_kinds_do_not_count():
    assert 5.0 == cost_of_kinds([spec(1.0), spec(4.0), spec(50.0), spec(3.0, is_baseline=True)])
    assert 50.0 == cost_of_kinds([spec(50.0)])


@pytest.mark.parametrize(
    ("options", "kind", "rows", "expected"),
    [
        ({"seconds": 60.0}, "folds", 1000, 3),
        ({"seconds": 60.0}, "folds", 10_000, 2),
        ({"seconds": 60.0}, "folds", 100_000, 1),
        ({"seconds": 60.0, "folds": 5}, "folds", 1000, None),
        ({"seconds": 60.0, "repeats": 2}, "folds", 1000, None),
        ({"seconds": 60.0}, "groups", 1000, None),
        ({"trials": 5}, "folds", 1000, None),
    ],
)
def test_only_folds_that_the_engine_chose_may_become_fewer(options, kind, rows, expected):
    assert expected == least_folds(Settings(target="y", **options), kind, rows)


OPTIONS = {"time": "60s", "trials": 4, "models": ["linear", "nearest_neighbours"], "executor": "inline"}


def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    return frame.assign(y=np.sin(2 * frame["a"]) + frame["b"] + 0.1 * rng.normal(size=300))


def stop_at_once(*_, **__):
    raise KeyboardInterrupt


def test_a_run_goes_on_with_fewer_folds_where_fits_are_dear(tmp_path, monkeypatch):
    """All trials, the baselines too, are judged by the rows of the same folds."""
    monkeypatch.setattr("automl.admission.Admission.usual_seconds", lambda *_: 1000.0)
    frame = table()
    outcome = fit_run(frame, make_settings("y", OPTIONS | {"models": ["linear"]}), out=tmp_path / "run")

    assert any(re.match(r"validation: 3 of the \d+ folds: a usual fit takes", reason) for reason in outcome.reasons)
    assert {3} == {len(member.folders) for member in outcome.predictor.parts.members}
    assert outcome.score < 0.8
    assert 3 == len(outcome.predictor.predict(frame.head(3)))
    assert {3} == {row["folds"] for row in outcome.leaderboard}


def picky(truth, prediction):
    """Has nothing to say of a constant on a part of the rows."""
    if len(truth) < 300 and np.ptp(prediction) < 0.2:
        raise ValueError("all predictions are equal")
    return float(np.abs(truth - prediction).mean())


picky.greater_is_better = False


def test_a_baseline_that_cannot_be_judged_by_fewer_folds_fails_alone(tmp_path, monkeypatch):
    """The run goes on, as when a trial cannot be judged at first."""
    monkeypatch.setattr("automl.admission.Admission.usual_seconds", lambda *_: 1000.0)
    outcome = fit_run(table(), make_settings("y", {**OPTIONS, "metric": f"{__name__}:picky"}), out=tmp_path / "run")
    rows = {row["model"]: row for row in outcome.leaderboard}

    assert ("failed", "metric", 0) == (rows["dummy"]["status"], rows["dummy"]["kind"], rows["dummy"]["folds"])
    assert not outcome.only_baseline


def test_an_interrupted_run_is_finished_by_the_folds_that_it_had_settled_on(tmp_path, monkeypatch):
    """Its splits hold more folds, and its baselines were fitted on all of them."""
    monkeypatch.setattr("automl.admission.Admission.usual_seconds", lambda *_: 1000.0)
    whole = fit_run(table(), make_settings("y", OPTIONS), out=tmp_path / "whole")
    monkeypatch.setattr("automl.searching.finish_run", stop_at_once)
    with pytest.raises(KeyboardInterrupt):
        fit_run(table(), make_settings("y", OPTIONS), out=tmp_path / "run")

    finished = finish_folder(tmp_path / "run")

    assert whole.score == pytest.approx(finished.score)
    assert len(whole.predictor.parts.members) == len(finished.predictor.parts.members) > 1
    assert {3} == {row["folds"] for row in finished.leaderboard}
