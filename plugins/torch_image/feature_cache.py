"""Features of images on disk, beside the run's pixels: what one fold or one worker computed, all others find.

Rows stand at their number's place in one file, a byte for each tells whether it is there. Several workers may write at
once: a row's features are the same whoever computes them, and its byte is written after them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from automl_plugins.torch_image.pixels import Images
    from numpy.typing import NDArray

    from automl import ImageData


@dataclass(frozen=True, kw_only=True)
class FeatureCache:
    """One kind of features."""

    values_file: Path
    """float32, row after row; holes where nothing was computed yet"""
    done_file: Path
    """A byte for each row: 1 when it is there"""
    features: int

    @classmethod
    def beside(cls, data: ImageData, key: str, features: int) -> FeatureCache | None:
        """Beside the pixels of these images; None where these are in memory, the folder cannot be written to, or the
        system (Windows) cannot write at any place of a file that others write, too.
        """
        folder = getattr(data.source, "folder", None)
        if not folder or not os.access(folder, os.W_OK) or not hasattr(os, "pwrite"):
            return None
        place = Path(folder)
        return cls(
            values_file=place / f"features-{key}.f32", done_file=place / f"features-{key}.done", features=features
        )

    def read(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Which of these rows are there ``(rows,)``, and their features ``(rows, features)``, 0 for others."""
        known = np.zeros(len(rows), dtype=bool)
        values = np.zeros((len(rows), self.features), dtype=np.float32)
        if not len(rows) or not self.done_file.is_file():
            return known, values
        done = np.fromfile(self.done_file, dtype=np.uint8)
        inside = rows < len(done)
        known[inside] = done[rows[inside]] == 1
        if known.any():
            whole = self.values_file.stat().st_size // (4 * self.features)  # a full disk may have cut the last row
            known &= rows < whole
        if known.any():
            stored = np.memmap(self.values_file, dtype=np.float32, mode="r", shape=(whole, self.features))
            values[known] = stored[rows[known]]
        return known, values

    def write(self, rows: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Keep the features of these rows, or of those for which there is room on the disk."""
        written = []
        try:
            with _opened(self.values_file) as file:
                for row, one in zip(rows.tolist(), np.ascontiguousarray(values, dtype=np.float32), strict=True):
                    if os.pwrite(file, one.tobytes(), row * self.features * 4) < one.nbytes:
                        break  # a full disk takes a part of the last row
                    written.append(row)
            with _opened(self.done_file) as file:
                for row in written:
                    os.pwrite(file, b"\x01", row)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise


class _opened:  # noqa: N801 - used as a function
    """A file descriptor for writing at any place; the file is made when it is not there."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, -1

    def __enter__(self) -> int:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
        return self._file

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


SHARED_BYTES = 1 << 28
_lock = threading.Lock()
_shared: OrderedDict[Hashable, NDArray[np.float32]] = OrderedDict()


def shared_features(key: Hashable, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """What `compute` returns, or returned for this key a while ago in this process.

    The members of a predictor see the same images one after another or in threads, mostly through the same network.
    """
    with _lock:  # a second thread waits for the features that a first one computes
        if key not in _shared:
            _shared[key] = compute()
            while len(_shared) > 1 and sum(values.nbytes for values in _shared.values()) > SHARED_BYTES:
                _shared.popitem(last=False)
        _shared.move_to_end(key)
        return _shared[key].copy()


def fingerprint(images: Images) -> str:
    """Tells images apart by their pixels; next to what a network computes it costs nothing."""
    return hash_of([images.read(np.arange(len(images))).numpy()])


def hash_of(arrays: Iterable[NDArray[np.generic]]) -> str:
    """Of the bytes and shapes of arrays."""
    found = hashlib.blake2b(digest_size=16)
    for array in arrays:
        found.update(str((array.shape, array.dtype)).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
