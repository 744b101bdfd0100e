"""Checks of the schedulers' options: what was wrong, the value, what to pass instead."""

from __future__ import annotations

import math
from numbers import Real

from automl import SettingsError


def whole_number(owner: str, name: str, value: object, *, least: int) -> int:
    """`value` as an int of at least `least`; SettingsError otherwise. ``3.0`` counts as 3."""
    if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value) and float(value).is_integer():
        number = int(value)
        if number >= least:
            return number
    raise SettingsError(f"{owner}: {name} is {value!r}; pass a whole number of at least {least}")


def share(owner: str, name: str, value: object) -> float:
    """`value` as a float in (0, 1]; SettingsError otherwise."""
    if isinstance(value, Real) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise SettingsError(f"{owner}: {name} is {value!r}; pass a share of the full training cost, above 0 and at most 1")


def ladder(eta: int, least: float) -> tuple[float, ...]:
    """The budgets 1, 1/eta, 1/eta^2, ... that are not below `least`, smallest first; the last is exactly 1."""
    # A little tolerance, so that 1/27 typed as 0.037037037 is the power that was meant.
    steps = math.floor(math.log(1 / least) / math.log(eta) + 1e-6)
    return tuple(1 / eta**step for step in range(steps, -1, -1))


def same_budget(one: float, other: float) -> bool:
    """Whether two budgets are meant to be the same."""
    return math.isclose(one, other, rel_tol=1e-6)
