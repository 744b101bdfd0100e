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


def unpack(path: Path) -> tuple[bytes, str]:
    """Content of a .gz or .zip file and the name of what it holds; DataError for unsound or suspicious ones."""
    packed = path.stat().st_size
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as file:
                return _bounded(file, path.name, packed), path.stem
        with zipfile.ZipFile(path) as archive:
            name = _only_member(archive, path.name)
            with archive.open(name) as member:
                return _bounded(member, path.name, packed), PurePath(name).name
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        kind = "gzip" if path.suffix.lower() == ".gz" else "zip"
        raise DataError(f"{path.name} is no sound {kind} file ({error}); pack it again, without a password") from error


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


def _bounded(file: Any, source: str, packed: int) -> bytes:
    limit = min(UNPACKED_LIMIT, max(packed * UNPACKED_RATIO, UNPACKED_FREE))
    out = io.BytesIO()
    while chunk := file.read(_CHUNK):
        out.write(chunk)
        if out.tell() > limit:
            raise DataError(
                f"{source} ({packed:,} bytes) unpacks to more than {limit / 2**20:,.0f} MiB, which no sound table does; "
                "unpack it yourself if you trust it"
            )
    return out.getvalue()
