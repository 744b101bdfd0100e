"""What is wrong with a text table that Arrow could not read, by a slow careful reader, with line numbers."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from automl.data.dialect import LONGEST_CELL, Dialect, ragged_message

if TYPE_CHECKING:
    from automl.data.text_content import Content

_OPEN_QUOTE = "unexpected end of data"


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
