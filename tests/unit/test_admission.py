"""What is known of costs, and how the end of a run is filled."""

from dataclasses import replace

import numpy as np
import pytest

from automl.admission import IMPORT_SECONDS, USUAL_EXTRA_SECONDS, Admission, was_cut
from automl.clock import Clock
from automl.costs import BEYOND_CUT, Costs
from automl.data.records import Split
from automl.fold_jobs import RunContext, partial_training
from automl.history import Candidate, History, Trial
from automl.metrics import load_metric
from automl.registry import load_registry
from automl.specs import ModelSpec
from automl.strategy import Start
from automl.task import Task
from automl.testing import FakeClock

SECONDS = 100.0


def spec(name, cost=1.0, **changes):
    return ModelSpec(name=name, summary="", factory="x:y", space="x:y", relative_cost=cost, **changes)


def admission(*, folds=1, workers=2, **changes):
    specs = [spec("quick", least_share=0.2), spec("whole"), spec("dear", 10.0, least_share=0.2)]
    specs.append(spec("late", preload=("big",)))
    task = Task(target="y", problem_type="regression", metric="rmse", rows=10, features=20)
    context = RunContext(
        folder=None,
        run_id="run",
        task=task,
        metric=load_metric("rmse", load_registry()),
        models={one.name: one for one in specs},
        fidelities={},
        splits=[Split(train=np.arange(5), valid=np.arange(5, 10))] * folds,
        target=np.zeros(10),
        weight=None,
        clock=Clock(started=0.0, end=SECONDS, search_end=SECONDS),
        seed=0,
        fit_seconds=40.0,
        **changes,
    )
    return Admission(context, workers)


def starts(*models):
    return [Start(candidate=Candidate(model=model, config={})) for model in models]


def trial(number, model="quick", cost=1.0):
    return Trial(id=number, candidate=Candidate(model=model, config={}, cost=cost))


def test_a_job_at_a_small_budget_costs_a_share_of_a_full_one_but_for_folds():
    """A fold of a trial with few folds costs as much as one of a full trial."""
    registry = load_registry()
    context = replace(admission(folds=4)._context, fidelities=registry.fidelities)
    rows, folds = (partial_training(replace(context, fidelity=name), "quick", 0.25) for name in ("rows", "folds"))

    assert (0.25, 4) == (rows.job_share, rows.folds)
    assert (1.0, 1) == (folds.job_share, folds.folds)


def filled(left, asked, *, running=0, history=(), **changes):
    with FakeClock(SECONDS - left).installed():
        found = admission(**changes).fill(starts(*asked), History(history), running)
    return None if found is None else found.candidate.model


def test_the_first_model_that_is_worth_something_with_the_rest_fills_it():
    """A fit of `quick` takes 40 s as a whole, and 8 s are a fifth of it; `dear` would need 80 s."""
    assert "quick" == filled(10.0, ["whole", "dear", "quick"])
    assert filled(9.0, ["whole", "dear", "quick"]) is None


def test_folds_and_busy_workers_share_the_rest():
    assert "quick" == filled(20.0, ["quick"], folds=4)
    assert filled(18.0, ["quick"], folds=4) is None
    assert filled(30.0, ["quick"], folds=4, running=1) is None
    assert "quick" == filled(40.0, ["quick"], folds=4, running=1)


def test_a_model_that_rests_after_failures_does_not_fill_the_rest():
    """It was passed over because it fails, not for want of time, and would only fail again and again."""
    failures = [replace(trial(number), status="failed", kind="error") for number in (1, 2, 3)]

    assert "quick" == filled(10.0, ["quick"], history=failures[:2])
    assert filled(10.0, ["quick"], history=failures) is None


def test_the_last_seconds_and_schedulers_of_partial_budgets_are_left_alone():
    assert filled(4.0, ["quick"]) is None
    assert filled(50.0, ["quick"], partial=True) is None


def test_a_trial_that_takes_the_rest_may_take_all_of_it():
    with FakeClock(SECONDS - 20.0).installed():
        made = admission()
        made.take_the_rest(7)
        usual, last = made.soft_seconds(trial(6)), made.soft_seconds(trial(7))
        two_folds = made.soft_seconds(trial(7), jobs=2, others=1)

    assert usual == pytest.approx(12.0)
    assert last == pytest.approx(17.0)
    assert two_folds == pytest.approx(8.5)


def test_a_trial_that_can_come_to_its_end_gets_the_time_for_that():
    """By what its model took before: a guess is not enough."""
    with FakeClock(SECONDS - 20.0).installed():
        made = admission(folds=4)
        guessed = made.soft_seconds(trial(1), jobs=4)
        made.job_done(trial(1), 10.0, cut=False)
        known, cheap = made.soft_seconds(trial(2), jobs=4), made.soft_seconds(trial(3, cost=0.1), jobs=4)
        last = made.soft_seconds(trial(2), jobs=1)

    assert guessed == pytest.approx(3.0) == cheap
    assert known == pytest.approx(0.85 * 20.0 / 2)
    assert last == pytest.approx(1.3 * 10.0)


def test_a_worker_that_has_a_models_modules_needs_no_time_to_import_them():
    """Models for long runs are not preloaded unless they are asked for: declaring what to preload is not having it."""
    with FakeClock(0.0).installed():
        limits = [admission(preloaded=frozenset(there)).hard_seconds("late", 5.0) for there in ([], ["big"])]

    assert [10.0 + IMPORT_SECONDS, 10.0 + USUAL_EXTRA_SECONDS] == limits


def test_a_model_that_stops_long_before_its_time_says_that_it_was_cut():
    """One that trains in long steps stops when the next one would not fit."""
    assert was_cut({"cut": 1.0}, 1.0, 10.0)
    assert was_cut({}, 9.0, 10.0)
    assert not was_cut({}, 5.0, 10.0)
    assert not was_cut({}, 5.0, None)


def test_models_that_the_clock_cut_count_when_stated_costs_are_corrected():
    """Else the cheapest, which alone came to its end, would make all others seem cheap."""
    costs = Costs({name: spec(name) for name in "abc"}, fit_seconds=10.0)
    costs.add("a", 0.1)

    assert costs.job_seconds("c") == pytest.approx(0.1)
    costs.add("b", 8.0, cut=True)
    assert costs.job_seconds("c") == pytest.approx(8.0 * BEYOND_CUT)
    assert costs.job_seconds("a") == pytest.approx(0.1)
