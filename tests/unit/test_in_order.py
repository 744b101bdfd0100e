"""Without a clock, strategies answer alike with any number of workers and whoever finishes first."""

import random

import pytest

from automl import Done, History, Trial
from automl.history import finished_trial
from automl.in_order import LAG, InOrder
from automl.protocols import Wait
from automl.registry import load_registry
from automl.strategy import Start
from automl.strategy_names import make_strategy
from automl.testing.search import toy_loss, toy_space


def begun(name, workers, order, trials=40):
    """Configurations and budgets in the order of asking, when any of the running trials may end next."""
    space, draw = toy_space("joint"), random.Random(order)
    strategy = make_strategy(name, load_registry(), space, seed=5)
    in_order, history, running = InOrder(), History(), []
    while len(history) < trials or running:
        step = None
        while len(running) < workers and len(history) < trials:
            step = in_order.ask(history, strategy.ask)
            if not isinstance(step, Start):
                break
            trial = Trial(id=history.next_id, candidate=step.candidate, budget=step.budget, parent=step.parent)
            history, running = history.with_trial(trial), [*running, trial]
        if isinstance(step, Done) and not running:
            break
        assert running, "it waits although nothing runs"
        trial = running.pop(draw.randrange(len(running)))
        loss = toy_loss(trial.candidate, trial.budget)
        failed = trial.candidate.id[0] in "01"
        changes = {"status": "failed", "kind": "error"} if failed else {"status": "done", "loss": loss, "score": loss}
        history = history.with_trial(finished_trial(trial, **changes))
    return [(trial.candidate.id, trial.budget, trial.parent) for trial in history]


@pytest.mark.parametrize("name", ["kde", "gp", "local", "evolution", "kde+hyperband", "random+asha", "grid+screen"])
def test_any_number_of_workers_gives_the_same_trials(name):
    alone = begun(name, workers=1, order=0)

    assert len(alone) > LAG
    assert begun(name, workers=4, order=1) == alone
    assert begun(name, workers=9, order=2) == alone


def test_results_are_shown_late_and_in_order():
    in_order, seen = InOrder(), []
    history = History()
    candidate = begun_candidate()
    for number in range(1, LAG + 3):
        history = history.with_trial(Trial(id=number, candidate=candidate))
    for number in (2, 3):
        history = history.with_trial(finished_trial(history[number], status="done", loss=0.1, score=0.1))

    def strategy(shown):
        seen.append([trial.id for trial in shown.finished()])
        return Done()

    assert isinstance(in_order.ask(history, strategy), Wait)
    assert seen == []
    history = history.with_trial(finished_trial(history[1], status="done", loss=0.1, score=0.1))

    assert isinstance(in_order.ask(history, strategy), Done)
    assert seen == [[1, 2]]


def begun_candidate():
    return next(iter([make_strategy("random", load_registry(), toy_space("joint"), seed=1).ask(History()).candidate]))
