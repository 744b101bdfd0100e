"""The unit in which models see a quantity: centred and scaled, so that no model loses the digits that matter.

Most libraries hold targets as float32, in which 1e9 + 1 is 1e9, and stop splitting at fixed losses, such as 1e-6, which
a target in units of 1e-9 never reaches. Penalties, too, mean the same in any unit only when the target has a usual size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

FAR = 1e4
"""Values so many times their spread away from 0 lose digits in a float32, and differ little in proportion."""
SMALL = 1e-3
"""Below this spread fixed tolerances of libraries take differences for nothing."""


@dataclass(frozen=True, kw_only=True)
class TargetUnit:
    """``(value - centre) / scale`` is what a model is trained on; what it predicts comes back in the user's unit.

    The scale is a power of two, so that scaling rounds nothing: whole numbers come back whole.
    """

    centre: float = 0.0
    scale: float = 1.0
    shifts_proportions: bool = False
    """Whether errors in proportion to the value mean nothing to the model any more, though its metric is of them."""

    def to_model(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Values ``(rows,)`` as a model sees them."""
        import numpy as np

        return (np.asarray(values, dtype=np.float64) - self.centre) / self.scale

    def from_model(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predictions ``(rows,)`` in the user's unit."""
        return self.centre + self.scale * values

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"centre": self.centre, "scale": self.scale, "shifts_proportions": self.shifts_proportions}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> TargetUnit:
        """The inverse of :meth:`to_dict`."""
        return cls(
            centre=float(plain["centre"]),
            scale=float(plain["scale"]),
            shifts_proportions=bool(plain["shifts_proportions"]),
        )


def find_unit(target: NDArray[Any], *, proportional: bool = False) -> TargetUnit:
    """Median and spread of the training rows' values ``(rows,)``, the spread rounded to a power of two.

    The median, as one value far out would move the mean away from all the others. Where the metric is `proportional`
    (errors relative to the value, or of its logarithm), models need the user's zero: then values are left as they
    are, or only scaled where their spread is tiny; unless they lie so far from zero that proportions hardly differ.
    """
    import numpy as np

    values = np.asarray(target, dtype=np.float64)
    middle = float(np.median(values))
    spread = float(np.std(values - middle))
    far = abs(middle) > FAR * spread
    if proportional and not far:
        return TargetUnit(scale=_power_of_two(spread) if spread < SMALL else 1.0)
    return TargetUnit(centre=middle, scale=_power_of_two(spread), shifts_proportions=proportional)


def _power_of_two(spread: float) -> float:
    """1 for no spread."""
    return 2.0 ** round(math.log2(spread)) if spread > 0 else 1.0
