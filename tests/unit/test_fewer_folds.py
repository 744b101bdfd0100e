"""Fewer folds than planned, while trials of partial budgets run: what they lack is not waited for any more."""

from types import SimpleNamespace

from automl import Candidate, Trial
from automl.open_trials import NOBODY, OpenTrials


def test_open_trials_do_without_folds():
    cancelled = []
    running = OpenTrials(SimpleNamespace(splits=[None] * 8), SimpleNamespace(cancel=cancelled.append), None)
    for number, budget in ((1, 1.0), (2, 0.25)):
        trial = Trial(id=number, candidate=Candidate(model="m", config={"x": number}), budget=budget)
        running.open(trial, 8).folds.update(dict.fromkeys(range(4)))
        running.enqueue(number, range(5, 8))
    running._jobs = {7: (1, 4), 8: (2, 1)}

    running.use_folds(SimpleNamespace(splits=[None] * 3))

    assert [(3, [0, 1, 2], True)] * 2 == [(one.wanted, sorted(one.folds), one.complete) for one in running.all()]
    assert (0, [7]) == (running.waiting, cancelled)
    assert {7: (NOBODY, 4), 8: (2, 1)} == running._jobs
    assert [False, False] == [one.trial.whole for one in running.all()]
