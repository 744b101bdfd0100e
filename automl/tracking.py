"""Telling trackers what happens, without ever letting one of them hurt the run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from automl.history import Trial
    from automl.protocols import RunInfo, RunSummary, Tracker


class TrackerGroup:
    """Passes events on to all trackers; one that raises is switched off with one warning."""

    def __init__(self, trackers: Mapping[str, Tracker], warn: Callable[[str], None] | None = None) -> None:
        self._trackers = dict(trackers)
        self._warn = warn or (lambda message: print(f"automl: {message}", file=sys.stderr))  # noqa: T201

    def run_started(self, info: RunInfo) -> None:
        """A run has its plan and begins to search."""
        self._tell(lambda tracker: tracker.run_started(info))

    def trial_started(self, trial: Trial) -> None:
        """The first job of a trial was sent."""
        self._tell(lambda tracker: tracker.trial_started(trial))

    def trial_finished(self, trial: Trial, best_score: float | None) -> None:
        """A trial is done or failed."""
        self._tell(lambda tracker: tracker.trial_finished(trial, best_score))

    def run_finished(self, summary: RunSummary) -> None:
        """The predictor is saved."""
        self._tell(lambda tracker: tracker.run_finished(summary))

    def _tell(self, event: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            try:
                event(tracker)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a listener may fail in any way; the run goes on
                del self._trackers[name]
                self._warn(f"tracker {name!r} raised {type(error).__name__}: {error}; it is switched off for this run")
