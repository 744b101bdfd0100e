"""Which class is decided from probabilities, where the metric judges labels and not probabilities.

The most probable class is best for accuracy alone. Balanced accuracy is best served by the probability over the class's
share of the rows, F1 by something between (Lipton, Elkan and Naryanaswamy 2014, "Optimal Thresholding of Classifiers
to Maximize F1 Measure"). So each class gets a factor, and the class with the largest product of factor and probability
is predicted. Factors are found on out-of-fold predictions: first one exponent of the class shares for all classes,
which can hardly overfit, at the end each factor for itself, kept only where rows that it was not found on agree.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from automl.errors import MetricError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from automl.metrics import Metric

    Floats = NDArray[np.floating]

Factors = tuple[float, ...]
"""One for each class; empty: the most probable class is decided."""

EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Class shares to the power of minus these are the factors that are tried first."""
MOST_CLASSES = 20
"""With more, factors are not found one by one."""
MOST_ROWS = 20_000
"""Rows that factors are found on at most, drawn at random."""
STEPS = (0.08, 0.25, 0.5, 0.7, 0.85, 1.2, 1.45, 2.0, 4.0, 12.0)
"""What a factor is multiplied with when it is looked for alone."""
PARTS = 4
PARTITIONS = 3
LEAST_GAIN = 0.01
"""Share of the loss that factors found one by one must save on rows that they were not found on."""


def decided(probabilities: Floats, factors: Factors) -> Floats:
    """Probabilities ``(rows, classes)`` times the factors: the largest of each row is the class that is decided."""
    import numpy as np

    return probabilities * np.asarray(factors) if factors else probabilities


class DecisionMaker:
    """Finds factors for one metric and one target.

    It judges labels only where the metric needs labels and may be improved by another decision (`MetricSpec.decides`).
    """

    def __init__(self, metric: Metric, target: NDArray[np.generic]) -> None:
        import numpy as np

        self._metric = metric
        self.applies = metric.spec.needs == "labels" and metric.spec.decides and target.dtype.kind in "iu"
        self._shares = np.bincount(target.astype(np.int64)) / len(target) if self.applies else np.ones(1)

    def of_shares(self, exponent: float) -> Factors:
        """The shares of the classes to the power of minus `exponent`; nothing for 0."""
        import numpy as np

        if not exponent:
            return ()
        return _scaled(np.maximum(self._shares, 1e-9) ** -exponent)

    def choose(
        self, truth: NDArray[np.generic], probabilities: Floats, weight: NDArray[np.float64] | None
    ) -> tuple[Factors, float]:
        """The best factors of one exponent, and the metric's loss with them; ties go to the smaller exponent.

        Raises MetricError when the metric says nothing about these rows.
        """
        tried = (self.of_shares(exponent) for exponent in (EXPONENTS if self.applies else EXPONENTS[:1]))
        found = [(self._metric.loss(truth, decided(probabilities, factors), weight), factors) for factors in tried]
        loss, factors = min(found, key=lambda pair: pair[0])
        return factors, loss

    def refine(
        self,
        truth: NDArray[np.generic],
        probabilities: Floats,
        weight: NDArray[np.float64] | None,
        start: Factors,
        *,
        groups: NDArray[np.int64] | None = None,
        deadline: float | None = None,
    ) -> tuple[Factors, float] | None:
        """Factors found one by one from `start` and the loss to expect of them; None where they would not help.

        They are found on three quarters of the rows and judged on the last, in turn, for three ways to cut quarters:
        all must be better than `start`. Rows of one of the `groups` ``(rows,)`` stay together. None, too, when they are
        all of one group, or `deadline` (`time.monotonic()`) comes first.
        """
        import numpy as np

        from automl.data.inner_parts import out_of_part

        if not self.applies or probabilities.shape[1] > MOST_CLASSES:
            return None
        classes = probabilities.shape[1]
        rng = np.random.default_rng(0)
        rows = np.arange(len(truth))
        if len(rows) > MOST_ROWS:
            rows = np.sort(rng.choice(rows, MOST_ROWS, replace=False))
        if groups is not None:
            groups = groups[rows]
            if groups.min() == groups.max():
                return None
        first = np.asarray(start) if start else np.ones(classes)

        def loss(places: NDArray[np.int64], product: Floats) -> float:
            return self._metric.loss(truth[places], product, None if weight is None else weight[places])

        def search(places: NDArray[np.int64]) -> Floats:
            return _search(lambda factors: loss(places, probabilities[places] * factors), first, deadline)

        try:
            plain = loss(rows, probabilities[rows] * first)
            losses = []
            for _ in range(PARTITIONS):
                product = np.empty((len(rows), classes))
                for found_on, judged in out_of_part(len(rows), groups, PARTS, rng):
                    product[judged] = probabilities[rows[judged]] * search(rows[found_on])
                losses.append(loss(rows, product))
            if max(losses) >= (1 - LEAST_GAIN) * plain:
                return None
            return _scaled(search(rows)), sum(losses) / PARTITIONS
        except (TimeoutError, MetricError):  # a part of the rows may hold too little for the metric
            return None


def _scaled(factors: Floats) -> Factors:
    """Factors with a geometric mean of one."""
    import numpy as np

    return tuple((factors / np.exp(np.log(factors).mean())).tolist())


def _search(loss: Callable[[Floats], float], start: Floats, deadline: float | None) -> Floats:
    """Each factor in turn, twice, the other factors held; of two classes only one needs to move."""
    import numpy as np

    best, best_loss = start.copy(), loss(start)
    moved = range(1, 2) if len(start) == 2 else range(len(start))
    for steps in (STEPS, tuple(np.sqrt(STEPS))):
        for place in moved:
            centre = best[place]
            for step in steps:
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError
                factors = best.copy()
                factors[place] = centre * step
                found = loss(factors)
                if found < best_loss:
                    best, best_loss = factors, found
    return best
