"""How the seconds of a run are divided: search, ensembling, saving."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The run's times on `time.monotonic()`; `end` is None without a time budget."""

    started: float
    end: float | None
    """When everything must be over."""
    search_end: float | None
    """When models must be back, so that ensembling and saving still fit."""
    before: float = 0.0
    """Seconds that the run had worked before `started`, where it was given more time after an interruption."""

    @classmethod
    def make(cls, started: float, seconds: float | None, *, refit: bool = False, limits: bool = False) -> Clock:
        """Divide a budget. What follows the search is short, so its share is small, but never nothing."""
        if seconds is None:
            return cls(started=started, end=None, search_end=None)
        reserve = min(max(0.6, 0.03 * seconds), 20.0)
        if refit:
            reserve = max(reserve, 0.3 * seconds)
        if limits:  # the finished predictor is timed, also in a new process
            reserve += min(8.0, 0.2 * seconds)
        return cls(started=started, end=started + seconds, search_end=started + max(seconds - reserve, 0.3 * seconds))

    def elapsed(self) -> float:
        """Seconds of work since the run's start."""
        return self.before + time.monotonic() - self.started

    def search_left(self) -> float:
        """Seconds until the search must be over, infinity without a budget."""
        return float("inf") if self.search_end is None else self.search_end - time.monotonic()

    def left(self) -> float:
        """Seconds until everything must be over, infinity without a budget."""
        return float("inf") if self.end is None else self.end - time.monotonic()
