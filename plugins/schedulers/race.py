"""Racing: the first folds decide whether the others are worth their time."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from statistics import fmean

from automl_plugins.schedulers.following import Follower, rank_key
from automl_plugins.schedulers.options import same_budget, whole_number

from automl import Decision, Done, History, Promote, Sample, Trial, Wait


class Race(Follower):
    """Starts a configuration with its first folds and goes on fold by fold while it can still be good.

    The forgiving rule of Bergman et al. 2024 ("Don't waste your time: early stopping cross-validation", arXiv
    2405.03389): a configuration is dropped when the mean loss of its folds so far is worse than the *worst*
    single fold of the incumbent. (Their aggressive rule, worse than the incumbent's mean, is quicker and not
    reliable.) Until there is an incumbent, all go on. The furthest goes first, then the best. Each new incumbent
    judges anew, so that the answer depends on the results only and not on their order.

    Made for folds as the fidelity, where a share of the budget is a share of the folds. With a single fold the
    rule compares with the incumbent's loss.

    Args:
        seed: not needed, as nothing is left to chance.
        steps: in how many equal steps the whole budget is reached; best the number of folds. The first step
            is 1/steps of it.

    Raises SettingsError when an option is out of its range.
    """

    def __init__(self, seed: int, *, steps: int = 5) -> None:
        del seed
        self._steps = whole_number("scheduler 'race'", "steps", steps, least=2)
        super().__init__()

    def clear(self) -> None:
        self._waiting: list[list[tuple[float, int]]] = [[] for _ in range(self._steps)]
        """For each step a heap of (mean fold loss, id) of trials that may go on."""
        self._promoted: set[int] = set()
        self._incumbent: tuple[float, int] | None = None
        self._worst_fold = math.inf

    def next(self, history: History) -> Decision:
        """Go on with a configuration that the rule does not drop, else start one."""
        self.follow(history)
        return self._promotion() or Sample(budget=1 / self._steps)

    def without_samples(self, history: History) -> Promote | Wait | Done:
        """The next step when there is no new configuration: those that may still go on do."""
        self.follow(history)
        return self._promotion() or (Wait() if history.running() else Done())

    def place(self, trial: Trial) -> None:
        if trial.parent is not None:
            self._promoted.add(trial.parent)

    def settle(self, trial: Trial) -> None:
        key = rank_key(trial)
        if key is None:
            return
        if trial.trained_fully:
            if trial.is_copy:
                return
            if self._incumbent is None or key < self._incumbent:
                self._incumbent, self._worst_fold = key, max(trial.fold_losses, default=key[0])
            return
        step = round(trial.budget * self._steps)
        if step and same_budget(step / self._steps, trial.budget):
            heappush(self._waiting[step], (fmean(trial.fold_losses or key[:1]), trial.id))

    def _promotion(self) -> Promote | None:
        for step in range(self._steps - 1, 0, -1):
            waiting = self._waiting[step]
            while waiting and waiting[0][1] in self._promoted:
                heappop(waiting)
            if waiting and waiting[0][0] <= self._worst_fold:
                return Promote(trial=waiting[0][1], budget=(step + 1) / self._steps)
        return None
