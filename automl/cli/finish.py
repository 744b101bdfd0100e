"""``automl finish``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from automl.cli.exits import BASELINE, DONE, EPILOG
from automl.cli.options import output_options

if TYPE_CHECKING:
    from automl.cli.output import Output


@click.command("finish", epilog=EPILOG)
@click.argument("run")
@output_options
def finish_command(output: Output, run: str) -> int:
    """Make the predictor of RUN from what it had found when it was killed or stopped at once.

    Nothing is trained, so that it takes seconds. A run that has ended keeps the predictor that it has.
    """
    from automl.cli.fit_report import fit_document, tell_outcome
    from automl.unfinished import finish_folder

    outcome = finish_folder(Path(run))
    if output.as_json:
        output.document(fit_document(outcome, None))
    else:
        tell_outcome(output, outcome, None)
    return BASELINE if outcome.only_baseline else DONE
