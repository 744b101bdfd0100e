"""Problems of `hpo.py`: YAHPO surrogates as models with a fidelity, and a meter that counts what a search spends.

The surrogates (Pfisterer et al. 2022, Apache-2.0) lie in a folder of their own: `scenarios.json` and, for each scenario,
`model.onnx` and `encoding.json`. One call takes about a millisecond.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from automl import Fidelity, JointSpace
from automl.history import config_id

if TYPE_CHECKING:
    from pathlib import Path

SCENARIOS = {
    # Epoch 1 is untrained and epoch 52 repeats 51; a longer training continues a shorter one.
    "lcbench": (
        "val_accuracy",
        100.0,
        {},
        "epoch",
        Fidelity(name="epochs", unit="epochs", low=2, high=51, resumable=True),
    ),
    # A larger sample is another training: nothing is saved.
    "rbv2_xgboost": (
        "acc",
        1.0,
        {"repl": 10},
        "trainsize",
        Fidelity(name="rows", unit="share", low=0.03, high=1.0, whole=False),
    ),
}
REPORTED = {
    "lcbench": "167168 189873 189906 3945 126025 126029 167104 167152 167181 167190 168329 168331 168908",
    "rbv2_xgboost": "16 12 1501 40499 6 1067 31 40966 1461 470",
}
"""Problems that results are told of."""
DEVELOPED = {
    "lcbench": "34539 126026 146212 167149 167184 168868 189354 189862",
    "rbv2_xgboost": "41143 1487 40975 41278 54 1480 188 1049",
}
"""Other problems, for whoever works on a strategy: what was looked at while it was made proves nothing."""
RANDOM_POINTS = 100_000
DRAWN: dict[str, tuple[np.ndarray, np.ndarray]] = {}


class BudgetSpentError(Exception):
    """All that the search may spend is spent."""


class Surrogate:
    """One scenario: the metric of configurations at a fidelity."""

    def __init__(self, folder: Path, scenario: str) -> None:
        import onnxruntime

        self.about = json.loads((folder / "scenarios.json").read_text())["scenarios"][scenario]
        self._encoding = json.loads((folder / scenario / "encoding.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = str(folder / scenario / "model.onnx")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._names = [each.name for each in self._session.get_inputs()]
        self._output = self.about["outputs"].index(SCENARIOS[scenario][0])

    def inputs(self, configs: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """Codes and numbers of configurations; hyperparameters that are absent are inactive."""
        codes = [[self._encoding[k][str(c.get(k, "#na#"))] for k in self.about["categorical_inputs"]] for c in configs]
        numbers = [[float(c.get(k, 0)) for k in self.about["continuous_inputs"]] for c in configs]
        return np.array(codes, np.int32), np.array(numbers, np.float32)

    def moved(self, codes: np.ndarray, instance: str) -> np.ndarray:
        """The same codes for another instance."""
        moved, key = codes.copy(), self.about["instance_key"]
        moved[:, self.about["categorical_inputs"].index(key)] = self._encoding[key][instance]
        return moved

    def __call__(self, inputs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """The metric, ``(configurations,)``."""
        return self._session.run(None, dict(zip(self._names, inputs, strict=True)))[0][:, self._output].astype(float)


@cache
def surrogate(folder: Path, scenario: str) -> Surrogate:
    return Surrogate(folder, scenario)


def own_space(about: dict[str, Any], left_out: set[str]) -> Any:
    """The ConfigurationSpace of a scenario, without its instance and its fidelities."""
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer

    space = ConfigurationSpace()
    for name, one in about["hyperparameters"].items():
        if name in left_out:
            continue
        if one["type"] == "categorical":
            space.add(Categorical(name, one["choices"]))
        else:
            kind = Integer if one["type"] == "uniform_int" else Float
            space.add(kind(name, (one["lower"], one["upper"]), log=one["log"]))
    for one in about["conditions"]:
        child, parent = space[one["child"]], space[one["parent"]]
        many = one["type"] == "IN"
        space.add(InCondition(child, parent, one["values"]) if many else EqualsCondition(child, parent, one["value"]))
    return space


class Problem:
    """One data set of a scenario: a search space, and the loss of a configuration at a share of the training."""

    def __init__(self, folder: Path, scenario: str, instance: str) -> None:
        self.scenario, self.instance = scenario, instance
        self._surrogate = surrogate(folder, scenario)
        _, self._unit, self._fixed, self._axis, self.fidelity = SCENARIOS[scenario]
        about = self._surrogate.about
        self.space = own_space(about, {about["instance_key"], *about["fidelity"]})
        self.joint = JointSpace({scenario: self.space})

    def losses(self, configs: list[dict[str, Any]], share: float = 1.0) -> np.ndarray:
        """Distances from perfect accuracy, ``(configurations,)``, as shares."""
        whole = {self._surrogate.about["instance_key"]: self.instance, self._axis: self.fidelity.value(share)}
        inputs = self._surrogate.inputs([config | self._fixed | whole for config in configs])
        return 1.0 - self._surrogate(inputs) / self._unit

    def best_known(self) -> tuple[float, float]:
        """The least loss of many random configurations at the whole budget, and their median."""
        codes, numbers = self.random_inputs()
        parts = [
            self._surrogate(
                (self._surrogate.moved(codes[start : start + 5000], self.instance), numbers[start : start + 5000])
            )
            for start in range(0, len(codes), 5000)
        ]
        losses = 1.0 - np.concatenate(parts) / self._unit
        return float(losses.min()), float(np.median(losses))

    def random_inputs(self) -> tuple[np.ndarray, np.ndarray]:
        """Many random configurations as the surrogate takes them; the same for all problems of a scenario."""
        key = self.scenario
        if key not in DRAWN:
            whole = {self._surrogate.about["instance_key"]: self.instance, self._axis: self.fidelity.value(1.0)}
            configs = [dict(one.config) | self._fixed | whole for one in self.joint.sample(RANDOM_POINTS, seed=0)]
            DRAWN[key] = self._surrogate.inputs(configs)
        return DRAWN[key]


@dataclass
class Meter:
    """Evaluates for one search, counts full trainings, and keeps the course of the best.

    The best configuration is the one with the least loss at the largest budget that anything was tried at so far. It is
    told with its loss at the whole budget.
    """

    problem: Problem
    most: float
    """Full trainings that may be spent."""
    spent: float = 0.0
    calls: int = 0
    course: list[tuple[float, float]] = field(default_factory=list)
    """(full trainings spent, loss of the best at the whole budget), whenever the best changes."""
    own_seconds: float = 0.0
    """CPU seconds of evaluating, which do not count as those of suggesting."""

    def __post_init__(self) -> None:
        self._paid: dict[str, float] = {}
        self._best = (0.0, float("inf"))

    def evaluate(self, config: dict[str, Any], share: float) -> float:
        """The loss at a share of the training; raises BudgetSpentError when it is more than is left."""
        started = time.thread_time()
        try:
            return self._evaluate(config, share)
        finally:
            self.own_seconds += time.thread_time() - started

    def _evaluate(self, config: dict[str, Any], share: float) -> float:
        fidelity = self.problem.fidelity
        real = fidelity.share(fidelity.value(share))
        name = config_id("one", config)
        cost = max(real - self._paid.get(name, 0.0), 0.0) if fidelity.resumable else real
        if self.spent + cost > self.most + 1e-9:
            raise BudgetSpentError
        self.spent += cost
        self.calls += 1
        self._paid[name] = max(real, self._paid.get(name, 0.0))
        loss = float(self.problem.losses([config], share)[0])
        if real > self._best[0] + 1e-9 or (real > self._best[0] - 1e-9 and loss < self._best[1]):
            self._best = (real, loss)
            whole = loss if real > 1 - 1e-9 else float(self.problem.losses([config])[0])
            self.course.append((round(self.spent, 4), whole))
        return loss


def at(course: list[tuple[float, float]], budget: float) -> float:
    """The loss of the best after `budget` full trainings."""
    return next((loss for spent, loss in reversed(course) if spent <= budget + 1e-9), course[0][1])
