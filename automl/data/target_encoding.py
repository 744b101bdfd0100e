"""Categories as the mean of the target, shrunk towards the whole, out of fold on the training rows.

Micci-Barreca (2001), "A preprocessing scheme for high-cardinality categorical attributes"; the cross-fitting keeps
a row's own target out of its encoding (Pargent et al. 2022, arXiv 2104.00629, find it best of all encodings).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

PARTS = 5
"""Parts of the training rows; each is encoded by the others."""
MOST_OUTPUTS = 10
"""Classes that get a column each; with more, only the largest do."""


class TargetEncoding:
    """Columns of category codes to columns of shrunken target means.

    With `fit_transform` training rows are encoded out of fold; `transform` uses all training rows. Two classes
    give one output, more give one each (at most 10), a quantity gives one.
    """

    def __init__(self, seed: int = 0, smoothing: float = 10.0) -> None:
        self.seed = seed
        self.smoothing = smoothing
        self._tables: list[NDArray[np.float64]] = []
        self._prior: NDArray[np.float64] | None = None
        self._outputs: list[int] = []

    @property
    def outputs(self) -> int:
        """Output columns for each category column."""
        return len(self._outputs)

    def fit_transform(
        self, codes: NDArray[np.int32], target: NDArray[Any], levels: tuple[int, ...], classes: int
    ) -> NDArray[np.float32]:
        """Fit, and encode the training rows out of fold: ``(rows, columns * outputs)``. `classes` is 0 for a quantity."""
        import numpy as np

        goal = self._goal(target, classes)
        self._prior = goal.mean(axis=0)
        self._tables = [self._table(codes[:, place], goal, count) for place, count in enumerate(levels)]
        parts = np.random.default_rng(self.seed).permutation(len(goal)) % PARTS
        encoded = np.empty((len(goal), len(levels) * self.outputs), dtype=np.float32)
        for part in range(PARTS):
            inside, outside = parts == part, parts != part
            if not outside.any():
                encoded[inside] = np.tile(self._prior, len(levels))
                continue
            for place, count in enumerate(levels):
                table = self._table(codes[outside, place], goal[outside], count)
                span = slice(place * self.outputs, (place + 1) * self.outputs)
                encoded[inside, span] = table[self._places(codes[inside, place], count)]
        return encoded

    def transform(self, codes: NDArray[np.int32]) -> NDArray[np.float32]:
        """Encode rows by all training rows; missing has a value of its own, unseen levels get the prior."""
        import numpy as np

        encoded = np.empty((len(codes), len(self._tables) * self.outputs), dtype=np.float32)
        for place, table in enumerate(self._tables):
            span = slice(place * self.outputs, (place + 1) * self.outputs)
            encoded[:, span] = table[self._places(codes[:, place], len(table) - 2)]
        return encoded

    def save(self, folder: Path) -> None:
        """Write arrays and JSON into an existing folder."""
        import numpy as np

        arrays: dict[str, Any] = {f"table_{place}": table for place, table in enumerate(self._tables)}
        np.savez(folder / "target_encoding.npz", prior=self._prior, **arrays)  # type: ignore[arg-type]
        about = {"outputs": self._outputs, "smoothing": self.smoothing, "seed": self.seed, "columns": len(self._tables)}
        (folder / "target_encoding.json").write_text(json.dumps(about))

    @classmethod
    def load(cls, folder: Path) -> TargetEncoding:
        """The inverse of :meth:`save`."""
        from automl.data.arrays import read_arrays

        about = json.loads((folder / "target_encoding.json").read_text())
        encoding = cls(seed=about["seed"], smoothing=about["smoothing"])
        encoding._outputs = list(about["outputs"])
        arrays = read_arrays(folder / "target_encoding.npz")
        encoding._prior = arrays["prior"]
        encoding._tables = [arrays[f"table_{place}"] for place in range(about["columns"])]
        return encoding

    def _goal(self, target: NDArray[Any], classes: int) -> NDArray[np.float64]:
        """What is averaged: ``(rows, outputs)``."""
        import numpy as np

        if not classes:
            self._outputs = [0]
            return np.asarray(target, dtype=np.float64).reshape(-1, 1)
        if classes == 2:
            self._outputs = [1]
        else:
            largest = np.argsort(-np.bincount(target, minlength=classes), kind="stable")[:MOST_OUTPUTS]
            self._outputs = sorted(largest.tolist())
        return np.stack([target == code for code in self._outputs], axis=1).astype(np.float64)

    def _table(self, codes: NDArray[np.int32], goal: NDArray[np.float64], levels: int) -> NDArray[np.float64]:
        """Shrunken means by place: known levels, then unseen, then missing."""
        import numpy as np

        prior = goal.mean(axis=0)
        places = self._places(codes, levels)
        counts = np.bincount(places, minlength=levels + 2)
        sums = np.stack(
            [np.bincount(places, weights=goal[:, output], minlength=levels + 2) for output in range(goal.shape[1])],
            axis=1,
        )
        table = (sums + self.smoothing * prior) / (counts + self.smoothing)[:, None]
        return np.asarray(table, dtype=np.float64)

    @staticmethod
    def _places(codes: NDArray[np.int32], levels: int) -> NDArray[np.int64]:
        import numpy as np

        return np.where(codes < 0, levels + 1, np.minimum(codes, levels)).astype(np.int64)
