"""Learning rate over training, as a factor of the configured one.

Everything counts in epochs, not steps, so that halving the batch (out of memory) leaves a schedule as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FLAT_SHARE = 0.8
"""``flat`` keeps its rate for this share of training, then falls in a line (as in Hägele et al. 2024, arXiv 2405.18392)."""
SCHEDULES = ("flat", "cosine", "one_cycle", "linear", "coslog4")


def factor(schedule: str, progress: float) -> float:
    """Factor of the learning rate when the share `progress` of full training is over.

    ``cosine``: Loshchilov and Hutter 2017; ``one_cycle``: a line up for 30 %, then a cosine down (Smith 2018);
    ``coslog4``: four cosine waves, each twice as long as the one before (Holzmüller et al. 2024, section 3).
    """
    share = min(max(progress, 0.0), 1.0)
    if schedule == "flat":
        return flat_then_line(share)
    if schedule == "linear":
        return 1.0 - share
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * share))
    if schedule == "one_cycle":
        return share / 0.3 if share < 0.3 else 0.5 * (1.0 + math.cos(math.pi * (share - 0.3) / 0.7))
    if schedule == "coslog4":
        return 0.5 * (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * share)))
    raise ValueError(f"schedule {schedule!r} is not known; use {', '.join(SCHEDULES)}")


def flat_then_line(share: float) -> float:
    """1, then in a line down to 0."""
    return 1.0 if share <= FLAT_SHARE else max(1.0 - share, 0.0) / (1.0 - FLAT_SHARE)


def flat_then_cosine(share: float) -> float:
    """1 for the first half, then a cosine down to 0: how RealMLP lets dropout and weight decay fade."""
    return 1.0 if share < 0.5 else 0.5 * (1.0 + math.cos(math.pi * (2.0 * min(share, 1.0) - 1.0)))


@dataclass(frozen=True, kw_only=True)
class Anneal:
    """The last stretch of a training that ends before its schedule does: in a line from `start` down to 0."""

    begin: float
    """In epochs."""
    length: float
    """In epochs."""
    start: float
    """Factor of the learning rate at its beginning."""

    def factor(self, at: float) -> float:
        """Factor at `at` epochs."""
        return self.start * max(0.0, 1.0 - (at - self.begin) / self.length)

    def is_over(self, at: float) -> bool:
        """Whether nothing is left of it."""
        return at >= self.begin + self.length - 1e-9
