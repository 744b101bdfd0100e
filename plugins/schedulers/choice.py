"""The strategy `auto`: which pair suits a run.

Measured with `benchmarks/hpo.py`: with 20 full trainings and more, Gaussian processes beat the other samplers, and under
Hyperband most of all. Real runs differ in two ways. They start from stored configurations, which take all of a short
run; and ensembles are made of full trials, of which Hyperband makes fewer. So small budgets come first only where a full
trial is long, and a rung of it is far longer than what a job costs to start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl import RunFacts

LEAST_SEARCH = 10
"""Full trials that must be left after the starting configurations before learning from results can pay."""
LONG_TRIAL_SECONDS = 20.0
"""The smallest rung, 1/27, is then most of a second, several times what a job costs besides training."""


def choose(facts: RunFacts) -> tuple[str, str]:
    """The name of a strategy, and why."""
    if facts.trials is not None:
        left = facts.trials - facts.starting
        if left < LEAST_SEARCH:
            return "random", f"{facts.trials} trials leave {max(left, 0)} after the starting configurations"
        return "gp", f"{left} trials are left to learn in, and full ones are worth most where trials are counted"
    if facts.seconds is None:
        return "gp", "without a limit there is time to learn from full trials"
    left = int(facts.full_trials) - facts.starting
    if left < LEAST_SEARCH:
        return "random", (
            f"about {facts.full_trials:.0f} full trials fit in {facts.seconds:.0f} s, which {facts.starting} starting "
            "configurations use up, or nearly"
        )
    told = f"about {left} full trials of {facts.trial_seconds:.1f} s fit after {facts.starting} starting configurations"
    if facts.trial_seconds >= LONG_TRIAL_SECONDS:
        return "gp+hyperband", f"{told}: long enough to look at small budgets first"
    return "gp", f"{told}: too short for small budgets to save much"
