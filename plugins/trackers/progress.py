"""One progress line, kept up to date by rich."""

from __future__ import annotations

import time
from typing import Any

from automl import RunInfo, RunSummary, Trial


class ProgressLine:
    """Trials done, best score, time left; on standard error, and only on a terminal."""

    def __init__(self) -> None:
        self._progress: Any = None
        self._task: Any = None
        self._done = 0
        self._failed = 0
        self._metric = ""
        self._trials: int | None = None

    def run_started(self, info: RunInfo) -> None:
        """Show the line."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        if not console.is_terminal:
            return
        self._metric, self._trials = info.task.metric, info.trials
        deadline = info.deadline

        class TimeLeft(TextColumn):
            """Seconds until the end of the budget."""

            def render(self, task: Any) -> Any:
                from rich.text import Text

                if deadline is None:
                    return Text("")
                left = max(deadline - time.monotonic(), 0)
                return Text(f"{int(left // 60)}:{int(left % 60):02d} left")

        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn(), TimeLeft(""),
            console=console, transient=True, refresh_per_second=4,
        )  # fmt: skip
        self._task = self._progress.add_task("starting", total=info.trials)
        self._progress.start()

    def trial_started(self, trial: Trial) -> None:
        """Nothing to show yet."""

    def trial_finished(self, trial: Trial, best_score: float | None) -> None:
        """Count it."""
        if self._progress is None:
            return
        self._done += trial.status == "done"
        self._failed += trial.status == "failed" and trial.kind not in ("skipped", "cancelled")
        best = "" if best_score is None else f", best {self._metric} {best_score:.5g}"
        failed = f", {self._failed} failed" if self._failed else ""
        self._progress.update(self._task, completed=self._done, description=f"{self._done} trials{failed}{best}")

    def run_finished(self, summary: RunSummary) -> None:
        """Take the line away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
