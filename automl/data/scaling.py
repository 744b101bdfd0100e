"""Numbers for models that compare them: imputed, outliers tamed, unit scale. Fitted on training rows only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

MISSING_SHARE = 0.005
"""Share of missing training values from which a number gets an indicator beside it."""
LEAST_MISSING = 3
MOST_INDICATORS = 500
SKEW = 3.0
"""Columns whose skewness is larger are bent by an inverse hyperbolic sine, which is a logarithm far from the middle."""
SPREAD = 3.0
"""So are columns whose standard deviation is this many times what their middle half suggests: heavy tails."""
CLIP = 5.0
"""Scaled values beyond this bend off smoothly: outliers keep their order but lose their weight."""
BENT_LIMIT = 10.0
"""Mean and standard deviation are taken with bent values cut off here."""
QUANTILE_ROWS = 20_000
"""Quantiles are taken from so many rows at most, drawn with the seed."""
BLOCK_CELLS = 250_000
"""Cells computed at a time in double precision: more would not stay in a core's cache."""


class NumberScaling:
    """Median imputation, indicators of missing values, bent heavy tails, mean 0 and standard deviation 1.

    Columns that are constant in the training rows are dropped; equal indicators are kept once.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}

    def fit(self, numbers: NDArray[np.float32], seed: int) -> None:
        """`numbers` is ``(rows, columns)`` with NaN for missing and finite otherwise."""
        rows, columns = numbers.shape
        drawn = np.arange(rows)
        if rows > QUANTILE_ROWS:
            drawn = np.sort(np.random.default_rng(seed).choice(rows, QUANTILE_ROWS, replace=False))
        fitted = {name: np.zeros(columns) for name in ("middle", "unit", "bent", "mean", "scale", "varies")}
        patterns: dict[bytes, int] = {}
        shares = np.zeros(columns)
        for span in _blocks(rows, columns):
            block = np.asarray(numbers[:, span], dtype=np.float64)
            missing = np.isnan(block)
            for name, values in _fit_block(block, missing, drawn).items():
                fitted[name][span] = values
            counts = missing.sum(axis=0)
            shares[span] = counts / max(rows, 1)
            for place in np.flatnonzero((counts >= LEAST_MISSING) & (counts > MISSING_SHARE * rows) & (counts < rows)):
                patterns.setdefault(np.packbits(missing[:, place]).tobytes(), span.start + int(place))
        indicated = sorted(patterns.values(), key=lambda place: (-min(shares[place], 1 - shares[place]), place))
        kept = np.flatnonzero(fitted.pop("varies"))
        self.arrays = {name: values[kept] for name, values in fitted.items()}
        self.arrays["kept"] = kept
        self.arrays["indicated"] = np.array(sorted(indicated[:MOST_INDICATORS]), dtype=np.int64)

    def transform(self, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(rows, kept columns + indicators)``, no NaN."""
        kept, indicated = self.arrays["kept"], self.arrays["indicated"]
        rows = len(numbers)
        scaled = np.empty((rows, len(kept) + len(indicated)), dtype=np.float32)
        for span in _blocks(rows, len(kept)):
            part = {name: self.arrays[name][span] for name in ("middle", "unit", "bent", "mean", "scale")}
            bent = _bend(np.asarray(numbers[:, kept[span]], dtype=np.float64), part)
            scaled[:, span] = soften((bent - part["mean"]) / part["scale"])
        scaled[:, len(kept) :] = np.isnan(numbers[:, indicated])
        return scaled

    def names(self, columns: tuple[str, ...]) -> list[str]:
        """Names of what `transform` returns."""
        return [columns[place] for place in self.arrays["kept"]] + [
            f"{columns[place]} missing" for place in self.arrays["indicated"]
        ]


def soften(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values beyond `CLIP` on a logarithmic path, in place."""
    far = np.abs(scaled) > CLIP
    if far.any():
        values = scaled[far]
        scaled[far] = np.sign(values) * (CLIP + np.log1p(np.abs(values) - CLIP))
    return scaled


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    width = max(BLOCK_CELLS // max(rows, 1), 1)
    for start in range(0, columns, width):
        yield slice(start, min(start + width, columns))


def _fit_block(
    block: NDArray[np.float64], missing: NDArray[np.bool_], drawn: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """What is to be known of each column."""
    lower, middle, upper = _quartiles(block[drawn])
    deviation = np.where(missing, 0.0, block - middle)
    unit = (upper - lower) / 1.349  # of a normal distribution this is the standard deviation
    flat = unit <= 0
    if flat.any():
        # More than half of the values are equal: measure by those that are not.
        unit[flat] = _mean_of_others(np.abs(deviation[:, flat]))
    part: dict[str, NDArray[Any]] = {"middle": middle, "unit": unit}
    scaled = deviation / unit
    spread = scaled.std(axis=0) if len(scaled) else np.zeros(block.shape[1])
    centred = scaled - scaled.mean(axis=0) if len(scaled) else scaled
    skew = np.abs(_mean(centred * centred * centred)) / np.maximum(spread, 1e-12) ** 3
    part["bent"] = (skew > SKEW) | (spread > SPREAD)
    # Values ten thousand units away would still widen the scale of all others.
    final = np.clip(_bend(block, part), -BENT_LIMIT, BENT_LIMIT)
    present = np.where(missing, np.nan, block)
    part["varies"] = _varies(present)
    part["mean"], part["scale"] = _mean(final), np.maximum(final.std(axis=0) if len(final) else 1.0, 1e-9)
    return part


def _quartiles(sample: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Lower quartile, median and upper quartile of each column without NaN; 0 for columns without values."""
    ordered = np.sort(sample, axis=0)  # NaN last
    counts = np.sum(~np.isnan(ordered), axis=0)
    if not len(ordered):
        nothing = np.zeros(sample.shape[1])
        return nothing, nothing.copy(), nothing.copy()
    columns = np.arange(ordered.shape[1])
    found = []
    for share in (0.25, 0.5, 0.75):
        place = share * np.maximum(counts - 1, 0)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, np.maximum(counts - 1, 0))
        first, second = ordered[below, columns], ordered[above, columns]
        found.append(np.where(counts > 0, first + (place - below) * (second - first), 0.0))
    return found[0], found[1], found[2]


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values.mean(axis=0) if len(values) else np.zeros(values.shape[1]))


def _mean_of_others(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = np.count_nonzero(distances, axis=0)
    return np.where(counts > 0, distances.sum(axis=0) / np.maximum(counts, 1), 1.0)


def _varies(present: NDArray[np.float64]) -> NDArray[np.bool_]:
    highest = np.fmax.reduce(present, axis=0, initial=-np.inf)
    lowest = np.fmin.reduce(present, axis=0, initial=np.inf)
    return np.asarray(highest > lowest)


def _bend(block: NDArray[np.float64], part: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Distances from the median in units, missing ones 0, heavy tails bent."""
    bent: NDArray[np.float64] = (block - part["middle"]) / part["unit"]
    bent[np.isnan(bent)] = 0.0
    which = np.flatnonzero(part["bent"])
    if len(which):
        bent[:, which] = np.arcsinh(bent[:, which])
    return bent
