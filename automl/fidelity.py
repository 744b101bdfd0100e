"""Fidelities: ways to train a model partially, and what a share of the full cost buys.

A *budget* is a share of the full training cost in (0, 1]. Each model turns it into values of its own
fidelity through the growth law of that fidelity, so that schedulers never know what is being scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """One way to train partially.

    The growth law says how the cost grows with the value: ``linear`` (rows, rounds, trees, epochs),
    ``quadratic`` (input resolution) or ``exponential`` (EfficientNet's phi, where a step doubles it).
    """

    name: str
    unit: str
    low: float
    """Least value that still ranks configurations."""
    high: float
    """Value of full training."""
    growth: Literal["linear", "quadratic", "exponential"] = "linear"
    whole: bool = True
    """Whether values are whole numbers."""
    resumable: bool = False
    """Whether a longer training continues a shorter one and pays only the difference."""

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"fidelity {self.name!r}: low={self.low} is above high={self.high}")
        if self.growth not in ("linear", "quadratic", "exponential"):
            raise ValueError(f"fidelity {self.name!r}: growth={self.growth!r}, use linear, quadratic or exponential")
        if self.growth != "exponential" and self.high <= 0:
            raise ValueError(f"fidelity {self.name!r}: high={self.high} must be above 0 for {self.growth} growth")

    def value(self, share: float) -> float:
        """The value that costs `share` of full training, clipped to ``[low, high]``.

        Raises ValueError when `share` is not in (0, 1].
        """
        if not 0 < share <= 1:
            raise ValueError(f"budget share {share} is not in (0, 1]")
        if self.growth == "linear":
            value = self.high * share
        elif self.growth == "quadratic":
            value = self.high * math.sqrt(share)
        else:
            value = self.high + math.log2(share)
        if self.whole:
            value = float(round(value))
        return min(max(value, self.low), self.high)

    def share(self, value: float) -> float:
        """The share of the full cost that `value` really spends: the inverse of :meth:`value`."""
        value = min(max(value, self.low), self.high)
        if self.growth == "linear":
            return value / self.high
        if self.growth == "quadratic":
            return (value / self.high) ** 2
        return float(2.0 ** (value - self.high))

    @property
    def least_share(self) -> float:
        """The largest share of the full cost that still buys no more than `low`."""
        # Whole numbers are rounded; exactly half way, to the even one.
        above = self.low + 0.5 if self.whole else self.low
        return self.share(above) * (1.0 - 1e-9 if self.whole and above < self.high else 1.0)


ROWS = Fidelity(name="rows", unit="share of the training rows", low=0.02, high=1.0, whole=False)
"""Rows belong to the engine, so every model has them: the value is the share of training rows."""

FOLDS = Fidelity(name="folds", unit="share of the folds", low=0.01, high=1.0, whole=False)
"""Folds belong to the engine too: the value is the share of the trial's jobs that are run."""

ENGINE_FIDELITIES = (ROWS, FOLDS)
