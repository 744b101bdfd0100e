"""Resizing images to squares, the same to the last bit whatever the batch and the number of threads.

A triangle filter as wide as the shrinking averages what comes together (bilinear interpolation where images grow), one
axis after the other. Weights are whole multiples of 2**-14 that sum to 1: products with bytes are then exact in
float32, so that the order in which a matrix product adds them does not matter.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNIT = 1 << 14
"""Parts of a weight. 255 x 2**14 stays below 2**24, up to which float32 holds whole numbers."""
CHUNK_BYTES = 1 << 25
"""Float32 bytes that are worked on at a time."""


def resize(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """``(rows, height, width, channels)`` to ``(rows, side, side, channels)``; the images themselves where they fit."""
    import numpy as np

    rows, height, width, channels = images.shape
    if height == width == side:
        return np.array(images)
    made = np.empty((rows, side, side, channels), dtype=np.uint8)
    step = max(1, CHUNK_BYTES // (4 * max(height, side) * max(width, side) * channels))
    for start in range(0, rows, step):
        made[start : start + step] = _resize_chunk(images[start : start + step], side)
    return made


def _resize_chunk(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    import numpy as np

    rows, height, width, channels = images.shape
    # One axis after the other, each as the last of a plain matrix product.
    across = images.transpose(0, 1, 3, 2).reshape(-1, width).astype(np.float32)
    across = _rounded(across @ _weights(width, side).T)  # (rows*height*channels, side)
    down = across.reshape(rows, height, channels, side).transpose(0, 3, 2, 1).reshape(-1, height)
    down = _rounded(down @ _weights(height, side).T)  # (rows*side*channels, side)
    return down.reshape(rows, side, channels, side).transpose(0, 3, 1, 2).astype(np.uint8)


def _rounded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    rounded: NDArray[np.float32] = np.floor(values * np.float32(1 / UNIT) + np.float32(0.5))
    return rounded


@lru_cache(maxsize=64)
def _weights(length: int, side: int) -> NDArray[np.float32]:
    """What each of `length` pixels adds to each of `side` ones: ``(side, length)`` whole numbers, rows sum to UNIT."""
    import numpy as np

    scale = length / side
    reach = max(scale, 1.0)
    centres = (np.arange(side) + 0.5) * scale
    distance = np.abs(np.arange(length)[None, :] + 0.5 - centres[:, None]) / reach
    shares = np.maximum(1.0 - distance, 0.0)
    shares /= shares.sum(axis=1, keepdims=True)
    whole = np.floor(shares * UNIT)
    # What rounding down left goes, one part each, to where most was cut off.
    lost = np.rint(UNIT - whole.sum(axis=1)).astype(np.int64)
    order = np.argsort(whole - shares * UNIT, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable")
    made: NDArray[np.float32] = (whole + (ranks < lost[:, None])).astype(np.float32)
    return made
