"""The toy models behind `automl.testing.toys`."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import MatrixData, TableData

if TYPE_CHECKING:
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

    from automl.protocols import Config, Effort
    from automl.task import Task

BEST = {"x": 0.3, "y": 0.8}
HOUR_SECONDS = 3600.0
BLOCK_BYTES = 1 << 24


def _space(behaviour: str) -> Any:
    def space(task: Task) -> ConfigurationSpace:
        from ConfigSpace import ConfigurationSpace as Space
        from ConfigSpace import Constant, Float

        del task  # the same for any
        found = Space(space=[Float(name, (0.0, 1.0), default=0.5) for name in BEST])
        if behaviour != "fit":
            found.add(Constant("behaviour", behaviour))
        return found

    return space


fit_space = _space("fit")
fail_space = _space("fail")
sleep_space = _space("sleep")
stubborn_space = _space("stubborn")
allocate_space = _space("allocate")
exit_space = _space("exit")
crash_space = _space("crash")
nan_space = _space("nan")
shape_space = _space("shape")


def distance(config: Config) -> float:
    """How far a configuration is from the best one, in [0, 1]: the true loss surface of the toys."""
    return sum((float(config.get(name) or 0.0) - best) ** 2 for name, best in BEST.items()) / 2


class ToyModel:
    """A linear rule from the numbers, blurred by the configuration and by missing steps."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config = config
        self._task = task
        self._seed = seed
        self._steps = 0.0
        self._coefficients: NDArray[np.float64] = np.zeros((0, 0))
        self._middle: NDArray[np.float64] = np.zeros(0)

    def fit(self, train: TableData | MatrixData, valid: object, effort: Effort) -> dict[str, float]:
        """Solve least squares; the facts are ``steps``, those of a checkpoint included, and ``resumed``."""
        del valid  # nothing here stops early
        _behave(str(self._config.get("behaviour", "fit")), effort)
        begun = 0.0
        if effort.checkpoint is not None:
            begun = float(json.loads((effort.checkpoint / "toy.json").read_text())["steps"])
        self._steps = max(effort.fidelity.get("steps", 64.0), begun)
        assert train.target is not None
        wanted = train.target
        if self._task.is_classification:
            wanted = np.eye(self._task.class_count)[train.target]
        features = _features(train)
        self._middle = np.atleast_1d(wanted.mean(axis=0))
        gram = features.T @ features + 1e-3 * len(features) * np.eye(features.shape[1])
        moment = features.T @ (wanted.reshape(len(features), -1) - self._middle)
        self._coefficients = np.linalg.solve(gram, moment).astype(np.float64)
        return {"steps": self._steps, "resumed": begun}

    def predict(self, data: TableData | MatrixData) -> NDArray[np.float64]:
        """What is usual, moved towards the rule as far as configuration and steps allow."""
        behaviour = self._config.get("behaviour")
        strength = (1.0 - distance(self._config)) * (1.0 - 0.5 ** (self._steps / 8))
        found = self._middle + strength * (_features(data) @ self._coefficients)
        if behaviour == "nan":
            found[:] = np.nan
        if behaviour == "shape":
            found = found[:-1]
        if not self._task.is_classification:
            return np.asarray(found[:, 0])
        found = np.clip(found, 0.01, None)
        return np.asarray(found / found.sum(axis=1, keepdims=True))

    def save(self, folder: Path) -> None:
        """Write ``toy.json``."""
        plain = {
            "steps": self._steps,
            "middle": self._middle.tolist(),
            "coefficients": self._coefficients.tolist(),
        }
        (folder / "toy.json").write_text(json.dumps(plain))

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> ToyModel:
        """Read ``toy.json``."""
        plain = json.loads((folder / "toy.json").read_text())
        model = cls(config, task, seed)
        model._steps = float(plain["steps"])
        model._middle = np.array(plain["middle"])
        model._coefficients = np.array(plain["coefficients"]).reshape(-1, len(model._middle))
        return model


def _features(data: TableData | MatrixData) -> NDArray[np.float64]:
    """Bounded numbers without holes: signs and sizes, whatever the scale."""
    if isinstance(data, MatrixData):
        return np.tanh(data.values.astype(np.float64))
    numbers = np.nan_to_num(np.tanh(data.numbers.astype(np.float64)))
    first = data.codes[:, :1] if data.codes.shape[1] else np.zeros((len(data), 1), dtype=np.int32)
    parts = [numbers, first == np.arange(4)]
    if data.text is not None:
        parts.append(np.tanh(data.text[:, :16].toarray()))
    return np.hstack(parts).astype(np.float64)


def _behave(behaviour: str, effort: Effort) -> None:
    if behaviour == "fail":
        raise RuntimeError("this toy fails, as it was told to")
    if behaviour == "exit":
        os._exit(3)
    if behaviour == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour == "sleep":
        time.sleep(min(max(effort.seconds_left(), 0.0), HOUR_SECONDS))
    if behaviour == "stubborn":
        time.sleep(HOUR_SECONDS)
    blocks = []
    while behaviour == "allocate":
        blocks.append(np.ones(BLOCK_BYTES // 8))
