"""The last part of a run under partial budgets."""

from dataclasses import replace

from automl.clock import Clock
from automl.finals import finalist, finals_are_due
from automl.history import Candidate, History, Trial


def trial(number, budget, loss, config=None, status="done"):
    candidate = Candidate(model="toy", config={"x": number if config is None else config})
    return Trial(id=number, candidate=candidate, budget=budget, status=status, loss=loss)


def test_those_that_came_furthest_are_first_and_the_better_ones_among_them():
    history = History([trial(1, 0.25, 0.1), trial(2, 0.5, 0.3), trial(3, 0.5, 0.2), trial(4, 0.25, 0.05)])
    order = []
    while (start := finalist(history)) is not None:
        order.append(start.parent)
        history = history.with_trial(
            Trial(id=history.next_id, candidate=start.candidate, budget=1.0, status="running", parent=start.parent)
        )

    assert [3, 2, 4, 1] == order


def test_what_had_or_gets_the_whole_budget_is_no_finalist():
    history = History([trial(1, 0.5, 0.1), trial(2, 1.0, 0.1, config=1, status="running"), trial(3, 1.0, 0.2)])

    assert finalist(history) is None


def test_what_there_was_no_time_for_at_once_may_be_a_finalist_after_a_little_training_but_no_final_comes_twice():
    skipped = replace(trial(1, 1.0, None, config=1, status="failed"), kind="skipped")
    history = History([skipped, trial(2, 0.25, 0.3, config=1)])

    start = finalist(history)

    assert (2, 1.0) == (start.parent, start.budget)
    again = replace(skipped, id=3, parent=2)
    assert finalist(history.with_trial(again)) is None


def test_the_furthest_trial_of_a_configuration_is_continued():
    history = History([trial(1, 0.25, 0.3), trial(2, 0.5, 0.2, config=1)])

    assert 2 == finalist(history).parent


def test_without_a_clock_the_scheduler_runs_to_its_end():
    assert not finals_are_due(Clock.make(0.0, None))
    assert finals_are_due(Clock.make(0.0, 1.0))


def test_a_copy_came_as_far_as_its_budget_and_what_it_copies_goes_on():
    first = trial(1, 0.1, 0.2)
    copy = replace(trial(2, 0.2, 0.2, config=1), kind="carried", parent=1)
    again = replace(trial(3, 0.3, 0.2, config=1), kind="carried", parent=2)

    assert 1 == finalist(History([first, copy, again, trial(4, 0.2, 0.1)])).parent
    assert 4 == finalist(History([first, trial(4, 0.2, 0.9)])).parent
