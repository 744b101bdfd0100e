"""Encodings of text tables: found by the first bytes, changed to UTF-8 where they are not."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automl.data.records import Finding
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KNOWN_FORMATS = (
    (b"\x1f\x8b", "gzip file; let its name end in .gz"),
    (b"PK\x03\x04", "zip file or a spreadsheet; let its name end in .zip, or save the sheet as CSV"),
    (b"PAR1", "Parquet file; let its name end in .parquet"),
    (b"ARROW1", "Feather file; let its name end in .feather"),
    (b"\xd0\xcf\x11\xe0", "spreadsheet; save the sheet as CSV"),
    (b"SQLite format 3", "SQLite database; export the table as CSV"),
    (b"%PDF", "PDF document; save the table in it as CSV"),
    (b"\x89HDF", "HDF5 file; save the table in it as Parquet or CSV"),
    (b"\x93NUMPY", "NumPy array; load it and give the array"),
    (b"\x89PNG", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"\x80\x04\x95", "pickle, which is never opened; save the table as Parquet or CSV"),
    (b"\x80\x05\x95", "pickle, which is never opened; save the table as Parquet or CSV"),
    (b"\x7fELF", "program"),
    (b"version https://git-lfs", "pointer of Git LFS; fetch the file itself (git lfs pull)"),
)
_KNOWN_TEXTS = (
    (b"<!doctype html", "web page, perhaps of a login or an error; download the file itself"),
    (b"<html", "web page, perhaps of a login or an error; download the file itself"),
    (b"<?xml", "XML document; save the table in it as CSV"),
    (b"[{", "JSON document; save the table in it as CSV, or give a list of dicts"),
    (b'{"', "JSON document; save the table in it as CSV, or give a list of dicts"),
    (b"@relation", "ARFF file; save the table in it as CSV"),
)
"""In small letters, after blanks."""
CHUNK_BYTES = 1 << 22
UTF8 = ("utf-8", "utf-8-sig")
WIDE_CODINGS = {"utf-16": 2, "utf-32": 4}
"""Encodings whose characters have at least so many bytes, as has the mark at the start."""
MIXED = "utf-8-or-cp1252"
"""UTF-8 with single bytes that are not; those are read as Windows-1252."""


def _single_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    bad = error.object[error.start : error.end]
    return bad.decode("cp1252", errors="replace"), error.end


codecs.register_error("automl-cp1252", _single_byte)


def find_encoding(head: bytes, source: str, *, complete: bool) -> tuple[str, list[Finding]]:
    """Encoding of a text by its first bytes; DataError for what is no text, such as NUL bytes."""
    for mark, words in _KNOWN_FORMATS:
        if head.startswith(mark):
            raise DataError(f"{source} is no text table but looks like a {words}")
    start = head[:1000].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for mark, words in _KNOWN_TEXTS:
        if start.startswith(mark):
            raise DataError(f"{source} is no table but looks like a {words}")
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, []
    if b"\0" in head:
        raise DataError(nul_message(source, head[: head.index(b"\0")].count(b"\n") + 1, head))
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head, final=complete)
    except UnicodeDecodeError as error:
        return "cp1252", [not_utf8(head[: error.start].count(b"\n") + 1)]
    return "utf-8", []


def nul_message(source: str, line: int, head: bytes = b"") -> str:
    """Words for a NUL byte."""
    start = head[:200]
    if len(start) > 3 and start.count(b"\0") >= len(start) // 3:
        return f"{source} holds a NUL byte in line {line} and looks like UTF-16 without a mark; save it as UTF-8"
    return f"{source} holds a NUL byte in line {line}: it is no text table, or is damaged; save it as CSV again"


def not_utf8(line: int) -> Finding:
    """Told when a file is read as Windows-1252, of which latin-1 is the printable part."""
    message = f"the file is not UTF-8 (first in line {line}); it is read as Windows-1252 (latin-1)"
    return Finding(level="repair", code="encoding", message=message)


def decode_head(head: bytes, encoding: str) -> str:
    """Text of the first bytes; a character cut in two at the end is left out."""
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    return text.lstrip("\ufeff")


def fallback_encoding(data: memoryview) -> tuple[str, Finding]:
    """How to read bytes that began as UTF-8 and turned out not to be: byte by byte where other characters
    beyond ASCII were sound, else as Windows-1252.
    """
    sound = True
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    for start in range(0, len(data), CHUNK_BYTES):
        chunk = bytes(data[start : start + CHUNK_BYTES])
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            line += chunk[: error.start].count(b"\n")
            sound = sound and chunk[: error.start].isascii()
            break
        sound = sound and text.isascii()
        line += chunk.count(b"\n")
    return ("cp1252" if sound else MIXED), not_utf8(line)


@dataclass(frozen=True)
class WideCoding:
    """UTF-16 or UTF-32: text of which each piece can be read, as long as it begins with a whole character."""

    codec: str
    unit: int
    """Bytes of the smallest character, and of the mark at the start."""
    head: bytes

    @classmethod
    def of(cls, head: bytes, encoding: str) -> WideCoding | None:
        """The coding of a text by its first bytes; None where most characters have one byte."""
        if encoding not in WIDE_CODINGS:
            return None
        little = head.startswith(codecs.BOM_UTF16_LE)  # the mark of UTF-32 begins like it
        return cls(f"{encoding}-{'le' if little else 'be'}", WIDE_CODINGS[encoding], head)

    def after_lines(self, lines: int) -> int:
        """Place of the first byte after so many lines of the head."""
        text = codecs.getincrementaldecoder(self.codec)(errors="replace").decode(self.head)
        place = 0
        for _ in range(lines):
            ends = [end for mark in ("\n", "\r") if (end := text.find(mark, place)) >= 0]
            if not ends:
                return len(self.head)
            place = min(ends) + (2 if text[min(ends) : min(ends) + 2] == "\r\n" else 1)
        return len(text[:place].encode(self.codec, errors="surrogatepass"))

    def decoded(self, place: int, piece: bytes) -> bytes:
        """A piece that begins at a place of the whole as UTF-8; what is cut in two at its ends is lost."""
        ahead = -place % self.unit
        return piece[ahead:].decode(self.codec, errors="replace").removeprefix("\ufeff").encode()


def to_utf8(data: memoryview, encoding: str) -> bytearray:
    """The same text as UTF-8, without a mark at its start, made piece by piece to save memory."""
    out = bytearray()
    for text in _decoded(data, encoding):
        out += text.encode()
    return out


def _decoded(data: memoryview, encoding: str) -> Iterator[str]:
    name, errors = ("utf-8", "automl-cp1252") if encoding == MIXED else (encoding, "replace")
    decoder = codecs.getincrementaldecoder(name)(errors=errors)
    for start in range(0, len(data), CHUNK_BYTES):
        yield decoder.decode(bytes(data[start : start + CHUNK_BYTES]))
    yield decoder.decode(b"", final=True)
