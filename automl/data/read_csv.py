"""Text tables through Arrow's reader, after a look at the head has found how they are written."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from automl.data.dialect import HEAD_BYTES, Dialect, code_columns, find_dialect
from automl.data.records import MISSING_TOKENS, Finding
from automl.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

UNPACKED_LIMIT = 1 << 34
"""A packed table may unpack to 16 GiB at most, and to `UNPACKED_RATIO` times its size."""
UNPACKED_RATIO = 1000


def read_csv(path: Path) -> tuple[pa.Table, list[str], list[Finding]]:
    """Table with columns by position, their names as written, and findings. DataError names the line."""
    source = path.name
    if path.suffix.lower() == ".gz":
        return parse_csv(_gunzip(path), source)
    if path.suffix.lower() == ".zip":
        return parse_csv(_unzip(path), source)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    complete = len(head) < HEAD_BYTES
    dialect = find_dialect(head, source, complete=complete)
    if dialect.encoding in ("utf-8", "utf-8-sig"):
        import pyarrow as pa

        with pa.memory_map(str(path)) as mapped:
            found = _try_arrow(mapped, dialect, source)
        if found is not None:
            return found
    return parse_csv(path.read_bytes(), source, dialect)


def parse_csv(data: bytes, source: str, dialect: Dialect | None = None) -> tuple[pa.Table, list[str], list[Finding]]:
    """The same for bytes in memory."""
    import pyarrow as pa

    dialect = dialect or find_dialect(data[:HEAD_BYTES], source, complete=len(data) <= HEAD_BYTES)
    if dialect.encoding not in ("utf-8", "utf-8-sig"):
        data = data.decode(dialect.encoding, errors="replace").encode()
    elif not _is_utf8(data):
        from automl.data.dialect import _not_utf8

        data = data.decode("cp1252", errors="replace").encode()
        dialect = Dialect(**{**vars(dialect), "findings": (*dialect.findings, _not_utf8())})
    nul = data.find(b"\0")
    if nul >= 0:
        line = data[:nul].count(b"\n") + 1
        raise DataError(f"{source} holds a NUL byte in line {line}; mend that line")
    found = _try_arrow(pa.BufferReader(data), dialect, source)
    if found is None:
        raise DataError(f"{source} holds bytes that are no text; save it as UTF-8")
    return found


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _try_arrow(stream: Any, dialect: Dialect, source: str) -> tuple[pa.Table, list[str], list[Finding]] | None:
    """Arrow's table; None when the bytes turn out not to be UTF-8. Types are widened where a later block needs it."""
    import pyarrow as pa
    from pyarrow import csv

    names = [f"c{place}" for place in range(len(dialect.names))]
    trailing = [f"c{len(names)}"] if any(f.code == "trailing-separator" for f in dialect.findings) else []
    types: dict[str, pa.DataType] = {names[place]: pa.string() for place in code_columns(dialect)}
    ragged: list[tuple[int, int]] = []

    def on_ragged(row: Any) -> str:
        if not ragged:
            ragged.append((row.number or 0, row.actual_columns))
        return "error"

    while True:
        stream.seek(0)
        try:
            table = csv.read_csv(
                stream,
                read_options=csv.ReadOptions(
                    column_names=names + trailing, skip_rows_after_names=1, block_size=1 << 22
                ),
                parse_options=csv.ParseOptions(
                    delimiter=dialect.separator,
                    newlines_in_values=True,
                    invalid_row_handler=on_ragged,
                    ignore_empty_lines=len(names) > 1,
                ),
                convert_options=csv.ConvertOptions(
                    column_types=types,
                    null_values=list(MISSING_TOKENS),
                    strings_can_be_null=False,
                    quoted_strings_can_be_null=True,
                    decimal_point=dialect.decimal,
                    include_columns=names,
                    true_values=["true", "True", "TRUE"],
                    false_values=["false", "False", "FALSE"],
                ),
            )
        except pa.ArrowInvalid as error:
            if "UTF8" in str(error) or "UTF-8" in str(error):
                return None
            if ragged or not _widen(str(error), names, types):
                raise DataError(_explain(stream, dialect, source, ragged, str(error))) from error
            continue
        break
    if not table.num_rows:
        raise DataError(f"{source} has a header but 0 rows of data; give a table with data")
    return _empty_as_null(_times_as_text(table)), list(dialect.names), list(dialect.findings)


def _widen(message: str, names: list[str], types: dict[str, pa.DataType]) -> bool:
    """Give the column that a conversion error names a wider type: a number with fractions, then text."""
    import re

    import pyarrow as pa

    place = re.search(r"column #(\d+)", message)
    if place is None:
        return False
    name = names[min(int(place.group(1)), len(names) - 1)]
    if types.get(name) == pa.string():
        return False
    types[name] = pa.float64() if "int64" in message and name not in types else pa.string()
    return True


def _explain(stream: Any, dialect: Dialect, source: str, ragged: list[tuple[int, int]], message: str) -> str:
    """Words with a line number for what Arrow could not read."""
    line = _first_ragged_line(stream, dialect)
    if line is not None:
        number, cells = line
        return (
            f"{source}, line {number}: {cells} cells, but the header has {len(dialect.names)} "
            f"(separator {dialect.separator!r}); mend that line, or quote cells that hold the separator"
        )
    if ragged:
        return f"{source}, record {ragged[0][0]}: {ragged[0][1]} cells, but the header has {len(dialect.names)}; mend that line"
    first = message.splitlines()[0]
    return f"{source} cannot be read as a table ({first}); check its quotes and separators"


def _first_ragged_line(stream: Any, dialect: Dialect) -> tuple[int, int] | None:
    """Line and number of cells of the first record that does not fit the header, by a slow careful reader."""
    import csv

    stream.seek(0)
    text = io.TextIOWrapper(io.BytesIO(stream.read()), encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(text, delimiter=dialect.separator)
    line = 1
    for cells in reader:
        if cells and len(cells) != len(dialect.names):
            return line, len(cells)
        line = reader.line_num + 1
    return None


def _times_as_text(table: pa.Table) -> pa.Table:
    """Times of day without a date stay text: there is no number that all tools agree on."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if pa.types.is_time(field.type):
            table = table.set_column(place, field.name, pc.cast(table.column(place), pa.string()))
    return table


def _empty_as_null(table: pa.Table) -> pa.Table:
    """Empty cells of text columns are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(place)
            empty = pc.equal(column, "")
            if pc.any(empty).as_py():
                table = table.set_column(place, field.name, pc.if_else(empty, pa.scalar(None, pa.string()), column))
    return table


def _gunzip(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return _bounded(file, path.name, path.stat().st_size)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} is no sound gzip file ({error}); pack it again") from error


def _unzip(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
            if len(names) != 1:
                raise DataError(f"{path.name} holds {len(names)} files ({', '.join(names[:5])}); pack one table alone")
            with archive.open(names[0]) as file:
                return _bounded(file, path.name, path.stat().st_size)
    except (OSError, zipfile.BadZipFile, RuntimeError, zlib.error) as error:
        raise DataError(f"{path.name} is no sound zip file ({error}); pack it again") from error


def _bounded(file: Any, name: str, packed: int) -> bytes:
    limit = min(UNPACKED_LIMIT, max(packed * UNPACKED_RATIO, 1 << 24))
    data: bytes = file.read(limit + 1)
    if len(data) > limit:
        raise DataError(
            f"{name} unpacks to more than {limit / 2**20:,.0f} MiB, which is no sound table; unpack it yourself"
        )
    return data
