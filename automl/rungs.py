"""What each budget cost in a run, and whether cheap budgets rank configurations as dear ones do."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from automl.history import DISCARDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.history import Trial


def rung_rows(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """A row for each model and budget that has done trials; what early discard left and copies are on no rung.

    `rank_correlation` is Spearman's, over the configurations that are done at this budget and at the model's next larger
    one; None with fewer than three of them.
    """
    done: dict[str, dict[float, dict[str, Trial]]] = {}
    for trial in trials:
        if trial.status == "done" and trial.kind != DISCARDED and not trial.is_copy:
            rungs_of_model = done.setdefault(trial.candidate.model, {})
            rungs_of_model.setdefault(trial.comparable_budget, {})[trial.candidate.id] = trial
    rows = []
    for model, rungs in sorted(done.items()):
        budgets = sorted(rungs)
        for budget, larger in zip(budgets, [*budgets[1:], None], strict=True):
            here = rungs[budget]
            both = [] if larger is None else [name for name in here if name in rungs[larger]]
            pairs = [(_loss(here[name]), _loss(rungs[larger][name])) for name in both] if larger is not None else []
            rows.append(
                {
                    "model": model,
                    "budget": budget,
                    "trials": len(here),
                    "seconds": sum(trial.seconds for trial in here.values()) / len(here),
                    "best_loss": min(_loss(trial) for trial in here.values()),
                    "next_budget": larger,
                    "pairs": len(pairs),
                    "rank_correlation": _spearman(pairs),
                    "facts": _mean_facts(list(here.values())),
                }
            )
    return rows


def _mean_facts(trials: Sequence[Trial]) -> dict[str, float]:
    """What the models reported (phi, multiply-adds, epochs, ...), the mean over the trials that reported it."""
    found: dict[str, list[float]] = {}
    for trial in trials:
        for name, value in trial.facts.items():
            if isinstance(value, int | float):
                found.setdefault(name, []).append(float(value))
    return {name: sum(values) / len(values) for name, values in found.items()}


def _loss(trial: Trial) -> float:
    return float("inf") if trial.loss is None else trial.loss


def _spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Correlation of the ranks, equal values sharing their mean rank; None where it is not defined."""
    if len(pairs) < 3:
        return None
    first, second = (_ranks([pair[side] for pair in pairs]) for side in (0, 1))
    mean = (len(pairs) - 1) / 2
    covariance = sum((one - mean) * (other - mean) for one, other in zip(first, second, strict=True))
    spread = sum((one - mean) ** 2 for one in first) * sum((other - mean) ** 2 for other in second)
    return covariance / spread**0.5 if spread > 0 else None


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [(bisect_left(ordered, value) + bisect_right(ordered, value) - 1) / 2 for value in values]
