"""A toy model of images for tests of the engine: the nearest mean image of 4 x 4 pixels, in NumPy alone.

Use it for the process with ``automl.register_plugin(toy_images, "toy_images")``; workers import this module.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.errors import PredictorError
from automl.fidelity import Fidelity
from automl.hookspecs import hookimpl
from automl.specs import ModelSpec

if TYPE_CHECKING:
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

    from automl.data.records import ImageData
    from automl.protocols import Config, Effort
    from automl.task import Task

BATCH = 256
RESOLUTION = Fidelity(name="resolution", unit="pixels of the side", low=2, high=4, growth="quadratic")


@hookimpl
def register_models() -> list[ModelSpec]:
    """``toy_images``."""
    return [
        ModelSpec(
            name="toy_images",
            summary="A toy for tests: the nearest mean image.",
            factory="automl.testing.toy_images:ToyImages",
            space="automl.testing.toy_images:space",
            modality="images",
            form="images",
            fidelities=(RESOLUTION,),
            relative_cost=0.01,
        )
    ]


def space(task: Task) -> ConfigurationSpace:
    """How sharply the nearest mean wins, and how much the means are drawn together."""
    from ConfigSpace import ConfigurationSpace, Float

    del task  # the same for any
    made = ConfigurationSpace()
    made.add(Float("sharpness", (1.0, 100.0), log=True, default=20.0), Float("shrink", (0.0, 0.5), default=0.0))
    return made


class ToyImages:
    """Mean images of each class; of values, a line fitted to the mean brightness."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        del seed  # nothing is drawn
        self._config, self._task = config, task
        self._side = int(RESOLUTION.high)
        self._means: NDArray[np.float64] = np.zeros((0, 0))

    def fit(self, train: ImageData, valid: ImageData | None, effort: Effort) -> dict[str, float]:
        """Two passes over the pixels, batch by batch."""
        del valid  # nothing is stopped early
        self._side = int(effort.fidelity.get(RESOLUTION.name, RESOLUTION.high))
        target = np.asarray(train.target)
        weight = np.ones(len(train)) if train.weight is None or not train.weight.any() else np.asarray(train.weight)
        if not self._task.is_classification:
            self._fit_line(train, target, weight)
            return {}
        sums = np.zeros((self._task.class_count, self._side**2 * train.channels))
        totals = np.full(self._task.class_count, 1e-9)
        seen = 0
        for start in range(0, len(train), BATCH):
            rows = np.arange(start, min(start + BATCH, len(train)))
            np.add.at(sums, target[rows], self._features(train.take(rows)) * weight[rows, None])
            np.add.at(totals, target[rows], weight[rows])
            seen += len(rows)
            if effort.deadline is not None and time.monotonic() > effort.deadline:
                break
        means = sums / totals[:, None]
        shrink = float(self._config["shrink"] or 0.0)
        self._means = (1 - shrink) * means + shrink * sums.sum(axis=0) / totals.sum()
        return {"images": float(seen)}

    def _fit_line(self, train: ImageData, target: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        bright = np.concatenate(
            [
                self._features(train.take(np.arange(start, min(start + BATCH, len(train))))).mean(axis=1)
                for start in range(0, len(train), BATCH)
            ]
        )
        middle, value = np.average(bright, weights=weight), np.average(target, weights=weight)
        spread = np.average((bright - middle) ** 2, weights=weight)
        slope = np.average((bright - middle) * (target - value), weights=weight) / spread if spread > 0 else 0.0
        self._means = np.array([[slope, value - slope * middle]])

    def predict(self, data: ImageData) -> NDArray[np.float64]:
        """Shares by distance, or points on the line."""
        features = self._features(data)
        if not self._task.is_classification:
            values: NDArray[np.float64] = self._means[0, 0] * features.mean(axis=1) + self._means[0, 1]
            return values
        distances = ((features[:, None, :] - self._means[None]) ** 2).mean(axis=2)
        shares = np.exp(-float(self._config["sharpness"] or 1.0) * (distances - distances.min(axis=1, keepdims=True)))
        made: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
        return made

    def _features(self, data: ImageData) -> NDArray[np.float64]:
        return data.pixels(self._side).reshape(len(data), -1) / 255.0

    def save(self, folder: Path) -> None:
        """One small JSON file."""
        (folder / "means.json").write_text(json.dumps({"side": self._side, "means": self._means.tolist()}))

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> ToyImages:
        """Read it back; PredictorError when it is missing or damaged."""
        model = cls(config, task, seed)
        path = folder / "means.json"
        try:
            plain: dict[str, Any] = json.loads(path.read_text())
            model._side, model._means = int(plain["side"]), np.array(plain["means"], dtype=np.float64)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PredictorError(f"{path} is missing or damaged ({error}); fit again") from error
        return model
