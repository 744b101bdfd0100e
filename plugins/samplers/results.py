"""Results of all budgets on one scale, kept up to date with the record."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from itertools import compress, islice, pairwise
from operator import is_not
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from automl import Candidate, Trial

    Levels = dict[float, tuple[float, int]]
    """Budget -> (logarithm of the loss, trial)."""
    Result = tuple[float, Trial]
    """Logarithm of the loss, as at the largest budget, and the trial that it comes from."""

LEAST_LOSS = 1e-12
FEWEST_PAIRS = 2
"""Configurations seen at two neighbouring budgets before their difference is believed."""


class Results:
    """What is known of each configuration: its result at the largest budget that it was finished at.

    Losses at small budgets are worse than at large ones. How much worse is read from the configurations that have
    both: the median of the differences of the logarithms, summed up from budget to budget. With this added, results of
    all budgets compare, and nothing that was paid for is thrown away. (BOHB, Falkner et al. 2018, learns from a single
    budget, the largest one with enough results.)

    The record is read once: what was not only added or finished since the last call makes it be read anew, so that
    the views are functions of the record.
    """

    def __init__(self, inside: Callable[[Candidate], object]) -> None:
        """`inside` gives None for candidates that lie outside of the search space, which are not handed out."""
        self._inside = inside
        self._seen: list[Trial] = []
        self._clear()

    def _clear(self) -> None:
        self._of: dict[str, Levels] = {}
        """Configuration -> its results, by rising budget."""
        self._finished: dict[str, list[Trial]] = {}
        """Configuration -> its trials that are done, copies among them, by number."""
        self._ranked: dict[str, dict[float, list[tuple[float, int]]]] = {}
        """Model -> budget -> (logarithm of the loss, trial), best first, of configurations that came so far."""
        self._steps: dict[tuple[float, float], list[float]] = {}
        """Two budgets -> sorted differences of the logarithms of configurations that have both."""
        self._failed: dict[str, dict[int, Trial]] = {}
        self._running: dict[int, Trial] = {}
        self._trials: dict[int, Trial] = {}
        self._last = 0

    def follow(self, record: Iterable[Trial]) -> None:
        """Read what is new in a history, or in its beginning."""
        trials, known = list(record), len(self._seen)
        changed = list(compress(range(known), map(is_not, trials, self._seen)))
        if len(trials) < known or any(self._seen[index].status != "running" for index in changed):
            self._clear()
            changed, known = [], 0
        for index in (*changed, *range(known, len(trials))):
            self._read(trials[index])
        self._seen = trials

    def _read(self, trial: Trial) -> None:
        self._trials[trial.id] = trial
        self._last = max(self._last, trial.id)
        if trial.status == "running":
            self._running[trial.id] = trial
            return
        self._running.pop(trial.id, None)
        if trial.status == "failed":
            if not trial.is_cut_off:
                self._failed.setdefault(trial.candidate.model, {})[trial.id] = trial
            return
        if not (trial.is_copy or (trial.loss is not None and math.isfinite(trial.loss))):
            return
        known = self._finished.setdefault(trial.candidate.id, [])
        known.append(trial)
        if len(known) > 1:  # rare: promoted, or sampled again
            known.sort(key=lambda one: one.id)
            if trial.candidate.id in self._of:
                self._forget(trial.candidate.model, self._of.pop(trial.candidate.id))
        levels = self._levels(known)
        if levels:
            self._of[trial.candidate.id] = levels
            self._keep(trial.candidate.model, levels)

    def _levels(self, trials: list[Trial]) -> Levels:
        """What these trials of one configuration say, whichever came in first: what was carried is a result at the budget
        that it came to, and of two results at one budget the earlier trial counts.
        """
        reached = {one.id: 1.0 if one.trained_fully else one.budget for one in trials if not one.is_copy}
        first = {one.id: one.id for one in trials if not one.is_copy}
        for copy in trials:  # by number, so that what it copies was seen
            if copy.is_copy and copy.parent in first:
                first[copy.id] = first[copy.parent]
                budget = 1.0 if copy.trained_fully else copy.budget
                reached[first[copy.id]] = max(reached[first[copy.id]], budget)
        levels: Levels = {}
        for one in trials:
            if one.loss is not None and not one.is_copy:
                levels.setdefault(reached[one.id], (math.log(max(one.loss, LEAST_LOSS)), one.id))
        return dict(sorted(levels.items()))

    def _keep(self, model: str, levels: Levels) -> None:
        """Take the results of one configuration into the views."""
        for (low, (worse, _)), (high, (better, _)) in pairwise(levels.items()):
            insort(self._steps.setdefault((low, high), []), better - worse)
        budget, last = next(reversed(levels.items()))
        insort(self._ranked.setdefault(model, {}).setdefault(budget, []), last)

    def _forget(self, model: str, levels: Levels) -> None:
        """Take them out again."""
        for (low, (worse, _)), (high, (better, _)) in pairwise(levels.items()):
            del self._steps[low, high][bisect_left(self._steps[low, high], better - worse)]
        budget, last = next(reversed(levels.items()))
        del self._ranked[model][budget][bisect_left(self._ranked[model][budget], last)]

    def shifts(self) -> dict[float, float]:
        """Budget -> what to add to the logarithm of a loss there to compare it with the largest budget."""
        last = {budget for by_budget in self._ranked.values() for budget, ranked in by_budget.items() if ranked}
        # All that came to a budget may have gone beyond it: then it tells only what the steps there gain.
        passed = {budget for pair, steps in self._steps.items() if steps for budget in pair}
        budgets = sorted(last | passed, reverse=True)
        found: dict[float, float] = {}
        for number, budget in enumerate(budgets):
            found[budget] = 0.0
            # The nearest larger budget that shares enough configurations; else one that shares any.
            for least in (FEWEST_PAIRS, 1):
                above = [one for one in budgets[:number] if len(self._steps.get((budget, one), ())) >= least]
                if above:
                    steps = self._steps[budget, above[-1]]
                    found[budget] = found[above[-1]] + steps[len(steps) // 2]
                    break
            else:
                if number:
                    found[budget] = found[budgets[number - 1]]
        return found

    def count(self, model: str) -> int:
        """How many configurations of a model are finished."""
        return sum(map(len, self._ranked.get(model, {}).values()))

    def best(self, models: Iterable[str], most: int) -> list[Result]:
        """The best `most` finished configurations of these models, the best first, the earlier one on a tie."""
        shifts = self.shifts()
        leading = [
            (value + shifts[budget], number)
            for model in models
            for budget, ranked in self._ranked.get(model, {}).items()
            for value, number in islice(filter(self._may_be_used, ranked), most)
        ]
        return [(value, self._trials[number]) for value, number in sorted(leading)[:most]]

    def some(self, model: str, most: int) -> list[Result]:
        """Finished configurations of a model, in the order of asking: all, or about `most` at most, and then the same
        ones from one call to the next.
        """
        shifts, stride = self.shifts(), 1
        while self.count(model) // stride > most:
            stride *= 2
        found: list[Result] = []
        for number in range(stride, self._last + 1, stride):
            trial = self._trials.get(number)
            if trial is None or trial.candidate.model != model or trial.candidate.id not in self._of:
                continue
            budget, last = next(reversed(self._of[trial.candidate.id].items()))
            if last[1] == number and self._may_be_used(last):
                found.append((last[0] + shifts[budget], trial))
        return found

    def running(self, model: str) -> list[Candidate]:
        """Configurations of a model that run and have no result at any budget."""
        return [one.candidate for one in self._running.values() if self._is_new(one, model)]

    def failed(self, model: str, most: int) -> list[Candidate]:
        """The youngest `most` configurations of a model that failed and have no result at any budget."""
        failed = [one.candidate for one in self._failed.get(model, {}).values() if self._is_new(one, model)]
        return failed[-most:]

    def _may_be_used(self, entry: tuple[float, int]) -> bool:
        return self._inside(self._trials[entry[1]].candidate) is not None

    def _is_new(self, trial: Trial, model: str) -> bool:
        return trial.candidate.model == model and trial.candidate.id not in self._of
