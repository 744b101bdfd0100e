"""What is done between the search and the predictor: members chosen by the goals, trained on all rows, and measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from automl.limits import choose_within, keep_limits
from automl.refit import refit_members

if TYPE_CHECKING:
    from automl.course import Run
    from automl.run import Search
    from automl.search_result import SearchResult
    from automl.store import Store


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The members of the predictor and what was done to them after the search."""

    result: SearchResult
    refitted: frozenset[int]
    reasons: tuple[str, ...]
    kept: bool
    """Whether the hard limits are kept."""


def choose_members(run: Run, search: Search, found: SearchResult, store: Store) -> Chosen:
    """The members of the predictor. Ctrl+C leaves those that the search found, which are whole."""
    try:
        return _choose(run, search, found, store)
    except KeyboardInterrupt:
        told = "predictor: stopped by the user before its members were chosen anew"
        kept = not search.context.goals.hard  # nobody measured
        return Chosen(result=replace(found, interrupted=True), refitted=frozenset(), reasons=(told,), kept=kept)


def _choose(run: Run, search: Search, found: SearchResult, store: Store) -> Chosen:
    """Fewer members where the goals ask for that; members trained on all rows; limits measured and kept."""
    result, reasons = choose_within(search, found)
    refitted: set[int] = set()
    if run.settings.wants_refit and result.ensemble is not None and not result.interrupted:
        trials = [result.history[number] for number in result.ensemble.weights]
        refitted, notes, interrupted = refit_members(search, trials, result, store)
        result = replace(result, interrupted=interrupted)
        reasons = [*reasons, *notes]
        if run.settings.preset == "fast":  # members that could not be refitted are one fold model each
            result = replace(result, folds={number: folds[:1] for number, folds in result.folds.items()})
    kept = True
    if search.context.goals.hard:
        result, notes, kept = keep_limits(run, search, result, refitted)
        reasons = [*reasons, *notes]
    return Chosen(result=result, refitted=frozenset(refitted), reasons=tuple(reasons), kept=kept)
