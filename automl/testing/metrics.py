"""The checks of a metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.metrics import Metric, load_metric
from automl.registry import load_registry
from automl.spec_checks import spec_problem
from automl.specs import MetricSpec
from automl.testing.data import LABELS
from automl.testing.rules import require, rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 120
TOLERANCE = 1e-6


def check_metric(metric: str | MetricSpec) -> None:
    """Run all checks on a metric, a registered name, a spec or ``module:function``.

    A perfect prediction scores `best`, and worse ones are worse in the stated direction; the score is finite,
    also for a constant prediction and when the rows lack a class; the order of rows and weights of 1 change
    nothing; the data are left alone. AssertionError tells the first rule that it breaks.
    """
    if isinstance(metric, str):
        made = load_metric(metric, load_registry())
    else:
        problem = spec_problem(metric, MetricSpec)
        require(problem is None, f"{problem}")
        made = Metric(name=metric.name, spec=metric)
    for problem_type in made.spec.problem_types:
        _check(_Case(made, problem_type))


@dataclass(frozen=True)
class _Case:
    metric: Metric
    problem_type: str

    @property
    def owner(self) -> str:
        return f"metric {self.metric.name!r} ({self.problem_type})"

    def truth(self) -> NDArray[Any]:
        rng = np.random.default_rng(0)
        if self.problem_type == "regression":
            return rng.uniform(1.0, 20.0, ROWS)
        return rng.permutation(np.arange(ROWS) % len(LABELS[self.problem_type]))

    def prediction(self, truth: NDArray[Any], noise: float) -> NDArray[np.float64]:
        """A prediction that is perfect without noise, and a bad one with noise 1."""
        rng = np.random.default_rng(1)
        if self.problem_type == "regression":
            other: NDArray[np.float64] = rng.uniform(1.0, 20.0, len(truth))
            mixed: NDArray[np.float64] = (1 - noise) * truth + noise * other
            return mixed
        classes = len(LABELS[self.problem_type])
        right = np.eye(classes)[truth]
        wrong = np.eye(classes)[(truth + 1) % classes]
        swapped = (rng.random(len(truth)) < noise * 0.9)[:, None]
        hard = np.where(swapped, wrong, right)
        blurred: NDArray[np.float64] = (1 - 0.2 * noise) * hard + 0.2 * noise / classes
        return blurred

    def score(self, truth: NDArray[Any], prediction: NDArray[Any], weight: Any = None, text: str = "") -> float:
        for array in (truth, prediction, weight):
            if array is not None:
                array.setflags(write=False)
        with rule(self.owner, f"must give a finite number{text}"):
            return self.metric.score(truth, prediction, weight)


def _check(case: _Case) -> None:
    metric, owner = case.metric, case.owner
    truth = case.truth()
    scores = [case.score(truth, case.prediction(truth, noise)) for noise in (0.0, 0.3, 1.0)]
    require(
        abs(metric.distance(scores[0])) <= TOLERANCE,
        f"{owner}: a perfect prediction scores {scores[0]:g}, but best={metric.spec.best:g}",
    )
    losses = [metric.distance(score) for score in scores]
    require(
        losses[0] + TOLERANCE < losses[1] < losses[2],
        f"{owner}: a perfect, a fair and a bad prediction score {scores[0]:g}, {scores[1]:g} and {scores[2]:g}, but "
        f"greater_is_better={metric.spec.greater_is_better}",
    )
    fair = case.prediction(truth, 0.3)
    weighted = case.score(truth, fair, np.ones(ROWS), " with weights")
    require(_close(weighted, scores[1]), f"{owner}: weights of 1 change the score from {scores[1]:g} to {weighted:g}")
    order = np.random.default_rng(2).permutation(ROWS)
    shuffled = case.score(truth[order], fair[order])
    require(_close(shuffled, scores[1]), f"{owner}: another order of the rows changes {scores[1]:g} to {shuffled:g}")
    weight = np.random.default_rng(3).uniform(0.0, 2.0, ROWS)
    both = [case.score(truth[o], fair[o], weight[o], " with weights") for o in (np.arange(ROWS), order)]
    require(_close(*both), f"{owner}: another order of the rows and their weights changes {both[0]:g} to {both[1]:g}")
    constant = np.tile(fair.mean(axis=0), (ROWS, 1)) if fair.ndim == 2 else np.full(ROWS, fair.mean())
    case.score(truth, constant, None, " for a constant prediction")
    if case.problem_type == "multiclass":
        kept = truth != 2
        case.score(truth[kept], fair[kept], None, " when the rows lack a class that has its column")


def _close(first: float, second: float) -> bool:
    return abs(first - second) <= TOLERANCE * max(abs(first), abs(second), 1.0)
