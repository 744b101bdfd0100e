"""The pixels of any images in batches, as a predictor asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.data.image_store import PixelArrays
from automl.data.records import ImageData

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.image_input import Pictures
    from automl.data.image_schema import ImageSchema

BATCH_BYTES = 1 << 26
"""Bytes of pixels that are held at a time."""
MOST_BATCH = 2048


def each_batch(
    pictures: Pictures,
    schema: ImageSchema,
    predict: Callable[[ImageData], NDArray[np.float64]],
    outputs: int,
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """What `predict` says of each picture, ``(rows, outputs)`` or ``(rows,)`` when `outputs` is 0; NaN in the rows of
    pictures that cannot be read, with the reasons by row.
    """
    import numpy as np

    made = np.full((len(pictures), outputs) if outputs else (len(pictures),), np.nan)
    faults: dict[int, str] = {}
    batch = max(1, min(MOST_BATCH, BATCH_BYTES // (schema.side**2 * schema.channels)))
    for start in range(0, len(pictures), batch):
        rows = np.arange(start, min(start + batch, len(pictures)))
        images, wrong = pictures.load(rows, schema.side, schema.channels)
        faults |= {start + place: reason for place, reason in wrong.items()}
        good = np.setdiff1d(np.arange(len(rows)), list(wrong))
        if len(good):
            made[rows[good]] = predict(_data(images[good] if wrong else images, schema))
    return made, faults


def _data(images: NDArray[np.uint8], schema: ImageSchema) -> ImageData:
    import numpy as np

    return ImageData(
        source=PixelArrays(images=images),
        rows=np.arange(len(images), dtype=np.int64),
        height=schema.height,
        width=schema.width,
        channels=schema.channels,
    )
