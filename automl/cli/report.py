"""``automl report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from automl.cli.exits import EPILOG
from automl.cli.options import output_options

if TYPE_CHECKING:
    from automl.cli.output import Output


@click.command("report", epilog=EPILOG)
@click.argument("run")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="The page; RUN/report.html otherwise.")
@output_options
def report_command(output: Output, run: str, out: Path | None) -> None:
    """Write what RUN did as one HTML page, without scripts and without anything to load.

    The run may have ended, go on or have been killed.
    """
    from automl.cli.output import warn
    from automl.registry import load_registry
    from automl.reporting import write_report

    page = write_report(run, out, load_registry())
    for fault in page.faults:
        warn(f"warning: {fault}")
    if output.as_json:
        output.document({"report": str(page.path), "faults": list(page.faults)})
        return
    output.result(str(page.path))
