"""Decoded images as array files that workers map: ``images-64.npy`` holds all of them at 64 x 64 pixels.

The file at the base side is written while images are decoded; files at other sides are made from it, once, by the first
worker that asks.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from automl.data.image_resize import CHUNK_BYTES, resize
from automl.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

MOST_OPEN = 16
"""Mapped files kept open; they cost address space only, but runs come and go."""

_mapped: dict[tuple[str, int], NDArray[np.uint8]] = {}
_no_room: set[tuple[str, int]] = set()
"""Sides for which this process has found no room: it does not write most of a file again for every batch."""


@dataclass(frozen=True, kw_only=True)
class PixelFolder:
    """Images in array files, each resolution made once on first use."""

    folder: str
    key: str
    """Tells this folder from one that was at the same place before."""
    side: int
    """Pixels of the side at which all images are there."""

    def pixels(self, rows: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
        """These images at ``(rows, side, side, channels)``, a copy; only what is touched is read."""
        check_side(side)
        images = self._open(side)
        if images is None:
            return resize(self._map(self.side)[rows], side)
        return images[rows]

    def _open(self, side: int) -> NDArray[np.uint8] | None:
        """All images at `side`; None when there is no room on the disk to keep them."""
        place = self.key, side
        if place in _mapped or image_file(self.folder, side).is_file():
            return self._map(side)
        if place in _no_room:
            return None
        if not self._make(side):
            _no_room.add(place)
            return None
        return self._map(side)

    def _map(self, side: int) -> NDArray[np.uint8]:
        import numpy as np

        found = _mapped.get((self.key, side))
        if found is None:
            if len(_mapped) >= MOST_OPEN:
                _mapped.clear()
            found = np.asarray(np.load(image_file(self.folder, side), mmap_mode="r", allow_pickle=False))
            _mapped[self.key, side] = found
        return found

    def _make(self, side: int) -> bool:
        """Several workers may do this at once: each writes a file of its own, the last to rename it wins."""
        import numpy as np

        base = self._map(self.side)
        shape = (len(base), side, side, base.shape[3])
        if 2 * int(np.prod(shape, dtype=np.int64)) > shutil.disk_usage(self.folder).free:
            return False
        final = image_file(self.folder, side)
        own = final.with_name(f"{final.name}.{uuid.uuid4().hex}")
        try:
            # Plain writing: on a full disk, a write into a mapped file would end the process.
            with closing(ImageWriter(own, side=side, channels=base.shape[3])) as writer:
                for part in _parts(len(base), max(side, self.side)):
                    writer.append(resize(base[part], side))
        except OSError as error:
            own.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            return False
        os.replace(own, final)  # noqa: PTH105 - the other kind of rename fails on some systems where the file is there
        return True


class ImageWriter:
    """Writes an array file image by image, however many there will be."""

    def __init__(self, path: Path, *, side: int, channels: int) -> None:
        self.channels = channels
        self._shape = (side, side, channels)
        self._file = path.open("wb")
        self.rows = 0
        self._write_header()

    def append(self, images: NDArray[np.uint8]) -> None:
        """Add ``(rows, side, side, channels)``."""
        self._file.write(images.tobytes())
        self.rows += len(images)

    def close(self) -> None:
        """Say in the header how many there are."""
        self._file.seek(0)
        self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        """NumPy leaves room in the header for any number of rows, so that it can be written again in its place."""
        import numpy as np

        about = {"descr": "|u1", "fortran_order": False, "shape": (self.rows, *self._shape)}
        np.lib.format.write_array_header_1_0(self._file, about)


@dataclass(frozen=True, kw_only=True)
class PixelArrays:
    """Images in memory, all of one size."""

    images: NDArray[np.uint8]
    """``(rows, height, width, channels)``"""
    _made: dict[int, NDArray[np.uint8]] = field(default_factory=dict, repr=False, compare=False)

    def pixels(self, rows: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
        """These images at ``(rows, side, side, channels)``, a copy."""
        check_side(side)
        if side not in self._made:
            self._made[side] = resize(self.images, side)
        return self._made[side][rows]


def image_file(folder: str | Path, side: int) -> Path:
    """Where all images of a folder are at that side."""
    return Path(folder) / f"images-{side}.npy"


def check_side(side: int) -> None:
    """Raise SettingsError for what is no side of an image."""
    if isinstance(side, bool) or side != int(side) or side < 1:
        raise SettingsError(f"images cannot be had at a side of {side!r} pixels; ask for a whole number from 1")


def _parts(rows: int, side: int) -> Iterator[slice]:
    step = max(1, CHUNK_BYTES // (side * side * 3))
    for start in range(0, rows, step):
        yield slice(start, start + step)
