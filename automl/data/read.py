"""Any table a user may give, as Arrow: files by their ending, frames and arrays by what they are."""

from __future__ import annotations

import difflib
import io
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.data.amount import SAMPLED, ReadLimit, thin_rows
from automl.data.column_names import NO_NAMES, are_positions, clean_names
from automl.data.records import Finding, RawTable
from automl.data.spellings import take_spellings
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".dat", ".data")
PARQUET_ENDINGS = (".parquet", ".pq")
ARROW_ENDINGS = (".feather", ".arrow", ".ipc")
PACKED_ENDINGS = (".gz", ".zip")
STDIN = "-"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def read_table(
    source: Any,
    *,
    dedupe: bool = False,
    limit: ReadLimit | None = None,
    seed: int = 0,
    text: Collection[str] = (),
) -> RawTable:
    """Read a table from a path, an open file, a pandas, polars or Arrow table, a dict, or a 2-D array.

    "-" is a text table from standard input. Column names come out as unique strings; `dedupe` renames the second
    "x" to "x.2" instead of refusing it. A table larger than `limit` allows is sampled, with a finding. Of text tables,
    columns of a name in `text` stay text, so that a cell does not depend on what the others of its column look like.
    Raises DataError, with line or column, for what cannot be read.
    """
    label, thinned = f"the given {type(source).__name__}", 1.0
    if isinstance(source, str) and source == STDIN:
        table, names, findings = _read_stream(sys.stdin.buffer, "standard input", limit, text)
        label = "standard input"
    elif isinstance(source, str | Path):
        _refuse_no_path(str(source))
        table, names, findings = _read_path(Path(source).expanduser(), limit, text)
        label = str(source)
    elif hasattr(source, "read"):
        label = str(getattr(source, "name", "the given file"))
        table, names, findings = _read_stream(source, label, limit, text)
    else:
        table, names, findings, thinned = _from_memory(source, limit, seed)
    if not len(names):
        raise DataError(f"{label} has no columns; give a table with data")
    findings = list(findings)
    if limit is not None and not any(one.code == SAMPLED for one in findings):
        table, share = thin_rows(table, limit, seed)
        share *= thinned
        findings += [limit.finding(share)] if share < 1 else []
    clean, more = clean_names(names, dedupe=dedupe, source=label)
    from automl.data.arrow_types import plain_types

    table, written = take_spellings(table, clean)
    table = plain_types(table.rename_columns(clean), clean)
    return RawTable(
        table=table,
        findings=(*findings, *more),
        source=label,
        written=written,
        positional=any(one.code == NO_NAMES for one in findings)
        or are_positions(names, polars=type(source).__module__.partition(".")[0] == "polars"),
    )


def _from_memory(source: Any, limit: ReadLimit | None, seed: int) -> tuple[pa.Table, list[Any], list[Finding], float]:
    """Table, names and findings of an object in memory, and the share of its rows that was converted."""
    from automl.data.frames import to_arrow

    if limit is None:
        return *to_arrow(source), 1.0
    from automl.data.column_faults import with_rows_of
    from automl.data.thin_objects import drawn_rows, thin_objects

    thinned, share = thin_objects(source, limit, seed)
    try:
        table, names, findings = to_arrow(thinned)
    except DataError:
        if thinned is source:
            raise
        return *to_arrow(source), 1.0  # the same fault again, with the row number that it has in the whole
    if thinned is not source:
        table = with_rows_of(table, drawn_rows(source, limit, seed))
    return table, names, findings, share


def _read_stream(
    stream: Any, label: str, limit: ReadLimit | None, text: Collection[str]
) -> tuple[pa.Table, list[str], list[Finding]]:
    data = stream.read()
    if isinstance(data, str):
        data = data.encode(errors="replace")
    if data.startswith(b"PAR1"):
        return _read_columnar(io.BytesIO(data), PARQUET_ENDINGS[0], label)
    if data.startswith((b"ARROW1", b"FEA1")):
        return _read_columnar(io.BytesIO(data), ARROW_ENDINGS[0], label)
    from automl.data.read_csv import parse_csv

    return parse_csv(data, label, limit, text)


def _refuse_no_path(text: str) -> None:
    """DataError for a string that is an address, or the table itself."""
    if "\n" in text:
        raise DataError(
            f"{text[:40]!r}... holds several lines and is no path; give text of a table as io.StringIO(text)"
        )
    if _ADDRESS.match(text):
        raise DataError(f"{text} is an address; only files are read: download it first, and give its path")


def _read_path(path: Path, limit: ReadLimit | None, text: Collection[str]) -> tuple[pa.Table, list[str], list[Finding]]:
    try:
        if not path.exists():
            raise DataError(f"{path} does not exist{_nearest_file(path)}")
        if path.is_dir():
            raise DataError(f"{path} is a folder; give a table: CSV, TSV, gz or zip of them, Parquet or Feather")
        if path.is_file() and path.stat().st_size == 0:
            raise DataError(f"{path} is empty: 0 rows; give a table with a header and data")
        return _read_file(path, limit, text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(f"{path} cannot be read: {reason}; check the path and your rights to it") from error


def _read_file(path: Path, limit: ReadLimit | None, text: Collection[str]) -> tuple[pa.Table, list[str], list[Finding]]:
    last = path.suffix.lower()
    inner = Path(path.stem).suffix.lower() if last in PACKED_ENDINGS else ""
    if inner in PARQUET_ENDINGS or inner in ARROW_ENDINGS:
        raise DataError(f"{path} is a packed {inner[1:]} file; unpack it: that format is packed inside already")
    if last in PARQUET_ENDINGS or last in ARROW_ENDINGS:
        return _read_columnar(path, last, str(path))
    if not path.is_file():  # a pipe, such as the shell's <(...): it can be read once only
        with path.open("rb") as stream:
            return _read_stream(stream, str(path), limit, text)
    if last in TEXT_ENDINGS or last in PACKED_ENDINGS or not last:
        from automl.data.read_csv import read_csv

        return read_csv(path, limit, text)
    sheet = "save the sheet as CSV; " if last in (".xlsx", ".xls", ".ods", ".xlsm") else ""
    raise DataError(
        f"{path} ends in {last!r}, which is not known; {sheet}use .csv, .tsv, .txt (also .gz, .zip), .parquet or .feather"
    )


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f": the folder {path.parent} does not exist either; check the path"
    names = [other.name for other in path.parent.iterdir()]
    near = difflib.get_close_matches(path.name, names, n=2)
    return f"; did you mean {' or '.join(near)}?" if near else "; check the path"


def _read_columnar(source: Any, ending: str, label: str) -> tuple[pa.Table, list[str], list[Finding]]:
    import pyarrow as pa

    try:
        if ending in PARQUET_ENDINGS:
            from pyarrow import parquet

            # One file is read as it is, and not as a part of a data set with columns from folder names.
            with parquet.ParquetFile(source) as file:
                table = file.read()
        else:
            from pyarrow import feather

            table = feather.read_table(source)
    except PermissionError:
        raise
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{label} cannot be read as {ending[1:]} ({reason}); it may be cut or damaged, write it again"
        ) from error
    if not table.num_rows:
        raise DataError(f"{label} has 0 rows; give a table with data")
    return _without_index(table)


def _without_index(table: pa.Table) -> tuple[pa.Table, list[str], list[Finding]]:
    """Leave out the index that pandas wrote beside the data."""
    hidden = [place for place, name in enumerate(table.column_names) if name.startswith("__index_level_")]
    for place in reversed(hidden):
        table = table.remove_column(place)
    return table.replace_schema_metadata(None), list(table.column_names), []
