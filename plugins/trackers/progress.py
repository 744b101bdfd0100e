"""One line on the terminal that is kept up to date by rich."""

from __future__ import annotations

import atexit
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from automl import RunInfo, RunSummary, Trial

REFRESHES_PER_SECOND = 4


class ProgressLine:
    """Trials done, best score and time left; on standard error, only where that is a terminal.

    The line is taken away when the run ends, when `close` is called, and when the process ends.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr)
        self._spinner = Spinner("dots")
        self._live: Live | None = None
        self._info: RunInfo | None = None
        self._done = self._failed = 0
        self._best: float | None = None

    def run_started(self, info: RunInfo) -> None:
        """Show the line, refreshed by a thread so that the seconds count down while models are fitted."""
        self._info = info
        if not self._console.is_terminal:
            return
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,  # what goes to standard output may be a file
        )
        atexit.register(self.close)  # a hidden cursor must not outlive the process
        self._live.start()

    def trial_started(self, trial: Trial) -> None:
        """Nothing changes: only finished trials count."""

    def trial_finished(self, trial: Trial, best_score: float | None) -> None:
        """Count it, unless it is a copy of another."""
        self._best = best_score
        if trial.is_copy:
            return
        if trial.status == "done":
            self._done += trial.candidate.origin != "baseline"
        elif not trial.is_cut_off:  # what time cut off is no failure of a model
            self._failed += 1

    def run_finished(self, summary: RunSummary) -> None:
        """Take the line away."""
        del summary  # the command tells the result
        self.close()

    def close(self) -> None:
        """Take the line away; may be called twice."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            atexit.unregister(self.close)

    def line(self) -> str:
        """The line in words, without the spinner."""
        info = self._info
        if info is None:
            return ""
        total = "" if info.trials is None else f" of {info.trials}"
        parts = [f"{self._done}{total} trial{'' if self._done == 1 and not total else 's'}"]
        if self._failed:
            parts.append(f"{self._failed} failed")
        if self._best is not None:
            parts.append(f"best {info.task.metric} {self._best:.5g}")
        if info.deadline is not None:
            left = info.deadline - time.monotonic()
            parts.append(f"{_duration(left)} left" if left > 0 else "finishing")
        return ", ".join(parts)

    def _render(self) -> RenderableType:
        self._spinner.update(text=Text(self.line(), no_wrap=True, overflow="ellipsis"))
        return self._spinner


def _duration(seconds: float) -> str:
    """``8 s``, ``4:05 min`` or ``1:04:05 h``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h"
