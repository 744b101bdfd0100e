"""``automl predict``."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automl.cli.exits import EPILOG
from automl.cli.options import output_options, source_of
from automl.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

    from automl.cli.output import Output
    from automl.predictor import Predictor

ENDINGS = (".csv", ".parquet", ".pq", ".feather", ".arrow")


@click.command("predict", epilog=EPILOG)
@click.argument("run")
@click.argument("data")
@click.option("--out", required=True, metavar="FILE", help="File to write: .csv, .parquet or .feather.")
@click.option("--proba", is_flag=True, help="Add a column proba_CLASS for each class.")
@click.option("--allow-missing", is_flag=True, help="Read columns that DATA lacks as missing values.")
@output_options
def predict_command(output: Output, run: str, data: str, out: str, proba: bool, allow_missing: bool) -> None:
    """Predict each row of DATA with the predictor of RUN.

    DATA is a table as for `automl fit`, or - for CSV on standard input. The file written has a row for each row
    of DATA, in the same order: a column with the name of the target, and with --proba one for each class.
    Where the predictor is one of images, DATA is a folder, an image, a table with a column of paths, or an .npz file;
    each row then begins with the image's name, and a column `error` says why an image has no prediction.
    """
    target = _checked_target(out, data)
    from automl.api import load
    from automl.data.column_names import free_name

    predictor = load(run)
    if proba and not predictor.task.is_classification:
        raise SettingsError(f"--proba: {predictor.task.target!r} was learned as a number; leave --proba out")
    columns: dict[str, Any] = {}
    if proba:
        shares = predictor.predict_proba(source_of(data), allow_missing=allow_missing)
        columns[predictor.task.target] = as_written(predictor.decide(shares), predictor)
        for place, label in enumerate(predictor.written_classes):
            columns[free_name(f"proba_{label}", set(columns))] = shares[:, place]
    else:
        labels = predictor.predict(source_of(data), allow_missing=allow_missing)
        columns[predictor.task.target] = as_written(labels, predictor)
    if predictor.parts.images is not None:
        columns = _with_images(columns, predictor)
    table = prediction_table(columns)
    write_table(table, target)
    if output.as_json:
        findings = [finding.to_dict() for finding in predictor.last_findings]
        output.document({"rows": table.num_rows, "out": out, "columns": list(columns), "findings": findings})
        return
    output.findings(predictor.last_findings)
    output.say(f"{table.num_rows - len(predictor.last_faults):,} predictions")
    output.result(out)


def as_written(labels: Any, predictor: Predictor) -> Any:
    """Labels that are no text as the training file wrote them; those of other tables, and values, as they are."""
    import numpy as np

    spellings = predictor.parts.coding.spellings
    if not spellings:
        return labels
    texts = dict(zip(predictor.classes, spellings, strict=True))
    return np.array([texts.get(label) for label in labels.tolist()], dtype=object)  # None: an image without prediction


def _with_images(columns: dict[str, Any], predictor: Predictor) -> dict[str, Any]:
    """The same behind the names of the images, with what is wrong with those that could not be read."""
    import numpy as np

    from automl.data.column_names import free_name

    taken = set(columns)
    named = {free_name("image", taken): np.array(predictor.last_images, dtype=object), **columns}
    if predictor.last_faults:
        rows = range(len(predictor.last_images))
        errors = [predictor.last_faults.get(row) for row in rows]
        named[free_name("error", taken)] = np.array(errors, dtype=object)
    return named


def _checked_target(out: str, data: str) -> Path:
    """Where to write, refused before anything is read."""
    path = Path(out)
    if path.suffix.lower() not in ENDINGS:
        raise SettingsError(f"--out {out} ends in {path.suffix!r}; use .csv, .parquet or .feather")
    if not path.parent.is_dir():
        raise SettingsError(f"the folder of --out {out} does not exist; make it first")
    if path.is_dir():
        raise SettingsError(f"--out {out} is a folder; give the name of a file")
    if path.exists() and data != "-" and Path(data).exists() and path.samefile(data):
        raise SettingsError(f"--out {out} is the table to predict; give another name, nothing was changed")
    return path


def prediction_table(columns: dict[str, Any]) -> pa.Table:
    """Labels and probabilities as an Arrow table; cells of images without a prediction are missing, not NaN."""
    import pyarrow as pa

    arrays = [
        pa.array(values.tolist() if values.dtype == object else values, from_pandas=True) for values in columns.values()
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))


def write_table(table: pa.Table, path: Path) -> None:
    """Write a file by its ending; it appears whole or not at all. SettingsError when it cannot be written."""
    import pyarrow as pa

    building = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        match path.suffix.lower():
            case ".csv":
                from pyarrow import csv

                csv.write_csv(_for_csv(table), building, csv.WriteOptions(quoting_style="needed"))
            case ".parquet" | ".pq":
                from pyarrow import parquet

                parquet.write_table(table, building)
            case _:
                from pyarrow import feather

                feather.write_feather(table, str(building), compression="uncompressed")
        building.replace(path)
    except (OSError, pa.ArrowException) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise SettingsError(f"--out {path} cannot be written: {why}; give another place") from error
    finally:
        with suppress(OSError):  # where nothing can be written, nothing can be removed either
            building.unlink(missing_ok=True)


def _for_csv(table: pa.Table) -> pa.Table:
    """Truth values as True and False, which is how Python and R programs write them, not Arrow's true and false."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if pa.types.is_boolean(field.type):
            words = pc.if_else(table.column(place), pa.scalar("True"), pa.scalar("False"))
            table = table.set_column(place, field.name, words)
    return table
