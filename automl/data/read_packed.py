"""Unpacking gz and zip files with one table inside, never more than a table can hold."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from automl.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

UNPACKED_LIMIT = 1 << 34
"""A packed table may unpack to 16 GiB at most, and beyond `UNPACKED_FREE` to `UNPACKED_RATIO` times its size."""
UNPACKED_FREE = 1 << 28
UNPACKED_RATIO = 250
"""Real tables shrink to a tenth or so, one of zeros to a hundredth; deflate itself ends near a thousandth."""
_CHUNK = 1 << 22


def unpack(path: Path, most: int | None = None) -> tuple[bytes, str, float]:
    """Content of a .gz or .zip file, the name of what it holds, and the share of it that this is: with `most` bytes
    allowed, a larger content is cut after them, at the end of a line.

    DataError for unsound or suspicious files.
    """
    packed = path.stat().st_size
    try:
        if path.suffix.lower() == ".gz":
            with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as file:
                data = _bounded(file, path.name, packed, most)
                return _cut(data, most), path.stem, 1.0 if most is None or len(data) <= most else raw.tell() / packed
        with zipfile.ZipFile(path) as archive:
            name = _only_member(archive, path.name)
            with archive.open(name) as member:
                data = _bounded(member, path.name, packed, most)
            whole = archive.getinfo(name).file_size
            return _cut(data, most), PurePath(name).name, 1.0 if most is None or len(data) <= most else most / whole
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        kind = "gzip" if path.suffix.lower() == ".gz" else "zip"
        raise DataError(f"{path.name} is no sound {kind} file ({error}); pack it again, without a password") from error


def _cut(data: bytes, most: int | None) -> bytes:
    """At most so many bytes, up to the end of a line that is not inside quotes."""
    if most is None or len(data) <= most:
        return data
    end = data.rfind(b"\n", 0, most)
    if data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, data.rfind(b'"', 0, end))
    return data[: end + 1] if end > 0 else data


def _only_member(archive: zipfile.ZipFile, source: str) -> str:
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/") and not PurePath(name).name.startswith(".")
    ]
    if len(names) == 1:
        return names[0]
    told = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    raise DataError(f"{source} holds {len(names)} files ({told or 'none'}); pack one table alone")


def _bounded(file: Any, source: str, packed: int, most: int | None) -> bytes:
    """All of a file, or a little more than `most` of it."""
    limit = min(UNPACKED_LIMIT, max(packed * UNPACKED_RATIO, UNPACKED_FREE))
    out = io.BytesIO()
    while chunk := file.read(_CHUNK):
        out.write(chunk)
        if out.tell() > limit:
            raise DataError(
                f"{source} ({packed:,} bytes) unpacks to more than {limit / 2**20:,.0f} MiB, which no sound table does; "
                "unpack it yourself if you trust it"
            )
        if most is not None and out.tell() > most:
            break
    return out.getvalue()
