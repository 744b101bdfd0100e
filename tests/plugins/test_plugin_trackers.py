"""The progress line: what it says, and that it says nothing where nobody can see it change."""

import io
import time
from pathlib import Path

import pytest
from automl_plugins.trackers.progress import ProgressLine, _duration
from rich.console import Console

from automl import Candidate, RunInfo, RunSummary, Task, Trial
from automl.registry import load_registry
from automl.testing import check_plugin_is_light

TASK = Task(target="y", problem_type="binary", metric="roc_auc", rows=100, features=3)
SUMMARY = RunSummary(
    folder=Path("run"), trials=1, failed=0, best_score=0.5, metric="roc_auc", seconds=1.0, only_baseline=False
)


def info(*, seconds_left=100.0, trials=None):
    deadline = None if seconds_left is None else time.monotonic() + seconds_left
    return RunInfo(
        folder=Path("run"), task=TASK, seconds=None, deadline=deadline, trials=trials, workers=2, threads=1
    )  # fmt: skip


def trial(number, status="done", *, kind="", origin="default"):
    return Trial(id=number, candidate=Candidate(model="m", config={}, origin=origin), status=status, kind=kind)


def line_on(stream, *, terminal):
    return ProgressLine(Console(file=stream, force_terminal=terminal, width=100))


@pytest.fixture
def stream():
    return io.StringIO()


def test_plugin_is_light():
    check_plugin_is_light("automl_plugins.trackers")


def test_it_can_be_asked_for_by_name():
    assert isinstance(load_registry().get("trackers", "progress").load()(), ProgressLine)


def test_it_counts_trials_failures_and_time(stream):
    progress = line_on(stream, terminal=False)
    progress.run_started(info(seconds_left=100.5))
    progress.trial_finished(trial(1, origin="baseline"), 0.5)
    progress.trial_finished(trial(2), 0.987654321)
    progress.trial_finished(trial(3, "failed", kind="timeout"), 0.987654321)
    progress.trial_finished(trial(4, "failed", kind="cancelled"), 0.987654321)
    progress.trial_finished(trial(5, "failed", kind="skipped"), 0.987654321)
    progress.trial_finished(trial(6, kind="carried"), 0.987654321)

    assert "1 trial, 1 failed, best roc_auc 0.98765, 1:40 min left" == progress.line()


def test_it_shows_the_trials_to_do(stream):
    progress = line_on(stream, terminal=False)
    progress.run_started(info(seconds_left=None, trials=20))
    progress.trial_finished(trial(2), None)

    assert "1 of 20 trials" == progress.line()


def test_it_says_when_time_is_over(stream):
    progress = line_on(stream, terminal=False)
    progress.run_started(info(seconds_left=-1.0))

    assert "0 trials, finishing" == progress.line()


@pytest.mark.parametrize(("seconds", "expected"), [(8.9, "8 s"), (245, "4:05 min"), (3845, "1:04:05 h")])
def test_durations(seconds, expected):
    assert expected == _duration(seconds)


def test_nothing_is_written_without_a_terminal(stream):
    progress = line_on(stream, terminal=False)
    progress.run_started(info())
    progress.trial_started(trial(1, "running"))
    progress.trial_finished(trial(1), 0.5)
    progress.run_finished(SUMMARY)

    assert "" == stream.getvalue()


def test_on_a_terminal_the_line_appears_and_is_taken_away(stream):
    progress = line_on(stream, terminal=True)
    progress.run_started(info())
    progress.run_finished(SUMMARY)
    progress.close()
    written = stream.getvalue()

    assert "0 trials" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1
    assert written.endswith("\x1b[2K")


def test_closing_early_gives_the_cursor_back(stream):
    progress = line_on(stream, terminal=True)
    progress.run_started(info())
    progress.close()

    assert stream.getvalue().endswith("\x1b[2K")
    assert "\x1b[?25h" in stream.getvalue()
