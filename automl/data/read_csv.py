"""Text tables through Arrow's reader, after a look at the head has found how they are written."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from automl.data.dialect import (
    HEAD_BYTES,
    HEAD_LINES,
    SPACES,
    Dialect,
    find_dialect,
    parse_records,
    text_columns,
)
from automl.data.encoding import UTF8, fallback_encoding, nul_message, to_utf8
from automl.data.records import MISSING_TOKENS, Finding
from automl.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

Read = tuple["pa.Table", list[str], list[Finding]]
BLOCK_BYTES = 1 << 22
SCAN_BYTES = 1 << 18
"""Fits a core's cache."""
WINDOWS = 24
WINDOW_BYTES = 1 << 15
"""Places further down the file, and their size, where codes such as "01234" are looked for."""
WIDEST_HEAD = 1 << 28


def read_csv(path: Path) -> Read:
    """Table with columns by position, their names as written, and findings. DataError names the line."""
    if path.suffix.lower() in (".gz", ".zip"):
        from automl.data.read_packed import unpack

        data, inside = unpack(path)
        return parse_csv(data, path.name if path.suffix.lower() == ".gz" else f"{path.name}, {inside}")
    import pyarrow as pa

    with pa.memory_map(str(path)) as mapped:
        return _parse(mapped.read_buffer(), path.name)


def parse_csv(data: bytes, source: str) -> Read:
    """The same for bytes in memory."""
    import pyarrow as pa

    return _parse(pa.py_buffer(data), source)


def _parse(content: pa.Buffer, source: str) -> Read:
    import pyarrow as pa

    head, complete = _head(content)
    dialect = find_dialect(head, source, complete=complete)
    encoding = dialect.encoding
    if encoding not in UTF8:
        content = pa.py_buffer(to_utf8(memoryview(content), encoding))
    if dialect.separator == SPACES:
        dialect, content = _spaces_to_tabs(content, dialect)
    found = _with_arrow(content, dialect, source)
    if found is None:
        encoding, finding = fallback_encoding(memoryview(content))
        dialect = replace(dialect, findings=(*dialect.findings, finding))
        found = _with_arrow(pa.py_buffer(to_utf8(memoryview(content), encoding)), dialect, source)
    if found is None:
        raise DataError(f"{source} holds bytes that are no text; save it as UTF-8")
    return found


def _head(content: pa.Buffer) -> tuple[bytes, bool]:
    """First bytes with enough lines, and whether they are all."""
    size = HEAD_BYTES
    while True:
        head = content[:size].to_pybytes()
        if size >= content.size:
            return head, True
        if head.count(b"\n") + head.count(b"\r") >= HEAD_LINES or size >= WIDEST_HEAD:
            return head, False
        size *= 4


def _spaces_to_tabs(content: pa.Buffer, dialect: Dialect) -> tuple[Dialect, pa.Buffer]:
    """Runs of spaces outside quotes become tabs, line by line, so that line numbers stay."""
    import csv
    import io

    import pyarrow as pa

    text = content.to_pybytes().decode("utf-8-sig", errors="surrogateescape")
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    for line in text.splitlines():
        writer.writerow(next(csv.reader([line.strip(" ")], delimiter=" ", skipinitialspace=True), []))
    changed = out.getvalue().encode("utf-8", errors="surrogateescape")
    return replace(dialect, separator="\t"), pa.py_buffer(changed)


def _after_lines(content: pa.Buffer, lines: int) -> int:
    """Place of the first byte after so many lines, whatever ends them."""
    place = 0
    ends = re.compile(rb"\r\n|\n|\r")
    view = memoryview(content)
    for _ in range(lines):
        found = ends.search(view, place)
        if found is None:
            return len(view)
        place = found.end()
    return place


def _scan(content: pa.Buffer, first: int, source: str) -> bool:
    """Whether quotes occur from byte `first` on, where the data begins; DataError for a NUL byte, with its line. One pass that keeps nothing."""
    view, quotes = memoryview(content), False
    for start in range(first, len(view), SCAN_BYTES):
        chunk = bytes(view[start : start + SCAN_BYTES])
        nul = chunk.find(b"\0")
        if nul >= 0:
            line = 1 + bytes(view[: start + nul]).count(b"\n")
            raise DataError(nul_message(source, line))
        quotes = quotes or b'"' in chunk
    return quotes


def _windows(content: pa.Buffer, dialect: Dialect, start: int) -> list[list[str]]:
    """Rows from places all over the file."""
    rest = content.size - start
    if rest <= HEAD_BYTES:
        return []
    rows = []
    step = (rest - WINDOW_BYTES) // (WINDOWS - 1)
    for number in range(WINDOWS):
        place = start + number * step
        text = content[place : place + WINDOW_BYTES].to_pybytes().decode(errors="replace")
        records = parse_records(text, dialect.separator, complete=True)[1:-1]
        rows += [cells for _, _, cells in records if len(cells) == dialect.width]
    return rows


def _with_arrow(content: pa.Buffer, dialect: Dialect, source: str) -> Read | None:
    """Arrow's table; None when the bytes turn out not to be UTF-8."""
    import pyarrow as pa

    names = [f"c{place}" for place in range(len(dialect.names))]
    start = _after_lines(content, dialect.header_lines)
    quotes = _scan(content, start, source)
    data = content.slice(start)
    types = {names[place]: pa.string() for place in text_columns(dialect, _windows(content, dialect, start))}
    block = BLOCK_BYTES
    while True:
        try:
            table = _arrow_table(data, dialect, types, quotes=quotes, block=block)
        except pa.ArrowInvalid as error:
            message = str(error)
            if "UTF8" in message or "UTF-8" in message:
                return None
            if "straddl" in message and block < min(data.size, 1 << 30):
                block = min(block * 8, 1 << 30)  # a row, or a quoted cell, longer than a block
                continue
            from automl.data.read_faults import explain

            raise DataError(explain(content, dialect, source)) from error
        times = [field.name for field in table.schema if pa.types.is_time(field.type)]
        if not times:
            break
        types |= dict.fromkeys(times, pa.string())  # times of day stay as they are written
    if any(pa.types.is_binary(kind) for kind in table.schema.types):
        return None
    if not table.num_rows:
        raise DataError(f"{source} has a header but 0 rows of data; give a table with data")
    if quotes:
        _refuse_open_quote(table, content, dialect, source)
    return _empty_as_null(table), list(dialect.names), list(dialect.findings)


def _arrow_table(
    data: pa.Buffer, dialect: Dialect, types: dict[str, pa.DataType], *, quotes: bool, block: int
) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    names = [f"c{place}" for place in range(dialect.width)]

    def on_ragged(row: Any) -> str:
        return "skip" if row.actual_columns == 1 and not row.text.strip() else "error"

    return csv.read_csv(
        pa.BufferReader(data),
        read_options=csv.ReadOptions(column_names=names, block_size=block),
        parse_options=csv.ParseOptions(
            delimiter=dialect.separator,
            # Blocks are cut much faster where no quotes can hide the end of a line.
            newlines_in_values=quotes,
            quote_char='"' if quotes else False,
            invalid_row_handler=on_ragged,
        ),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=list(MISSING_TOKENS),
            strings_can_be_null=False,
            quoted_strings_can_be_null=True,
            decimal_point=dialect.decimal,
            include_columns=names[: len(dialect.names)],
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
        ),
    )


def _refuse_open_quote(table: pa.Table, content: pa.Buffer, dialect: Dialect, source: str) -> None:
    """A quote that is never closed makes the rest of the file one cell of the last row."""
    import pyarrow as pa

    last = table.slice(table.num_rows - 1)
    cells = [last.column(place)[0].as_py() for place, kind in enumerate(last.schema.types) if pa.types.is_string(kind)]
    if not any("\n" in cell or "\r" in cell for cell in cells if cell):
        return
    from automl.data.read_faults import open_quote

    fault = open_quote(content, dialect, source)
    if fault is not None:
        raise DataError(fault)


def _empty_as_null(table: pa.Table) -> pa.Table:
    """Empty cells of text columns are missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(place)
            empty = pc.equal(column, "")
            if pc.any(empty).as_py():
                column = pc.if_else(empty, pa.scalar(None, pa.string()), column)
                table = table.set_column(place, field.name, column)
    return table
