"""Whose stored candidate comes next when there is no time for all of them: kinds of models share the time by what they are
worth on the table at hand.

Which kind wins is not known before: on one table boosted trees lead by far, on the next they are no match for networks. The default
configurations tell, and they come first. From then on each kind gets time in proportion to its promise, so that the best
kinds get most of it, dear ones of them fewer trials than cheap ones, and no kind is written off: ensembles live by diverse members.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.history import Candidate, History, Trial

DECAY = 20.0
"""A kind of model that is behind by a twentieth of what the best is better than the baseline gets half the time."""
LEAST_PROMISE = 0.15
FLOOR = "baseline"
"""Origin of trials that only tell what is worse than nothing."""


def next_in_turn(history: History, waiting: Sequence[Candidate]) -> Candidate | None:
    """Of the candidates that wait, in their order, the first one of the kind of model that has had the least time for what it promises;
    None when there is none.

    A function of the history: seconds and losses of its trials. A kind of which no trial is done yet, or all failed, is not
    judged, and comes when there is no other.
    """
    kinds = list(dict.fromkeys(candidate.model for candidate in waiting))
    if not kinds:
        return None
    spent, losses = _seconds(history), _losses(history)
    known = [kind for kind in kinds if kind in losses]
    if not known:
        return waiting[0]
    promises = _promises(losses, _floor(history))
    kind = min(known, key=lambda kind: spent[kind] / promises[kind])
    return next(candidate for candidate in waiting if candidate.model == kind)


def _seconds(history: History) -> dict[str, float]:
    """Worker seconds by kind of model; trials that run, and those that were passed over as too slow for the time that
    was left, count as the others took. Kinds without a finished trial are missing.
    """
    ended: dict[str, list[float]] = defaultdict(list)
    expected: dict[str, int] = defaultdict(int)
    for trial in history:
        if trial.status == "running" or trial.is_skipped:
            expected[trial.candidate.model] += 1
        else:
            ended[trial.candidate.model].append(trial.seconds)
    return {kind: sum(found) * (1.0 + expected[kind] / len(found)) for kind, found in ended.items()}


def _losses(history: History) -> dict[str, float]:
    """The least loss by kind of model: of full trials, or of those that were left early where no other is there."""
    full: dict[str, float] = {}
    early: dict[str, float] = {}
    for trial in history.finished():
        if trial.loss is None or not math.isfinite(trial.loss) or _is_floor(trial):
            continue
        best = full if trial.is_full else early
        best[trial.candidate.model] = min(best.get(trial.candidate.model, trial.loss), trial.loss)
    return early | full


def _floor(history: History) -> float | None:
    """The loss of the best baseline."""
    return min(
        (
            trial.loss
            for trial in history.finished()
            if _is_floor(trial) and trial.loss is not None and math.isfinite(trial.loss)
        ),
        default=None,
    )


def _is_floor(trial: Trial) -> bool:
    return trial.candidate.origin == FLOOR


def _promises(losses: dict[str, float], floor: float | None) -> dict[str, float]:
    """Between `LEAST_PROMISE` and 1, for the best kind, by how far others are behind on the way from the floor to the best."""
    best = min(losses.values(), default=0.0)
    if floor is None or floor <= best:
        return dict.fromkeys(losses, 1.0)
    return {
        kind: max(1.0 / (1.0 + DECAY * (loss - best) / (floor - best)), LEAST_PROMISE) for kind, loss in losses.items()
    }
