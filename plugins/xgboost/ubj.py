"""Reading Universal Binary JSON (https://ubjson.org, draft 12), as much of it as XGBoost writes, and strictly."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np

NUMBERS = {
    marker: np.dtype(kind)
    for marker, kind in {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}.items()
}
"""Marker -> NumPy type; numbers are big-endian."""
NUMBER = {
    marker: struct.Struct(kind)
    for marker, kind in zip("iUIlLdD", (">b", ">B", ">h", ">i", ">q", ">f", ">d"), strict=True)
}
"""The same for one number."""
LITERALS = {"T": True, "F": False, "N": None}
MOST_DEPTH = 30
LENGTH = struct.Struct(">q")
"""What XGBoost writes for all lengths, after an ``L``."""


class _Field(NamedTuple):
    """What an object of a list holds under one key: it is expected of the objects that follow."""

    key: str
    head: bytes
    """All from the key to where objects may differ: the length, or the value."""
    head_bytes: int
    kind: np.dtype[Any] | None
    """Of a typed list."""
    item_bytes: int
    """Of a typed list or a text; 0 for others."""
    inner: tuple[_Field, ...]
    """Of an object in the object."""


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
        number = NUMBER[marker]
        self.place += number.size
        return number.unpack_from(self._content, self.place - number.size)[0]

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
            return self._values(self._length(), depth)
        if kind:
            raise ValueError("a typed list has no length")
        found = []
        while self._content[self.place] != ord("]"):
            found.append(self.value(self.marker(), depth + 1))
        self.place += 1
        return found

    def _values(self, count: int, depth: int) -> list[Any]:
        """Objects that look like the first of the list, as trees do, are read much quicker than others."""
        if not count:
            return []
        first = self.place
        found = [self.value(self.marker(), depth + 1)]
        after, fields = self.place, ()
        if isinstance(found[0], dict):
            self.place = first + 1
            fields = self._fields(depth + 1)
            self.place = after
        for _ in range(count - 1):
            marker, start = self.marker(), self.place
            alike = self._alike(fields, depth + 1) if fields and marker == "{" else None
            if alike is None:
                self.place = start
                alike = self.value(marker, depth + 1)
            found.append(alike)
        return found

    def _fields(self, depth: int) -> tuple[_Field, ...]:
        """How the object at this place is built, which was read before."""
        content, found = self._content, []
        while content[self.place] != ord("}"):
            start = self.place
            key = self._text()
            place = self.place
            marker, kind, item_bytes, inner, differs = self.marker(), None, 0, (), place
            if marker == "{":
                inner, differs = self._fields(depth + 1), place + 1
            else:
                if marker == "[" and content[place + 1] == ord("$") and content[place + 3 : place + 5] == b"#L":
                    kind, differs = NUMBERS[chr(content[place + 2])], place + 5
                    item_bytes = kind.itemsize
                elif content[place : place + 2] == b"SL":
                    item_bytes, differs = 1, place + 2
                self.value(marker, depth + 1)
            head = content[start:differs]
            found.append(_Field(key, head, len(head), kind, item_bytes, inner))
        self.place += 1
        return tuple(found)

    def _alike(self, fields: tuple[_Field, ...], depth: int) -> dict[str, Any] | None:
        """The object at this place, if it is built so and not damaged; what is wrong otherwise is told by `value`."""
        content, place, found = self._content, self.place, {}
        begins, length_at, array, size = content.startswith, LENGTH.unpack_from, np.frombuffer, len(content)
        for key, head, head_bytes, kind, item_bytes, inner in fields:
            if not begins(head, place):
                return None
            place += head_bytes
            if item_bytes:
                (length,) = length_at(content, place)
                place += 8
                end = place + length * item_bytes
                if length < 0 or end > size:
                    return None
                found[key] = (
                    array(content, kind, length, place) if kind is not None else content[place:end].decode("utf-8")
                )
                place = end
                continue
            self.place = place
            # Whole numbers take as many bytes as they need, so their kind differs.
            value = self._alike(inner, depth + 1) if inner else self.value(self.marker(), depth + 1)
            if inner and value is None:
                return None
            found[key], place = value, self.place
        if content[place] != ord("}"):
            return None
        self.place = place + 1
        return found
