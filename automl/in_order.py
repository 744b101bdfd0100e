"""What a strategy may know of a run without a clock: results in the order of their trials, a fixed number behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.history import History
from automl.protocols import Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from automl.protocols import Done
    from automl.strategy import Start

LAG = 4
"""Trials that may run while the next is asked for. Each has several folds, so that many workers have work."""


class InOrder:
    """Makes the answers of a strategy independent of how many workers there are and of who finishes first.

    When trial n is asked for, the results of the trials up to n - 1 - `LAG` are shown, and no others; where the
    strategy waits for more, they are shown one after another, in the order of the trials. So each answer follows from
    earlier answers and results alone.
    """

    def __init__(self) -> None:
        self._shown = History()
        self._released = 0
        """Number of the last trial whose result is shown; all before it are shown, too."""

    @property
    def shown(self) -> int:
        """Number of the last trial whose result is shown."""
        return self._released

    def take_up(self, history: History, shown: int) -> None:
        """Go on where a run was interrupted: all trials are known to have begun, and results are shown up to `shown`."""
        self._shown = History(trial if trial.id <= shown else history.as_begun(trial.id) for trial in history)
        self._released = shown

    def ask(self, history: History, strategy: Callable[[History], Start | Wait | Done]) -> Start | Wait | Done:
        """What `strategy` answers to the part of `history` that it may know now; Wait until that is there."""
        for number in range(self._shown.next_id, history.next_id):
            if number in history:  # trials of a second layer are not shown
                self._shown = self._shown.with_trial(history.as_begun(number))
        while self._released < history.next_id - 1 - LAG:
            if not self._release(history):
                return Wait()
        while True:
            step = strategy(self._shown)
            if not isinstance(step, Wait) or not self._release(history):
                return step

    def _release(self, history: History) -> bool:
        """Show one more result; False when it is not there yet."""
        number = self._released + 1
        if number >= history.next_id or (number in history and history[number].status == "running"):
            return False
        if number in history:
            self._shown = self._shown.with_trial(history[number])
        self._released = number
        return True
