"""What schedulers keep of a history between two questions, without ceasing to be functions of it.

A decision is a function of the history alone. Reading 20,000 trials for each would take too long, so a
scheduler keeps its view of the history it saw last and reads on from there. Whatever was not only added or
finished since (another run, a resumed one, a shorter record) makes it begin again, so that the kept view is
always the one that a fresh scheduler would come to.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl import History, Trial


def says_nothing(trial: Trial) -> bool:
    """Whether a trial counts as never started, so that the scheduler asks again for what it asked for then.

    One that was cut off or skipped says nothing about its configuration. A skipped promotion does count, as a
    failure: asked for again, it would be skipped again, for ever.
    """
    return trial.is_cut_off and not (trial.is_skipped and trial.parent is not None)


class Follower(ABC):
    """Reads trials once: `place` in the order of asking, `settle` when they have finished, in any order."""

    def __init__(self) -> None:
        self._seen: list[Trial] = []
        self.clear()

    @abstractmethod
    def clear(self) -> None:
        """Forget everything."""

    @abstractmethod
    def place(self, trial: Trial) -> None:
        """A trial was started. May look at its id, budget and parent, which never change, and at earlier trials'."""

    @abstractmethod
    def settle(self, trial: Trial) -> None:
        """A trial that was placed is done or failed. The order of these calls must not matter."""

    def follow(self, history: History) -> None:
        """Read what is new in `history`."""
        trials, known = list(history), len(self._seen)
        changed = list(compress(range(known), map(is_not, trials, self._seen)))
        if len(trials) < known or not all(_went_on(self._seen[index], trials[index]) for index in changed):
            self.clear()
            changed, known = [], 0
        for index in changed:
            if trials[index].status != "running":
                self.settle(trials[index])
        for trial in trials[known:]:
            if not says_nothing(trial):
                self.place(trial)
                if trial.status != "running":
                    self.settle(trial)
        self._seen = trials


def _went_on(before: Trial, now: Trial) -> bool:
    """Whether `now` is the same trial as `before`, which may have finished meanwhile."""
    same = (before.id, before.budget, before.parent) == (now.id, now.budget, now.parent)
    return same and before.status == "running" and not says_nothing(now)


def rank_key(trial: Trial) -> tuple[float, int] | None:
    """What trials of one rung are sorted by, the best first and ties by id; None for those that count as worst."""
    if trial.status != "done" or trial.loss is None or math.isnan(trial.loss):
        return None
    return trial.loss, trial.id
