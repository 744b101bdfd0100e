"""``automl score``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from automl.cli.exits import EPILOG
from automl.cli.options import output_options, source_of, split_list

if TYPE_CHECKING:
    from automl.cli.output import Output


@click.command("score", epilog=EPILOG)
@click.argument("run")
@click.argument("data")
@click.option(
    "--metric", "metrics", multiple=True, metavar="A,B", help="Other metrics than the run's (`automl metrics`)."
)
@click.option("--weight", metavar="NAME", help="Column of sample weights.")
@output_options
def score_command(output: Output, run: str, data: str, metrics: tuple[str, ...], weight: str | None) -> None:
    """Score the predictor of RUN on DATA, a table or images that have the target (- for CSV on standard input)."""
    from automl.api import load
    from automl.cli.output import figure

    predictor = load(run)
    table = predictor.read(source_of(data))
    names = split_list(metrics) or (predictor.task.metric,)
    scores = {name: predictor.score(table, name, weight=weight) for name in names}
    if output.as_json:
        findings = [finding.to_dict() for finding in predictor.last_findings]
        first = names[0]
        output.document(
            {
                "metric": first,
                "score": scores[first],
                "scores": scores,
                "rows": table.table.num_rows,
                "findings": findings,
            }
        )
        return
    output.findings(predictor.last_findings)
    for name, score in scores.items():
        output.result(f"{name} {figure(score, 6)}")
