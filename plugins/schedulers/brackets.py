"""Synchronous brackets: what successive halving, Hyperband and screening have in common.

A *plan* says how many configurations train at which budget: ``[(9, 1/9), (3, 1/3), (1, 1.0)]``. A *bracket* is
one run through a plan. A rung of it is complete when all its trials have finished; then the best go on.

How trials find their bracket again, from the record alone: brackets of one plan take the configurations that
were started at the plan's first budget in the order of asking, and a promoted trial belongs to its parent's
bracket. The plans of one scheduler all begin at different budgets, so this needs no memory, and trials that a
scheduler did not ask for (baselines, defaults, which get the whole budget) fit nowhere and change
nothing. Only a plan that begins at the whole budget looks like them: its configurations are those that were
started while it was its turn.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from automl_plugins.schedulers.following import Follower, rank_key
from automl_plugins.schedulers.options import same_budget

from automl import Decision, Done, History, Promote, Sample, Trial, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Rung:
    """So many trials at this budget."""

    size: int
    budget: float


Plan = tuple[Rung, ...]
_Key = tuple[int, int]
"""Round and number of the plan: brackets in the order in which they begin."""


@dataclass
class _Level:
    """What a rung of a bracket has so far."""

    rung: Rung
    started: int = 0
    finished: int = 0
    ranking: list[tuple[float, int]] = field(default_factory=list)
    """(loss, id) of the trials that are done, best first."""
    promoted: set[int] = field(default_factory=set)

    @property
    def idle(self) -> bool:
        return self.started == self.finished


class Bracket:
    """One run through a plan."""

    def __init__(self, plan: Plan) -> None:
        self._levels = [_Level(rung) for rung in plan]

    def place(self, trial: Trial, depth: int) -> bool:
        """Count a trial as started on rung `depth`; False when there is no such rung."""
        if depth >= len(self._levels) or not same_budget(self._levels[depth].rung.budget, trial.budget):
            return False
        self._levels[depth].started += 1
        if depth and trial.parent is not None:
            self._levels[depth - 1].promoted.add(trial.parent)
        return True

    def settle(self, trial: Trial, depth: int) -> None:
        """Count a trial of rung `depth` as finished; one that failed is the worst."""
        level = self._levels[depth]
        level.finished += 1
        key = rank_key(trial)
        if key is not None:
            insort(level.ranking, key)

    def promotion(self, *, closing: bool = False) -> Promote | None:
        """The next trial to go on, the best of the first complete rung whose best have not all gone on yet.

        Args:
            closing: nothing new will be started, so the first rung is complete as it is.
        """
        due = self._levels[0].rung.size
        for level, above in pairwise(self._levels):
            if not level.idle or (level.started < due and not closing):
                return None
            # A closed rung passes on the same share as a full one, and one at least.
            size = above.rung.size if level.started >= due else max(1, level.started * above.rung.size // due)
            chosen = [trial_id for _, trial_id in level.ranking[:size]]
            if above.started < len(chosen):
                for trial_id in chosen:
                    if trial_id not in level.promoted:
                        return Promote(trial=trial_id, budget=above.rung.budget)
            due = len(chosen)
        return None


class Brackets(Follower):
    """Runs brackets of `plans` in turn, for ever.

    Earlier brackets come first; when none of them can give work, because its present rung waits for running
    trials, the next bracket begins, so no worker is ever idle.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._plans = tuple(plans)
        super().__init__()

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans in the order of their turns."""
        return self._plans

    def clear(self) -> None:
        self._counts = [0] * len(self._plans)
        """Configurations that were started for each plan, in all its brackets together."""
        self._brackets: dict[_Key, Bracket] = {}
        self._places: dict[int, tuple[_Key, int]] = {}
        """For each trial the key of its bracket and the number of its rung there."""
        self._touched: set[_Key] = set()
        self._ready: dict[_Key, Promote] = {}
        """What brackets can give, except for those that were touched since the last look."""

    def next(self, history: History) -> Decision:
        """Promote where a rung is complete, else start a configuration."""
        self.follow(history)
        return self._promotion() or Sample(budget=self._plans[self._turn()][0].budget)

    def without_samples(self, history: History) -> Promote | Wait | Done:
        """The next step when there is no new configuration: brackets go on with those they have."""
        self.follow(history)
        found = self._promotion()
        for _, bracket in sorted(self._brackets.items()) if found is None else ():
            found = found or bracket.promotion(closing=True)
        return found or (Wait() if history.running() else Done())

    def place(self, trial: Trial) -> None:
        if trial.parent is not None:
            if trial.parent in self._places:
                key, depth = self._places[trial.parent]
                self._join(trial, key, depth + 1)
            return
        number = self._plan_of(trial)
        if number is not None:
            key = (self._counts[number] // self._plans[number][0].size, number)
            self._counts[number] += 1
            if key not in self._brackets:
                self._brackets[key] = Bracket(self._plans[number])
            self._join(trial, key, 0)

    def settle(self, trial: Trial) -> None:
        if trial.id in self._places:
            key, depth = self._places[trial.id]
            self._brackets[key].settle(trial, depth)
            self._touched.add(key)

    def _join(self, trial: Trial, key: _Key, depth: int) -> None:
        if self._brackets[key].place(trial, depth):
            self._places[trial.id] = key, depth
            self._touched.add(key)

    def _plan_of(self, trial: Trial) -> int | None:
        for number, plan in enumerate(self._plans):
            if same_budget(plan[0].budget, trial.budget):
                return number if trial.budget < 1.0 or number == self._turn() else None
        return None

    def _turn(self) -> int:
        """The plan whose bracket the next configuration is for: the first one with the fewest full brackets."""
        full = [count // plan[0].size for count, plan in zip(self._counts, self._plans, strict=True)]
        return full.index(min(full))

    def _promotion(self) -> Promote | None:
        """What the earliest bracket that can give work gives."""
        for key in self._touched:
            self._ready.pop(key, None)
            found = self._brackets[key].promotion()
            if found is not None:
                self._ready[key] = found
        self._touched.clear()
        return self._ready[min(self._ready)] if self._ready else None
