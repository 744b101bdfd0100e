"""Successive halving: many configurations at a small budget, the best of them at a larger one, and so on."""

from __future__ import annotations

from automl_plugins.schedulers.brackets import Brackets, Plan, Rung
from automl_plugins.schedulers.options import ladder, share, whole_number

from automl import SettingsError


def halving_plan(configurations: int, eta: int, budgets: tuple[float, ...]) -> Plan:
    """Rungs of successive halving: rung i has floor(n / eta^i) trials at the i-th budget."""
    return tuple(Rung(configurations // eta**index, budget) for index, budget in enumerate(budgets))


class SuccessiveHalving(Brackets):
    """Synchronous successive halving (Jamieson and Talwalkar 2016), with any rate eta as in the inner loop of
    Hyperband (Li et al. 2018, Algorithm 1, lines 3 to 9).

    Rung i trains floor(n / eta^i) configurations at a budget of eta^i times the smallest; when all of them have
    finished, the best floor(n / eta^(i+1)) go on. A trial that failed is the worst of its rung. Brackets follow
    one another for ever, and the next one begins when the present rung waits for running trials.

    Args:
        seed: not needed, as nothing is left to chance.
        eta: one in `eta` goes on to the next rung.
        min_budget: smallest share of the full training cost; the first rung has the smallest power of 1/eta
            that is not below it.
        configurations: n, how many start in a bracket; 0: as many as leave one at the whole budget.

    Raises SettingsError when an option is out of its range, or no configuration would reach the whole budget.
    """

    def __init__(self, seed: int, *, eta: int = 3, min_budget: float = 1 / 27, configurations: int = 0) -> None:
        del seed
        owner = "scheduler 'successive_halving'"
        eta = whole_number(owner, "eta", eta, least=2)
        budgets = ladder(eta, share(owner, "min_budget", min_budget))
        needed = eta ** (len(budgets) - 1)
        number = whole_number(owner, "configurations", configurations, least=0) or needed
        if number < needed:
            raise SettingsError(
                f"{owner}: of {number} configurations none would reach the whole budget after {len(budgets) - 1} "
                f"rungs that keep one in {eta}; pass configurations={needed} or more, or a larger min_budget "
                f"than {min_budget:g}"
            )
        super().__init__([halving_plan(number, eta, budgets)])
