"""Compound scaling (Tan and Le 2019, arXiv 1905.11946): depth, width and resolution of a network grow together.

One coefficient phi says how much larger than its base a network is: depth alpha^phi, width beta^phi, resolution gamma^phi.
As the cost grows with depth, width^2 and resolution^2, alpha * beta^2 * gamma^2 of about 2 doubles it with each step.
Negative values make networks smaller than their base, on which a CPU can search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ALPHA, BETA, GAMMA = 1.2, 1.1, 1.15
"""Depth, width and resolution of a step, found by a grid search at phi = 1 (section 3.3)."""
STEP_COST = ALPHA * BETA**2 * GAMMA**2
"""What a step multiplies the cost by: 1.92. A search over alpha and beta keeps it, gamma follows from them."""
DIVISOR = 8
"""Channels are multiples of it, as matrix units want."""
LEAST_SIDE = 6
"""Pixels; below it nothing is left to see."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How many times deeper, wider and of larger input than its base a network is."""

    depth: float = 1.0
    width: float = 1.0
    resolution: float = 1.0


def compound_scale(phi: float, alpha: float = ALPHA, beta: float = BETA) -> Scale:
    """The scale of a coefficient; gamma is what makes a step cost `STEP_COST`, 1.15 for the published alpha and beta."""
    gamma = math.sqrt(STEP_COST / (alpha * beta**2))
    return Scale(depth=alpha**phi, width=beta**phi, resolution=gamma**phi)


def scale_channels(channels: float, width: float) -> int:
    """The nearest multiple of 8, at least 8, and one more where that lost over 10 % of the scaled value."""
    wanted = channels * width
    rounded = max(DIVISOR, int(wanted + DIVISOR / 2) // DIVISOR * DIVISOR)
    return rounded + DIVISOR if rounded < 0.9 * wanted else rounded


def scale_repeats(repeats: float, depth: float) -> int:
    """Repeats of a block, rounded up."""
    return math.ceil(depth * repeats - 1e-9)


def scale_side(side: int, resolution: float) -> int:
    """Pixels of the input's side; multiples of four above 32, as each side is kept on disk once for a run."""
    wanted = max(side * resolution, LEAST_SIDE)
    return round(wanted / 4) * 4 if wanted > 32 else round(wanted)
