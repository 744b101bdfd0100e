"""What is wrong with a text table that Arrow could not read, by a slow careful reader, with line numbers."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from automl.data.dialect import LONGEST_CELL, Dialect, ragged_message
from automl.data.records import MISSING_TOKENS
from automl.scalars import writes_number

if TYPE_CHECKING:
    import pyarrow as pa

    from automl.data.text_content import Content

_OPEN_QUOTE = "unexpected end of data"
LEAST_SWALLOWED, LEAST_ALIKE = 3, 6
"""Lines in a cell, and cells of them that look like their column, that are no chance."""
SHARE_ALIKE = 0.9
"""Share of those cells, at least: swallowed rows may bring a label that the column has nowhere else."""
MOST_LABELS = 1_000
"""Columns of more different texts hold words, which tell nothing."""
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
    if there is none.

    Texts of several lines are no rows, even where all of their lines have the separators of one: cells of rows are numbers
    where their column has numbers, and labels that it has elsewhere.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if dialect.width < 2:
        return None
    alike = _Alike(table)
    for place, name in enumerate(dialect.names):
        column = table.column(place)
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            continue
        long = pc.indices_nonzero(pc.fill_null(pc.match_substring(column, "\n"), fill_value=False))
        for row in long.slice(0, MOST_LOOKED_AT).to_pylist():
            # The first line is the rest of the row in which the quote was forgotten.
            lines = column[row].as_py().splitlines()[:-1]
            counts = [line.count(dialect.separator) for line in lines]
            whole = [dialect.width - 1] * (len(lines) - 1)
            if len(whole) < LEAST_SWALLOWED or counts != [dialect.width - 1 - place, *whole]:
                continue
            first, *inner = [line.split(dialect.separator) for line in lines]
            if alike.are_rows([[*[None] * (place + 1), *first[1:]], *inner]):
                return (
                    f"{source}, row {row + 1}: the cell of column {name!r} holds {len(inner)} whole rows, beginning with "
                    f'{lines[1][:60]!r}; a quote (") that opens in it is closed much too late: mend that row'
                )
    return None


class _Alike:
    """Whether cells look like those of the columns of a table; each column is looked at when it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._labels: dict[int, set[str] | None] = {}

    def are_rows(self, lines: list[list[str | None]]) -> bool:
        """Whether lines of cells are rows of the table, by the columns that can tell; None is a cell that is not known."""
        told = []
        for place in range(self._table.num_columns):
            if place not in self._labels:
                self._labels[place] = self._labels_of(place)
            labels = self._labels[place]
            cells = [cell.strip() for line in lines if (cell := line[place]) is not None]
            if labels is None:
                told += [cell in MISSING_TOKENS or writes_number(cell.replace(",", ".")) for cell in cells]
            elif labels:
                told += [cell in labels for cell in cells]
        return len(told) >= LEAST_ALIKE and sum(told) >= SHARE_ALIKE * len(told)

    def _labels_of(self, place: int) -> set[str] | None:
        """The texts of a column, none where they are too many to tell anything; None for a column of numbers."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = self._table.column(place)
        kind = column.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return None
        if pa.types.is_null(kind):
            return set()
        different = pc.unique(column)
        texts = [text.strip() for text in pc.cast(different.slice(0, MOST_LABELS + 2), pa.string()).to_pylist() if text]
        if pa.types.is_string(kind):
            # Among numbers, a cell that swallowed rows made the column one of text.
            if sum(map(writes_number, texts)) >= SHARE_ALIKE * len(texts):
                return None
            often = len(different) <= min(MOST_LABELS, len(column) / 2)
            return {*texts, ""} if often else set()
        return set()
