"""Whether saved files are safe to load: no pickle in them, whatever they are called and packed into."""

from __future__ import annotations

import bz2
import io
import lzma
import pickletools
import tarfile
import zipfile
import zlib
from functools import partial
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PICKLE_SUFFIXES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")
RUNS_CODE = {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD", "EXT1", "EXT2", "EXT4"}
"""Opcodes by which a pickle reaches for code."""
DEPTH = 4
"""How deep archives inside archives are opened."""
LOOKED_BYTES = 16 * 2**20
"""So much of a file is looked at: a forest's arrays may be larger than the memory left."""
UNREADABLE = (
    RuntimeError, OSError, EOFError, ValueError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError
)  # fmt: skip
"""What the readers of archives raise."""
FIRST_OPCODES = 3
"""Valid opcodes after the protocol byte by which a pickle is told from other binary files: joblib puts raw
arrays between the opcodes, so the whole file need not parse."""


def fault_of(folder: Path) -> str:
    """What is wrong with the files of a saved model, in words; empty when nothing is: a pickle, or a link.

    Looked for are the protocol bytes and opcodes of pickles, file names, arrays of objects in ``.npy``, and all of these
    inside zip (``.npz``), tar, gzip, zlib, bz2 and xz files. Of what is large only the first `LOOKED_BYTES` are read.
    """
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            return f"{name} is a link; a saved model must be a folder that can be moved"
        if path.is_file():
            with path.open("rb") as stream:
                if fault := _fault(stream, name, DEPTH):
                    return fault
    return ""


def link_out_of(folder: Path) -> str:
    """The name of a link below `folder` that leads out of it; empty when there is none."""
    home = folder.resolve()
    links = (path for path in sorted(folder.rglob("*")) if path.is_symlink())
    return next((str(path.relative_to(folder)) for path in links if not path.resolve().is_relative_to(home)), "")


def _fault(stream: IO[bytes], name: str, depth: int) -> str:
    if name.lower().endswith(PICKLE_SUFFIXES):
        return f"{name} has the name of a pickle; save arrays as .npz and settings as .json"
    content = stream.read(LOOKED_BYTES)
    if is_pickle(content):
        return (
            f"{name} holds a pickle, which runs code when it is loaded; save arrays as .npz, settings as .json, "
            "or use the library's own safe format"
        )
    if holds_objects(content):
        return f"{name} is an array of Python objects, which numpy stores as a pickle; use numbers or strings"
    packed = _members(stream, content) if depth else ()
    try:
        return next(filter(None, (_fault(inner, f"{name}/{member}", depth - 1) for member, inner in packed)), "")
    except (
        UNREADABLE
    ) as error:  # zipfile raises RuntimeError for a password, and for compressions that it does not know
        return f"{name} is an archive that cannot be looked into ({error}); save arrays as .npz and settings as .json"


def is_pickle(content: bytes) -> bool:
    """Whether `content` is a pickle (protocol 2 and later by its first opcodes, earlier ones when they run code)."""
    marked = len(content) > 2 and content[0] == 0x80 and 2 <= content[1] <= 5
    seen = 0
    dangerous = False
    try:
        for opcode, _, _ in pickletools.genops(content):
            seen += 1
            if marked and seen > FIRST_OPCODES:
                return True
            dangerous |= opcode.name in RUNS_CODE
    except Exception:  # noqa: BLE001 - anything but an opcode raises here, in a dozen ways
        return False
    return marked or dangerous


def holds_objects(content: bytes) -> bool:
    """Whether `content` is a ``.npy`` file of objects."""
    from numpy.lib import format as npy

    if not content.startswith(npy.MAGIC_PREFIX):
        return False
    stream = io.BytesIO(content)
    try:
        read = {1: npy.read_array_header_1_0}.get(npy.read_magic(stream)[0], npy.read_array_header_2_0)
        return bool(read(stream)[2].hasobject)
    except ValueError:
        return False


def _members(stream: IO[bytes], content: bytes) -> Iterator[tuple[str, IO[bytes]]]:
    """What is packed inside a file that begins with `content`, with a name for each. A file may be of several kinds."""
    if (archive := _opened_zip(stream)) is not None:
        with archive:
            for member in archive.infolist():  # not by name: two of one name may differ
                with archive.open(member) as inner:
                    yield member.filename, inner
    for name, head, unpack in (
        ("gzip", b"\x1f\x8b", partial(zlib.decompressobj, wbits=zlib.MAX_WBITS + 16)),
        ("zlib", b"\x78", zlib.decompressobj),
        ("bz2", b"BZh", bz2.BZ2Decompressor),
        ("xz", b"\xfd7zXZ", lzma.LZMADecompressor),
    ):
        if content.startswith(head):
            yield name, io.BytesIO(_unpacked(content, unpack))
    if content[257:262] == b"ustar":
        stream.seek(0)
        with tarfile.open(fileobj=stream, mode="r:") as tar:
            for entry in tar:
                file = tar.extractfile(entry)
                if file is not None:
                    yield entry.name, file


def _opened_zip(stream: IO[bytes]) -> zipfile.ZipFile | None:
    """None for what only ends like one."""
    if not zipfile.is_zipfile(stream):
        return None
    try:
        return zipfile.ZipFile(stream)
    except zipfile.BadZipFile:
        return None


def _unpacked(content: bytes, make: Callable[[], Any]) -> bytes:
    """What the packed streams at the beginning of `content` hold, as far as they can be read, and `LOOKED_BYTES` at most."""
    found = b""
    while content and len(found) < LOOKED_BYTES:
        unpack = make()
        try:
            found += unpack.decompress(content, LOOKED_BYTES - len(found))
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
            break  # it only began like one, or goes on differently
        content = unpack.unused_data
    return found
