"""Numbers for networks: about one in size whatever their distribution, missing ones told by columns of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_MISSING = 3
"""Missing training values from which a number gets an indicator beside it."""
MOST_INDICATORS = 500
CLIP = 3.0
"""Robustly scaled values approach this (Holzmüller et al. 2024, section 3): outliers keep their order."""
FAR = 1e6
"""Beyond this the soft clip has nothing left to tell apart."""
SAMPLE_ROWS = 20_000
"""Quantiles are taken from so many rows at most, drawn with the seed."""
QUANTILES = 500
ROWS_OF_QUANTILE = 10
"""With few rows there are fewer quantiles, so that each has so many rows to stand on."""
EDGE = 1e-4
"""The outermost quantiles become this quantile of a normal distribution, which lies at -3.7."""


class NumberColumns:
    """Columns that vary, in one of two scalings.

    ``robust``: distance from the median in interquartile ranges, softly clipped, as in RealMLP.
    ``quantile``: quantiles of the training rows as those of a normal distribution.
    """

    def __init__(self, scaling: Literal["robust", "quantile"]) -> None:
        self.scaling = scaling
        self.arrays: dict[str, NDArray[Any]] = {}

    @property
    def kept(self) -> int:
        """Columns that vary in the training rows."""
        return len(self.arrays["kept"])

    @property
    def indicators(self) -> int:
        """Columns that tell whether a number is missing."""
        return len(self.arrays["indicated"])

    def fit(self, numbers: NDArray[np.float32], seed: int) -> None:
        """`numbers` is ``(rows, columns)`` with NaN for missing."""
        rows = len(numbers)
        sample = numbers
        if rows > SAMPLE_ROWS:
            drawn = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE_ROWS, replace=False))
            sample = numbers[drawn]
        kept, fitted = [], []
        for place in range(numbers.shape[1]):
            column = sample[:, place].astype(np.float64)
            present = np.sort(column[~np.isnan(column)])
            if len(present) and present[0] < present[-1]:
                kept.append(place)
                fitted.append(_robust(present) if self.scaling == "robust" else _quantiles(present))
        self.arrays = {"kept": np.array(kept, dtype=np.int64), "indicated": _indicated(numbers)}
        if self.scaling == "robust":
            self.arrays["scale"] = np.array(fitted).reshape(len(kept), 2)
        else:
            self.arrays["quantiles"] = np.array(fitted).reshape(len(kept), -1 if fitted else 0)

    def transform(self, numbers: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scaled numbers ``(rows, kept)`` without NaN, and indicators of missing ones ``(rows, indicated)``."""
        scaled = np.empty((len(numbers), self.kept), dtype=np.float32)
        # Column by column: the double-precision copies stay small whatever the size of the table.
        for place, column in enumerate(self.arrays["kept"]):
            values = numbers[:, column].astype(np.float64)
            if self.scaling == "robust":
                middle, unit = self.arrays["scale"][place]
                values = np.clip((values - middle) / unit, -FAR, FAR)
                values = values / np.sqrt(1.0 + (values / CLIP) ** 2)
            else:
                values = _normal_scores(values, self.arrays["quantiles"][place])
            scaled[:, place] = np.nan_to_num(values, nan=0.0)
        return scaled, np.isnan(numbers[:, self.arrays["indicated"]]).astype(np.float32)


def _robust(present: NDArray[np.float64]) -> tuple[float, float]:
    """Median and unit of sorted values: the interquartile range, half the range where that is 0."""
    lower, middle, upper = np.quantile(present, (0.25, 0.5, 0.75))
    unit = upper - lower or (present[-1] - present[0]) / 2.0
    return float(middle), float(unit)


def _quantiles(present: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values at evenly spaced quantiles; as many as `QUANTILES`, with few rows each several times."""
    count = int(np.clip(len(present) // ROWS_OF_QUANTILE, 10, QUANTILES))
    few = np.quantile(present, np.linspace(0.0, 1.0, count))
    return np.interp(np.linspace(0.0, 1.0, QUANTILES), np.linspace(0.0, 1.0, count), few)


def _normal_scores(values: NDArray[np.float64], quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import ndtri

    shares = np.linspace(0.0, 1.0, len(quantiles))
    # A value that many rows share spans several quantiles: it gets the middle of them.
    upper = np.interp(values, quantiles, shares)
    lower = 1.0 - np.interp(-values, -quantiles[::-1], shares)
    return np.asarray(ndtri(np.clip((upper + lower) / 2.0, EDGE, 1.0 - EDGE)))


def _indicated(numbers: NDArray[np.float32]) -> NDArray[np.int64]:
    """Columns whose missing values get an indicator; of columns that miss the same rows, the first."""
    patterns: dict[bytes, int] = {}
    for place in range(numbers.shape[1]):
        missing = np.isnan(numbers[:, place])
        if LEAST_MISSING <= int(missing.sum()) < len(missing):
            patterns.setdefault(np.packbits(missing).tobytes(), place)
    return np.array(sorted(patterns.values())[:MOST_INDICATORS], dtype=np.int64)
