"""Pictures in arrays: from .npz and .npy files, or given as they are. No Pillow is needed."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.data.image_resize import resize
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

IN_MEMORY_BYTES = 1 << 28
"""Larger arrays in .npz files are unpacked into a file, and mapped."""
IMAGE_NAMES = ("X", "x", "images", "image", "data")
TARGET_NAMES = ("y", "Y", "labels", "label", "target", "targets")
BRIGHT = 0.5
"""Decimals all below this may be nearly black images of 0 to 255."""
BLOCK = 256
"""Rows looked at together."""


@dataclass(frozen=True, kw_only=True)
class PictureArrays:
    """Pictures of one size in an array."""

    values: NDArray[Any]
    """``(rows, height, width, channels)`` with 1, 3 or 4 channels (the fourth is alpha)."""
    scale: float
    """By what values are multiplied to become bytes: 1, 255 (decimals from 0 to 1) or 1/257 (16 bits)."""
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.values)

    def shapes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Height, width and channels (1 or 3), the same for all: ``(rows, 3)``."""
        import numpy as np

        _, height, width, channels = self.values.shape
        return np.tile(np.array([height, width, 1 if channels == 1 else 3], dtype=np.int64), (len(rows), 1))

    def load(self, rows: NDArray[np.int64], side: int, channels: int) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """These at ``(rows, side, side, channels)``, and what is wrong by place in `rows` (zeros stand there)."""
        import numpy as np

        made = np.zeros((len(rows), side, side, channels), dtype=np.uint8)
        faults: dict[int, str] = {}
        for start in range(0, len(rows), BLOCK):
            part = np.asarray(self.values[rows[start : start + BLOCK]])
            whole = part if part.dtype == np.uint8 else self._as_bytes(part, start, faults)
            made[start : start + BLOCK] = resize(with_channels(whole, channels), side)
        for place in faults:
            made[place] = 0
        return made, faults

    def _as_bytes(self, part: NDArray[Any], start: int, faults: dict[int, str]) -> NDArray[np.uint8]:
        import numpy as np

        values = part.astype(np.float64) * self.scale
        flat = values.reshape(len(values), -1)
        for place in np.flatnonzero(~np.isfinite(flat).all(axis=1)):
            faults[start + int(place)] = "has pixels that are no finite numbers"
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        flat = values.reshape(len(values), -1)
        for place in np.flatnonzero((flat.min(axis=1) < -0.5) | (flat.max(axis=1) > 255.5)):
            faults[start + int(place)] = (
                f"has pixels from {flat[place].min() / self.scale:g} to {flat[place].max() / self.scale:g}, outside of "
                f"0 to {255.0 / self.scale:g}"
            )
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def pictures_of(array: Any, source: str, *, scale: float | None = None) -> PictureArrays:
    """Pictures from an array of ``(rows, height, width)`` or ``(rows, height, width, channels)``.

    `scale` is that of the training images; None: found from the type and the largest value. DataError for other arrays.
    """
    import numpy as np

    values = np.asanyarray(array)
    shape = " x ".join(map(str, values.shape))
    if values.dtype == object or values.dtype.kind not in "biuf":
        raise DataError(f"{source} has an array of type {values.dtype}; images are whole numbers or decimals")
    if values.ndim == 3 and values.shape[2] in (3, 4):
        raise DataError(f"{source} has an array of {shape}, which looks like one image; give array[None] for one row")
    if values.ndim == 3:
        values = values[..., None]
    if values.ndim != 4 or 0 in values.shape[1:]:
        raise DataError(f"{source} has an array of {shape}; images are rows x height x width, or with channels last")
    if values.shape[3] not in (1, 3, 4):
        first = " (channels come last: X.transpose(0, 2, 3, 1))" if values.shape[1] in (1, 3) else ""
        raise DataError(f"{source} has images of {shape}, with {values.shape[3]} channels; use 1, 3 or 4{first}")
    if values.dtype == np.uint8:
        factor = 1.0
    elif values.dtype == bool:
        factor = 255.0
    else:
        factor = _scale_of(values, source) if scale is None else scale
        if factor == 1.0 and scale is not None and _are_shares(values):
            raise DataError(
                f"{source} has decimals up to 1, but the images that were trained on have pixels of 0 to 255; "
                "give these times 255"
            )
    return PictureArrays(values=values, scale=factor, names=[f"row {row}" for row in range(len(values))])


def _are_shares(values: NDArray[Any]) -> bool:
    """Whether pixels are of 0 to 1: decimals between, and bright ones among them."""
    import numpy as np

    if values.dtype.kind != "f":
        return False
    between, largest = False, 0.0
    for start in range(0, len(values), BLOCK):
        part = values[start : start + BLOCK]
        part = part[np.isfinite(part)]
        largest = max(largest, float(part.max(initial=0.0)))
        if largest > 1.0:
            return False
        between = between or bool(((part > 0.0) & (part < 1.0)).any())
    return between and largest > BRIGHT


def _scale_of(values: NDArray[Any], source: str) -> float:
    """By what the largest value says: decimals up to 1, bytes, or 16 bits."""
    import numpy as np

    largest = 0.0
    for start in range(0, len(values), BLOCK):
        part = values[start : start + BLOCK]
        part = part[np.isfinite(part)] if part.dtype.kind == "f" else part
        largest = max(largest, float(part.max(initial=0)))
    if values.dtype.kind == "f" and largest <= 1.0:
        return 255.0
    if largest <= 255:
        return 1.0
    if largest <= 65535 and values.dtype.kind != "f":
        return 1.0 / 257.0
    raise DataError(f"{source} has pixels up to {largest:g}; use 0 to 1, 0 to 255, or whole numbers up to 65535")


def with_channels(images: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Pixels ``(rows, height, width, 1, 3 or 4)`` as grey (1 channel) or RGB (3), on white where they were transparent."""
    import numpy as np

    if images.shape[3] == 4:
        alpha = images[..., 3:].astype(np.float32) / 255.0
        images = np.rint(images[..., :3] * alpha + 255.0 * (1.0 - alpha)).astype(np.uint8)
    if images.shape[3] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=3)
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)  # ITU-R 601 in 65536ths, as in Pillow
    grey: NDArray[np.uint8] = ((images.astype(np.uint32) @ weights + 32768) >> 16).astype(np.uint8)[..., None]
    return grey


# -- files of arrays ------------------------------------------------------------------------------


def read_npz(path: Path, target: str | None, work: Path | None) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """The images of an .npz file and its one-dimensional arrays as long as they, by name.

    Large images are unpacked into a file without a name in the folder `work` (None: of temporary files), and mapped. Raises DataError for files that hold none.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            image_name = _image_name(arrays, path)
            _refuse_objects(path, image_name)
            images = _images(path, arrays, image_name, work)
            others = {name: arrays[name] for name in arrays.files if name != image_name}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} cannot be read as .npz ({error}); write it with numpy.savez(path, X=images, y=labels)"
        ) from error
    columns = {name: array for name, array in others.items() if array.ndim == 1 and len(array) == len(images)}
    if target is not None and target not in columns and target in others:
        raise DataError(
            f"{path}: array {target!r} has the shape {others[target].shape}; it must hold one value for each of the "
            f"{len(images):,} images"
        )
    return images, columns


def _refuse_objects(path: Path, image_name: str) -> None:
    """DataError for arrays of Python objects: only unpickling, which runs code, could read them."""
    import numpy as np

    with zipfile.ZipFile(path) as archive:
        for entry in (one for one in archive.namelist() if one.endswith(".npy")):
            with archive.open(entry) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                _, _, dtype = read(file)
            name = entry.removesuffix(".npy")
            if dtype.hasobject and name == image_name:
                raise DataError(
                    f"{path}: {name!r} holds Python objects, as of images of different sizes; give an array of numbers, "
                    "rows x height x width, or images in files"
                )
            if dtype.hasobject:
                raise DataError(
                    f"{path}: {name!r} holds Python objects; write it as text or numbers: {name}.astype(str)"
                )


def _image_name(arrays: Any, path: Path) -> str:
    names = list(arrays.files)
    found = [name for name in IMAGE_NAMES if name in names] or names[:1] * (len(names) == 1)
    if not found:
        raise DataError(f"{path} has the arrays {', '.join(names) or 'none'}; name the images X and the target y")
    return str(found[0])


def _images(path: Path, arrays: Any, name: str, work: Path | None) -> NDArray[Any]:
    """The array in memory, or mapped from a file that is gone with it where it is large."""
    import numpy as np

    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{name}.npy")
        if entry.file_size <= IN_MEMORY_BYTES:
            found: NDArray[Any] = arrays[name]
            return found
        free = shutil.disk_usage(work or tempfile.gettempdir()).free
        if 2 * entry.file_size > free:
            raise DataError(
                f"{path}: {name!r} has {entry.file_size / 1e9:.1f} GB when unpacked, and the disk {free / 1e9:.1f} GB free; "
                "give fewer images, or files in a folder"
            )
        with tempfile.TemporaryFile(dir=work) as file, archive.open(entry) as packed:
            shutil.copyfileobj(packed, file, 1 << 22)
            file.seek(0)
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            if dtype.hasobject:
                raise ValueError(f"{name!r} holds Python objects")
            order: Any = "F" if fortran else "C"
            return np.memmap(file, dtype=dtype, mode="r", offset=file.tell(), shape=shape, order=order)
