"""``automl fit``."""

from __future__ import annotations

import re
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automl.cli.exits import EPILOG
from automl.cli.options import NearestChoice, data_options, make_settings, output_options, source_of
from automl.cli.watching import TestScore, watching
from automl.errors import AutomlError, DataError, SettingsError
from automl.scalars import writes_number
from automl.settings import PRESETS

if TYPE_CHECKING:
    from automl.cli.output import Output
    from automl.outcome import FitOutcome
    from automl.settings import Settings


class FitCommand(click.Command):
    """Knows ``--NAME-max VALUE`` for every fidelity NAME that a plugin brings: ``--phi-max 3`` is ``--fidelity phi
    --fidelity-max 3``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write such an option as the two that it stands for."""
        own = {name for parameter in self.params for name in parameter.opts}
        written: list[str] = []
        first = ""
        for place, arg in enumerate(args):
            option, equals, value = arg.partition("=")
            match = None if option in own else re.fullmatch(r"--([a-z][a-z0-9_-]*)-max", option)
            if match is None or match.group(1) not in _fidelity_names():
                written.append(arg)
                continue
            given = [after for before, after in pairwise([*args, ""]) if before == "--fidelity"]
            given += [one.removeprefix("--fidelity=") for one in args if one.startswith("--fidelity=")]
            if given not in ([], [match.group(1)]):
                raise SettingsError(f"{option} was given beside --fidelity {given[0]}; give one of the two")
            if first not in ("", match.group(1)):
                raise SettingsError(
                    f"{option} was given beside --{first}-max; a run has one fidelity, give one of the two"
                )
            first = match.group(1)
            number = value if equals else "".join(args[place + 1 : place + 2])
            if number and not writes_number(number):
                raise SettingsError(f"{option} {number!r} is no number; give the {first} of full training")
            written += [] if given else ["--fidelity", match.group(1)]
            written += [f"--fidelity-max={value}"] if equals else ["--fidelity-max"]
        return super().parse_args(ctx, written)


def _fidelity_names() -> set[str]:
    from automl.ready import fidelity_names
    from automl.registry import load_registry

    return fidelity_names(load_registry())


@click.command("fit", cls=FitCommand, epilog=EPILOG)
@click.argument("train")
@data_options
@click.option("--out", metavar="RUN", help="Run folder, new or empty (default runs/TRAIN-DATE-TIME).")
@click.option("--trials", type=int, metavar="N", help="Stop after so many trials; reproducible without --time.")
@click.option("--patience", type=int, metavar="N", help="Stop when N full trials brought nothing better.")
@click.option("--max-cost", type=float, metavar="MONEY", help="Spend at most so much, by the prices of --prices.")
@click.option("--prices", metavar="FILE", help="TOML file with cpu_hour, gpu_hour and currency.")
@click.option("--strategy", metavar="NAME", help="A strategy, or SAMPLER+SCHEDULER; `automl strategies` lists them.")
@click.option("--fidelity", metavar="NAME", help="What partial budgets scale: rows, folds, rounds, trees, ...")
@click.option(
    "--fidelity-max",
    type=float,
    metavar="VALUE",
    help="Value of --fidelity at full training; --NAME-max VALUE, as --phi-max 3, says both.",
)
@click.option(
    "--no-target-encoding",
    "target_encoding",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Show models no means of the target, but codes and counts of categories of many levels.",
)
@click.option(
    "--no-early-discard",
    "early_discard",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Give all folds to trials whose first folds promise nothing to the ensemble, too.",
)
@click.option("--executor", metavar="NAME", help="Where jobs run; `automl plugins` lists executors.")
@click.option(
    "--preset",
    default="best",
    type=NearestChoice(PRESETS),
    metavar="NAME",
    help="best (default): whatever helps; balanced: predicts quickly, too; fast: very quickly.",
)
@click.option("--max-latency-ms", type=float, metavar="MS", help="Most milliseconds per row of the finished predictor.")
@click.option("--max-size-mb", type=float, metavar="MB", help="Most megabytes of the finished predictor.")
@click.option(
    "--latency-rows",
    type=int,
    default=1000,
    metavar="N",
    help="Rows of the batches in which latency is measured (default 1000).",
)
@click.option(
    "--stacking/--no-stacking", default=None, help="Whether models on the predictions of others are tried at the end."
)
@click.option("--refit", is_flag=True, help="Train members once on all rows: a smaller, faster predictor.")
@click.option("--test", metavar="FILE", help="At the end, score the predictor on this table; not part of the time.")
@click.option("--tracker", "trackers", multiple=True, metavar="NAME", help="Let this tracker listen to the run.")
@output_options
def fit_command(output: Output, train: str, out: str | None, test: str | None, **options: Any) -> int:
    """Search for the best predictor of a column of TRAIN, save it, and show the leaderboard.

    TRAIN is a table: CSV, TSV, .gz or .zip of them, Parquet, Feather, or - for CSV on standard input. Or images: a folder
    that holds a folder for each class, a table with a column of paths, or an .npz file with the arrays X and y.
    Options that take A,B may be repeated, and a name that holds a comma stands in double quotes.
    """
    settings = make_settings(options, train)
    if test is not None and not Path(test).exists():
        raise SettingsError(f"--test {test} is not there; give a table that has the target")
    from automl.api import fit_run
    from automl.data.image_input import is_images
    from automl.registry import load_registry
    from automl.workspace import reserved_folder

    registry = load_registry()
    if test is not None and not is_images(test, settings.image_column):
        _check_test(test, settings)
    with (
        reserved_folder(name_of(train)) if out is None else nullcontext(Path(out)) as folder,
        watching(output, registry, folder, settings.trackers, settings.models) as watch,
    ):
        outcome = fit_run(
            source_of(train),
            settings,
            out=folder,
            started=output.session.started,
            registry=registry,
            listeners=watch.listeners,
        )
    return watch.tell(outcome, None if test is None else _score(outcome, test))


def name_of(train: str) -> str:
    """What a run on this table is called."""
    return "stdin" if train == "-" else Path(train).name.partition(".")[0] or "table"


def _check_test(test: str, settings: Settings) -> None:
    """Refuse a table that nothing could be scored on before the search, which may take hours."""
    from automl.data.amount import ReadLimit
    from automl.data.nearest import nearest
    from automl.data.read import read_table

    names = read_table(test, dedupe=settings.dedupe, limit=ReadLimit(seconds=1.0)).table.column_names
    if settings.target not in names:
        raise DataError(
            f"--test {test} has no column {settings.target!r}, which --target names; {nearest(settings.target, names)}"
        )


def _score(outcome: FitOutcome, test: str) -> TestScore:
    """A run is not lost because the test table is wrong: the error is told after the result."""
    try:
        return TestScore(file=test, score=outcome.predictor.score(test))
    except AutomlError as error:
        return TestScore(file=test, error=error)
