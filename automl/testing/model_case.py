"""One model on one kind of task, and how the checks fit it and judge what it predicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import ImageData, MatrixData, TableData
from automl.fidelity import ENGINE_FIDELITIES, Fidelity
from automl.member import check_predictions
from automl.protocols import Config, Effort
from automl.registry import load_registry
from automl.space import JointSpace, model_space
from automl.testing.data import toy_matrix, toy_table, toy_task
from automl.testing.image_data import toy_image_data, toy_image_task
from automl.testing.rules import RuleBroken, require, rule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from automl.specs import ModelSpec, ProblemType
    from automl.task import Task

Table = TableData | MatrixData | ImageData
SEED = 1
BRIEF_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model, a problem type, and the number of toy rows to fit it on."""

    spec: ModelSpec
    problem_type: ProblemType
    rows: int = 200

    @property
    def owner(self) -> str:
        """How messages begin."""
        return f"model {self.spec.name!r} ({self.problem_type})"

    @cached_property
    def factory(self) -> Any:
        """The class of the model."""
        return self.spec.load()

    @property
    def has_text(self) -> bool:
        """Whether its toy tables have a text column: tables may always have one."""
        return self.spec.form == "table"

    def task(self, rows: int | None = None) -> Task:
        """The toy task."""
        if self.spec.form == "images":
            return toy_image_task(self.problem_type, rows=rows or self.rows)
        return toy_task(self.problem_type, rows=rows or self.rows, texts=int(self.has_text))

    def data(self, rows: int | None = None, seed: int = 0) -> tuple[Table, Table]:
        """Training and validation rows in the model's form, read-only."""
        if self.spec.form == "images":
            return toy_image_data(self.problem_type, rows or self.rows, seed)
        if self.spec.form == "matrix":
            return toy_matrix(self.problem_type, rows or self.rows, seed)
        return toy_table(self.problem_type, rows or self.rows, seed, text=self.has_text)

    @cached_property
    def space(self) -> JointSpace:
        """The model's space for the toy task."""
        return JointSpace({self.spec.name: model_space(self.spec, self.task())})

    @cached_property
    def default(self) -> Config:
        """Its default configuration."""
        return self.space.default(self.spec.name).config

    def samples(self, count: int) -> list[Config]:
        """Random configurations."""
        return [candidate.config for candidate in self.space.sample(count, seed=7)]

    def fit(
        self,
        text: str,
        *,
        train: Table | None = None,
        valid: Table | None = None,
        config: Config | None = None,
        effort: Effort | None = None,
        task: Task | None = None,
        seed: int = SEED,
    ) -> Fitted:
        """Make and fit a model; `text` says what it must be able to do. Without `train`, on the toy rows;
        without `effort`, briefly.
        """
        if train is None:
            train, valid = self.data()
        config = self.default if config is None else config
        task = task or self.task(len(train))
        with rule(self.owner, text):
            model = self.factory(config, task, seed)
            facts = model.fit(train, valid, effort or self.brief)
        return Fitted(case=self, model=model, task=task, config=config, facts=_checked_facts(facts, self.owner))

    @cached_property
    def fitted(self) -> Fitted:
        """The default configuration, trained briefly on the toy rows; once for all checks that need no other."""
        return self.fit("must fit its default configuration")

    @cached_property
    def fully_fitted(self) -> Fitted:
        """The same, trained as the engine would."""
        return self.fit("must fit its default configuration", effort=Effort(device=self.device))

    @cached_property
    def brief(self) -> Effort:
        """Partial training where the model knows it: most rules show as well after a few rounds."""
        fidelity = next(iter(own_fidelities(self.spec)), None)
        if fidelity is None:
            return Effort(device=self.device)
        value = min(max(2 * fidelity.low, BRIEF_SHARE * fidelity.high), fidelity.high)
        value = float(round(value)) if fidelity.whole else value
        return Effort(device=self.device, fidelity={fidelity.name: value})

    @property
    def device(self) -> str:
        """Where the checks run it."""
        return "cpu" if "cpu" in self.spec.devices else self.spec.devices[0]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted model."""

    case: Case
    model: Any
    task: Task
    config: Config
    facts: Mapping[str, float]

    def predict(self, data: Table, text: str) -> NDArray[np.float64]:
        """Its checked predictions for `data` without target and weights; `text` says what it must be able to do."""
        owner = self.case.owner
        with rule(owner, text):
            raw = self.model.predict(replace(data, target=None, weight=None))
        require(isinstance(raw, np.ndarray), f"{owner}: predict returned a {type(raw).__name__}; return a numpy array")
        try:
            return check_predictions(raw, self.task, tuple(range(self.task.class_count)), len(data))
        except Exception as error:
            raise RuleBroken(f"{owner} {text}; {error}") from error


def own_fidelities(spec: ModelSpec) -> list[Fidelity]:
    """The model's own fidelities, registered ones looked up; the engine's rows and folds are left out."""
    engine = {fidelity.name for fidelity in ENGINE_FIDELITIES}
    found = [load_registry().get("fidelities", item) if isinstance(item, str) else item for item in spec.fidelities]
    return [fidelity for fidelity in found if fidelity.name not in engine]


def loss_of(case: Case, prediction: NDArray[np.float64], truth: NDArray[Any]) -> float:
    """Mean squared error of the values or of the probabilities, which forgives a sure mistake, unlike log loss."""
    expected = truth if case.problem_type == "regression" else truth[:, None] == np.arange(prediction.shape[1])
    return float(np.mean((prediction - expected) ** 2))


def same(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Whether predictions are equal up to rounding."""
    scale = max(float(np.abs(first).max(initial=0.0)), 1e-12)
    return first.shape == second.shape and float(np.abs(first - second).max(initial=0.0)) <= 1e-5 * scale


def _checked_facts(facts: object, owner: str) -> Mapping[str, float]:
    if facts is None:
        return {}
    require(
        isinstance(facts, Mapping), f"{owner}: fit returned a {type(facts).__name__}; return None or a dict of facts"
    )
    assert isinstance(facts, Mapping)
    for name, value in facts.items():
        good = isinstance(name, str) and isinstance(value, int | float | np.number) and math.isfinite(value)
        require(good, f"{owner}: fit returned the fact {name!r}: {value!r}; facts are names with finite numbers")
    return {name: float(value) for name, value in facts.items()}
