"""Telling trackers what happens, without ever letting one of them hurt the run or hold it up."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from automl.history import Trial
    from automl.protocols import RunInfo, RunSummary, Tracker

    Event = Callable[[Tracker], None]

QUICK_SECONDS = 0.05
"""The run waits so long for a tracker to take an event; so quick ones take it before anything else happens."""
LAST_SECONDS = 2.0
"""The end of the run waits so long for slow ones."""
MOST_WAITING = 10_000
"""Events that are kept for a slow tracker; then it is switched off."""


class TrackerGroup:
    """Passes events on to all trackers; one that raises is switched off with one warning.

    `makers` make them, each in the thread in which it is called from then on.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Tracker]], warn: Callable[[str], None] | None = None) -> None:
        self._listeners = [_Listener(name, make) for name, make in makers.items()]
        self._warn = warn or (lambda message: print(f"automl: {message}", file=sys.stderr))  # noqa: T201

    def run_started(self, info: RunInfo) -> None:
        """A run has its plan and begins to search."""
        self._tell("run_started", lambda tracker: tracker.run_started(info))

    def trial_started(self, trial: Trial) -> None:
        """The first job of a trial was sent."""
        self._tell("trial_started", lambda tracker: tracker.trial_started(trial))

    def trial_finished(self, trial: Trial, best_score: float | None) -> None:
        """A trial is done or failed."""
        self._tell("trial_finished", lambda tracker: tracker.trial_finished(trial, best_score))

    def run_finished(self, summary: RunSummary) -> None:
        """The predictor is saved. Trackers that are still busy with what came before get a moment."""
        self._tell("run_finished", lambda tracker: tracker.run_finished(summary))
        end = time.monotonic() + LAST_SECONDS
        for listener in self._listeners:
            listener.wait(end - time.monotonic())
        self._look_after_them()
        for listener in self._listeners:
            if left := listener.left():
                self._warn(f"tracker {listener.name!r} was too slow: at the end of the run {left}")
        self.close()

    def close(self) -> None:
        """Tell nobody anything any more."""
        for listener in self._listeners:
            listener.end()
        self._listeners = []

    def _tell(self, name: str, event: Event) -> None:
        for listener in self._listeners:
            listener.send(name, event)
        for listener in self._listeners:
            listener.wait(QUICK_SECONDS)
        self._look_after_them()

    def _look_after_them(self) -> None:
        """Switch off those that failed."""
        for listener in [one for one in self._listeners if one.error is not None]:
            self._listeners.remove(listener)
            error = listener.error
            if not isinstance(error, Exception | SystemExit):  # whoever stops the run in a tracker stops the run
                assert error is not None
                raise error
            self._warn(listener.told)


class _Listener:
    """One tracker and the thread that calls it: a server that does not answer keeps only this thread waiting."""

    def __init__(self, name: str, make: Callable[[], Tracker]) -> None:
        self.name = name
        self.error: BaseException | None = None
        """What the tracker raised; it is not called again."""
        self.told = ""
        """The error in words."""
        self._make = make
        self._events: deque[tuple[str, Event]] = deque()
        """Those that the tracker has not taken yet, the one under way first."""
        self._ended = False
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name=f"tracker {name}", daemon=True).start()

    def send(self, name: str, event: Event) -> None:
        """Have the tracker take this event after those that wait."""
        with self._changed:
            self._events.append((name, event))
            if len(self._events) > MOST_WAITING and self.error is None:
                self.error = TimeoutError()
                self.told = f"tracker {self.name!r} is switched off for this run: {MOST_WAITING} events wait for it"
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Until the tracker has taken all events or failed, but not longer than so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._events or self.error is not None, max(seconds, 0.0))

    def end(self) -> None:
        """Nothing comes any more; what waits may still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def left(self) -> str:
        """What it has not taken yet, in words; empty when that is nothing."""
        with self._changed:
            if not self._events:
                return ""
            others = len(self._events) - 1
            return f"it was busy with {self._events[0][0]}" + (f", and {others} events waited" if others else "")

    def _work(self) -> None:
        try:
            tracker = self._make()
        except BaseException as error:  # noqa: BLE001 - whatever a listener does, the run goes on
            self._fail(error, f"tracker {self.name!r} is left out: {type(error).__name__}: {error}")
            return
        while self.error is None:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._events) or self._ended)
                if not self._events:
                    return
                _, event = self._events[0]
            try:
                event(tracker)
            except BaseException as error:  # noqa: BLE001 - a listener may fail in any way; the run goes on
                told = f"tracker {self.name!r} raised {type(error).__name__}: {error}; it is switched off for this run"
                self._fail(error, told)
                return
            with self._changed:
                self._events.popleft()
                self._changed.notify_all()

    def _fail(self, error: BaseException, told: str) -> None:
        with self._changed:
            self.error, self.told = error, told
            self._changed.notify_all()
