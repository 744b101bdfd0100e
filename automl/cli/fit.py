"""``automl fit``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from automl.cli.options import data_options, make_settings, output_options

EPILOG = """\b
Exit codes: 0 done; 1 unexpected error; 2 wrong input; 3 only the dummy could be fitted; 4 the run folder or a
predictor cannot be used; 5 a plugin or package is missing or broken; 130 stopped by Ctrl+C (the best so far is
saved)."""


@click.command("fit", epilog=EPILOG)
@click.argument("train", type=click.Path(path_type=Path))
@data_options
@click.option("--out", type=click.Path(path_type=Path), help="Run folder; must be new or empty (default runs/TABLE-TIME).")
@click.option("--trials", type=int, help="Stop after so many trials; without --time the run is reproducible.")
@click.option("--strategy", default="random", metavar="NAME", help="Strategy, or SAMPLER+SCHEDULER.")
@click.option("--memory", metavar="SIZE", help="Memory limit of each worker, e.g. 2GB.")
@click.option("--executor", default="processes", metavar="NAME", help="Where jobs run: processes or inline.")
@click.option("--refit", is_flag=True, help="Train each member once on all rows: a smaller, faster predictor.")
@click.option("--test", "test_file", type=click.Path(path_type=Path), help="Score the finished predictor on this table.")
@click.option("--tracker", "trackers", multiple=True, metavar="NAME", help="Listen to the run with this tracker.")
@output_options
def fit_command(
    train: Path, out: Path | None, test_file: Path | None, as_json: bool, quiet: bool, verbose: bool, **options: Any
) -> int:
    """Search for the best predictor of a column of TRAIN (CSV, TSV, gz, zip, Parquet, Feather)."""
    trackers = tuple(options.pop("trackers"))
    if not (as_json or quiet) and sys.stderr.isatty():
        trackers = (*trackers, "progress")
    settings = make_settings({**options, "trackers": trackers})
    if test_file is not None and not test_file.exists():
        raise click.UsageError(f"--test {test_file} does not exist")
    from automl.api import fit_run

    if out is None:
        out = Path("runs") / f"{train.name.partition('.')[0]}-{time.strftime('%Y%m%d-%H%M%S')}"
    outcome = fit_run(str(train), settings, out=out, started=process_start())
    test_score = None if test_file is None else outcome.predictor.score(str(test_file))
    if as_json:
        _tell_json(outcome, test_score)
    else:
        _tell(outcome, test_score, test_file, quiet=quiet, verbose=verbose)
    if outcome.interrupted:
        return 130
    return 3 if outcome.only_baseline else 0


def _tell_json(outcome: Any, test_score: float | None) -> None:
    from automl.cli.words import say_json

    say_json(
        {
            "folder": str(outcome.folder),
            "predictor": str(outcome.predictor.folder),
            "metric": outcome.metric,
            "score": outcome.score,
            "test_score": test_score,
            "only_baseline": outcome.only_baseline,
            "seconds": outcome.seconds,
            "trials": outcome.trials,
            "failed": outcome.failed,
            "interrupted": outcome.interrupted,
            "reasons": list(outcome.reasons),
            "findings": [finding.to_dict() for finding in outcome.findings],
            "leaderboard": outcome.leaderboard,
        }
    )


def _tell(outcome: Any, test_score: float | None, test_file: Path | None, *, quiet: bool, verbose: bool) -> None:
    from automl.cli.words import findings_lines, leaderboard_table, number, say

    if outcome.only_baseline:
        say("ONLY THE DUMMY COULD BE FITTED: the predictor ignores the features (automl leaderboard tells why)")
    if not quiet:
        task = outcome.predictor.task
        say(f"{task.problem_type} task: {task.rows:,} rows, {task.features} usable columns, target {task.target!r}")
        for line in findings_lines(outcome.findings, None if verbose else 10):
            say(f"  {line}")
        for reason in outcome.reasons if verbose else [line for line in outcome.reasons if line.startswith(("validation", "machine"))][:2]:
            say(f"  {reason}")
        say(f"\n{outcome.trials} trials, {outcome.failed} failed, {outcome.seconds:.1f} s")
        say(leaderboard_table(outcome.leaderboard, outcome.metric, None if verbose else 10))
        say()
    say(f"{outcome.metric}: {number(outcome.score)} (out of fold)")
    if test_score is not None:
        say(f"{outcome.metric}: {number(test_score)} on {test_file}")
    say(f"predictor: {_short(outcome.predictor.folder)}")
    if not quiet:
        say(f"next: automl predict {_short(outcome.folder)} NEW.csv --out predictions.csv")


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def process_start() -> float:
    """`time.monotonic()` at which this process began: the budget counts from there, imports included."""
    now = time.monotonic()
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        import os

        began = ticks / os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - began
    except (OSError, ValueError, IndexError, AttributeError):
        return now  # no /proc: what importing took so far is not known
    return now - age if 0 <= age < 60 else now
