"""Screening: everything at a small budget once, the best few at the whole one."""

from __future__ import annotations

from automl_plugins.schedulers.brackets import Brackets, Rung
from automl_plugins.schedulers.options import share, whole_number

from automl import SettingsError


class Screen(Brackets):
    """Ranks configurations once at a small budget and trains the best few fully.

    Egele et al. 2023 (arXiv 2307.15422) found one epoch for all and then full training for the best few about
    equal to the multi-fidelity methods, so whatever is more complicated has to beat this.

    In rounds, for ever: `configurations` are screened, the best `keep` of them go on, and the next round begins
    when the present one only waits for running trials.

    Args:
        seed: not needed, as nothing is left to chance.
        configurations: how many are screened in a round.
        keep: how many of them are trained fully; a share when it is below 1.
        min_budget: share of the full training cost that screening takes.

    Raises SettingsError when an option is out of its range.
    """

    def __init__(self, seed: int, *, configurations: int = 27, keep: float = 3, min_budget: float = 1 / 27) -> None:
        del seed
        owner = "scheduler 'screen'"
        number = whole_number(owner, "configurations", configurations, least=2)
        if isinstance(keep, float) and 0 < keep < 1:
            kept = max(1, round(keep * number))
        else:
            kept = whole_number(owner, "keep", keep, least=1)
        if kept >= number:
            raise SettingsError(
                f"{owner}: keep is {keep!r}, all of the {number} configurations of a round; pass fewer, or use "
                "the scheduler 'full'"
            )
        small = share(owner, "min_budget", min_budget)
        if small >= 1:
            raise SettingsError(
                f"{owner}: min_budget is {min_budget!r}; pass a share below 1, or use the scheduler 'full' to train "
                "everything fully"
            )
        super().__init__([(Rung(number, small), Rung(kept, 1.0))])
