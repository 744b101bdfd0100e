"""Small images to try a model on. Their arrays are read-only, like the mapped files of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from automl.data.records import ImageData
from automl.task import Task
from automl.testing.data import LABELS, METRICS, read_only, toy_target

if TYPE_CHECKING:
    from automl.specs import ProblemType

HEIGHT, WIDTH = 12, 8
"""Of toy images: not square, as photographs are not."""


def toy_image_task(problem_type: ProblemType, *, rows: int = 200, channels: int = 3) -> Task:
    """The task behind `toy_image_data`."""
    return Task(
        target="y",
        problem_type=problem_type,
        metric=METRICS[problem_type],
        rows=rows,
        features=HEIGHT * WIDTH * channels,
        modality="images",
        height=HEIGHT,
        width=WIDTH,
        channels=channels,
        classes=LABELS[problem_type],
        reasons=("a toy",),
    )


def toy_image_data(
    problem_type: ProblemType, rows: int = 200, seed: int = 0, *, channels: int = 3
) -> tuple[ImageData, ImageData]:
    """Training rows and half as many validation rows of noisy images whose upper half is brighter the larger the target."""
    total = rows + max(rows // 2, 3)
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=total)
    values = rng.normal(110.0, 12.0, size=(total, HEIGHT, WIDTH, channels))
    values[:, : HEIGHT // 2] += 40.0 * signal[:, None, None, None]
    images = np.clip(values, 0, 255).astype(np.uint8)
    target = toy_target(problem_type, signal + rng.normal(scale=0.1, size=total))
    train, valid = (ImageData.of(images[part], target[part]) for part in (slice(None, rows), slice(rows, None)))
    return read_only(train), read_only(valid)
