"""How many of the planned folds a search keeps: settled once, when its first fits have told what fits cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.early_discard import discards
from automl.replan import affordable_folds, cost_of_kinds

if TYPE_CHECKING:
    from automl.fold_jobs import RunContext

FITS_THAT_TELL = 2
"""Folds that must be back before the number of folds is settled."""


class FoldCount:
    """Listens to the first fits. Settled from the start where the number of folds is fixed."""

    def __init__(self, context: RunContext, workers: int) -> None:
        self.settled = context.least_folds is None
        self._context = context
        self._workers = workers
        self._fit_seconds: list[float] = []

    def fit_done(self, seconds: float, *, last: bool) -> tuple[int, str] | None:
        """One full fit took so long, as a usual one of relative cost 1; `last`: its trial has no other. When that
        settles the number of folds: that number, and in words why, if they are fewer than planned.
        """
        self._fit_seconds.append(seconds)
        context = self._context
        planned, least = len(context.splits), context.least_folds
        assert least is not None
        # The quickest: other work on the machine may have held up one of them, or one may have needed more rounds.
        fit_seconds = min(self._fit_seconds)
        folds = affordable_folds(
            folds=planned,
            least=least,
            fit_seconds=fit_seconds,
            kinds_cost=cost_of_kinds(context.models.values(), context.task.features, context.task.outputs),
            core_seconds=context.clock.search_left() * self._workers,
            discards=discards(context),
        )
        # A single worker does not begin a second long fit to learn more.
        if len(self._fit_seconds) < FITS_THAT_TELL and not last and (self._workers > 1 or folds > least):
            return None
        self.settled = True
        if folds == planned:
            return folds, ""
        return folds, f"validation: {folds} of the {planned} folds: a usual fit takes about {fit_seconds:.1f} s here"
