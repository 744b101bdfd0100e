"""Predictions of the ensemble made as bold as out-of-fold rows say they should be.

Means of many models are too timid: probabilities too near to each other, values too near to the mean. One exponent of
all probabilities (temperature scaling: Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern Neural
Networks", section 4.2), or one slope and one shift of all values, mends most of it and can hardly overfit. Values that
must stay above a bound get one factor instead: models of logarithms predict geometric means, which are too small where
the mean is asked for (the smearing of Duan 1983, JASA 78). All are found by the metric itself, and kept only where rows
that they were not found on agree.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from automl.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from automl.metrics import Metric

    Floats = NDArray[np.floating]

MOST_ROWS = 20_000
"""Rows that it is found on at most, drawn at random."""
MOST_CELLS = 200_000
"""Rows times classes at most: the metric is asked some 150 times, and one exponent is found as well on fewer rows."""
FEWEST_ROWS = 1_000
"""Rows that many classes leave at least."""
LEAST_ROWS, LEAST_ROWS_OF_FACTOR = 100, 20
PARTS, PARTITIONS = 4, 2
LEAST_GAIN = 0.001
"""Share of the loss that must be saved on rows that it was not found on."""
POWERS = (0.5, 2.5)
SLOPES = (0.8, 1.3)
SHIFTS = (-0.3, 0.3)
"""Bounds of the shift, in standard deviations of the error."""
LOG_FACTORS = (-math.log(10.0), math.log(10.0))
"""Bounds of the logarithm of a factor."""
NARROWINGS = 14
"""Steps of a golden section search: the bounds come a thousand times nearer."""
GOLDEN = 0.618034


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Probabilities to the power of `power`, scaled to sum to 1; values ``to + slope * (value - centre)``, which is a
    factor where both are 0.
    """

    power: float = 1.0
    slope: float = 1.0
    centre: float = 0.0
    to: float = 0.0

    def apply(self, predictions: Floats) -> Floats:
        """Calibrated probabilities ``(rows, classes)`` or values ``(rows,)``."""
        import numpy as np

        if predictions.ndim == 1:
            return self.to + self.slope * (predictions - self.centre)
        if not len(predictions):
            return predictions
        powered = np.clip(predictions, 1e-15, None) ** self.power
        return np.asarray(powered / powered.sum(axis=1, keepdims=True))

    def told(self) -> str:
        """What it does, in words."""
        if self.power != 1.0:
            return f"probabilities to the power of {self.power:.3g}"
        if self.centre == self.to == 0.0:
            return f"values multiplied by {self.slope:.3g}"
        return (
            f"values stretched {self.slope:.3g} times around {self.centre:.4g}, shifted by {self.to - self.centre:.2g}"
        )

    def to_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Calibration:
        """The inverse of :meth:`to_dict`."""
        return cls(**{name: float(value) for name, value in plain.items()})


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """What a calibration is found on."""

    truth: NDArray[np.generic]
    predictions: Floats
    weight: NDArray[np.float64] | None

    def some(self, places: NDArray[np.int64]) -> _Rows:
        weight = None if self.weight is None else self.weight[places]
        return _Rows(truth=self.truth[places], predictions=self.predictions[places], weight=weight)

    def with_a_wrong_one(self) -> _Rows:
        """One row more, as sure as the middle one of these, of which the second class is true: where nearly all rows are
        right, boldness seems to cost nothing, and the next row that is wrong pays for it (Laplace's rule of succession: after n
        rows without a mistake, the next one has one with a chance of about 1/n). Among many rows it hardly counts.
        """
        import numpy as np

        if self.predictions.ndim == 1 or self.predictions.shape[1] < 2:
            return self
        order = np.argsort(self.predictions.max(axis=1), kind="stable")
        middle = self.predictions[order[len(order) // 2]]
        wrong = np.argsort(middle, kind="stable")[-2]
        return _Rows(
            truth=np.append(self.truth, np.asarray(wrong, dtype=self.truth.dtype)),
            predictions=np.concatenate([self.predictions, middle[None]]),
            weight=None if self.weight is None else np.append(self.weight, self.weight.mean()),
        )


def find_calibration(
    metric: Metric,
    truth: NDArray[np.generic],
    predictions: Floats,
    weight: NDArray[np.float64] | None,
    *,
    groups: NDArray[np.int64] | None = None,
    deadline: float | None = None,
) -> tuple[Calibration, float] | None:
    """What makes out-of-fold `predictions` better by `metric`, and the loss to expect; None where nothing helps.

    It is found on three quarters of the rows and judged on the last, in turn, for two ways to cut quarters: all must be
    better. Rows of one of the `groups` ``(rows,)`` stay together. None, too, where the metric judges labels, has too few
    rows or only one group, or when `deadline` (`time.monotonic()`) comes first.
    """
    import numpy as np

    from automl.data.inner_parts import out_of_part

    multiplies = judges_proportions(metric)
    if metric.spec.needs == "labels" or len(truth) < (LEAST_ROWS_OF_FACTOR if multiplies else LEAST_ROWS):
        return None
    rng = np.random.default_rng(0)
    columns = 1 if predictions.ndim == 1 else predictions.shape[1]
    most = min(MOST_ROWS, max(FEWEST_ROWS, MOST_CELLS // columns))
    if len(truth) > most:
        rows = np.sort(rng.choice(len(truth), most, replace=False))
        truth, predictions = truth[rows], predictions[rows]
        weight = None if weight is None else weight[rows]
        groups = None if groups is None else groups[rows]
    if groups is not None and groups.min() == groups.max():
        return None

    def loss(rows: _Rows, values: Floats) -> float:
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError
        return metric.loss(rows.truth, values, rows.weight)

    def search(rows: _Rows) -> Calibration:
        rows = rows.with_a_wrong_one()
        if multiplies:
            return _factor(lambda values: loss(rows, values), rows.predictions)
        return _search(lambda values: loss(rows, values), rows.truth, rows.predictions)

    try:
        everywhere = _Rows(truth=truth, predictions=predictions, weight=weight)
        plain = loss(everywhere, predictions)
        found = search(everywhere)
        if loss(everywhere, found.apply(predictions)) >= (1 - LEAST_GAIN) * plain:
            return None
        losses = []
        for _ in range(PARTITIONS):
            calibrated = np.empty_like(predictions, dtype=np.float64)
            for found_on, judged in out_of_part(len(truth), groups, PARTS, rng):
                calibrated[judged] = search(everywhere.some(found_on)).apply(predictions[judged])
            losses.append(loss(everywhere, calibrated))
    except (TimeoutError, MetricError):  # a part of the rows may hold too little for the metric
        return None
    return None if max(losses) >= (1 - LEAST_GAIN) * plain else (found, sum(losses) / PARTITIONS)


def judges_proportions(metric: Metric) -> bool:
    """Whether values stay above a bound under this metric, so that they are multiplied and not shifted."""
    return bool(metric.spec.logarithm) or metric.spec.positive


def _factor(loss: Callable[[Floats], float], predictions: Floats) -> Calibration:
    return Calibration(slope=math.exp(_golden(lambda power: loss(math.exp(power) * predictions), LOG_FACTORS)))


def _search(loss: Callable[[Floats], float], truth: NDArray[np.generic], predictions: Floats) -> Calibration:
    """The best exponent; or the best slope, then the best shift beside it, and the slope once more."""
    import numpy as np

    if predictions.ndim == 2:
        return Calibration(power=_golden(lambda power: loss(Calibration(power=power).apply(predictions)), POWERS))
    centre = float(np.mean(predictions))
    spread = float(np.std(np.asarray(truth, dtype=np.float64) - predictions))
    best = Calibration(centre=centre, to=centre)

    def with_slope(slope: float) -> Calibration:
        return replace(best, slope=slope)

    def with_shift(shift: float) -> Calibration:
        return replace(best, to=centre + shift * spread)

    for make, bounds in ((with_slope, SLOPES), (with_shift, SHIFTS), (with_slope, SLOPES)):
        best = make(_golden(lambda value, make=make: loss(make(value).apply(predictions)), bounds))  # type: ignore[misc]
    return best


def _golden(loss: Callable[[float], float], bounds: tuple[float, float]) -> float:
    """The place of the least loss between the bounds, by golden section; the loss should have one valley."""
    low, high = bounds
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(NARROWINGS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = loss(right)
    return (low + high) / 2
