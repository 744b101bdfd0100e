"""The checks of stored top performers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.history import Candidate
from automl.portfolio import load_portfolio
from automl.portfolio_check import example_task, portfolio_problems
from automl.portfolio_record import Portfolio, StoredCandidate
from automl.registry import load_registry
from automl.testing.rules import require, rule

if TYPE_CHECKING:
    from automl.registry import Registry
    from automl.specs import PortfolioSpec


def check_portfolio(portfolio: str | PortfolioSpec) -> None:
    """Run all checks on a portfolio, a registered name or a spec.

    A file has the documented form, and a function gives candidates with an origin, the same ones each time; every
    model is known, and every configuration lies in its model's space. Raises RuleBroken, an AssertionError that says
    which rule is broken.
    """
    registry = load_registry()
    spec = registry.get("portfolios", portfolio) if isinstance(portfolio, str) else portfolio
    owner = f"portfolio {spec.name!r}"
    for problem_type in spec.problem_types:
        stored = _stored(spec, owner, problem_type)
        require(
            stored is not None, f"{owner} has no candidate for {problem_type}; name what it is for in problem_types"
        )
        if stored is not None:
            _check_spaces(stored, owner, registry)


def _stored(spec: PortfolioSpec, owner: str, problem_type: Any) -> Portfolio | None:
    """Its candidates for a problem type; None where there are none."""
    if spec.file:
        with rule(owner, "must have a file of the form that docs/baselines.md describes"):
            read = load_portfolio(spec)
        return read if problem_type in read.problem_types and read.modality == spec.modality else None
    task = example_task(problem_type, spec.modality)
    with rule(owner, f"must give its candidates for a task of {problem_type}"):
        given, again = (list(spec.load()(task)) for _ in range(2))
    for one in given:
        require(isinstance(one, Candidate), f"{owner} gave {type(one).__name__}; it must give Candidate objects")
        require(one.origin, f"{owner} left Candidate.origin empty; write where it comes from there")
    require(given == again, f"{owner} gave other candidates when it was asked again")
    candidates = [
        StoredCandidate(number=number, model=one.model, config=one.config) for number, one in enumerate(given, 1)
    ]
    return Portfolio(
        name=spec.name,
        day="",
        summary=spec.summary,
        problem_types=(problem_type,),
        modality=spec.modality,
        candidates=tuple(candidates),
    ) if candidates else None  # fmt: skip


def _check_spaces(stored: Portfolio, owner: str, registry: Registry) -> None:
    problems = portfolio_problems(stored, registry)
    require(not problems, f"{owner}: " + "; ".join(map(str, problems)))
