"""A second layer: models trained on the table and on what the best trials predict for rows they were not fitted on.

Stacked generalization: Wolpert (1992), Neural Networks 5; a second layer that sees the table, too, and has the folds of the
first: Erickson et al. (2020), "AutoGluon-Tabular", section 2 (arXiv 2003.06505). Its trials are ordinary ones of the models
that did best, and they are judged out of fold like all others. But the columns that they are fitted on come from models
that saw the rows by which they are judged, so that their scores may be too good, much too good where a few rows decide the
loss, and out of fold this cannot be seen. So they join the ensemble only where it is clearly better with them, and then the
ensemble without them keeps half of the weight: the loss of a mean is at most the mean of the losses where the loss is convex,
so that little is lost where the second layer is worth nothing, and most is gained where it is worth much.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from automl.errors import MetricError
from automl.history import LOST
from automl.strategy import Start

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from automl.clock import Clock
    from automl.ensemble import Ensemble
    from automl.history import Candidate, History, Trial
    from automl.metrics import Metric
    from automl.settings import Settings

    Floats = NDArray[np.floating]

LEAST_ROWS = 750
"""Fewer rows are not enough to learn from what others predict."""
KINDS = frozenset({"folds", "groups"})
"""Ways to validate in which every row is predicted by models that were not fitted on it."""
MOST_BASE = 8
"""Trials that a second layer stands on at most, by their weight."""
LEAST_MODELS = 2
"""Models that must have done trials: where all are alike, their predictions tell nothing new."""
MOST_TRIALS = 3
"""Trials of the second layer: the best configuration of so many models."""
LEAST_FIRST = 6
"""Trials of the first layer that a second one must have below it: where there is time for fewer, another of them is worth more."""
SHARE_OF_TIME = 0.12
"""Most of a run's time that the second layer is given."""
SPARE = 1.3
"""How many times the seconds it is expected to take."""
SHARE = 0.5
"""Share of the weight that the best bag of both layers gets; the best one of the first layer alone keeps the rest."""
NOT_ENDED = "none: no trial of the second layer came to its end"
SAMPLES = 100
"""Samples of rows, drawn with replacement, on which the ensembles are compared."""
MOST_ROWS = 20_000
LEAST_WINS = 0.9
"""Share of the samples on which the ensemble with the second layer must be better."""
LEAST_GAIN = 0.002
"""Share of the loss by which it must be better on all rows. Both limits only keep out what is not better out of fold either:
there, gains of 0.3 to 9 % were 0.2 to 2.3 % on test rows, in no order."""


def why_not(settings: Settings, *, models: int, rows: int, images: bool, validation: str, partial: bool) -> str:
    """Why a run does without a second layer, in words; empty when it has one. `models`: how many search; `validation`: the
    kind of resampling; `partial`: whether the scheduler gives less than the whole budget.
    """
    if settings.stacking is False:
        return "switched off"
    if images:
        return "only tables have columns beside which predictions can stand"
    if settings.wants_refit:
        return "members are trained once on all rows, whose predictions are of another kind than those out of fold"
    if settings.max_latency_ms is not None or settings.max_size_mb is not None:
        return "the predictor must be quick or small"
    if settings.preset == "fast" or (settings.preset == "balanced" and not settings.stacking):
        return f"preset {settings.preset}: two layers predict more slowly"
    if settings.monotone:
        return "models above others need not keep predictions monotone"
    if validation not in KINDS:
        return f"validation by {validation} leaves rows without out-of-fold predictions"
    if models < LEAST_MODELS:
        return "one model alone leaves nothing to combine"
    if partial:
        return "the strategy tries partial budgets until the end"
    if rows < LEAST_ROWS and not settings.stacking:
        return f"{rows:,} rows, and fewer than {LEAST_ROWS} are too few to learn from predictions"
    if settings.trials is not None and settings.trials < LEAST_FIRST + MOST_TRIALS:
        return f"{settings.trials} trials leave none for it"
    return ""


class SecondLayer:
    """The trials of the second layer: when they are due, and which they are."""

    def __init__(self, *, wanted: bool, models: int, trials: int | None, clock: Clock) -> None:
        self.open = wanted
        """Whether it may still come."""
        self.reserved = min(MOST_TRIALS, models) if wanted and trials is not None else 0
        """Trials of the run that it takes."""
        self.told = "none: the search ended before a second layer was due"
        """Why there is none, in words."""
        self._clock = clock
        self._queue: deque[Start] = deque()

    def in_reach(self) -> bool:
        """Whether so little time is left that it may be due; never without a clock, where the first layer's end counts."""
        end = self._clock.search_end
        return end is not None and self._clock.search_left() < SHARE_OF_TIME * (end - self._clock.started)

    def is_due(self, first: Sequence[Trial], workers: int) -> bool:
        """Whether just enough time is left, going by what the done trials of the first layer took."""
        seconds = sum(trial.seconds for trial in _best_of_models(first)) / workers
        return self.in_reach() and len(first) >= LEAST_FIRST and self._clock.search_left() < SPARE * seconds

    def prepare(self, first: Sequence[Trial], ensemble: Ensemble | None) -> tuple[int, ...]:
        """Decide what it consists of; returns the trials that it stands on, none where there is nothing to stand on."""
        self.open = False
        weights = {} if ensemble is None else ensemble.weights
        base = tuple(sorted(sorted(weights, key=lambda one: (-weights[one], one))[:MOST_BASE]))
        best = _best_of_models(first)
        if not base or len(best) < LEAST_MODELS:
            self.told = "none: the first layer has too few models whose predictions cover all rows"
            return ()
        self.told = NOT_ENDED
        self._queue.extend(Start(candidate=candidate) for candidate in self._candidates(first, base))
        return base

    def take_up(self, history: History, first: Sequence[Trial], there: Container[int]) -> None:
        """Go on after these trials of a run that was interrupted, `first` being those of the first layer that are done: where
        the second layer had begun, what is left of it. Where not all that it stands on is `there`, it begins anew when it is due.
        """
        above = [trial for trial in history if trial.candidate.base and trial.kind != LOST]
        begun = [trial.candidate for trial in above if all(number in there for number in trial.candidate.base)]
        if not (self.open and begun):
            return
        self.open = False
        self.told = NOT_ENDED
        asked = {candidate.id for candidate in begun}
        left = self._candidates(first, begun[-1].base)
        self._queue.extend(Start(candidate=candidate) for candidate in left if candidate.id not in asked)

    def _candidates(self, first: Sequence[Trial], base: tuple[int, ...]) -> list[Candidate]:
        """What it consists of when it stands on the trials `base`."""
        told = ", ".join(map(str, base))
        return [
            replace(trial.candidate, origin=f"second layer on {told}", base=base) for trial in _best_of_models(first)
        ]

    def next(self) -> Start | None:
        """Its next trial."""
        return self._queue.popleft() if self._queue else None


def _best_of_models(first: Sequence[Trial]) -> list[Trial]:
    """The best trial of each model, the best `MOST_TRIALS` of them."""
    best: dict[str, Trial] = {}
    for trial in sorted(first, key=lambda one: (one.loss, one.id)):
        best.setdefault(trial.candidate.model, trial)
    return list(best.values())[:MOST_TRIALS]


def mixed(without: Mapping[int, float], both: Mapping[int, float]) -> dict[int, float]:
    """Weights of the ensemble that the best bags of the first layer and of both layers make together."""
    return {
        number: (1.0 - SHARE) * without.get(number, 0.0) + SHARE * both.get(number, 0.0)
        for number in sorted({*without, *both})
    }


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How an ensemble with a second layer compares with the one without."""

    gain: float | None
    """Share of the loss that it saves on all rows; None: they could not be compared."""
    wins: float
    """Share of the samples of rows on which it is better."""

    @property
    def pays(self) -> bool:
        """Whether the second layer should stay."""
        return self.gain is not None and self.gain >= LEAST_GAIN and self.wins >= LEAST_WINS

    def told(self) -> str:
        """In words."""
        if self.gain is None:
            return "left out: there was no way to compare it, or no time"
        return (
            f"{'kept' if self.pays else 'left out'}: the ensemble with it is {100 * self.gain:.2g} % better out of fold, and "
            f"better on {100 * self.wins:.0f} % of samples of the rows ({100 * LEAST_GAIN:g} % and {100 * LEAST_WINS:g} % "
            "are asked for)"
        )


UNCOMPARED = Verdict(gain=None, wins=0.0)


def compare(
    metric: Metric,
    truth: NDArray[np.generic],
    without: Floats,
    with_it: Floats,
    weight: NDArray[np.float64] | None,
    *,
    groups: NDArray[np.int64] | None,
    deadline: float | None,
) -> Verdict:
    """Compare the out-of-fold predictions of two ensembles on samples of their rows, drawn with replacement.

    Rows of one of the `groups` ``(rows,)`` are drawn together. They cannot be compared where the metric says nothing of a
    sample, or when `deadline` (`time.monotonic()`) comes first.
    """
    import numpy as np

    def losses(places: NDArray[np.int64]) -> tuple[float, float]:
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError
        part = None if weight is None else weight[places]
        one, two = (metric.loss(truth[places], each[places], part) for each in (without, with_it))
        return one, two

    rng, rows = np.random.default_rng(0), np.arange(len(truth))
    try:
        before, after = losses(rows)
        if len(rows) > MOST_ROWS:
            rows = np.sort(rng.choice(rows, MOST_ROWS, replace=False))
        parts = None if groups is None else _together(groups[rows])
        wins = 0
        for _ in range(SAMPLES):
            count = len(rows) if parts is None else len(parts)
            drawn = rng.integers(0, count, count)
            places = rows[drawn] if parts is None else rows[np.concatenate([parts[part] for part in drawn])]
            one, two = losses(places)
            wins += two < one
    except (TimeoutError, MetricError):
        return UNCOMPARED
    return Verdict(gain=1.0 - after / before if before else 0.0, wins=wins / SAMPLES)


def _together(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Places of the rows of each group."""
    import numpy as np

    order = np.argsort(groups, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
