"""Crossed features: what pairs of category levels say of the target beyond both of them.

A booster finds a pair of levels by two cuts, but where both columns have many levels it has few rows for each and would
have to cut very often. The mean of the target over the rows of a pair, shrunk and out of fold like that of a single level
(`automl.data.target_encoding`), says the same in one column. Most pairs say nothing, so each is asked first: on rows that were
not used for it, does the mean of its pairs tell enough of what the means of both columns leave?
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.arrays import read_arrays
from automl.data.target_encoding import TargetEncoding
from automl.data.twins import PRIORS, goals, sums_of_levels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from automl.data.records import TableData

    Floats = NDArray[np.float64]

MOST_COLUMNS = 12
"""Columns of which pairs are made, those that tell most of the target alone."""
MOST_ROWS = 10_000
"""Rows that decide at most, drawn at random."""
MOST_CELLS = 2_000_000
"""Rows x columns x outputs by which columns are compared at most: a wide table's are compared by fewer rows."""
LEAST_ROWS = 200
"""Fewer cannot tell."""
MOST_PAIRS = 20_000
"""Pairs of levels that are looked at in two columns, the most frequent ones; others count as unseen."""
LEAST_SHARE = 0.002
"""Share of the target's variance that a pair tells at least beyond its columns."""
CHANCE = 3.0
"""How many times what chance tells, about 1 / rows."""
FILES = ("crosses.npz", "crosses.json")


class Crosses:
    """Some pairs of category columns as target means; fitted on training rows only."""

    def __init__(self, seed: int, most: int) -> None:
        """`most`: pairs that are kept at most, those that tell most."""
        self._seed, self._most = seed, most
        self.pairs: list[tuple[int, int]] = []
        """Places of the category columns."""
        self._widths: list[int] = []
        self._keys: list[NDArray[np.int64]] = []
        self._encoding = TargetEncoding(seed)

    def fit_transform(self, data: TableData, places: Sequence[int], classes: int) -> NDArray[np.float32]:
        """Choose among pairs of the category columns `places`, and encode the training rows out of fold: ``(rows, pairs *
        outputs)``, no column where no pair tells enough. `classes`: their number, 0 for values.
        """
        assert data.target is not None
        self.pairs = tellers(data, places, classes)[: self._most]
        if not self.pairs:
            return np.zeros((len(data), 0), dtype=np.float32)
        self._widths = [data.layout.levels[second] + 2 for _, second in self.pairs]
        raw = self._raw(data)
        self._keys = [_frequent(column) for column in raw]
        codes = self._codes(raw)
        levels = tuple(len(keys) for keys in self._keys)
        return self._encoding.fit_transform(codes, data.target, levels, classes, data.groups)

    def transform(self, data: TableData) -> NDArray[np.float32]:
        """Other rows in the same columns."""
        if not self.pairs:
            return np.zeros((len(data), 0), dtype=np.float32)
        return self._encoding.transform(self._codes(self._raw(data)))

    def _raw(self, data: TableData) -> list[NDArray[np.int64]]:
        """A number for each pair of levels, missing and unseen ones among them."""
        return [
            _place(data, first) * width + _place(data, second)
            for (first, second), width in zip(self.pairs, self._widths, strict=True)
        ]

    def _codes(self, raw: Sequence[NDArray[np.int64]]) -> NDArray[np.int32]:
        columns = []
        for keys, values in zip(self._keys, raw, strict=True):
            found = np.minimum(np.searchsorted(keys, values), len(keys) - 1)
            columns.append(np.where(keys[found] == values, found, len(keys)))
        return np.stack(columns, axis=1).astype(np.int32)

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        inner = folder / "crosses"
        inner.mkdir()
        self._encoding.save(inner)
        np.savez(inner / FILES[0], **{f"keys_{place}": keys for place, keys in enumerate(self._keys)})  # type: ignore[arg-type]
        (inner / FILES[1]).write_text(json.dumps({"pairs": self.pairs, "widths": self._widths}))

    @classmethod
    def load(cls, folder: Path) -> Crosses:
        """The inverse of :meth:`save`; raises OSError, ValueError, KeyError, TypeError or PredictorError for damaged files."""
        inner = folder / "crosses"
        about: dict[str, Any] = json.loads((inner / FILES[1]).read_text())
        made = cls(0, len(about["pairs"]))
        made.pairs = [(int(first), int(second)) for first, second in about["pairs"]]
        made._widths = [int(width) for width in about["widths"]]
        arrays = read_arrays(inner / FILES[0])
        made._keys = [arrays[f"keys_{place}"] for place in range(len(made.pairs))]
        made._encoding = TargetEncoding.load(inner)
        return made


def tellers(data: TableData, places: Sequence[int], classes: int) -> list[tuple[int, int]]:
    """Pairs of the category columns `places` that tell more of the target than both columns, the best first."""
    rows = np.random.default_rng(0).permutation(len(data))[:MOST_ROWS]
    if len(rows) < LEAST_ROWS or len(places) < 2:
        return []
    goal = goals(np.asarray(data.target)[rows], classes)
    total = float((goal**2).sum())
    half = np.arange(len(rows)) % 2 == 0
    if data.groups is not None:  # rows of a group stand on one side
        half = np.unique(np.asarray(data.groups)[rows], return_inverse=True)[1].reshape(-1) % 2 == 0
    if not total or half.all() or not half.any():
        return []
    few = slice(max(MOST_CELLS // (len(places) * goal.shape[1]), LEAST_ROWS))
    alone = {place: float((_left(_place(data, place, rows[few]), goal[few], half[few]) ** 2).sum()) for place in places}
    chosen = sorted(sorted(places, key=lambda place: (alone[place], place))[:MOST_COLUMNS])
    levels = {place: _place(data, place, rows) for place in chosen}
    least = max(LEAST_SHARE, CHANCE / len(rows)) * total
    gains = {}
    for first in chosen:
        beside = _left(levels[first], goal, half)
        for second in (place for place in chosen if place > first):
            left = _left(levels[second], beside, half)
            width = data.layout.levels[second] + 2
            pair = np.unique(levels[first] * width + levels[second], return_inverse=True)[1].reshape(-1)
            gain = float((left**2).sum()) - float((_left(pair, left, half) ** 2).sum())
            if gain > least:
                gains[first, second] = gain
    return sorted(gains, key=lambda pair: (-gains[pair], pair))


def _left(level: NDArray[np.int64], goal: Floats, half: NDArray[np.bool_]) -> Floats:
    """What the shrunken means of levels on one half of the rows leave of the goal on the other, with the best prior."""
    left, count = np.empty((len(PRIORS), *goal.shape)), int(level.max()) + 1
    for learned in (half, ~half):
        counts, sums = sums_of_levels(level[learned], goal[learned], count)
        for place, prior in enumerate(PRIORS):
            left[place, ~learned] = goal[~learned] - (sums / (counts + prior))[level[~learned]]
    return np.asarray(left[np.argmin((left**2).sum(axis=(1, 2)))])


def _place(data: TableData, place: int, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.int64]:
    """Levels of a column by number: known ones, then unseen, then missing."""
    codes, levels = np.asarray(data.codes[rows, place]), data.layout.levels[place]
    return np.where(codes < 0, levels + 1, np.minimum(codes, levels)).astype(np.int64)


def _frequent(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The most frequent values, in rising order."""
    keys, counts = np.unique(values, return_counts=True)
    return np.sort(keys[np.argsort(-counts, kind="stable")[:MOST_PAIRS]])
