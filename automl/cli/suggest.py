"""``automl suggest``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from automl.cli.exits import EPILOG
from automl.cli.options import data_options, make_settings, output_options, source_of
from automl.errors import SettingsError

if TYPE_CHECKING:
    from automl.cli.output import Output


@click.command("suggest", epilog=EPILOG)
@click.argument("data")
@data_options
@click.option("--trials", type=int, metavar="N", help="As for `automl fit`: the sampler would get half of them.")
@click.option("--most", type=click.IntRange(min=1), metavar="N", help="Only the first N candidates.")
@click.option("--python", "as_code", is_flag=True, help="Print a Python program that tries them.")
@output_options
def suggest_command(output: Output, data: str, most: int | None, *, as_code: bool, **options: Any) -> None:
    """Print what `automl fit` would try first on DATA, in order, without training anything.

    With --json a list of objects with model, config and origin.
    """
    settings = make_settings(options, data)
    if as_code and output.as_json:
        raise SettingsError("--python and --json were both given; choose one")
    if as_code and data == "-":
        raise SettingsError("--python needs a file: the program that it prints reads DATA again")
    from automl.suggestions import as_python, suggest_run

    found = suggest_run(source_of(data), settings, most=most)
    if output.as_json:
        output.document(found.to_list())
        return
    if as_code:
        output.result(as_python(found, data, settings).rstrip("\n"))
        return
    from automl.cli.baselines import words
    from automl.cli.fit_report import describe_task, labelled

    output.say(labelled("data", describe_task(found.task)))
    for note in found.notes:
        subject, _, text = note.partition(": ")
        output.say(labelled(subject, text))
    output.say()
    rows = [(place, one.model, one.origin, words(one.config)) for place, one in enumerate(found.candidates, 1)]
    output.table(("place", "model", "origin", "configuration"), rows)
    if output.quiet:
        output.result("\n".join(f"{one.model} {one.origin}" for one in found.candidates))
