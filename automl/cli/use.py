"""``automl predict`` and ``automl score``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from automl.cli.options import output_options
from automl.errors import SettingsError


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("data")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write: .csv, .parquet or .feather.")
@click.option("--proba", is_flag=True, help="Add a column of probabilities for each class.")
@click.option("--allow-missing", is_flag=True, help="Treat columns that are not there as missing values.")
@output_options
def predict_command(
    run: Path, data: str, out: Path, proba: bool, allow_missing: bool, as_json: bool, quiet: bool, verbose: bool
) -> None:
    """Predict DATA (a table, or - for CSV on standard input) with the predictor of RUN."""
    from automl.api import load
    from automl.cli.words import findings_lines, say, say_json

    if out.suffix.lower() not in (".csv", ".parquet", ".pq", ".feather", ".arrow"):
        raise SettingsError(f"--out {out} ends in {out.suffix!r}; use .csv, .parquet or .feather")
    if not out.parent.is_dir():
        raise SettingsError(f"the folder of --out {out} does not exist; make it first")
    predictor = load(run)
    if proba and not predictor.task.is_classification:
        raise SettingsError(f"--proba: {predictor.task.target!r} was learned as a number; leave --proba out")
    source: Any = sys.stdin.buffer if data == "-" else data
    columns: dict[str, Any] = {}
    if proba:
        shares = predictor.predict_proba(source, allow_missing=allow_missing)
        columns[predictor.task.target] = predictor.parts.coding.decode(shares.argmax(axis=1))
        for place, label in enumerate(predictor.classes):
            columns[f"proba_{label}"] = shares[:, place]
    else:
        columns[predictor.task.target] = predictor.predict(source, allow_missing=allow_missing)
    _write(columns, out)
    rows = len(columns[predictor.task.target])
    if as_json:
        findings = [finding.to_dict() for finding in predictor.last_findings]
        say_json({"rows": rows, "out": str(out), "columns": list(columns), "findings": findings})
        return
    if not quiet:
        for line in findings_lines(predictor.last_findings, None if verbose else 10):
            say(line)
    say(f"{rows:,} predictions: {out}")


def _write(columns: dict[str, Any], out: Path) -> None:
    """Write a table; it appears whole or not at all."""
    import pyarrow as pa

    table = pa.table({name: pa.array(values.tolist() if values.dtype == object else values) for name, values in columns.items()})
    building = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        if out.suffix.lower() == ".csv":
            from pyarrow import csv

            csv.write_csv(table, building, csv.WriteOptions(quoting_style="needed"))
        elif out.suffix.lower() in (".parquet", ".pq"):
            from pyarrow import parquet

            parquet.write_table(table, building)
        else:
            from pyarrow import feather

            feather.write_feather(table, str(building), compression="uncompressed")
        building.replace(out)
    except OSError as error:
        raise SettingsError(f"--out {out} cannot be written: {error}") from error
    finally:
        building.unlink(missing_ok=True)


@click.command("score")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("data")
@click.option("--metric", metavar="NAME", help="Another metric than the run's.")
@click.option("--weight", metavar="NAME", help="Column of sample weights.")
@output_options
def score_command(
    run: Path, data: str, metric: str | None, weight: str | None, as_json: bool, quiet: bool, verbose: bool
) -> None:
    """Score the predictor of RUN on DATA, which has the target."""
    from automl.api import load
    from automl.cli.words import findings_lines, number, say, say_json

    predictor = load(run)
    source: Any = sys.stdin.buffer if data == "-" else data
    score = predictor.score(source, metric, weight=weight)
    name = metric or predictor.task.metric
    if as_json:
        say_json({"metric": name, "score": score, "findings": [finding.to_dict() for finding in predictor.last_findings]})
        return
    if not quiet:
        for line in findings_lines(predictor.last_findings, None if verbose else 10):
            say(line)
    say(f"{name}: {number(score, 6)}")
