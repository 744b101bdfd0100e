"""Digits in a text table that are no plain numbers: codes such as "007", and whole numbers beyond 64 bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import MISSING_TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

PIECE_BYTES = 1 << 17
"""Fits a core's cache."""
_CODE = "^0[0-9]"
_WHOLE = r"^\s*[+-]?[0-9]+\s*$"


@dataclass
class ZeroCounter:
    """Counts cells that begin with a zero and another digit, piece by piece, while a file is scanned anyway."""

    separator: str
    line_end: int = ord("\n")
    count: int = 0
    _flags: list[NDArray[np.bool_]] = field(default_factory=lambda: [np.empty(PIECE_BYTES + 2, bool) for _ in range(3)])

    def add(self, piece: NDArray[np.uint8], *, quotes: bool) -> None:
        """Count in a piece of at most `PIECE_BYTES` + 2 bytes, of which the first two were the last of the piece before."""
        size = len(piece) - 2
        if size < 1:
            return
        found, other, more = (flags[:size] for flags in self._flags)
        before, zero, after = piece[:size], piece[1 : size + 1], piece[2:]
        np.equal(zero, ord("0"), out=found)
        np.less(np.subtract(after, ord("0"), out=more.view(np.uint8)), 10, out=other)
        np.logical_and(found, other, out=found)
        np.equal(before, ord(self.separator), out=other)
        np.logical_or(other, np.equal(before, self.line_end, out=more), out=other)
        if quotes:
            np.logical_or(other, np.equal(before, ord('"'), out=more), out=other)
        self.count += int(np.count_nonzero(np.logical_and(found, other, out=found)))


def with_codes(table: pa.Table, zeros: int, read_as_text: Callable[[list[str]], pa.Table]) -> pa.Table:
    """The table with columns of whole numbers as text where some cell had a leading zero, of which the file has `zeros`.

    `read_as_text` reads some columns once more; it is not asked where the columns of text have all those cells.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    if not whole or zeros <= sum(_codes(table.column(field.name)) for field in table.schema if _is_text(field)):
        return table
    texts = dict(zip(whole, read_as_text(whole).columns, strict=True))
    codes = {
        name: text
        for name, text in texts.items()
        if pc.any(pc.match_substring_regex(pc.utf8_trim_whitespace(text), _CODE)).as_py()
    }
    return with_columns(table, codes)


def with_columns(table: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    """The table with other columns of some names: setting them one by one would copy the list of all each time."""
    import pyarrow as pa

    if not columns:
        return table
    both = zip(table.column_names, table.columns, strict=True)
    return pa.Table.from_arrays([columns.get(name, column) for name, column in both], table.column_names)


def _is_text(field: pa.Field) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(field.type))


def _codes(column: Any) -> int:
    """How many cells of a text column begin with a zero and another digit."""
    import pyarrow.compute as pc

    zero = column.filter(pc.starts_with(column, "0"))
    return int(pc.sum(pc.match_substring_regex(zero, _CODE)).as_py() or 0)


def plain_whole_numbers(column: Any) -> Any:
    """A text column that was thought to hold whole numbers beyond 64 bits, as what it holds.

    As unsigned numbers where all fit; as text where fractions would make different ones equal; else as fractions.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pc.is_in(pc.utf8_trim_whitespace(column), value_set=pa.array(MISSING_TOKENS))
    bare = pc.if_else(missing, pa.scalar(None, pa.string()), pc.utf8_trim_whitespace(column))
    if bare.null_count == len(bare):
        return column
    if pc.all(pc.match_substring_regex(bare, _WHOLE)).as_py():
        try:
            return pc.cast(bare, pa.uint64())
        except pa.ArrowInvalid:  # some are negative or longer still
            different = pc.unique(bare)
            if len(pc.unique(pc.cast(different, pa.float64()))) < len(different):
                return bare
    try:
        return pc.cast(bare, pa.float64())
    except pa.ArrowInvalid:
        return column
