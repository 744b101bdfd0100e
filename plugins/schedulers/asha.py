"""ASHA: successive halving that never waits for a rung."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from heapq import heappop, heappush

from automl_plugins.schedulers.following import Follower, rank_key
from automl_plugins.schedulers.options import ladder, same_budget, share, whole_number

from automl import Decision, Done, History, Promote, Sample, Trial, Wait


@dataclass
class _Rung:
    """All trials at one budget."""

    finished: int = 0
    ranking: list[tuple[float, int]] = field(default_factory=list)
    """(loss, id) of the trials that are done, best first."""
    waiting: list[tuple[float, int]] = field(default_factory=list)
    """A heap of those of them that did not go on; those that did are dropped when they come to the top."""
    promoted: set[int] = field(default_factory=set)

    def best_waiting(self) -> tuple[float, int] | None:
        while self.waiting and self.waiting[0][1] in self.promoted:
            heappop(self.waiting)
        return self.waiting[0] if self.waiting else None

    def promotable(self, most: int) -> int | None:
        """The best trial that did not go on yet, if it is among the best `most` of all of them."""
        best = self.best_waiting()
        if best is None or bisect_left(self.ranking, best) >= most:
            return None
        return best[1]


class Asha(Follower):
    """Asynchronous successive halving (Li et al. 2020, Algorithm 2).

    Whenever a worker is free, the best trial goes on that is among the top 1/eta of its rung and did not go on
    yet, from the highest rung down; if there is none, a new configuration starts at the smallest budget. A rung
    holds all trials of its budget, those that failed as the worst. Nobody ever waits; the price is promotions
    that a complete rung would not have made.

    Args:
        seed: not needed, as nothing is left to chance.
        eta: one in `eta` goes on to the next rung.
        min_budget: smallest share of the full training cost; the lowest rung has the smallest power of 1/eta
            that is not below it.

    Raises SettingsError when an option is out of its range.
    """

    def __init__(self, seed: int, *, eta: int = 3, min_budget: float = 1 / 27) -> None:
        del seed
        owner = "scheduler 'asha'"
        self._eta = whole_number(owner, "eta", eta, least=2)
        self._budgets = ladder(self._eta, share(owner, "min_budget", min_budget))
        super().__init__()

    def clear(self) -> None:
        self._rungs = [_Rung() for _ in self._budgets]
        self._rung_of: dict[int, int] = {}
        self._running = [0] * len(self._budgets)

    def next(self, history: History) -> Decision:
        """Promote from the highest rung that can, else start a configuration."""
        self.follow(history)
        return self._promotion() or Sample(budget=self._budgets[0])

    def without_samples(self, history: History) -> Promote | Wait | Done:
        """The next step when there is no new configuration: promotions, at least one of each rung when all of
        it has finished, so that small spaces reach the whole budget too.
        """
        self.follow(history)
        found = self._promotion()
        if found is None:
            found = self._last_promotion()
        return found or (Wait() if history.running() else Done())

    def place(self, trial: Trial) -> None:
        for number, budget in enumerate(self._budgets):
            if same_budget(budget, trial.budget):
                self._rung_of[trial.id] = number
                self._running[number] += 1
        if trial.parent in self._rung_of:
            self._rungs[self._rung_of[trial.parent]].promoted.add(trial.parent)

    def settle(self, trial: Trial) -> None:
        if trial.id not in self._rung_of:
            return
        number = self._rung_of[trial.id]
        rung = self._rungs[number]
        self._running[number] -= 1
        rung.finished += not trial.is_skipped  # a rung must not grow, and promote more, by what never ran
        key = rank_key(trial)
        if key is not None:
            insort(rung.ranking, key)
            heappush(rung.waiting, key)

    def _promotion(self) -> Promote | None:
        for number in range(len(self._budgets) - 2, -1, -1):
            found = self._rungs[number].promotable(self._rungs[number].finished // self._eta)
            if found is not None:
                return Promote(trial=found, budget=self._budgets[number + 1])
        return None

    def _last_promotion(self) -> Promote | None:
        """The best of the lowest rung of which nobody went on; rungs below it must have finished."""
        for number, rung in enumerate(self._rungs[:-1]):
            if self._running[number]:
                return None
            found = None if rung.promoted else rung.best_waiting()
            if found is not None:
                return Promote(trial=found[1], budget=self._budgets[number + 1])
        return None
