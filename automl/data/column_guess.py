"""What a look at some rows of a text table says about its columns, before they are read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from automl.data.records import MISSING_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl.data.dialect import Dialect

_CODE = re.compile(r"0\d+|0[xX][0-9a-fA-F]+")
_WHOLE = re.compile(r"[+-]?\d+|0[xX][0-9a-fA-F]+")
_TIME = re.compile(r"\d\d:\d\d(:\d\d(\.\d+)?)?")
_PERHAPS_TEXT = re.compile(r"^[^\S\n]*(0[\dxX]|\d\d:)", re.MULTILINE)
_PERHAPS_LONG = re.compile(r"\d{18}")
"""What a column must hold somewhere to be of interest: looked for in all its cells at once."""
WIDE = 200
"""From so many columns on, finding out types costs as much as reading."""
FEW = 12
"""Cells, about, by which such a type is guessed: a wrong guess only costs time."""


def beyond_64_bits(dialect: Dialect, more: list[list[str]]) -> list[int]:
    """Columns with whole numbers that need more than 63 bits: Arrow would read fractions, and lose digits."""
    return [
        place
        for place, cells in _columns(dialect, more)
        if _PERHAPS_LONG.search("\n".join(cells))
        and any(len(cell) > 18 and _WHOLE.fullmatch(cell.strip()) and _is_long(cell) for cell in cells)
    ]


def text_columns(dialect: Dialect, more: list[list[str]]) -> list[int]:
    """Columns that must stay text though Arrow would read numbers or times: codes such as "01234" or "0x1F",
    whose zeros would be lost, and times of day. `more` are rows from further down the file.
    """
    found = []
    for place, seen in _columns(dialect, more):
        if not _PERHAPS_TEXT.search("\n".join(seen)):
            continue
        cells = [cell for cell in map(str.strip, seen) if cell not in MISSING_TOKENS]
        is_code = any(map(_CODE.fullmatch, cells)) and all(map(_WHOLE.fullmatch, cells))
        if is_code or (cells and all(map(_TIME.fullmatch, cells))):
            found.append(place)
    return found


def fraction_columns(dialect: Dialect, more: list[list[str]]) -> list[int]:
    """Columns of wide tables that look like fractions: Arrow reads them twice as fast when it need not find out."""
    if dialect.width < WIDE or dialect.decimal != ".":
        return []
    return [place for place, cells in _columns(dialect, more) if _are_fractions(cells[:: max(1, len(cells) // FEW)])]


def _columns(dialect: Dialect, more: list[list[str]]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Places of the columns, and the cells of each that were seen."""
    width = len(dialect.names)
    return enumerate(zip(*dialect.rows, *(row[:width] for row in more), strict=True))


def _are_fractions(cells: tuple[str, ...]) -> bool:
    known = [cell for cell in cells if cell not in MISSING_TOKENS]
    try:
        return any("." in cell for cell in known) and bool([float(cell) for cell in known])
    except ValueError:
        return False


def _is_long(text: str) -> bool:
    try:
        return abs(int(text)) >= 2**63
    except ValueError:  # hexadecimal
        return False
