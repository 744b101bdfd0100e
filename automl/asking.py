"""Asking a strategy in a thread of its own: while it thinks, results are taken in, and one that never answers ends with
the time of the search.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from automl.history import History
    from automl.protocols import Done, Wait
    from automl.strategy import Start

    Step = Start | Wait | Done

ANSWER_SECONDS = 0.5
"""The search waits so long for an answer while jobs run; then it looks after these and asks later what the answer was."""
LONG_SECONDS = 5.0
"""An answer that had not come after so long when the search ended is told."""


class Asking:
    """One question at a time, all in one thread, as some libraries want to be used."""

    def __init__(self, ask: Callable[[History], Step]) -> None:
        self.late = False
        """Whether the last question has just not been answered in time. It may still read the history that it was given,
        so whoever goes on must go on with a copy."""
        self.stale = False
        """Whether the last answer was to a question asked before, with another history."""
        self._ask = ask
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._question: History | None = None
        self._answer: list[Step | BaseException] = []
        """The answer, or what was raised in its place; empty while the strategy thinks."""
        self._since = 0.0
        self._closed = False

    def ask(self, history: History, *, seconds: float) -> Step | None:
        """The answer to this question, or to the one that is still open; None when there is none after so many seconds.
        What the strategy raises is raised here.
        """
        with self._changed:
            new = self._question is None
            if new:
                self._question, self._since = history, time.monotonic()
                self._wake()
            self._changed.wait_for(lambda: bool(self._answer), max(seconds, 0.0))
            self.late = new and not self._answer
            if not self._answer:
                return None
            self.stale = not new
            self._question, answer = None, self._answer.pop()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def open_seconds(self) -> float:
        """How long a question has been open; 0 without one."""
        with self._changed:
            return 0.0 if self._question is None or self._answer else time.monotonic() - self._since

    def close(self) -> None:
        """Ask nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="search strategy", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or (self._question is not None and not self._answer))
                question = self._question
            if self._closed or question is None:
                return
            try:
                answer: Step | BaseException = self._ask(question)
            except BaseException as error:  # noqa: BLE001 - raised again where the question was asked
                answer = error
            with self._changed:
                self._answer.append(answer)
                self._changed.notify_all()
