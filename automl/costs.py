"""What a job will cost: measured where the model has run, else scaled from its stated relative cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.clock import Clock
    from automl.specs import ModelSpec


class Costs:
    """Seconds of one job by model, learned while the run goes on."""

    def __init__(self, models: Mapping[str, ModelSpec], fit_seconds: float, columns: int = 1) -> None:
        self._models = models
        self._stated = {name: fit_seconds * spec.cost_at(columns) for name, spec in models.items()}
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, model: str, seconds: float) -> None:
        """A job of this model took so long."""
        self._sums[model] = self._sums.get(model, 0.0) + seconds
        self._counts[model] = self._counts.get(model, 0) + 1

    def job_seconds(self, model: str) -> float:
        """Expected seconds of one job of this model."""
        if model in self._counts:
            return self._sums[model] / self._counts[model]
        return self._stated[model] * self._correction()

    def _correction(self) -> float:
        """How far off the stated costs were for the models that have run (geometric mean is too hasty: median)."""
        ratios = sorted(
            (self._sums[name] / self._counts[name]) / self._stated[name]
            for name in self._counts
            if not self._models[name].is_baseline
        )
        return ratios[len(ratios) // 2] if ratios else 1.0


def soft_seconds(clock: Clock, *, workers: int, folds: int, queued: int) -> float | None:
    """Seconds that one job may take before its model should stop with what it has; None without a budget.

    While first candidates are waiting, each gets twice its even share of what is left, because most need less;
    later a trial may take a quarter of what is left.
    """
    left = clock.search_left()
    if left == float("inf"):
        return None
    core_seconds = max(left, 0.0) * workers
    share = 2.0 / (queued + 1) if queued >= 7 else 0.25
    return max(core_seconds * share / folds, 0.3)
