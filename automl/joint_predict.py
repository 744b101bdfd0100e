"""The weighted sum of what many members predict: rows are encoded once for members that share an encoder, and members
predict in as many threads as there are cores, each with one thread of its own.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.records import ImageData, TableData
    from automl.member import Member

BATCH_ROWS = 65_536
"""Most rows predicted at a time, so that memory stays bounded whatever the size of the table."""
BATCH_CELLS = 8_000_000
"""Cells of encoded rows, and of predictions, that a batch may hold; fewer rows where a table is wide."""
LEAST_BATCH = 512
LEAST_PARALLEL_ROWS = 500
"""Fewer rows are predicted sooner than threads are started."""

Weighted = tuple[float, "Member"]


def weighted_sum(
    members: Sequence[Weighted], data: TableData | ImageData, outputs: int, threads: int
) -> NDArray[np.float64]:
    """The sum over members of share x prediction: ``(rows, outputs)``, or ``(rows,)`` when `outputs` is 0.

    The sum is made in the order of the members, so that it does not depend on the number of threads.
    """
    import numpy as np

    groups = _by_encoder(members)
    total = np.zeros((len(data), outputs) if outputs else (len(data),))
    workers = min(threads, len(groups)) if len(data) >= LEAST_PARALLEL_ROWS else 1
    if workers < 2:
        for rows, batch in _batches(data, data.cells, len(groups) * max(outputs, 1)):
            for group in groups:
                total[rows] += _predict_group(group, batch)
        return total
    with ThreadPoolExecutor(workers, initializer=_one_thread) as pool:
        for rows, batch in _batches(data, data.cells, len(groups) * max(outputs, 1)):
            for part in pool.map(lambda group, batch=batch: _predict_group(group, batch), groups):
                total[rows] += part
    return total


def _by_encoder(members: Sequence[Weighted]) -> list[list[Weighted]]:
    """Members that share an encoder stand together; each of the others stands alone."""
    groups: dict[int, list[Weighted]] = {}
    for share, member in members:
        key = id(member) if member.encoder is None else id(member.encoder)
        groups.setdefault(key, []).append((share, member))
    return list(groups.values())


def _predict_group(group: Sequence[Weighted], batch: TableData | ImageData) -> NDArray[np.float64]:
    rows = group[0][1].encoded(batch) if len(batch) else batch
    share, member = group[0]
    total = share * member.predict_encoded(rows)
    for share, member in group[1:]:
        total += share * member.predict_encoded(rows)
    return total


def _one_thread() -> None:
    """OpenMP counts its threads for each thread that calls it: two loops of two threads on two cores hinder another."""
    from threadpoolctl import ThreadpoolController

    for library in ThreadpoolController().lib_controllers:
        if library.user_api == "openmp":
            library.set_num_threads(1)


def _batches(data: TableData | ImageData, columns: int, outputs: int) -> Iterator[tuple[slice, TableData | ImageData]]:
    import numpy as np

    size = min(BATCH_ROWS, max(BATCH_CELLS // max(columns, outputs, 1), LEAST_BATCH))
    if len(data) <= size:
        yield slice(None), data
        return
    for start in range(0, len(data), size):
        stop = min(start + size, len(data))
        yield slice(start, stop), data.take(np.arange(start, stop))
