"""The last part of a run under a scheduler of partial budgets: the best configurations get the whole budget.

Only full trials can join the predictor, and a schedule may still be on its lowest rungs when the time is nearly over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.strategy import Start

if TYPE_CHECKING:
    from automl.clock import Clock
    from automl.history import History, Trial

FINALS_SHARE = 0.3
"""Share of the search time that is kept for full budgets."""


def finals_are_due(clock: Clock) -> bool:
    """Whether the time has come; never without a time budget, where the scheduler runs to its end."""
    if clock.search_end is None:
        return False
    return clock.search_left() < FINALS_SHARE * (clock.search_end - clock.started)


def finalist(history: History) -> Start | None:
    """The best configuration that was tried only partially, at the whole budget; None when there is none.

    Losses compare at one budget only, so those that came furthest are first, and the better ones among them. A copy came
    as far as its budget: more training would have been the same there.
    """
    # What there was no time for may have been trained a little since; a final that was skipped is not asked for again.
    full = {
        trial.candidate.id for trial in history if trial.is_full and not (trial.is_skipped and trial.parent is None)
    }
    furthest: dict[str, Trial] = {}
    for trial in history.finished():
        best = furthest.get(trial.candidate.id)
        if trial.candidate.id not in full and (best is None or trial.budget > best.budget):
            furthest[trial.candidate.id] = trial
    ranked = sorted(furthest.values(), key=lambda trial: (-trial.budget, trial.loss, trial.id))
    if not ranked:
        return None
    first = ranked[0]
    while first.is_copy and first.parent is not None:  # that is where the fitted models are
        first = history[first.parent]
    return Start(candidate=first.candidate, budget=1.0, parent=first.id)
