"""Reading Universal Binary JSON (https://ubjson.org, draft 12), as much of it as XGBoost writes, and strictly."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

NUMBERS = {
    marker: np.dtype(kind)
    for marker, kind in {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}.items()
}
"""Marker -> NumPy type; numbers are big-endian."""
LITERALS = {"T": True, "F": False, "N": None}
MOST_DEPTH = 30


def read_ubj(content: bytes) -> Any:
    """The document: dicts, strings, numbers, lists, and NumPy arrays for typed lists. ValueError when it is damaged."""
    reader = _Reader(content)
    try:
        value = reader.value(reader.marker(), 0)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"it ends or breaks at byte {reader.place} of {len(content)}") from error
    if reader.place != len(content):
        raise ValueError(f"it goes on after its end at byte {reader.place}")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self.place = 0

    def marker(self) -> str:
        self.place += 1
        return chr(self._content[self.place - 1])

    def value(self, marker: str, depth: int) -> Any:
        if depth > MOST_DEPTH:
            raise ValueError("it is nested too deeply")
        if marker == "{":
            return self._mapping(depth)
        if marker == "[":
            return self._list(depth)
        if marker == "S":
            return self._text()
        if marker in LITERALS:
            return LITERALS[marker]
        return self._number(marker)

    def _number(self, marker: str) -> Any:
        if marker not in NUMBERS:
            raise ValueError(f"byte {self.place} holds no known kind of value")
        return self._array(marker, 1)[0].item()

    def _array(self, marker: str, count: int) -> Any:
        kind = NUMBERS[marker]
        end = self.place + count * kind.itemsize
        if end > len(self._content):
            raise ValueError(f"it ends inside a list of {count} numbers")
        found = np.frombuffer(self._content, kind, count, self.place)
        self.place = end
        return found

    def _length(self) -> int:
        if self._content[self.place] == ord("L"):  # what XGBoost writes for all lengths
            length = int.from_bytes(self._content[self.place + 1 : self.place + 9], signed=True)
            self.place += 9
        else:
            length = self._number(self.marker())
        # Every value takes a byte at least.
        if not isinstance(length, int) or not 0 <= length <= len(self._content) - self.place:
            raise ValueError(f"byte {self.place} holds the wrong length {length}")
        return length

    def _text(self) -> str:
        end = self._length() + self.place
        text = self._content[self.place : end].decode("utf-8")
        self.place = end
        return text

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._content[self.place] != ord("}"):
            key = self._text()
            if key in found:
                raise ValueError(f"{key!r} stands there twice")
            found[key] = self.value(self.marker(), depth + 1)
        self.place += 1
        return found

    def _list(self, depth: int) -> Any:
        kind = ""
        if self._content[self.place] == ord("$"):
            self.place += 1
            kind = self.marker()
            if kind not in NUMBERS:
                raise ValueError(f"byte {self.place} holds no known kind of number")
        if self._content[self.place] == ord("#"):
            self.place += 1
            if kind:
                return self._array(kind, self._length())
            return [self.value(self.marker(), depth + 1) for _ in range(self._length())]
        if kind:
            raise ValueError("a typed list has no length")
        found = []
        while self._content[self.place] != ord("]"):
            found.append(self.value(self.marker(), depth + 1))
        self.place += 1
        return found
