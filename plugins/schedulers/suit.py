"""Options of the schedulers that suit a run: rungs that differ.

Where a training is cheap to begin with, as with three folds or ten epochs, small budgets all buy the same smallest
training. A rung of such budgets would only repeat the one below it, and choose among configurations by nothing new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl import RunFacts

ETA = 3
SMALLEST = ETA**-3
"""Smallest budget of the schedulers without a choice."""
MOST_STEPS = 5
"""Steps of racing without a choice."""


def halving_options(facts: RunFacts) -> dict[str, float]:
    """For schedulers with rungs at powers of 1/3: the lowest one is the largest that buys the smallest training. A strategy
    with another `eta` sets its own `min_budget` beside it.
    """
    share = 1.0
    while share > max(facts.least_budget, SMALLEST) * (1 + 1e-6):
        share /= ETA
    return {"min_budget": share}


def screen_options(facts: RunFacts) -> dict[str, float]:
    """For screening: the smallest training, unless that is the whole one."""
    return {"min_budget": max(facts.least_budget, SMALLEST)} if facts.least_budget < 1.0 else {}


def race_options(facts: RunFacts) -> dict[str, float]:
    """For racing: a step for each fold, and no more than `MOST_STEPS`: each of them counts as a trial."""
    return {"steps": min(max(facts.folds, 2), MOST_STEPS)}
