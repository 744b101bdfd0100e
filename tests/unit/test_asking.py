"""Questions to a strategy: answered in time, late, never, or with an error."""

import threading
import time
from types import SimpleNamespace

import pytest

from automl.asking import Asking
from automl.clock import Clock
from automl.history import Candidate, History, Trial
from automl.proposals import Proposals
from automl.protocols import Done, Wait
from automl.strategy import Start

START = Start(candidate=Candidate(model="a", config={}))


def test_a_quick_answer_comes_at_once_and_all_are_asked_in_one_thread():
    threads = []

    def strategy(history):
        threads.append(threading.get_ident())
        return START

    asking = Asking(strategy)

    assert [START, START] == [asking.ask(History(), seconds=10.0) for _ in range(2)]
    assert not asking.late
    assert 0.0 == asking.open_seconds()
    assert {threading.get_ident()} != set(threads)
    assert 1 == len(set(threads))
    asking.close()


def test_a_late_answer_is_the_one_to_the_first_question():
    go, shown = threading.Event(), []

    def strategy(history):
        go.wait()
        shown.append(len(history))
        return START

    asking = Asking(strategy)
    assert asking.ask(History(), seconds=0.01) is None
    assert asking.late
    longer = History([Trial(id=1, candidate=START.candidate)])
    assert asking.ask(longer, seconds=0.0) is None
    assert not asking.late  # it is copied once
    assert asking.open_seconds() > 0.0
    go.set()

    assert START == asking.ask(longer, seconds=10.0)
    assert [0] == shown
    assert START == asking.ask(longer, seconds=10.0)
    assert [0, 1] == shown
    asking.close()


@pytest.mark.parametrize("error", [ValueError("no idea"), SystemExit(3), KeyboardInterrupt()])
def test_what_the_strategy_raises_is_raised_where_it_was_asked(error):
    def strategy(history):
        if len(history):
            return Wait()
        raise error

    asking = Asking(strategy)
    with pytest.raises(type(error)):
        asking.ask(History(), seconds=10.0)

    assert isinstance(asking.ask(History([Trial(id=1, candidate=START.candidate)]), seconds=10.0), Wait)
    asking.close()


def test_waiting_that_was_meant_for_what_has_come_back_since_does_not_end_the_search():
    """The strategy thinks until all that ran is back, and then says to wait for it."""
    go, shown = threading.Event(), []

    def ask(history):
        shown.append(len(history.running()))
        if history.running():
            go.wait()
            return Wait()
        return START

    context = SimpleNamespace(clock=Clock.make(time.monotonic(), 600.0), models={"a": None}, trials=None, partial=False)
    proposals = Proposals(
        context, SimpleNamespace(ask=ask, learns=True, of_scheduler="it", next_first=lambda history: None), [], print
    )
    running = Trial(id=1, candidate=START.candidate)
    assert proposals.next(History([running])) is None
    go.set()

    assert START == proposals.next(History([Trial(id=1, candidate=START.candidate, status="done", loss=0.5)]))
    assert [1, 0] == shown
    proposals.close()


@pytest.mark.parametrize(
    ("seconds", "partial", "expected"), [(600.0, True, 1), (None, True, None), (600.0, False, None)]
)
def test_the_time_that_a_strategy_of_partial_budgets_leaves_is_for_finals(seconds, partial, expected):
    context = SimpleNamespace(
        clock=Clock.make(time.monotonic(), seconds), models={"a": None}, trials=None, partial=partial
    )
    proposals = Proposals(
        context,
        SimpleNamespace(ask=lambda history: Done(), learns=False, of_scheduler="it", next_first=lambda history: None),
        [],
        print,
    )
    small = Trial(id=1, candidate=START.candidate, budget=0.25, status="done", loss=0.5)

    found = proposals.next(History([small]))

    assert expected == (None if found is None else found.parent)
    assert proposals.exhausted
    if found is not None:
        assert 1.0 == found.budget
        full = Trial(id=2, candidate=START.candidate, parent=1)
        assert proposals.next(History([small, full])) is None
    proposals.close()
