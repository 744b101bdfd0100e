"""How long predicting a row takes, and how large what predicts is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from automl.data.records import ImageData, TableData
    from automl.member import Member

MOST_CELLS = 4_000_000
"""Cells of the batch by which a member is timed, at most: copying rows must not take memory that a job has not got."""
MOST_SECONDS = 0.5
"""A member that would take longer for the batch is not timed again: what its validation rows took tells enough."""
ENOUGH = 0.25
"""Share of the batch from which the validation rows tell as much."""


def time_rows(member: Member, data: TableData | ImageData, rows: int, *, seconds: float, count: int) -> float:
    """Milliseconds per row that `member` takes for a batch of `rows` rows like those of `data`.

    It predicted `count` rows in `seconds` just now, which is enough unless they were so few that what a call costs
    whatever its size would count too much.
    """
    import numpy as np

    if count >= ENOUGH * rows or seconds * rows > MOST_SECONDS * max(count, 1):
        return 1000.0 * seconds / max(count, 1)
    size = min(rows, max(MOST_CELLS // max(data.cells, 1), 1))
    batch = data.take(np.resize(np.arange(min(len(data), size)), size))
    started = time.monotonic()
    member.predict(batch)
    return float(1000.0 * (time.monotonic() - started) / size)


def folder_megabytes(folder: Path, *, skip: str = "") -> float:
    """Megabytes (10^6 bytes) of all files below `folder`, without those named `skip`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != skip) / 1e6
