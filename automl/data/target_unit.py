"""The unit in which models see a quantity: centred and scaled, so that no model loses the digits that matter, and as its
logarithm where the metric judges that.

Most libraries hold targets as float32, in which 1e9 + 1 is 1e9, and stop splitting at fixed losses, such as 1e-6, which
a target in units of 1e-9 never reaches. Penalties, too, mean the same in any unit only when the target has a usual size.
"""

from __future__ import annotations

import math
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

FAR = 1e4
"""Values so many times their spread away from 0 lose digits in a float32, and differ little in proportion."""
SMALL = 1e-3
"""Below this spread fixed tolerances of libraries take differences for nothing."""
BENDS = {"log": 0.0, "log1p": -1.0}
"""Logarithms, and the value that they need more than."""
BEYOND = 1.0
"""How far predicted logarithms may lie outside of those that were seen: a line that is drawn on becomes an exponential."""
MOST_LOGARITHM = 709.0
"""The largest whose exponential is a float."""
LEAST_SHARE = 1e-3
"""Where predictions must be above 0, they are at least this share of the mean."""


@dataclass(frozen=True, kw_only=True)
class TargetUnit:
    """``(value - centre) / scale``, of the value or of its logarithm, is what a model is trained on; what it predicts comes
    back in the user's unit.

    The scale is a power of two, so that scaling rounds nothing: whole numbers come back whole.
    """

    centre: float = 0.0
    scale: float = 1.0
    bend: Literal["", "log", "log1p"] = ""
    """The logarithm that is taken first."""
    least: float | None = None
    """Predictions are no smaller, in the user's unit."""
    most: float | None = None
    """Predictions are no larger, in the user's unit."""
    shifts_proportions: bool = False
    """Whether errors in proportion to the value mean nothing to the model any more, though its metric is of them."""

    def to_model(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Values ``(rows,)`` as a model sees them."""
        import numpy as np

        # Scaled first, which rounds nothing: the difference of the largest floats is infinite.
        return _bent(np.asarray(values, dtype=np.float64), self.bend) / self.scale - self.centre / self.scale

    def from_model(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predictions ``(rows,)`` in the user's unit."""
        import numpy as np

        found = self.scale * (self.centre / self.scale + values)
        if self.bend:
            with np.errstate(over="ignore"):  # infinity is cut off below
                found = np.exp(found) if self.bend == "log" else np.expm1(found)
        if self.least is None and self.most is None:
            return found
        return np.clip(found, self.least, self.most)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> TargetUnit:
        """The inverse of :meth:`to_dict`."""
        bend = plain["bend"]
        if bend not in ("", *BENDS):
            raise ValueError(f"bend {bend!r} is not known")
        least, most = (None if plain[name] is None else float(plain[name]) for name in ("least", "most"))
        return cls(
            centre=float(plain["centre"]),
            scale=float(plain["scale"]),
            bend=bend,
            least=least,
            most=most,
            shifts_proportions=bool(plain["shifts_proportions"]),
        )


def find_unit(
    target: NDArray[Any],
    *,
    proportional: bool = False,
    bend: Literal["", "log", "log1p"] = "",
    positive: bool = False,
) -> TargetUnit:
    """Median and spread of the training rows' values ``(rows,)``, the spread rounded to a power of two.

    The median, as one value far out would move the mean away from all the others. Where the metric is `proportional`
    (errors relative to the value, or of its logarithm), models need the user's zero: then values are left as they
    are, or only scaled where their spread is tiny; unless they lie so far from zero that proportions hardly differ. With
    `bend` they see that logarithm instead, where all values have one. `positive`: predictions must be above 0.
    """
    import numpy as np

    values = np.asarray(target, dtype=np.float64)
    middle = _middle(values)
    halved = 0.5 * values - 0.5 * middle  # the difference of the largest floats is infinite, and their squares are, too
    largest = float(np.abs(halved).max()) or 1.0
    spread = min(2.0 * (largest * float(np.std(halved / largest))), sys.float_info.max)
    far = abs(middle) > FAR * spread
    if bend and not far and values.min() > BENDS[bend]:
        bent = _bent(values, bend)
        inner = find_unit(bent)
        lowest, highest = float(bent.min()) - BEYOND, float(bent.max()) + BEYOND
        least = math.exp(lowest) if bend == "log" else min(0.0, float(values.min()))
        most = math.exp(min(highest, MOST_LOGARITHM)) - (bend == "log1p")
        return TargetUnit(centre=inner.centre, scale=inner.scale, bend=bend, least=least, most=most)
    least_of_positive = LEAST_SHARE * float(values.mean()) if positive and values.min() >= 0.0 else None
    if proportional and not far:
        return TargetUnit(scale=_power_of_two(spread) if spread < SMALL else 1.0, least=least_of_positive)
    return TargetUnit(centre=middle, scale=_power_of_two(spread), shifts_proportions=proportional)


def _bent(values: NDArray[np.float64], bend: str) -> NDArray[np.float64]:
    import numpy as np

    if not bend:
        return values
    return np.log(values) if bend == "log" else np.log1p(values)


def _middle(values: NDArray[np.float64]) -> float:
    """The median, also of the largest floats, whose sum is infinite."""
    import numpy as np

    return 2.0 * float(np.median(0.5 * values))


def _power_of_two(spread: float) -> float:
    """1 for no spread."""
    return 2.0 ** min(round(math.log2(spread)), sys.float_info.max_exp - 1) if spread > 0 else 1.0
