"""What is wrong with a text table that Arrow could not read, by a slow careful reader, with line numbers."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from automl.data.dialect import LONGEST_CELL, Dialect, ragged_message

if TYPE_CHECKING:
    import pyarrow as pa

    from automl.data.text_content import Content

_OPEN_QUOTE = "unexpected end of data"
LEAST_SWALLOWED = 3
"""Whole rows in a cell that are no chance."""
MOST_LOOKED_AT = 1_000
"""Cells of several lines that are looked at in each column."""


def explain(content: Content, dialect: Dialect, source: str) -> str:
    """The first fault in words: a ragged row, or a quote that is never closed."""
    return open_quote(content, dialect, source) or (
        f"{source} cannot be read as a table: its quotes or separators are uneven; write it again with one separator, "
        "and quote cells that hold it"
    )


def open_quote(content: Content, dialect: Dialect, source: str) -> str | None:
    """Words for the first row that does not fit the header or whose quote is never closed; None if all is well."""
    csv.field_size_limit(LONGEST_CELL)
    text = io.TextIOWrapper(content.open(), encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.reader(text, delimiter=dialect.separator)
    for _ in range(dialect.header_lines):
        next(text, None)
    line, previous = 1, 0
    while True:
        first = dialect.header_lines + line
        try:
            cells = next(reader, None)
        except csv.Error as error:
            return f"{source}, line {first}: {error}; mend that line"
        if cells is None:
            break
        if cells and len(cells) != dialect.width and (len(cells) > 1 or cells[0].strip()):
            return ragged_message(source, first, cells, names=len(dialect.names), separator=dialect.separator)
        previous = first
        line = reader.line_num + 1
    return _never_closed(content, dialect, source, previous)


def _never_closed(content: Content, dialect: Dialect, source: str, line: int) -> str | None:
    """Whether the last record, which starts at `line`, ends inside quotes: the strict reader alone tells."""
    text = io.TextIOWrapper(content.open(), encoding="utf-8-sig", errors="replace", newline="")
    for _ in range(line - 1):
        next(text, None)
    try:
        for _ in csv.reader(text, delimiter=dialect.separator, strict=True):
            pass
    except csv.Error as error:
        if _OPEN_QUOTE in str(error):
            return f'{source}, line {line}: a quote (") that opens there is never closed; mend that line'
    return None


def swallowed_rows(table: pa.Table, dialect: Dialect, source: str) -> str | None:
    """Words for a cell that holds whole rows, as where a quote was forgotten and the next one ends the cell far below; None
    if there is none. Texts of several lines are no rows: their lines do not all have the separators of one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if dialect.width < 2:
        return None
    for place, name in enumerate(dialect.names):
        column = table.column(place)
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            continue
        long = pc.indices_nonzero(pc.fill_null(pc.match_substring(column, "\n"), fill_value=False))
        for row in long.slice(0, MOST_LOOKED_AT).to_pylist():
            cell = column[row].as_py()
            inner = cell.splitlines()[1:-1]
            if len(inner) >= LEAST_SWALLOWED and all(
                line.count(dialect.separator) == dialect.width - 1 for line in inner
            ):
                return (
                    f"{source}, row {row + 1}: the cell of column {name!r} holds {len(inner)} whole rows, beginning with "
                    f'{inner[0][:60]!r}; a quote (") that opens in it is closed much too late: mend that row'
                )
    return None
