"""Out-of-fold predictions: from the folds of a trial to one array over the rows that were judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.records import Split


class OutOfFold:
    """Puts fold predictions together. Rows judged by several folds (repeats) get the mean."""

    def __init__(self, splits: Sequence[Split], rows: int) -> None:
        import numpy as np

        self._splits = splits
        self._rows = rows
        counts = np.zeros(rows, dtype=np.int64)
        for split in splits:
            counts[split.valid] += 1
        self.covered: NDArray[np.int64] = np.flatnonzero(counts)
        """Row numbers that some fold judges, ascending."""

    def combine(self, folds: Mapping[int, NDArray[np.floating]]) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
        """Row numbers and mean predictions ``(rows,)`` or ``(rows, classes)`` of the folds given by number.

        With all folds the row numbers are :attr:`covered`. Probabilities are float32, values float64.
        """
        import numpy as np

        shape = next(iter(folds.values())).shape[1:]
        total = np.zeros((self._rows, *shape), dtype=np.float64)
        counts = np.zeros(self._rows, dtype=np.int64)
        for number in sorted(folds):
            rows = self._splits[number].valid
            total[rows] += folds[number]
            counts[rows] += 1
        covered = np.flatnonzero(counts)
        scale = counts[covered].reshape(-1, *([1] * len(shape)))
        # Probabilities need no more digits; values may be large, with a small spread.
        return covered, (total[covered] / scale).astype(np.float32 if shape else np.float64)
