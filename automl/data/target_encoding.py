"""Categories as the mean of the target, shrunk towards the whole, out of fold on the training rows.

Micci-Barreca (2001), "A preprocessing scheme for high-cardinality categorical attributes", sections 3 and 4: how far
a level is shrunk follows from how much levels differ (empirical Bayes). The cross-fitting keeps a row's own target
out of its encoding (Pargent et al. 2022, arXiv 2104.00629, find it best of all encodings).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from automl.data.inner_parts import inner_parts

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

PARTS = 5
"""Parts of the training rows; each is encoded by the others."""
MOST_OUTPUTS = 10
"""Classes that get a column each; with more, only the largest do."""
LEAST_SMOOTHING, USUAL_SMOOTHING, MOST_SMOOTHING = 1.0, 10.0, 1000.0
"""Rows that the prior counts for: the bounds of the estimate, and what is used where no level has two rows."""


class TargetEncoding:
    """Columns of category codes to columns of shrunken target means.

    With `fit_transform` training rows are encoded out of fold; `transform` uses all training rows. Two classes
    give one output, more give one each (at most 10), a quantity gives one. `smoothing` is the number of rows that
    the overall mean counts for; None: estimated for each column and output.

    Out of fold a level has several values, one for each part of the rows, and they rise where the part's own targets fall:
    trees cut between them and learn the noise. `whole_from` is the number of rows from which a level has one value, that of
    all its rows, in which a row's own target no longer counts for much; None: no level has.
    """

    def __init__(self, seed: int = 0, smoothing: float | None = None, whole_from: int | None = None) -> None:
        self.seed = seed
        self.smoothing = smoothing
        self.whole_from = whole_from
        self._tables: list[NDArray[np.float64]] = []
        self._prior: NDArray[np.float64] | None = None
        self._spread: NDArray[np.float64] | None = None
        self._outputs: list[int] = []

    @property
    def outputs(self) -> int:
        """Output columns for each category column."""
        return len(self._outputs)

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation of what is averaged, ``(outputs,)``: how far apart encodings could be at most."""
        assert self._spread is not None, "fit_transform first"
        return self._spread

    def fit_transform(
        self,
        codes: NDArray[np.int32],
        target: NDArray[Any],
        levels: tuple[int, ...],
        classes: int,
        groups: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """Fit, and encode the training rows out of fold: ``(rows, columns * outputs)``.

        `codes` is ``(rows, columns)`` as in `TableData`, `levels` the number of levels of each column, `classes`
        the number of classes, 0 for a quantity. With `groups` ``(rows,)`` no row is encoded by others of its group, and no
        level by all its rows.
        """
        import numpy as np

        goal = self._goal(target, classes)
        self._prior, self._spread = goal.mean(axis=0), goal.std(axis=0)
        self._tables = [self._table(codes[:, place], goal, count) for place, count in enumerate(levels)]
        parts = inner_parts(len(goal), groups, PARTS, np.random.default_rng(self.seed))
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
        if self.whole_from is not None and groups is None:
            for place, count in enumerate(levels):
                places = self._places(codes[:, place], count)
                often = np.bincount(places, minlength=count + 2)[places] >= self.whole_from
                span = slice(place * self.outputs, (place + 1) * self.outputs)
                encoded[often, span] = self._tables[place][places[often]]
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
        np.savez(folder / "target_encoding.npz", prior=self._prior, spread=self._spread, **arrays)  # type: ignore[arg-type]
        about = {"outputs": self._outputs, "smoothing": self.smoothing, "seed": self.seed, "columns": len(self._tables)}
        (folder / "target_encoding.json").write_text(json.dumps(about))

    @classmethod
    def load(cls, folder: Path) -> TargetEncoding:
        """The inverse of :meth:`save`; PredictorError when the arrays are missing or damaged."""
        from automl.data.arrays import read_arrays

        about = json.loads((folder / "target_encoding.json").read_text())
        encoding = cls(seed=about["seed"], smoothing=about["smoothing"])
        encoding._outputs = list(about["outputs"])
        arrays = read_arrays(folder / "target_encoding.npz")
        encoding._prior, encoding._spread = arrays["prior"], arrays["spread"]
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
        # Distances from the mean: of large values, squares of the values themselves would lose all digits.
        apart = goal - prior
        sums = np.stack(
            [np.bincount(places, weights=column, minlength=levels + 2) for column in apart.T],
            axis=1,
        )
        smoothing: Any = self._strength(counts, sums, apart) if self.smoothing is None else self.smoothing
        table = prior + sums / (counts[:, None] + smoothing)
        return np.asarray(table, dtype=np.float64)

    @staticmethod
    def _strength(
        counts: NDArray[np.integer[Any]], sums: NDArray[Any], apart: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Rows that the prior counts for, ``(outputs,)``: variance inside levels over variance between them.

        The estimates are those of a one-way random effects model by the method of moments.
        """
        import numpy as np

        used = counts > 0
        size, total = counts[used].astype(np.float64), float(counts.sum())
        levels = len(size)
        if levels < 2 or total - levels < 1:
            return np.full(apart.shape[1], USUAL_SMOOTHING)
        between_squares = (sums[used] ** 2 / size[:, None]).sum(axis=0)
        inside = np.maximum((apart**2).sum(axis=0) - between_squares, 0.0) / (total - levels)
        typical_size = (total - (size**2).sum() / total) / (levels - 1)
        between = (between_squares / (levels - 1) - inside) / typical_size
        ratio = np.where(between > 0, inside / np.where(between > 0, between, 1.0), MOST_SMOOTHING)
        return np.clip(ratio, LEAST_SMOOTHING, MOST_SMOOTHING)

    @staticmethod
    def _places(codes: NDArray[np.int32], levels: int) -> NDArray[np.int64]:
        import numpy as np

        return np.where(codes < 0, levels + 1, np.minimum(codes, levels)).astype(np.int64)
