"""``automl check``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from automl.cli.options import data_options, make_settings, output_options


@click.command("check")
@click.argument("data", type=click.Path(path_type=Path))
@data_options
@output_options
def check_command(data: Path, as_json: bool, quiet: bool, verbose: bool, **options: Any) -> None:
    """Diagnose DATA without fitting: kinds of columns, target, findings, plan; with the reason of each."""
    from automl.api import check_run
    from automl.cli.words import findings_lines, say, say_json, table

    report = check_run(str(data), make_settings(options))
    if as_json:
        columns = [
            {"name": column.name, "kind": column.kind, "used": column.used, "reason": column.reason}
            for column in report.schema.columns
        ]
        say_json(
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
    say(f"{report.rows:,} rows, {report.task.features} usable columns, target {report.task.target!r}")
    for reason in report.task.reasons:
        say(f"  {reason}")
    if not quiet:
        rows = [(column.name[:40], column.kind, "" if column.used else "not used", column.reason) for column in report.schema.columns]
        say(table(("column", "kind", "", "why"), rows))
    lines = findings_lines(report.findings, None if verbose else 20)
    for line in lines or ["nothing noteworthy was found"]:
        say(line)
    if not quiet:
        for reason in report.reasons:
            if not reason.startswith("task"):
                say(f"  {reason}")
