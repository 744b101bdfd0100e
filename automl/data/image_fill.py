"""Decoding the training images into one file of bytes, as many as the time allows, and what they look like together."""

from __future__ import annotations

import hashlib
import shutil
import time
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from automl.data.image_store import ImageWriter, PixelFolder, image_file
from automl.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.image_input import Pictures

HEADERS = 2_000
"""Pictures whose headers say how large all are, and whether they are grey; all where there are no more."""
DEFAULT_SIDE = 256
"""Most pixels of the side at which pictures are kept, where the user names none."""
BATCH_BYTES = 1 << 25
"""Bytes of decoded pictures that are held at a time."""
MOST_BATCH = 512
DISK_SHARE = 0.4
"""Share of the free disk that the pictures may take; resolutions made from them need some, too."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What pictures are like."""

    height: int
    """Median of those that can be read; 0 when none can"""
    width: int
    channels: int
    """1 when all are grey, else 3"""


@dataclass(kw_only=True)
class Decoded:
    """What was decoded."""

    source: PixelFolder
    rows: NDArray[np.int64]
    """The pictures (rows of the input) in the order in which the source holds them."""
    digests: list[bytes] = field(default_factory=list)
    """Of each of them: equal for equal pixels."""
    faults: dict[int, str] = field(default_factory=dict)
    """What is wrong with the others that were tried, by row."""
    tried: int = 0


def look_at(pictures: Pictures, rows: NDArray[np.int64], seed: int) -> Look:
    """Sizes and colours of all, or of some from all over."""
    import numpy as np

    if len(rows) > HEADERS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, HEADERS, replace=False))
    shapes = pictures.shapes(rows)
    shapes = shapes[shapes[:, 0] > 0]
    if not len(shapes):
        return Look(height=0, width=0, channels=1)
    height, width = (int(value) for value in np.median(shapes[:, :2], axis=0))
    return Look(height=max(height, 1), width=max(width, 1), channels=int(shapes[:, 2].max()))


def choose_side(look: Look, rows: int, folder: Path, most: int | None) -> tuple[int, str]:
    """The side at which pictures are kept: the longer one of the median picture, bounded by `most` and by the disk;
    and why it is less than wanted, empty when it is not.
    """
    side = max(1, min(most or DEFAULT_SIDE, max(look.height, look.width)))
    free = shutil.disk_usage(folder).free
    fits = int((DISK_SHARE * free / max(rows * look.channels, 1)) ** 0.5)
    if fits < side:
        return max(
            fits, 1
        ), f"kept at {max(fits, 1)} x {max(fits, 1)} pixels, not {side} x {side}: the disk has {free / 1e9:.1f} GB free"
    return side, ""


def decode_all(
    pictures: Pictures,
    rows: NDArray[np.int64],
    folder: Path,
    *,
    side: int,
    channels: int,
    until: float | None,
) -> Decoded:
    """Decode the pictures `rows`, in this order, into a file in `folder`; at `until` (`time.monotonic()`) it stops.

    At least one batch is decoded. No more than a batch is ever in memory. RunError when the file cannot be written.
    """
    import numpy as np

    source = PixelFolder(folder=str(folder), key=uuid.uuid4().hex, side=side)
    made = Decoded(source=source, rows=np.zeros(0, dtype=np.int64))
    try:
        with closing(ImageWriter(image_file(folder, side), side=side, channels=channels)) as writer:
            _fill(made, writer, pictures, rows, until)
    except OSError as error:
        raise RunError(
            f"decoded images cannot be written into {folder}: {error.strerror or error}; make room, or keep them smaller "
            f"than {side} x {side} pixels with --image-side"
        ) from error
    return made


def _fill(made: Decoded, writer: ImageWriter, pictures: Pictures, rows: NDArray[np.int64], until: float | None) -> None:
    """Decode batch by batch."""
    import numpy as np

    side, channels = made.source.side, writer.channels
    batch = max(1, min(MOST_BATCH, BATCH_BYTES // (side * side * channels)))
    first = min(batch, 32)  # a short budget is noticed soon
    kept: list[NDArray[np.int64]] = []
    while made.tried < len(rows) and (not made.tried or until is None or time.monotonic() < until):
        part = rows[made.tried : made.tried + (batch if made.tried else first)]
        images, faults = pictures.load(part, side, channels)
        good = np.setdiff1d(np.arange(len(part)), list(faults))
        writer.append(images[good])
        kept.append(part[good])
        made.digests += [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images[good]]
        made.faults |= {int(part[place]): reason for place, reason in faults.items()}
        made.tried += len(part)
    made.rows = np.concatenate(kept) if kept else made.rows
