"""How much of a table a time budget allows to read: short budgets take rows from all over it, and say so.

Reading is bound by the size of the table, not by the budget: a gigabyte read in full would leave nothing of ten
seconds. The amount follows from the budget and the size alone, never from measured speed, so that the same budget
always takes the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from automl.data.dialect import HEAD_BYTES, Dialect, parse_records
from automl.data.encoding import WideCoding
from automl.data.records import Finding
from automl.data.text_content import Content
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

START_SECONDS = 3.0
"""What starting processes, importing libraries and saving take of every budget."""
READ_SHARE = 0.3
"""Share of the rest of the time budget that reading and encoding may take."""
TEXT_BYTES_PER_SECOND = 20_000_000
"""Text tables are read, judged and encoded at 25 to 50 MB/s on two cores; cautious."""
WORDS_BYTES_PER_SECOND = 6_000_000
"""Free text is cut into words and hashed at about so many bytes a second, and models of words take their time, too."""
WORDS = 4
"""Cells of so many words, on average, are free text."""
CELLS_PER_SECOND = 550_000
"""Cells (rows x columns) for each second of the budget. A booster needs about 3.6e-6 s per cell for 300 rounds on one
thread: with more, the whole budget would not do for a third of one fit."""
UNPACKED_BYTES_PER_SECOND = 200_000_000
"""Packed files are unpacked as fast."""
LEAST_ROWS_PER_SECOND = 1_000
"""Wide tables keep at least so many rows for each second of the budget."""
SAMPLED = "sampled-rows"
"""Code of the finding that says so."""
BLOCKS = 64
"""Places of a text file that rows are taken from."""
BLOCK_ROWS = 8
"""Rows that each of them holds at least, about; tables with long rows have fewer blocks."""
FIRST_CELLS = 20
"""Cells of a column that tell whether it is free text."""
LEAST_ROWS = 64
"""Rows that are read of every table, however long they are."""
START_BYTES = 1 << 14
"""Bytes of a block, at least, that are parsed to see where a row starts; three rows where these are longer."""


@dataclass(frozen=True, kw_only=True)
class ReadLimit:
    """Most that is read of a table."""

    seconds: float
    """The time budget it follows from."""

    @property
    def useful_seconds(self) -> float:
        """What is left of the budget after the fixed costs of a run."""
        return max(self.seconds - START_SECONDS, self.seconds / 5)

    @property
    def text_bytes(self) -> int:
        """Bytes of a text table."""
        return int(READ_SHARE * self.useful_seconds * TEXT_BYTES_PER_SECOND)

    @property
    def words_bytes(self) -> int:
        """Bytes of free text."""
        return int(READ_SHARE * self.useful_seconds * WORDS_BYTES_PER_SECOND)

    @property
    def unpacked_bytes(self) -> int:
        """Bytes that are unpacked of a packed file, from its start: nobody can begin in the middle of one."""
        return int(READ_SHARE * self.useful_seconds * UNPACKED_BYTES_PER_SECOND)

    def rows(self, columns: int) -> int:
        """Rows of a table with so many columns."""
        by_cells = self.useful_seconds * CELLS_PER_SECOND / max(columns, 1)
        return int(max(by_cells, self.useful_seconds * LEAST_ROWS_PER_SECOND))

    def finding(self, share: float, *, unpacked: float = 1.0) -> Finding:
        """Words for what was left out; `share` was read, of the first part of a packed file that was `unpacked`."""
        where = "all over the table" if unpacked == 1 else f"all over the first {unpacked:.0%} of the packed file"
        return Finding(
            level="warning",
            code=SAMPLED,
            message=(
                f"about {share:.0%} of the rows are used, taken from {where}: "
                f"{self.seconds:.0f} s do not allow for more; give more time to use all"
            ),
        )


def thin_text(content: Content, dialect: Dialect, limit: ReadLimit, fault: Callable[[], str]) -> tuple[Content, float]:
    """Blocks of whole rows from all over a text table, and their share of it; as UTF-8 where characters of the table
    have several bytes each, else in its own encoding; the content itself where all is allowed.

    The header goes with them. Blocks whose start cannot be told, because cells run over several lines, are left out.
    Raises DataError with the words of `fault` for rows that do not fit the header.
    """
    coding = WideCoding.of(content.read(0, HEAD_BYTES), dialect.encoding)
    start = content.after_lines(dialect.header_lines) if coding is None else coding.after_lines(dialect.header_lines)
    rest = content.size - start
    head = content.read(start, HEAD_BYTES)
    row_bytes = len(head) / max(head.count(b"\n"), 1)
    most = min(limit.text_bytes, int(limit.rows(dialect.width) * row_bytes))
    most = max(min(most, int(limit.words_bytes / max(_words_share(dialect), 1e-9))), int(LEAST_ROWS * row_bytes))
    if rest <= most:
        return content, 1.0
    blocks = max(1, min(BLOCKS, int(most / (BLOCK_ROWS * row_bytes))))
    size, step, look = most // blocks, rest // blocks, max(START_BYTES, int(3 * row_bytes))
    parts, used = [content.read(0, start) if coding is None else coding.decoded(0, content.read(0, start))], 0
    for number in range(blocks):
        place = start + number * step
        block = content.read(place, size)
        if coding is not None:
            block = coding.decoded(place, block)
        part = _whole_rows(block, dialect, look, at_start=number == 0)
        # With several whole lines to look at and no quotes, no line of this block fits the header.
        if not part and b'"' not in block and b'"' not in head and block[:look].count(b"\n") > 2:
            raise DataError(fault())
        parts.append(part)
        used += len(part) * size // max(len(block), 1)
    if not any(parts[1:]):  # rows longer than blocks
        return content, 1.0
    return Content.of_bytes(b"".join(parts)), used / rest


def _words_share(dialect: Dialect) -> float:
    """Share of the characters of a text table that are free text, by its first rows."""
    columns = [column for column in zip(*dialect.rows[:FIRST_CELLS], strict=True) if column]
    sizes = [sum(map(len, column)) for column in columns]
    words = sum(size for size, column in zip(sizes, columns, strict=True) if _are_words(column))
    return words / max(sum(sizes), 1)


def _are_words(cells: Sequence[str | None]) -> bool:
    return len(" ".join(cell for cell in cells if cell).split()) >= WORDS * max(len(cells), 1)


def _whole_rows(part: bytes, dialect: Dialect, look: int, *, at_start: bool) -> bytes:
    """The rows that lie in a block as a whole; nothing if none does. Its first `look` bytes tell where one starts."""
    ways, rows = _row_ends(part, dialect.separator, at_start=at_start), b""
    for ends in ways:
        stop = int(ends[-1]) + 1 if len(ends) else 0
        places = (ends + 1)[ends < min(look, stop - 1)].tolist()
        for place in [0] if at_start else places[: 1 if len(ways) > 1 else None]:
            text = part[place : min(place + look, stop)].decode(errors="replace")
            records = parse_records(text[: text.rfind("\n") + 1], dialect.separator, complete=True)
            if at_start or (records and all(len(cells) == dialect.width for _, _, cells in records[:-1] or records)):
                rows = max(rows, part[place:stop], key=len)
                break
    return rows


def _row_ends(part: bytes, separator: str, *, at_start: bool) -> list[NDArray[np.int64]]:
    """Places of the line ends of a block that end rows, as if it began outside of quotes and as if inside of some.

    Only those that may be true: where quotes open and close where they may all over the block, or else, as a reader takes
    them one by one, where far fewer are out of place; where that does not tell, those that end rows either way.
    """
    import numpy as np

    block = np.frombuffer(part, dtype=np.uint8)
    lines, quotes = np.flatnonzero(block == ord("\n")), np.flatnonzero(block == ord('"'))
    if not len(quotes) or not len(lines):
        return [lines]
    around = np.zeros(256, dtype=bool)
    around[[*b'\r\n"', *separator.encode()]] = True
    may_open = (quotes == 0) | around[block[quotes - 1]]
    may_close = (quotes == len(block) - 1) | around[block[np.minimum(quotes + 1, len(block) - 1)]]
    odd_lines = np.searchsorted(quotes, lines) % 2
    found = []
    for inside in (0,) if at_start else (0, 1):
        opens = (np.arange(len(quotes)) + inside) % 2 == 0
        if np.where(opens, may_open, may_close).all():
            found.append(lines[odd_lines == inside])
    if found:
        return found
    if (odd_lines == odd_lines[0]).all():  # quotes are parts of words, and no cell has several lines
        return [lines]
    ways = [_bounds(quotes, may_open, may_close, inside=inside) for inside in ((False,) if at_start else (False, True))]
    outside = [lines[(np.searchsorted(bounds, lines) + number) % 2 == 0] for number, (bounds, _) in enumerate(ways)]
    odd = [count for _, count in ways]
    if at_start or odd[0] * 2 <= odd[1]:
        return outside[:1]
    return outside[1:] if odd[1] * 2 <= odd[0] else [np.intersect1d(*outside)]


def _bounds(
    quotes: NDArray[np.int64], may_open: NDArray[np.bool_], may_close: NDArray[np.bool_], *, inside: bool
) -> tuple[NDArray[np.int64], int]:
    """Quotes that begin and end cells, as a reader takes them one by one, and how many others are out of place."""
    import numpy as np

    bounds, odd, skipped = [], 0, -1
    following = [*quotes[1:].tolist(), -1]
    for place, after, opens, closes in zip(
        quotes.tolist(), following, may_open.tolist(), may_close.tolist(), strict=True
    ):
        if place == skipped:
            continue
        odd += not (closes if inside else opens)
        if inside and after == place + 1:  # two of them stand for one in the cell
            skipped = after
        elif inside or opens:
            bounds.append(place)
            inside = not inside
    return np.array(bounds, dtype=np.int64), odd


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def thin_rows(table: pa.Table, limit: ReadLimit, seed: int) -> tuple[pa.Table, float]:
    """Rows drawn from all over a table, in their order, and their share; the table itself where all are allowed."""
    import numpy as np
    import pyarrow as pa

    most = limit.rows(table.num_columns)
    text = sum(column.nbytes for column in table.columns if _is_text(column.type))
    if text > limit.text_bytes:
        most = min(most, int(table.num_rows * limit.text_bytes / text))
    words = sum(
        column.nbytes
        for column in table.columns
        if _is_text(column.type) and _are_words(column.slice(0, FIRST_CELLS).to_pylist())
    )
    if words > limit.words_bytes:
        most = max(min(most, int(table.num_rows * limit.words_bytes / words)), LEAST_ROWS)
    if table.num_rows <= most:
        return table, 1.0
    mask = np.zeros(table.num_rows, dtype=bool)
    mask[some_rows(table.num_rows, most, seed)] = True
    return table.filter(pa.array(mask)), most / table.num_rows


def some_rows(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    """`most` row numbers out of `rows`, in order."""
    import numpy as np

    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
