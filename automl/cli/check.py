"""``automl check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from automl.cli.exits import EPILOG
from automl.cli.options import data_options, make_settings, output_options, source_of

if TYPE_CHECKING:
    from automl.cli.output import Output


MOST_COLUMNS = 60
"""Columns that are listed without ``-v``."""


@click.command("check", epilog=EPILOG)
@click.argument("data")
@data_options
@output_options
def check_command(output: Output, data: str, **options: Any) -> None:
    """Diagnose DATA as `automl fit` would, without fitting: columns, target, findings and plan, with reasons."""
    settings = make_settings(options, data)
    from automl.api import check_run

    report = check_run(source_of(data), settings)
    if output.as_json:
        columns = [
            {"name": column.name, "kind": column.kind, "used": column.used, "reason": column.reason}
            for column in report.schema.columns
        ]
        output.document(
            {
                "rows": report.rows,
                "task": report.task.to_dict(),
                "columns": columns,
                "findings": [finding.to_dict() for finding in report.findings],
                "reasons": list(report.reasons),
                "seconds": report.seconds,
            }
        )
        return
    from automl.cli.fit_report import describe_task, labelled

    output.result(labelled("data", describe_task(report.task)))
    for reason in dict.fromkeys(report.reasons):
        subject, _, text = reason.partition(": ")
        output.say(labelled(subject, text))
    output.say()
    rows = [
        (column.name, column.kind if column.used else f"{column.kind}, not used", column.reason)
        for column in report.schema.columns
    ]
    shown = rows if output.verbose else rows[:MOST_COLUMNS]
    if rows:  # images have no columns
        output.table(("column", "kind", "reason"), shown)
    if len(rows) > len(shown):
        output.say(f"and {len(rows) - len(shown):,} more columns (-v shows all)")
    output.say()
    output.findings(report.findings)
    if not report.findings:
        output.say("nothing noteworthy was found")
