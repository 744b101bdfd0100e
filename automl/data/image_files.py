"""Pictures in files, decoded by Pillow into squares of bytes.

What becomes of pictures of other kinds: the turn that EXIF asks for is made; what is transparent lies on white; palettes,
CMYK and other colours become RGB; 16 bits become 8 (a 257th); of several frames the first counts. Where the training
images are grey, colours become grey (0.299 R + 0.587 G + 0.114 B); where they are coloured, grey is repeated.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.data.image_faults import PictureError
from automl.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture

ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp", ".avif", ".ppm", ".pgm",
    ".pbm", ".pnm", ".tga", ".ico", ".jp2",
)  # fmt: skip
"""Of files that are taken for pictures."""
MOST_PIXELS = 89_478_485
"""A picture with more is taken for a decompression bomb; Pillow warns from here, too (a quarter of a GiB of RGB)."""
GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F"})
ORIENTATION = 0x0112
TURNED = (5, 6, 7, 8)
"""Values of the EXIF orientation that swap height and width."""
SIXTEEN_BIT = 257.0
"""65535 / 255"""


@dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """Pictures in files; nothing is read before it is asked for."""

    paths: Sequence[str]
    names: Sequence[str]
    """What the user calls them, row by row."""
    threads: int = 1

    def __len__(self) -> int:
        return len(self.paths)

    def shapes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Height, width and channels (1 or 3) of these, from their headers; zeros where there is none: ``(rows, 3)``."""
        import numpy as np

        need_pillow()
        with _quiet(), ThreadPoolExecutor(self.threads) as pool:
            found = list(pool.map(lambda row: _shape(self.paths[row]), rows.tolist()))
        return np.array(found, dtype=np.int64).reshape(-1, 3)

    def load(self, rows: NDArray[np.int64], side: int, channels: int) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """These at ``(rows, side, side, channels)``, and what is wrong by place in `rows` (zeros stand there)."""
        import numpy as np

        need_pillow()
        made = np.zeros((len(rows), side, side, channels), dtype=np.uint8)
        faults: dict[int, str] = {}

        def load_one(place: int) -> None:
            try:
                made[place] = decode(self.paths[int(rows[place])], side, channels)
            except PictureError as fault:
                faults[place] = str(fault)

        with _quiet(), ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(load_one, range(len(rows))))
        return made, dict(sorted(faults.items()))


def need_pillow() -> None:
    """Raise MissingDependencyError, with the pip line, where Pillow is not installed."""
    try:
        import PIL  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "image files are read with Pillow, which is not installed: pip install 'automl-pluggy[images]' "
            "(arrays in .npz files need no Pillow)"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of Pillow, on damaged headers and large pictures: what matters of it is told by picture."""
    with warnings.catch_warnings():  # of all threads, so around the pool and not inside it
        warnings.simplefilter("ignore")
        yield


def decode(path: str, side: int, channels: int) -> NDArray[np.uint8]:
    """One picture: ``(side, side, channels)``; PictureError when it cannot be had, whatever is wrong with it."""
    import numpy as np
    from PIL import Image, ImageOps

    try:
        with Image.open(_checked(path)) as image:
            _refuse_bomb(image)
            if image.format == "JPEG":
                image.draft(None, (2 * side, 2 * side))  # decodes no more than is needed
            image.load()
            plain = _plain(ImageOps.exif_transpose(image), channels)
            small = plain.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0)
            return np.asarray(small, dtype=np.uint8).reshape(side, side, channels)
    except PictureError:
        raise
    except Exception as error:  # damaged files make decoders raise anything, even IndexError
        raise PictureError(_reason(path, error)) from error


def _shape(path: str) -> tuple[int, int, int]:
    from PIL import Image

    try:
        with Image.open(_checked(path)) as image:
            _refuse_bomb(image)
            width, height = image.size
            if image.getexif().get(ORIENTATION) in TURNED:
                width, height = height, width
            return height, width, 1 if image.mode in GREY_MODES or image.mode.startswith("I;16") else 3
    except Exception:  # noqa: BLE001 - why it cannot be read is told when it is decoded
        return 0, 0, 0


def _checked(path: str) -> str:
    """The path; PictureError, in plain words, where there is no file to open."""
    if not path:
        raise PictureError("the cell is empty")
    place = Path(path)
    if not place.is_file():
        raise PictureError("is a folder" if place.is_dir() else "there is no such file")
    if not place.stat().st_size:
        raise PictureError("is empty (0 bytes)")
    return path


def _refuse_bomb(image: Picture) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise PictureError(f"has {width} x {height} pixels, more than {MOST_PIXELS:,}: it may be a decompression bomb")


def _reason(path: str, error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"has more than {MOST_PIXELS:,} pixels: it may be a decompression bomb"
    if isinstance(error, UnidentifiedImageError):
        return "is no image that Pillow knows"
    text = str(error).replace(path, "it").strip() or type(error).__name__
    return f"is damaged ({text})"


def _plain(image: Picture, channels: int) -> Picture:
    """The same picture in 8 bits, grey or RGB, on white where it was transparent."""
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_eight_bits(image))
    elif image.has_transparency_data or image.mode in ("La", "RGBa"):
        alpha = image.convert("LA" if image.mode == "La" else "RGBA").convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", alpha.size, "white"), alpha)
    return image.convert("L" if channels == 1 else "RGB")


def _eight_bits(image: Picture) -> NDArray[np.uint8]:
    """Grey of 16 or 32 bits or of decimals as bytes: by the range of 16 bits, or of 0 to 1, where it goes beyond."""
    import numpy as np

    values: NDArray[Any] = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise PictureError("has pixels that are no finite numbers")
    largest = float(values.max())
    if image.mode == "F":
        values = values * 255.0 if largest <= 1.0 else values
    elif image.mode.startswith("I;16") or largest > 255:
        values = values / SIXTEEN_BIT
    whole: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return whole
