"""Folds settled on fewer while trials of partial budgets run or are done: those that have all of them are full ones."""

from types import SimpleNamespace

import pytest

from automl import Candidate, History, ModelSpec, Trial
from automl.evaluate import FoldResult
from automl.open_trials import OpenTrials
from automl.settling import Settling

SPEC = ModelSpec(name="m", summary="", factory="x:y", space="x:z", problem_types=("binary",))


def context(folds, fidelity="folds"):
    return SimpleNamespace(models={"m": SPEC}, fidelities={}, fidelity=fidelity, splits=[None] * folds)


def trial(number, budget, status="running"):
    return Trial(id=number, candidate=Candidate(model="m", config={"x": number}), budget=budget, status=status)


@pytest.mark.parametrize(("fidelity", "expected"), [("folds", [2]), ("rows", [])])
def test_what_runs(fidelity, expected):
    """Of eight folds, a quarter is two and three eighths are three; two are left. A share of the rows stays one."""
    running = OpenTrials(context(8, fidelity), SimpleNamespace(cancel=print), None)
    running.open(trial(1, 0.125), 1)
    running.open(trial(2, 0.375), 3)

    assert expected == [one.id for one in running.use_folds(context(2, fidelity))]
    assert expected == [one.trial.id for one in running.all() if one.trial.is_full]


@pytest.mark.parametrize(("fidelity", "expected"), [("folds", [1, 3]), ("rows", [1])])
def test_what_is_done(fidelity, expected):
    done = History([trial(1, 1.0, "done"), trial(2, 0.125, "done"), trial(3, 0.375, "done"), trial(4, 0.5)])
    metric = SimpleNamespace(distance=lambda score: score)
    judging = SimpleNamespace(
        score=lambda *_: 0.5, costs=dict.fromkeys(range(5), SimpleNamespace(row_ms=1, megabytes=1))
    )
    settling = Settling(
        SimpleNamespace(**vars(context(8, fidelity)), metric=metric, early_discard=False),
        SimpleNamespace(),
        judging,
        SimpleNamespace(history=done),
        SimpleNamespace(settled=False),
    )
    settling.results = {
        one.id: {
            fold: FoldResult(loss=0.1, prepare_seconds=0, fit_seconds=0, predict_seconds=0, facts={})
            for fold in range(count)
        }
        for one, count in zip(done, (8, 1, 3), strict=False)
    }

    found = settling.use_folds(SimpleNamespace(**vars(context(2, fidelity)), metric=metric))

    assert expected == [one.id for one in found]
    assert all(one.is_full and len(one.fold_losses) == 2 for one in found)
