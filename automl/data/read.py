"""Any table a user may give, as Arrow: files by their ending, frames and arrays by what they are."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.data.records import Finding, RawTable
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".dat", ".data")
PARQUET_ENDINGS = (".parquet", ".pq")
ARROW_ENDINGS = (".feather", ".arrow", ".ipc")


def read_table(source: Any, *, dedupe: bool = False) -> RawTable:
    """Read a table from a path, an open file, a pandas, polars or Arrow table, a dict, or a 2-D array.

    Column names come out as unique strings; `dedupe` renames the second "x" to "x.2" instead of refusing it.
    Raises DataError, with line or column, for what cannot be read.
    """
    if isinstance(source, str | Path):
        table, names, findings = _read_path(Path(source))
        label = str(source)
    elif hasattr(source, "read"):
        from automl.data.read_csv import parse_csv

        data = source.read()
        table, names, findings = parse_csv(data.encode() if isinstance(data, str) else data, "the given file")
        label = "the given file"
    else:
        from automl.data.frames import to_arrow

        table, names, findings = to_arrow(source)
        label = f"the given {type(source).__name__}"
    if not len(names):
        raise DataError(f"{label} has no columns; give a table with data")
    clean, more = _clean_names(names, dedupe=dedupe, source=label)
    from automl.data.frames import plain_types

    table = plain_types(table.rename_columns(clean), clean)
    return RawTable(table=table, findings=(*findings, *more), source=label)


def _read_path(path: Path) -> tuple[pa.Table, list[str], list[Finding]]:
    if not path.exists():
        raise DataError(f"{path} does not exist{_nearest_file(path)}")
    if path.is_dir():
        raise DataError(f"{path} is a folder; give a table: CSV, TSV, gz or zip of them, Parquet or Feather")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty: 0 rows; give a table with a header and data")
    endings = [suffix.lower() for suffix in path.suffixes[-2:]]
    last = endings[-1] if endings else ""
    if last in PARQUET_ENDINGS or last in ARROW_ENDINGS:
        return _read_columnar(path, last)
    if last in TEXT_ENDINGS or last in (".gz", ".zip") or not last:
        from automl.data.read_csv import read_csv

        try:
            return read_csv(path)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error}") from error
    raise DataError(
        f"{path} ends in {last!r}, which is not known; use .csv, .tsv, .txt (also .gz, .zip), .parquet or .feather"
    )


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f": the folder {path.parent} does not exist either"
    names = [other.name for other in path.parent.iterdir()]
    near = difflib.get_close_matches(path.name, names, n=2)
    return f"; did you mean {' or '.join(near)}?" if near else "; check the path"


def _read_columnar(path: Path, ending: str) -> tuple[pa.Table, list[str], list[Finding]]:
    import pyarrow as pa

    try:
        if ending in PARQUET_ENDINGS:
            from pyarrow import parquet

            table = parquet.read_table(path)
        else:
            from pyarrow import feather

            table = feather.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read as {ending[1:]} ({str(error).splitlines()[0]}); write it again"
        ) from error
    if not table.num_rows:
        raise DataError(f"{path} has 0 rows; give a table with data")
    return _without_index(table)


def _without_index(table: pa.Table) -> tuple[pa.Table, list[str], list[Finding]]:
    """Leave out the index that pandas wrote beside the data."""
    hidden = [name for name in table.column_names if name.startswith("__index_level_")]
    if hidden:
        table = table.drop_columns(hidden)
    return table.replace_schema_metadata(None), list(table.column_names), []


def _clean_names(names: Sequence[Any], *, dedupe: bool, source: str) -> tuple[list[str], list[Finding]]:
    findings: list[Finding] = []
    clean: list[str] = []
    empty = []
    for place, name in enumerate(names, start=1):
        text = str(name).strip().lstrip("\ufeff")
        if not text:
            text = f"column_{place}"
            empty.append(text)
        clean.append(text)
    if empty:
        findings.append(
            Finding(
                level="repair",
                code="empty-name",
                count=len(empty),
                message=f"{len(empty)} columns have no name and are called {', '.join(empty[:3])}",
            )
        )
    first: dict[str, int] = {}
    for place, name in enumerate(list(clean)):
        if name not in first:
            first[name] = place
            continue
        if not dedupe:
            raise DataError(
                f"{source} has two columns called {name!r}, at positions {first[name] + 1} and {place + 1}; "
                "rename one, or use --dedupe (dedupe=True)"
            )
        number = 2
        while f"{name}.{number}" in clean:
            number += 1
        clean[place] = f"{name}.{number}"
        findings.append(
            Finding(
                level="repair",
                code="duplicate-name",
                column=clean[place],
                message=f"a second column {name!r} at position {place + 1} is called {clean[place]!r}",
            )
        )
    return clean, findings
