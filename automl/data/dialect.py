"""Finding out how a text table is written: encoding, separator, decimal sign."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass

from automl.data.records import MISSING_TOKENS, Finding
from automl.errors import DataError

HEAD_BYTES = 1 << 18
"""Bytes at the start of a file by which its dialect is judged."""
SEPARATORS = (",", ";", "\t", "|")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d+\.\d+")
_LEADING_ZERO = re.compile(r"0\d+")


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
    findings: tuple[Finding, ...] = ()


def find_encoding(head: bytes, source: str, *, complete: bool) -> tuple[str, list[Finding]]:
    """Encoding of a text by its first bytes; DataError for NUL bytes, which no text table has."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, []
    if b"\0" in head:
        line = head[: head.index(b"\0")].count(b"\n") + 1
        raise DataError(
            f"{source} holds a NUL byte in line {line}: it is no text table, or is damaged; save it as CSV again"
        )
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head, final=complete)
    except UnicodeDecodeError:
        return "cp1252", [_not_utf8()]
    return "utf-8", []


def _not_utf8() -> Finding:
    return Finding(
        level="repair", code="encoding", message="the file is not UTF-8; it is read as Windows-1252 (latin-1)"
    )


def decode_head(head: bytes, encoding: str) -> str:
    """Text of the first bytes; a character cut in two at the end is left out."""
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    return text.lstrip("\ufeff")


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
    separator = _find_separator(text)
    records = _parse(text, separator, complete)
    first_line, names = records[0]
    rows = [
        (line, cells)
        for line, cells in records[1:]
        if (cells and any(cell.strip() for cell in cells)) or len(names) == 1
    ]
    names, findings_names = _trailing(names, rows)
    if not rows and complete:
        raise DataError(f"{source} has a header but 0 rows of data; give a table with data")
    _refuse_ragged(source, names, rows, separator)
    findings += findings_names
    cells = tuple(tuple(cells[: len(names)]) for _, cells in rows)
    if names and all(_is_number(name) for name in names):
        findings.append(
            Finding(
                level="warning",
                code="no-header",
                message=f"line {first_line} is read as the header but holds only numbers; add a header if it is data",
            )
        )
    decimal = _find_decimal(cells, separator)
    if decimal == ",":
        findings.append(Finding(level="info", code="decimal-comma", message="numbers are written with a decimal comma"))
    return Dialect(
        encoding=encoding,
        separator=separator,
        decimal=decimal,
        names=tuple(names),
        rows=cells,
        findings=tuple(findings),
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parse(text: str, separator: str, complete: bool) -> list[tuple[int, list[str]]]:
    """Records with the line on which each starts."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    records, line = [], 1
    csv.field_size_limit(1 << 27)
    for cells in reader:
        if cells:
            records.append((line, cells))
        line = reader.line_num + 1
    if not complete and len(records) > 2:
        records.pop()  # may be cut inside quotes
    return records


def _find_separator(text: str) -> str:
    """The separator that splits most lines into the same number of cells, more than one; a comma if none does."""
    best, best_key = ",", (0.0, 0)
    sample = "\n".join(text.splitlines()[:200])
    for separator in SEPARATORS:
        counts = [len(cells) for _, cells in _parse(sample, separator, complete=True)]
        if not counts or max(counts[:1]) < 2:
            continue
        usual = max(set(counts), key=counts.count)
        if usual < 2:
            continue
        key = (round(counts.count(usual) / len(counts), 2), usual)
        if key > best_key:
            best, best_key = separator, key
    return best


def _trailing(names: list[str], rows: list[tuple[int, list[str]]]) -> tuple[list[str], list[Finding]]:
    """Names without an empty last one that only a trailing separator made."""
    if (
        len(names) > 1
        and not names[-1].strip()
        and all(len(row) < len(names) or not row[-1].strip() for _, row in rows)
    ):
        return names[:-1], [
            Finding(
                level="info",
                code="trailing-separator",
                message="lines end with a separator; the empty last column is left out",
            )
        ]
    return names, []


def _refuse_ragged(source: str, names: list[str], rows: list[tuple[int, list[str]]], separator: str) -> None:
    shown = {"\t": "tab"}.get(separator, repr(separator))
    for line, cells in rows:
        if len(cells) == len(names) or (len(cells) == len(names) + 1 and not cells[-1].strip()):
            continue
        hint = " a quote that opens there is not closed;" if any("\n" in cell for cell in cells) else ""
        raise DataError(
            f"{source}, line {line}: {len(cells)} cells, but the header has {len(names)} (separator {shown});{hint} "
            "mend that line, or quote cells that hold the separator"
        )


def _find_decimal(rows: tuple[tuple[str, ...], ...], separator: str) -> str:
    if separator == ",":
        return "."
    comma = sum(bool(_DECIMAL_COMMA.fullmatch(cell.strip())) for row in rows for cell in row)
    point = sum(bool(_DECIMAL_POINT.fullmatch(cell.strip())) for row in rows for cell in row)
    return "," if comma > point else "."


def code_columns(dialect: Dialect) -> list[int]:
    """Columns whose whole numbers start with zeros ("01234"): codes that must stay text."""
    return [
        place
        for place in range(len(dialect.names))
        if any(_LEADING_ZERO.fullmatch(row[place].strip()) for row in dialect.rows if place < len(row))
        and all(
            row[place].strip().isdigit() or row[place].strip() in MISSING_TOKENS
            for row in dialect.rows
            if place < len(row)
        )
    ]
