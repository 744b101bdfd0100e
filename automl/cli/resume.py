"""``automl resume``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from automl.cli.exits import EPILOG
from automl.cli.options import TIME, output_options

if TYPE_CHECKING:
    from automl.cli.output import Output


@click.command("resume", epilog=EPILOG)
@click.argument("run")
@click.option(
    "--time", "seconds", type=TIME, metavar="TIME", help="For the rest: 90, 90s, 10m, 1h (what was left of the budget)."
)
@click.option("--trials", type=int, metavar="N", help="Stop after so many more trials (what was left of them).")
@click.option("--metric", metavar="NAME", help="The metric once more, where it is yours: module:function.")
@output_options
def resume_command(output: Output, run: str, seconds: float | None, trials: int | None, metric: str | None) -> int:
    """Go on with RUN, which was killed or stopped at once, as if it had not been.

    No trial that was done is run again. The table is in the run's folder and need not be given. A run that has ended keeps
    its predictor.
    """
    from automl.cli.watching import watching
    from automl.registry import load_registry
    from automl.resuming import More, resume_folder
    from automl.run_reader import open_run

    registry = load_registry()
    with open_run(run) as reader:
        trackers = tuple(reader.meta.get("settings", {}).get("trackers", ()))
    with watching(output, registry, Path(run), trackers) as watch:
        outcome = resume_folder(
            Path(run),
            More(time=seconds, trials=trials, metric=metric),
            started=output.session.started,
            registry=registry,
            listeners=watch.listeners,
        )
    return watch.tell(outcome)
