"""What a job will cost: measured where the model has run, else scaled from its stated relative cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.clock import Clock
    from automl.specs import ModelSpec


BEYOND_CUT = 1.5
"""How many times the seconds after which the clock ended jobs a whole job takes, as long as none has ended by itself."""
SHARE_OF_REST = 0.3
"""Share of the time left that one trial may take."""


class Costs:
    """Seconds of one job by model, learned while the run goes on."""

    def __init__(self, models: Mapping[str, ModelSpec], fit_seconds: float, columns: int = 1, outputs: int = 1) -> None:
        self._models = models
        self._stated = {name: fit_seconds * spec.cost_at(columns, outputs) for name, spec in models.items()}
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._cut: dict[str, float] = {}

    def add(self, model: str, seconds: float, *, scale: float = 1.0, cut: bool = False) -> None:
        """A job of this model took so long, with a configuration of `scale` times the model's usual cost; `cut`: the
        clock ended it, so that it tells only that a whole job takes longer.
        """
        usual = seconds / max(scale, 1e-9)
        if cut:
            self._cut[model] = max(self._cut.get(model, 0.0), usual)
            return
        self._sums[model] = self._sums.get(model, 0.0) + usual
        self._counts[model] = self._counts.get(model, 0) + 1

    def job_seconds(self, model: str, scale: float = 1.0) -> float:
        """Expected seconds of one job of this model, with a configuration of `scale` times its usual cost."""
        if model in self._counts:
            return scale * self._sums[model] / self._counts[model]
        stated = self._stated[model] * self._correction()
        return scale * max(stated, BEYOND_CUT * self._cut.get(model, 0.0))

    def knows(self, model: str) -> bool:
        """Whether a job of this model has come to its end."""
        return model in self._counts

    def _correction(self) -> float:
        """How far off the stated costs were for the models that have run (geometric mean is too hasty: median). Models
        that the clock cut count as `BEYOND_CUT` times what they took: those that came to their end alone would be the
        cheap ones, and make all others seem so.
        """
        cut = {name: BEYOND_CUT * seconds for name, seconds in self._cut.items() if name not in self._counts}
        usual = {name: self._sums[name] / count for name, count in self._counts.items()} | cut
        ratios = sorted(
            seconds / self._stated[name] for name, seconds in usual.items() if not self._models[name].is_baseline
        )
        return ratios[len(ratios) // 2] if ratios else 1.0


def soft_seconds(clock: Clock, *, workers: int, folds: int) -> float | None:
    """Seconds that one job may take before its model should stop with what it has; None without a budget.

    A boosted model that is stopped far from its end is worth nothing beside others that came to theirs, so that it is
    the number of folds and of trials that follow the time, and this bounds only what one trial may take of the rest.
    """
    left = clock.search_left()
    if left == float("inf"):
        return None
    return max(max(left, 0.0) * workers * SHARE_OF_REST / folds, 0.3)
