"""Greedy ensemble selection with replacement on out-of-fold predictions.

Caruana, Niculescu-Mizil, Crew and Ksikes (2004), "Ensemble Selection from Libraries of Models", ICML.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.goals import FREE, UNLIMITED, Cost, total_cost

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from automl.calibration import Calibration
    from automl.history import Trial

ROUNDS = 40
"""Draws with replacement; weights are multiples of 1/40. Published systems use 25 to 50."""
CANDIDATES = 30
"""Best trials that may join, besides the best of each model: the others would only fit noise."""

SHARES_OF_CAP = (1.0, 0.5, 0.25, 0.1)
"""Shares of the cap that a single candidate may cost, tried one after another where a cap binds."""

SAME = 1e-9
"""Share by which losses may differ and be the same; it keeps rounding noise from lengthening a bag that does not get better."""
LEAST_TIE = 1e-3
"""Share by which a longer bag of the same loss must be better by what decides ties."""

Loss = Callable[["NDArray[np.float64]"], float]


def no_tie(mean: NDArray[np.float64]) -> float:
    """Nothing beside the loss: the first of equal bags is the best."""
    return 0.0


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Weights by trial id, above zero and summing to 1, with the loss of the weighted mean."""

    weights: Mapping[int, float]
    loss: float
    factors: tuple[float, ...] = ()
    """One for each class, by which labels are decided (`automl.decisions`); empty: by the largest probability."""
    calibration: Calibration | None = None
    """What is done to the weighted mean; None: it is taken as it is."""

    def facts(self, score: float | None) -> dict[str, Any]:
        """What a run's record says of it beside the weights; `score`: the loss as a score."""
        calibration = None if self.calibration is None else self.calibration.to_dict()
        return {"factors": list(self.factors), "calibration": calibration, "score": score}


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
    costs: Mapping[int, Cost] | None = None,
    cap: Cost = UNLIMITED,
    tie: Loss = no_tie,
) -> Ensemble:
    """Add, again and again, the candidate that makes the mean of the bag best; keep the best bag on the way.

    `predictions` maps trial ids to arrays ``(rows, classes)`` or ``(rows,)`` over the same rows; ties go to the
    lower id, so that the result does not depend on the order of finishing. A candidate whose loss cannot be
    computed is an error of the caller. `known` are losses of single candidates that need not be computed again. Stops
    at `deadline` (`time.monotonic()`) with the best bag so far. The bag costs at most `cap` by `costs`, as long as
    each candidate does. Of bags of the same loss (`SAME`) the one of the least `tie` is better: a metric of labels has
    few values, and on a few hundred rows many bags share the best of them.
    Raises ValueError without candidates.
    """
    if not predictions:
        raise ValueError("an ensemble needs at least one candidate")
    ids = sorted(predictions)
    known = known or {}
    singles = {trial: known[trial] if trial in known else loss(_as_double(predictions[trial])) for trial in ids}
    ties = {trial: tie(_as_double(predictions[trial])) for trial in _of_least(singles)}
    first = min(ties, key=lambda trial: (ties[trial], trial))
    bag = [first]
    total = _as_double(predictions[first]).copy()
    best, best_bag = (singles[first], ties[first]), list(bag)
    for size in range(2, rounds + 1):
        losses: dict[int, tuple[float, float]] = {}
        affordable = [one for one in ids if one in bag or total_cost({*bag, one}, costs or {}).within(cap)]
        for trial in affordable:
            if deadline is not None and time.monotonic() > deadline:
                break
            mean = (total + predictions[trial]) / size
            losses[trial] = loss(mean), tie(mean)
        if len(losses) < len(affordable):
            break
        least = _of_least({trial: found for trial, (found, _) in losses.items()})
        chosen = min(least, key=lambda trial: (losses[trial][1], trial))
        bag.append(chosen)
        total += predictions[chosen]
        if _is_better(losses[chosen], best, least_tie=LEAST_TIE):
            best, best_bag = losses[chosen], list(bag)
    counts = {trial: best_bag.count(trial) for trial in sorted(set(best_bag))}
    return Ensemble(weights={trial: count / len(best_bag) for trial, count in counts.items()}, loss=best[0])


def _of_least(losses: Mapping[int, float]) -> list[int]:
    """The trials of the least loss."""
    least = min(losses.values())
    return [trial for trial, loss in losses.items() if loss <= least + SAME * abs(least)]


def _is_better(found: tuple[float, float], best: tuple[float, float], *, least_tie: float = 0.0) -> bool:
    """Whether a loss, with what decides ties, is better than the best so far; of the same loss, by `least_tie` at least."""
    (loss, tie), (best_loss, best_tie) = found, best
    slack = SAME * abs(best_loss)
    return loss < best_loss - slack or (loss <= best_loss + slack and tie < best_tie - least_tie * abs(best_tie))


def select_within(
    best: Ensemble,
    predictions: Mapping[int, NDArray[np.floating]],
    loss: Loss,
    *,
    costs: Mapping[int, Cost],
    cap: Cost,
    known: Mapping[int, float] | None = None,
    deadline: float | None = None,
    tie: Loss = no_tie,
) -> Ensemble:
    """The best bag that costs at most `cap`; the cheapest candidate alone when none is that cheap.

    One dear candidate may leave no room for others, so that the bags without the dear ones compete with it. `best`
    is the bag that `select` finds without a cap.
    """
    if total_cost(best.weights, costs).within(cap):
        return best
    found: tuple[Ensemble, float] | None = None
    tried: set[tuple[int, ...]] = set()
    for share in SHARES_OF_CAP:
        most = Cost(row_ms=cap.row_ms * share, megabytes=cap.megabytes * share)
        cheap = tuple(trial for trial in sorted(predictions) if costs.get(trial, FREE).within(most))
        if not cheap or cheap in tried:
            continue
        tried.add(cheap)
        bag = select(
            {trial: predictions[trial] for trial in cheap},
            loss,
            known=known,
            deadline=deadline,
            costs=costs,
            cap=cap,
            tie=tie,
        )
        its_tie = tie(_mixed(bag.weights, predictions))
        if found is None or _is_better((bag.loss, its_tie), (found[0].loss, found[1])):
            found = bag, its_tie
    if found is not None:
        return found[0]
    cheapest = min(predictions, key=lambda trial: (_excess(costs.get(trial, FREE), cap), trial))
    alone = known[cheapest] if known and cheapest in known else loss(_as_double(predictions[cheapest]))
    return Ensemble(weights={cheapest: 1.0}, loss=alone)


def thrifty(
    best: Ensemble,
    predictions: Mapping[int, NDArray[np.floating]],
    loss: Loss,
    *,
    costs: Mapping[int, Cost],
    price: float,
    deadline: float | None = None,
    tie: Loss = no_tie,
) -> Ensemble:
    """`best` without the members that are not worth the time they take to predict.

    One that takes a share `s` of the time goes if that raises the loss by no more than ``s * price`` of it, and what decides ties
    by no more than that share of it; the most worthless goes first, the others share its weight in proportion, and the last one stays.
    """
    best_tie = tie(_mixed(best.weights, predictions))
    while len(best.weights) > 1 and price > 0.0:
        whole = total_cost(best.weights, costs).row_ms
        found: tuple[float, Ensemble, float] | None = None
        for gone in best.weights:
            share = costs.get(gone, FREE).row_ms / whole if whole > 0.0 else 0.0
            if share == 0.0 or (deadline is not None and time.monotonic() > deadline):
                continue
            left = sum(weight for one, weight in best.weights.items() if one != gone)
            weights = {one: weight / left for one, weight in best.weights.items() if one != gone}
            mean = _mixed(weights, predictions)
            without, its_tie = Ensemble(weights=weights, loss=loss(mean)), tie(mean)
            worth = without.loss - best.loss - share * price * abs(best.loss)
            tied = its_tie <= best_tie + share * price * abs(best_tie)
            if worth <= 0.0 and tied and (found is None or worth / share < found[0]):
                found = (worth / share, without, its_tie)
        if found is None:
            return best
        _, best, best_tie = found
    return best


def _excess(cost: Cost, cap: Cost) -> float:
    """How many times a cost is above the cap, by the worse of its two sides."""
    return max(cost.row_ms / max(cap.row_ms, 1e-12), cost.megabytes / max(cap.megabytes, 1e-12))


def _mixed(weights: Mapping[int, float], predictions: Mapping[int, NDArray[np.floating]]) -> NDArray[np.float64]:
    """The weighted mean of members' predictions."""
    return sum(weight * _as_double(predictions[one]) for one, weight in weights.items())  # type: ignore[return-value]


def _as_double(values: NDArray[np.floating]) -> NDArray[np.float64]:
    import numpy as np

    return np.asarray(values, dtype=np.float64)
