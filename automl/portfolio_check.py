"""Whether a portfolio can be used with the models that are installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.errors import AutomlError, UnknownNameError
from automl.portfolio import load_portfolio
from automl.portfolio_file import read_portfolio
from automl.space import model_space
from automl.stored_config import fit_config
from automl.task import Task

if TYPE_CHECKING:
    from automl.portfolio_record import Portfolio
    from automl.registry import Registry

EXAMPLE_ROWS = 100_000
"""Rows of the task on which spaces are looked at: spaces that depend on size are widest where there is much data."""
CLASSES: dict[str, tuple[int, ...]] = {"binary": (0, 1), "multiclass": (0, 1, 2), "regression": ()}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A candidate that cannot be used."""

    number: int
    model: str
    message: str

    def __str__(self) -> str:
        return f"candidate {self.number} ({self.model}): {self.message}"


def portfolio_problems(portfolio: Portfolio, registry: Registry) -> list[Problem]:
    """Unknown models, with near names, and configurations outside their model's space."""
    found: list[Problem] = []
    spaces: dict[tuple[str, str], Any] = {}
    for candidate in portfolio.candidates:
        for problem_type in portfolio.problem_types:
            try:
                spec = registry.get("models", candidate.model)
                if problem_type not in spec.problem_types or spec.modality != portfolio.modality:
                    raise ValueError(f"the model does not do {problem_type} ({portfolio.modality})")
                key = candidate.model, problem_type
                if key not in spaces:
                    spaces[key] = model_space(spec, example_task(problem_type, portfolio.modality))
                fit_config(spaces[key], candidate.config)
            except UnknownNameError as error:
                message = str(error)
            except (AutomlError, ValueError) as error:
                message = f"for {problem_type}: {error}" if len(portfolio.problem_types) > 1 else str(error)
            else:
                continue
            found.append(Problem(number=candidate.number, model=candidate.model, message=message))
            break
    return found


def example_task(problem_type: Any, modality: Any) -> Task:
    """A task on which spaces are looked at: a table with columns of every kind, or images of 64 x 64 pixels."""
    images = {"modality": "images", "features": 64 * 64 * 3, "height": 64, "width": 64, "channels": 3}
    table = {"modality": "table", "features": 30, "categories": 5, "texts": 1}
    kind: dict[str, Any] = images if modality == "images" else table
    return Task(
        target="target",
        problem_type=problem_type,
        metric="rmse" if problem_type == "regression" else "log_loss",
        rows=EXAMPLE_ROWS,
        classes=CLASSES[problem_type],
        **kind,
    )


def find_portfolio(name: str, registry: Registry) -> Portfolio:
    """A portfolio by the name of a plugin's spec, the name of its file, or a path; UnknownNameError otherwise."""
    spec = registry.portfolios.get(name)
    if spec is not None and spec.file:
        return load_portfolio(spec)
    stem = name.removesuffix(".json")
    for each in registry.portfolios.values():
        if each.file.partition(":")[2] == f"{stem}.json":
            return load_portfolio(each)
    if spec is not None:
        raise UnknownNameError(
            f"portfolio {name!r} is a function of plugin {spec.plugin!r}, so that there is no file to show"
        )
    from pathlib import Path

    if name.endswith(".json") or Path(name).exists():
        return read_portfolio(name)
    registry.get("portfolios", name)
    raise AssertionError("the registry raises for an unknown name")
