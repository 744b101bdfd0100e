"""The number of folds once a fit has shown what it costs.

The plan guesses what a fit takes from the size of the table, and may be wrong by several times. What is lost by folds
that are left out is little (fewer models in each bag, fewer rows that judge); what is lost when the time runs out
before the second or third kind of model has been fitted to its end is much: ensembles live by diverse members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from automl.settings import Settings
    from automl.specs import ModelSpec

REST = 1.3
"""Times what each kind of model costs once that should fit into the time: some for stored configurations."""
LASTING = 3.0
"""One kind of model in so many is fitted on all folds where early discard leaves the others."""
DEAREST = 6.0
"""Models that cost more than this by their statement do not count: they come where there is time for them."""
FEW_ROWS, MANY_ROWS = 2_000, 20_000
LEAST_FOLDS = {"few": 3, "some": 2, "many": 1}
"""Folds that are enough, whatever time there is: they must judge some hundred rows together."""


def least_folds(settings: Settings, kind: str, rows: int) -> int | None:
    """Folds below which the engine does not go; None where their number is fixed: asked for by the user, not made by
    the engine, or no time budget that could be short.
    """
    if settings.folds is not None or settings.repeats is not None or kind != "folds" or settings.budget_seconds is None:
        return None
    return LEAST_FOLDS["few" if rows <= FEW_ROWS else "some" if rows <= MANY_ROWS else "many"]


def cost_of_kinds(models: Iterable[ModelSpec], columns: int = 1, outputs: int = 1) -> float:
    """What one fit of each kind of model costs together, by their statements, on a table of so many columns and outputs."""
    costs = [spec.cost_at(columns, outputs) for spec in models if not spec.is_baseline]
    return max(sum(cost for cost in costs if cost <= DEAREST), min(costs, default=1.0))


def affordable_folds(
    *, folds: int, least: int, fit_seconds: float, kinds_cost: float, core_seconds: float, discards: bool = False
) -> int:
    """Folds, of the `folds` that were planned, that `core_seconds` of all workers allow when a fit of relative cost 1
    takes `fit_seconds`: each kind of model is to be fitted to its end, and some configurations besides. With `discards`
    most kinds end after their first fold, so that the others can have more.
    """
    possible = core_seconds / max(REST * kinds_cost * fit_seconds, 1e-9)
    if discards and possible > 1.0:
        possible = 1.0 + LASTING * (possible - 1.0)
    return max(min(folds, int(possible)), min(least, folds))
