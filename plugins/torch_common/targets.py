"""What a network is trained on: values in a unit, or classes with weights, as the metric asks for it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.torch_common.metric_kinds import BALANCED

from automl import PredictorError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from automl import Task

FILE = "target.json"
NEAR_ZERO = 0.01
"""For errors relative to the value, values count as at least this share of the usual one."""
LEAST_OF_COUNTS = 1e-3
"""A Poisson deviance is infinite at 0: predictions stay above this share of the mean."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """From the target to what the network learns, and back."""

    centre: float = 0.0
    scale: float = 1.0
    low: float = 0.0
    high: float = 0.0
    """Predicted values stay between the least and the largest training value; nothing to classes."""
    class_weights: tuple[float, ...] = ()
    """What each class counts for in training; probabilities are brought back. Empty: the same."""

    def to_model(self, target: NDArray[Any]) -> NDArray[Any]:
        """Codes as they are, values about one in size, ``(rows,)``."""
        if np.issubdtype(target.dtype, np.integer):
            return np.array(target, dtype=np.int64)  # a copy: mapped files are read-only, which torch warns of
        return np.asarray((np.asarray(target, dtype=np.float64) - self.centre) / self.scale, dtype=np.float32)

    def values(self, outputs: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """What the network predicts as values of the task."""
        values = self.centre + self.scale * np.asarray(outputs, dtype=np.float64)
        return np.asarray(np.clip(values, self.low, self.high))

    def probabilities(self, outputs: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """The network's probabilities ``(rows, classes)`` without what the weights of classes did to them."""
        found = np.asarray(outputs, dtype=np.float64)
        if self.class_weights:
            found = found / np.array(self.class_weights)
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        (folder / FILE).write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, folder: Path) -> Target:
        """The inverse of :meth:`save`."""
        try:
            plain = json.loads((folder / FILE).read_text())
            values = {name: float(plain[name]) for name in ("centre", "scale", "low", "high")}
            return cls(**values, class_weights=tuple(map(float, plain["class_weights"])))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PredictorError(f"{folder / FILE} is missing or damaged ({error}); fit again") from error


def find_target(task: Task, target: NDArray[Any], weight: NDArray[np.float64] | None, *, balance: bool) -> Target:
    """How these training rows' target is learned."""
    if task.is_classification:
        return Target(class_weights=_class_weights(task, target, weight) if balance else ())
    values = np.asarray(target, dtype=np.float64)
    low = float(values.min())
    if task.metric == "poisson_deviance" and low >= 0.0:
        low = max(low, LEAST_OF_COUNTS * float(values.mean()))
    return Target(centre=float(values.mean()), scale=float(values.std()) or 1.0, low=low, high=float(values.max()))


def row_weights(
    task: Task, target: NDArray[Any], weight: NDArray[np.float64] | None, fitted: Target
) -> NDArray[np.float32] | None:
    """What each row counts for, 1 on average; None when all count the same."""
    found = None if weight is None else np.asarray(weight, dtype=np.float64)
    if fitted.class_weights:
        by_class = np.array(fitted.class_weights)[target]
        found = by_class if found is None else found * by_class
    if not task.is_classification and task.metric == "mape":
        size = np.abs(np.asarray(target, dtype=np.float64))
        usual = float(np.median(size)) or float(size.mean()) or 1.0
        relative = 1.0 / np.maximum(size, NEAR_ZERO * usual)
        found = relative if found is None else found * relative
    if found is None or not found.sum() > 0:
        return None
    return np.asarray(found / found.mean(), dtype=np.float32)


def balances(task: Task) -> bool:
    """Whether classes count the same by default, however many rows they have."""
    return task.is_classification and task.metric in BALANCED


def priors(task: Task, target: NDArray[Any], weights: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Where an untrained head should be: logarithms of the class shares, or 0 for values."""
    if not task.is_classification:
        return np.zeros(1, dtype=np.float32)
    counts = np.bincount(target, weights=weights, minlength=task.class_count) + 0.5
    return np.log(counts / counts.sum()).astype(np.float32)


def _class_weights(task: Task, target: NDArray[Any], weight: NDArray[np.float64] | None) -> tuple[float, ...]:
    counts = np.bincount(target, weights=weight, minlength=task.class_count)
    shares = np.maximum(counts / max(counts.sum(), 1e-12), 1e-6)
    return tuple(float(one) for one in 1.0 / (task.class_count * shares))
