"""Finding out how a text table is written: separator, quotes, header, decimal sign."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

from automl.data.encoding import decode_head, find_encoding
from automl.data.numbers_as_text import are_grouped
from automl.data.records import Finding
from automl.errors import DataError
from automl.scalars import writes_number

HEAD_BYTES = 1 << 18
"""Bytes at the start of a file by which its dialect is judged."""
HEAD_LINES = 20
"""A head has at least so many lines, however wide the table is."""
SPACES = " "
"""Stands for runs of spaces between cells."""
SEPARATORS = (",", ";", "\t", "|", SPACES)
SAMPLE_CHARACTERS = 1 << 18
SAMPLE_LINES = 8
"""The separator is looked for in so much text, but in so many lines at least."""
LONGEST_CELL = 1 << 27
_LINE_END = re.compile(r"\r\n|\n|\r")
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_GROUPED_COMMA = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+,\d+")
_GROUPED_POINT = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+\.\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d+\.\d+([eE][+-]?\d+)?")
_EITHER_WAY = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
"""Decimals or thousands."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a text table is written."""

    encoding: str
    separator: str
    decimal: str
    names: tuple[str, ...]
    """Column names as written in the header."""
    rows: tuple[tuple[str, ...], ...]
    """Cells of the first data rows, of equal length with the names."""
    width: int
    """Cells in a row: one more than names where lines end with a separator."""
    header_lines: int
    """Lines up to the end of the header; the first data row starts after them."""
    findings: tuple[Finding, ...] = ()
    texts: frozenset[int] = frozenset()
    """Places of columns that stay text, whatever their cells look like."""


def find_dialect(head: bytes, source: str, *, complete: bool) -> Dialect:
    """Dialect of a text table by its first bytes; `complete` when they are the whole file.

    Raises DataError for an empty table, ragged rows (with the line number) and broken quotes.
    """
    encoding, findings = find_encoding(head, source, complete=complete)
    text = decode_head(head, encoding)
    if not complete:
        cut = max(text.rfind("\n"), text.rfind("\r"))
        text = text[: cut + 1] if cut > 0 else text
    if not text.strip():
        raise DataError(f"{source} is empty: 0 rows; give a table with a header and data")
    told = _SEPARATOR_LINE.fullmatch(_LINE_END.split(text, maxsplit=1)[0])
    text, comments = (text, 0) if told else _without_comments(text)
    separator = told.group(1) if told else find_separator(text)
    records = [
        (first + comments, last + comments, cells)
        for first, last, cells in parse_records(text, separator, complete=complete)[1 if told else 0 :]
    ]
    if not records:
        raise DataError(f"{source} has 0 rows; give a table with a header and data")
    first_line, last_line, names = records[0]
    rows = [(line, cells) for line, _, cells in records[1:] if any(cell.strip() for cell in cells) or len(names) == 1]
    if not rows and complete:
        if any("\n" in name or "\r" in name for name in names):
            raise DataError(
                f'{source}, line {first_line}: a quote (") that opens there is never closed; mend that line'
            )
        raise DataError(f"{source} has a header but 0 rows of data; give a table with data")
    names, width, found = _trailing(names, rows)
    findings += found
    _refuse_ragged(source, names, rows, separator, width)
    cells = tuple(tuple(row[: len(names)]) for _, row in rows)
    decimal, by_groups = _find_decimal(cells, separator)
    if comments:
        message = f"{comments} comment lines above the header, which start with #, are left out"
        findings.append(Finding(level="info", code="comments", count=comments, message=message))
    findings += _header_findings(names, first_line, separator)
    if decimal == ",":
        findings.append(_comma_finding(by_groups))
    return Dialect(
        encoding=encoding,
        separator=separator,
        decimal=decimal,
        names=tuple(names),
        rows=cells,
        width=width,
        header_lines=last_line,
        findings=tuple(findings),
    )


def _without_comments(text: str) -> tuple[str, int]:
    """The text without the lines above the header that start with #, and their number.

    A last such line with as many cells as the next one is the header.
    """
    lines = list(io.StringIO(text, newline=""))
    count = next((place for place, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if not count or count == len(lines):
        return text, 0
    rest = "".join(lines[count:])
    separator = find_separator(rest)
    above, below = (parse_records(line, separator, complete=True) for line in (lines[count - 1], rest))
    if below and len(above[0][2]) == len(below[0][2]) and (len(below[0][2]) > 1 or count == 1):
        count -= 1
    return "".join(lines[count:]), count


def shown_separator(separator: str) -> str:
    """A separator as people call it."""
    return {"\t": "tab", SPACES: "space"}.get(separator, repr(separator))


def parse_records(text: str, separator: str, *, complete: bool) -> list[tuple[int, int, list[str]]]:
    """Records that are not blank, each with its first and last line."""
    records, first = [], 1
    csv.field_size_limit(LONGEST_CELL)
    lines = io.StringIO(text, newline="")
    spaces = separator == SPACES
    reader = csv.reader(
        (line.strip(" \r\n") if spaces else line for line in lines), delimiter=separator, skipinitialspace=spaces
    )
    for cells in reader:
        if cells and (len(cells) > 1 or cells[0].strip()):
            records.append((first, reader.line_num, cells))
        first = reader.line_num + 1
    if not complete and len(records) > 2:
        records.pop()  # may be cut inside quotes
    return records


def find_separator(text: str) -> str:
    """The separator that splits most lines into the same number of cells, more than one; a comma if none does.

    Spaces count only where no other separator does, every line fits, and a column holds numbers: words have spaces
    too.
    """
    best, best_key = ",", (0.0, 0)
    lines = _LINE_END.split(text[:SAMPLE_CHARACTERS], maxsplit=200)[:200]
    if len(text) > SAMPLE_CHARACTERS and len(lines) < 200:  # the last one is cut
        lines = lines[:-1] if len(lines) > SAMPLE_LINES else _LINE_END.split(text, maxsplit=SAMPLE_LINES)[:SAMPLE_LINES]
    sample = "\n".join(lines)
    for separator in SEPARATORS:
        if separator not in lines[0] and '"' not in lines[0]:
            continue  # the header is one cell then
        records = parse_records(sample, separator, complete=True)
        counts = [len(cells) for _, _, cells in records]
        if not counts or counts[0] < 2:
            continue
        usual = max(set(counts), key=counts.count)
        share = round(counts.count(usual) / len(counts), 2)
        if separator == SPACES and (best_key[0] or share < 1 or not _has_numbers([cells for _, _, cells in records])):
            continue
        if usual >= 2 and (share, usual) > best_key:
            best, best_key = separator, (share, usual)
    return best


def _has_numbers(records: list[list[str]]) -> bool:
    """Whether some column below the header holds only numbers."""
    return len(records) > 2 and any(all(map(writes_number, column)) for column in zip(*records[1:], strict=True))


def _trailing(names: list[str], rows: list[tuple[int, list[str]]]) -> tuple[list[str], int, list[Finding]]:
    """Names, cells in a row, and a finding, where a separator ends the header, the rows, or both."""
    finding = Finding(
        level="info", code="trailing-separator", message="lines end with a separator; the empty last column is left out"
    )
    most = len(names)
    if rows and all(len(row) == most + 1 and not row[-1].strip() for _, row in rows):
        return names, most + 1, [finding]
    if most > 1 and not names[-1].strip():
        if rows and all(len(row) == most and not row[-1].strip() for _, row in rows):
            return names[:-1], most, [finding]
        if rows and all(len(row) == most - 1 for _, row in rows):
            return names[:-1], most - 1, [finding]
    return names, most, []


def _refuse_ragged(
    source: str, names: list[str], rows: list[tuple[int, list[str]]], separator: str, width: int
) -> None:
    for line, cells in rows:
        if len(cells) == width:
            continue
        raise DataError(ragged_message(source, line, cells, names=len(names), separator=separator))


def ragged_message(source: str, line: int, cells: list[str], *, names: int, separator: str) -> str:
    """Words for a row that does not fit the header."""
    hint = ""
    if any("\n" in cell for cell in cells):
        hint = " a quote that opens there is not closed in its line;"
    elif names == 1 and len(cells) > 1:
        hint = " if a title stands above the header, delete it;"
    elif any("\\" in cell for cell in cells):
        hint = ' a quote inside quotes is written twice (""), a backslash before it does not count;'
    elif any(cell[:1] == "'" or cell[-1:] == "'" for cell in cells):
        hint = " single quotes do not quote, double ones do;"
    return (
        f"{source}, line {line}: {len(cells)} cell{'' if len(cells) == 1 else 's'}, but the header has {names} "
        f"(separator {shown_separator(separator)});{hint} mend that line, or quote cells that hold the separator"
    )


def _header_findings(names: list[str], line: int, separator: str) -> list[Finding]:
    findings = []
    if names and all(writes_number(name) for name in names):
        message = f"line {line} is read as the header but holds only numbers; add a header if it is data"
        findings.append(Finding(level="warning", code="no-header", message=f"first line looks like data: {message}"))
    odd = re.search(r"[:^~\x01\x1f]", names[0]) if len(names) == 1 else None
    if odd:
        message = (
            f"the whole line {names[0][:60]!r} is read as one column; if {odd.group()!r} separates cells, "
            "write the table with comma, semicolon, tab or |"
        )
        findings.append(Finding(level="warning", code="one-column", message=message))
    return findings


def _find_decimal(rows: tuple[tuple[str, ...], ...], separator: str) -> tuple[str, str]:
    """The comma where a cell like "1.234,5" leaves no doubt, or where more numbers have a comma than a point.

    Those that could be thousands ("1.234") count only where the others do not tell. Beside it, the number by which points group thousands
    where nothing else tells; else an empty text.
    """
    if separator == ",":
        return ".", ""
    cells = [cell.strip() for row in rows for cell in row]
    if any(map(_GROUPED_COMMA.fullmatch, cells)):
        return "," if not any(map(_GROUPED_POINT.fullmatch, cells)) else ".", ""
    commas = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
    points = [cell for cell in cells if _DECIMAL_POINT.fullmatch(cell)]
    sure = [sum(not _EITHER_WAY.fullmatch(cell) for cell in some) for some in (commas, points)]
    if points and not commas and not sure[1] and any(are_grouped(column) for column in zip(*rows, strict=True)):
        return ",", points[0]
    comma, point = sure if sure[0] != sure[1] else (len(commas), len(points))
    return "," if comma > point else ".", ""


def _comma_finding(by_groups: str) -> Finding:
    if not by_groups:
        return Finding(level="info", code="decimal-comma", message="numbers are written with a decimal comma")
    message = (
        f"the point in numbers such as {by_groups!r} is taken to group thousands in the whole file, as a column has whole numbers below "
        "1,000 that are larger than those would be as decimals; if it is a decimal point, write those with one, too"
    )
    return Finding(level="warning", code="decimal-comma", message=message)
