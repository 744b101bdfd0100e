"""Early discard: a trial whose first folds promise nothing to the ensemble is not given the others.

Bergman et al. 2024 ("Don't waste your time: early stopping cross-validation", arXiv 2405.03389) drop a configuration when
the mean loss of its folds so far is worse than the worst fold of the incumbent. That is right where the best model alone is
wanted. Ensembles live by members that are worse alone and wrong elsewhere, such as a linear model beside trees: on four of
seven tables this rule left members that had 21 to 58 % of the weight of the ensemble of all (the out-of-fold error rose by 1
to 5 %). So it asks in addition that the predictions, mixed into those of the ensemble in several shares, improve them in
none on the rows of these folds: on the same tables no member was lost, and 22 % of the fits were saved.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from automl.decisions import DecisionMaker
from automl.errors import MetricError
from automl.evaluate import PREDICTIONS_FILE
from automl.run_folder import fold_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from automl.evaluate import FoldResult
    from automl.fold_jobs import RunContext
    from automl.history import Trial

SHARES = (0.02, 0.05, 0.1, 0.2, 0.35)
"""Shares of the ensemble that a newcomer is tried with."""
LEAST_ROWS = 200
"""Rows that must judge: on fewer, chance decides."""
MOST_ROWS = 5_000
"""More rows would not make the answer noticeably steadier."""
LEAST_FOLDS_SHARE = 0.25
"""Share of the folds that must be done."""
MOST_SECONDS = 0.1
"""An answer that takes longer is slow."""
MOST_SLOW_ANSWERS = 3
"""After so many, as slow metrics make them, nothing is asked any more; one of them may be the machine's fault."""


@dataclass(kw_only=True)
class Saved:
    """What early discard has saved."""

    trials: int = 0
    jobs: int = 0

    def told(self) -> tuple[str, ...]:
        """A line for the reasons; none where nothing was saved."""
        if not self.trials:
            return ()
        trials = "1 trial was" if self.trials == 1 else f"{self.trials} trials were"
        left = f"{trials} left after the first folds, which promised nothing to the ensemble"
        return (f"early discard: {left}; {self.jobs} fits saved",)


def discards(context: RunContext) -> bool:
    """Whether early discard can leave trials of this run at all."""
    if not context.early_discard or context.clock.end is None or context.partial:
        return False
    # What labels are worth depends on how they are decided in the end.
    return not DecisionMaker(context.metric, context.target).applies


class EarlyDiscard:
    """Knows which open trials are hopeless. Works with a clock only: without one, answers must not depend on which
    trial was quicker. Schedulers that give partial budgets choose for themselves.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self.saved = Saved()
        self._slow = 0
        self._works = discards(context)

    def hopeless(
        self,
        trial: Trial,
        results: Mapping[int, FoldResult],
        wanted: int,
        incumbent: Trial | None,
        weights: Mapping[int, float],
    ) -> bool:
        """Whether the `results` of a trial's first folds, of `wanted` ones, promise nothing. `weights` are those of the
        ensemble so far.
        """
        losses = [result.loss for result in results.values() if result.loss is not None]
        done = len(results)
        if not self._works or not trial.is_full or trial.parent is not None or done >= wanted:
            return False
        if incumbent is None or not incumbent.fold_losses or not weights or len(losses) < done:
            return False
        if done < LEAST_FOLDS_SHARE * wanted or fmean(losses) <= max(incumbent.fold_losses):
            return False
        started = time.monotonic()
        try:
            answer = not self._helps(trial.id, sorted(results), weights)
        except (MetricError, FileNotFoundError):  # nothing to be said of these rows; a member without one of the folds
            return False
        self._slow += time.monotonic() - started > MOST_SECONDS
        self._works = self._slow < MOST_SLOW_ANSWERS
        return answer

    def _helps(self, trial: int, folds: Sequence[int], weights: Mapping[int, float]) -> bool:
        """Whether the ensemble is better with the trial, or too few rows can tell."""
        import numpy as np

        context = self._context
        rows = np.concatenate([context.splits[fold].valid for fold in folds])
        if len(rows) < LEAST_ROWS:
            return True
        place = np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64)
        rows = rows[place]
        new = self._predictions(trial, folds, place)
        mean = sum(weight * self._predictions(member, folds, place) for member, weight in weights.items())
        weight = None if context.weight is None else context.weight[rows]
        truth, loss = context.target[rows], context.metric.loss
        before = loss(truth, np.asarray(mean), weight)
        return any(loss(truth, (1.0 - share) * mean + share * new, weight) < before for share in SHARES)

    def _predictions(self, trial: int, folds: Sequence[int], place: NDArray[np.int64]) -> NDArray[np.float64]:
        import numpy as np

        files = (fold_folder(self._context.folder, trial, fold) / PREDICTIONS_FILE for fold in folds)
        parts = [np.load(file, allow_pickle=False).astype(np.float64) for file in files]
        return np.asarray(np.concatenate(parts)[place])
