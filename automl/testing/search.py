"""A toy search space and a toy objective, to run samplers and schedulers on without any training."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from automl.history import Candidate, History, Trial
from automl.space import JointSpace

if TYPE_CHECKING:
    from collections.abc import Callable


def toy_space(kind: Literal["joint", "tiny", "fixed"] = "joint") -> JointSpace:
    """A search space: ``joint`` has three models with conditions, log scales and odd choices, ``tiny`` only
    three configurations, ``fixed`` one model without any hyperparameter.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

    if kind == "tiny":
        return JointSpace({"one": ConfigurationSpace(space=[Categorical("choice", ["a", "b", "c"], default="b")])})
    if kind == "fixed":
        return JointSpace({"one": ConfigurationSpace()})
    forest = ConfigurationSpace()
    bootstrap = Categorical("bootstrap", [True, False], default=False)
    share = Float("share", (0.1, 1.0), default=0.7)
    forest.add(bootstrap, share, Categorical("features", ["sqrt", 0.5, 1.0], default="sqrt"))
    forest.add(EqualsCondition(share, bootstrap, True))
    boosted = ConfigurationSpace(
        space=[Float("rate", (1e-3, 1.0), default=0.1, log=True), Integer("leaves", (2, 256), default=31, log=True)]
    )
    linear = ConfigurationSpace(space=[Float("strength", (1e-5, 1e3), default=1.0, log=True)])
    return JointSpace({"boosted": boosted, "forest": forest, "linear": linear}, {"linear": 2.0})


def toy_loss(candidate: Candidate, budget: float) -> float:
    """A loss that falls with the budget; which model and which hyperparameters are best is no secret."""
    offset = {"boosted": 0.1, "forest": 0.2, "linear": 0.4, "one": 0.3}.get(candidate.model, 0.5)
    numbers = [abs(value) for value in candidate.config.values() if isinstance(value, float | int) and value]
    surface = sum(min(abs(math.log10(value) + 1.0), 3.0) for value in numbers) / (1 + len(numbers))
    return offset + 0.1 * surface + 0.2 * (1.0 - budget)


@dataclass
class Simulation:
    """A run without training: trials are started, and finish in a random order that the seed decides."""

    seed: int = 0
    workers: int = 1
    failing: float = 0.0
    """Share of the trials that fail."""
    loss: Callable[[Candidate, float], float] = toy_loss
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - simulations need no secrets

    @property
    def busy(self) -> bool:
        """Whether no worker is free."""
        return len(self.history.running()) >= self.workers

    def start(self, candidate: Candidate, budget: float, parent: int | None = None) -> Trial:
        """Start a trial."""
        trial = Trial(id=self.history.next_id, candidate=candidate, budget=budget, parent=parent)
        self.history = self.history.with_trial(trial)
        return trial

    def finish_one(self) -> Trial:
        """Finish one of the running trials, not always the oldest. Raises ValueError when nothing runs."""
        running = self.history.running()
        if not running:
            raise ValueError("nothing is running")
        trial = self._random.choice(running)
        if self._random.random() < self.failing:
            done = replace(trial, status="failed", kind="error", message="it was told to", seconds=1.0)
        else:
            loss = self.loss(trial.candidate, trial.budget)
            done = replace(
                trial, status="done", loss=loss, score=1.0 - loss, fold_losses=(loss,), seconds=10.0 * trial.budget
            )
        self.history = self.history.with_trial(done)
        return done
