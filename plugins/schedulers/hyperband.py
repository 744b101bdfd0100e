"""Hyperband: successive halving with every trade-off between many configurations and large budgets."""

from __future__ import annotations

from automl_plugins.schedulers.brackets import Brackets, Plan
from automl_plugins.schedulers.options import ladder, share, whole_number
from automl_plugins.schedulers.successive_halving import halving_plan


def hyperband_plans(eta: int, min_budget: float) -> tuple[Plan, ...]:
    """The brackets s_max, ..., 0 of Li et al. 2018, Algorithm 1, with R = 1 and budgets as shares of it.

    Bracket s starts n = ceil((s_max + 1) / (s + 1) * eta^s) configurations at eta^-s (line 2), and its rung i
    has floor(n / eta^i) of them (line 5). In whole numbers, so that no rounding of floats changes a size.
    """
    budgets = ladder(eta, min_budget)
    most = len(budgets) - 1
    plans = []
    for bracket in range(most, -1, -1):
        configurations = -(-(most + 1) * eta**bracket // (bracket + 1))
        plans.append(halving_plan(configurations, eta, budgets[most - bracket :]))
    return tuple(plans)


class Hyperband(Brackets):
    """Hyperband (Li et al. 2018, Algorithm 1), its rounds repeated for ever.

    All brackets cost about the same: the first one starts many configurations at the smallest budget, the last
    one a few at the whole budget. Where the paper would wait for the trials of a rung, the next bracket begins.
    A trial that failed is the worst of its rung; when all of a rung failed, its bracket is over.

    Args:
        seed: not needed, as nothing is left to chance.
        eta: one in `eta` goes on to the next rung.
        min_budget: smallest share of the full training cost, 1/R in the paper's words; the first bracket starts
            at the smallest power of 1/eta that is not below it.

    Raises SettingsError when an option is out of its range.
    """

    def __init__(self, seed: int, *, eta: int = 3, min_budget: float = 1 / 27) -> None:
        del seed
        owner = "scheduler 'hyperband'"
        eta = whole_number(owner, "eta", eta, least=2)
        super().__init__(hyperband_plans(eta, share(owner, "min_budget", min_budget)))
