"""Greedy ensemble selection with replacement on out-of-fold predictions.

Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble Selection from Libraries of Models", ICML.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from automl.history import Trial

ROUNDS = 40
"""Draws with replacement; weights are multiples of 1/40. Published systems use 25 to 50."""
CANDIDATES = 30
"""Best trials that may join, besides the best of each model: the others would only fit noise."""

Loss = Callable[["NDArray[np.float64]"], float]


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Weights by trial id, above zero and summing to 1, with the loss of the weighted mean."""

    weights: Mapping[int, float]
    loss: float
    factors: tuple[float, ...] = ()
    """One for each class, by which labels are decided (`automl.decisions`); empty: by the largest probability."""


def choose_candidates(trials: Sequence[Trial], limit: int = CANDIDATES) -> list[Trial]:
    """The best `limit` full trials and the best of each model, best first."""
    ranked = sorted((trial for trial in trials if trial.loss is not None), key=lambda trial: (trial.loss, trial.id))
    chosen = {trial.id for trial in ranked[:limit]}
    seen: set[str] = set()
    for trial in ranked:
        if trial.candidate.model not in seen:
            seen.add(trial.candidate.model)
            chosen.add(trial.id)
    return [trial for trial in ranked if trial.id in chosen]


def select(
    predictions: Mapping[int, NDArray[np.floating]],
    loss: Loss,
    *,
    known: Mapping[int, float] | None = None,
    rounds: int = ROUNDS,
    deadline: float | None = None,
) -> Ensemble:
    """Add, again and again, the candidate that makes the mean of the bag best; keep the best bag on the way.

    `predictions` maps trial ids to arrays ``(rows, classes)`` or ``(rows,)`` over the same rows; ties go to the
    lower id, so that the result does not depend on the order of finishing. A candidate whose loss cannot be
    computed is an error of the caller. `known` are losses of single candidates that need not be computed again. Stops
    at `deadline` (`time.monotonic()`) with the best bag so far.
    Raises ValueError without candidates.
    """
    if not predictions:
        raise ValueError("an ensemble needs at least one candidate")
    ids = sorted(predictions)
    known = known or {}
    singles = {trial: known[trial] if trial in known else loss(_as_double(predictions[trial])) for trial in ids}
    first = min(ids, key=lambda trial: (singles[trial], trial))
    bag = [first]
    total = _as_double(predictions[first]).copy()
    best_loss, best_bag = singles[first], list(bag)
    for size in range(2, rounds + 1):
        losses: dict[int, float] = {}
        for trial in ids:
            if deadline is not None and time.monotonic() > deadline:
                break
            losses[trial] = loss((total + predictions[trial]) / size)
        if len(losses) < len(ids):
            break
        chosen = min(ids, key=lambda trial: (losses[trial], trial))
        bag.append(chosen)
        total += predictions[chosen]
        # The tolerance keeps rounding noise from lengthening a bag that does not get better.
        if losses[chosen] < best_loss - 1e-9 * abs(best_loss):
            best_loss, best_bag = losses[chosen], list(bag)
    counts = {trial: best_bag.count(trial) for trial in sorted(set(best_bag))}
    return Ensemble(weights={trial: count / len(best_bag) for trial, count in counts.items()}, loss=best_loss)


def _as_double(values: NDArray[np.floating]) -> NDArray[np.float64]:
    import numpy as np

    return np.asarray(values, dtype=np.float64)
