"""How a search ends: no patience left, open trials cut off, and the one that counts with the folds it has."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from automl.history import CANCELLED
from automl.patience import PATIENCE_OVER, patience_ends

if TYPE_CHECKING:
    from automl.fold_jobs import RunContext
    from automl.judging import Judging
    from automl.open_trials import OpenTrials
    from automl.proposals import Proposals
    from automl.search_record import SearchRecord
    from automl.settling import Settling


class Stopping:
    """Ends what a search has open."""

    def __init__(
        self,
        proposals: Proposals,
        open_trials: OpenTrials,
        settling: Settling,
        judging: Judging,
        record: SearchRecord,
    ) -> None:
        self._proposals = proposals
        self._open = open_trials
        self._settling = settling
        self._judging = judging
        self._record = record

    @property
    def _context(self) -> RunContext:
        return self._settling.context

    def check_patience(self) -> None:
        """End the search when nothing better came for as many full trials as the user has patience for."""
        patience = self._context.patience
        if patience is None or self._proposals.ended:
            return
        found = patience_ends(
            self._record.history,
            patience,
            lambda trial: self._proposals.is_baseline(trial) or bool(trial.candidate.base),
        )
        if found is None:
            return
        last, best = found
        better = "none succeeded" if best is None else f"trial {best} stayed the best"
        self._proposals.stop(f"no patience left: {better} for {patience} full trials")
        for trial in [one for one in self._record.history if one.id > last]:
            if trial.id in self._open:
                self._settling.fail(self._open[trial.id], CANCELLED, PATIENCE_OVER)
            elif self._context.clock.end is None and trial.status == "done":
                # It ran only because there were several workers: one worker would not have begun it.
                self._judging.discard(trial.id)
                self._record.settle(replace(trial, status="failed", kind=CANCELLED, message=PATIENCE_OVER))

    def abandon(self, reason: str) -> None:
        """Cancel what is open; trials with some folds done stay open for `rescue`."""
        self._open.cancel_jobs()
        for active in self._open.all():
            if not active.folds:
                self._settling.fail(active, CANCELLED, reason)

    def rescue(self) -> tuple[str, ...]:
        """When no real model finished all folds, the trial that finished most of them counts as it is, which is told."""
        told: tuple[str, ...] = ()
        done = any(not self._proposals.is_baseline(trial) for trial in self._record.history.full())
        open_trials = sorted(self._open.all(), key=lambda active: (-len(active.folds), active.trial.id))
        for active in open_trials:
            if not done and active.trial.is_full and not self._proposals.is_baseline(active.trial):
                share = f"{len(active.folds)} of the {len(self._context.splits)} folds"
                self._record.warn("partial-trial", f"trial {active.trial.id} counts with {share}")
                why = self._proposals.why_over(self._record.history)
                self._settling.finish(active)
                told = (f"score: judged by {share}: {why}",)
                done = True
            else:
                self._settling.fail(active, CANCELLED, "the search ended before all its folds were done")
        for trial in self._record.history.running():  # Ctrl+C came just as its last fold was taken in
            self._record.settle(replace(trial, status="failed", kind=CANCELLED, message="the search was stopped"))
        return told
