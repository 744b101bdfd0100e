"""The bytes of a text table, looked at piece by piece: a file is never held in memory as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from automl.data.csv_codes import PIECE_BYTES, ZeroCounter
from automl.data.dialect import HEAD_BYTES, HEAD_LINES, Dialect, parse_records
from automl.data.encoding import nul_message
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

WINDOWS = 24
WINDOW_BYTES = 1 << 15
"""Places further down the table, and their size, where codes such as "01234" are looked for."""
WIDEST_HEAD = 1 << 28
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True)
class Content:
    """Bytes in a file or in memory."""

    open: Callable[[], pa.NativeFile]
    """A new stream over all bytes that can be read at any place."""

    @classmethod
    def of_path(cls, path: Path) -> Content:
        """Bytes of a file; read, not mapped: mapped pages would count as memory of this process."""
        import pyarrow as pa

        return cls(lambda: pa.OSFile(str(path)))

    @classmethod
    def of_bytes(cls, data: bytes | bytearray) -> Content:
        """Bytes in memory, not copied."""
        import pyarrow as pa

        buffer = pa.py_buffer(data)
        return cls(lambda: pa.BufferReader(buffer))

    @cached_property
    def size(self) -> int:
        """Number of bytes."""
        with self.open() as stream:
            return int(stream.size())

    def read(self, start: int, count: int) -> bytes:
        """Some bytes."""
        with self.open() as stream:
            stream.seek(min(start, self.size))
            return cast(bytes, stream.read(count))

    def whole(self) -> Any:
        """All bytes as a buffer, for what is rare: another encoding, a fault to explain."""
        with self.open() as stream:
            return memoryview(stream.read_buffer())

    def stream(self, start: int) -> pa.NativeFile:
        """A new stream from a place on."""
        stream = self.open()
        stream.seek(start)
        return stream

    def head(self) -> tuple[bytes, bool]:
        """First bytes with enough lines, and whether they are all."""
        size = HEAD_BYTES
        while True:
            head = self.read(0, size)
            if size >= self.size:
                return head, True
            if head.count(b"\n") + head.count(b"\r") >= HEAD_LINES or size >= WIDEST_HEAD:
                return head, False
            size *= 4

    def after_lines(self, lines: int) -> int:
        """Place of the first byte after so many lines of the head, whatever ends them."""
        place = 0
        head, _ = self.head()
        for _ in range(lines):
            found = _LINE_END.search(head, place)
            if found is None:
                return len(head)
            place = found.end()
        return place

    def scan(self, start: int, source: str, separator: str) -> tuple[bool, int]:
        """Whether quotes occur from a place on, and how many cells begin with a zero and another digit.

        DataError for a NUL byte, with its line.
        """
        import numpy as np

        zeros = ZeroCounter(separator, line_end=ord("\n" if b"\n" in self.head()[0] else "\r"))
        quotes, lines = False, 1
        # The last two bytes of a piece are looked at again with the next; before the first row, a line ends.
        piece = bytearray(b" " + bytes([zeros.line_end]) + bytes(PIECE_BYTES))
        view, array = memoryview(piece), np.frombuffer(piece, dtype=np.uint8)
        with self.stream(start) as stream:
            while count := stream.readinto(view[2:]):
                nul = piece.find(0, 2, 2 + count)
                if nul >= 0:
                    place = stream.tell() - count + nul - 2
                    lines += bytes(self.whole()[:place]).count(b"\n")
                    raise DataError(nul_message(source, lines))
                quotes = quotes or piece.find(b'"', 2, 2 + count) >= 0
                zeros.add(array[: count + 2], quotes=quotes)
                view[:2] = bytes(view[count : count + 2])
        return quotes, zeros.count

    def windows(self, dialect: Dialect, start: int) -> list[list[str]]:
        """Rows from places all over the table."""
        rest = self.size - start
        if rest <= HEAD_BYTES:
            return []
        rows: list[list[str]] = []
        step = (rest - WINDOW_BYTES) // (WINDOWS - 1)
        for number in range(WINDOWS):
            text = self.read(start + number * step, WINDOW_BYTES).decode(errors="replace")
            records = parse_records(text, dialect.separator, complete=True)[1:-1]
            rows += [cells for _, _, cells in records if len(cells) == dialect.width]
        return rows
