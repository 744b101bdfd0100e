"""The checks of a model, all at once or one by one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from automl.registry import load_registry
from automl.specs import ModelSpec
from automl.testing.model_basics import basic_checks
from automl.testing.model_case import Case
from automl.testing.model_data import data_checks
from automl.testing.model_effort import effort_checks
from automl.testing.model_images import image_checks
from automl.testing.model_saving import saving_checks
from automl.testing.rules import require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from automl.specs import ProblemType


@dataclass(frozen=True)
class Check:
    """One rule, bound to a model and a problem type; call it, or print it."""

    run: Any
    case: Case

    def __call__(self) -> None:
        """Run it with one thread, as jobs do: libraries that take all cores slow each other down."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            self.run(self.case)

    @property
    def name(self) -> str:
        """Such as ``few_rows``."""
        if isinstance(self.run, partial):  # a check of one fidelity
            return f"{_plain_name(self.run.func)}-{self.run.args[0].name}"
        return _plain_name(self.run)

    def __str__(self) -> str:
        return f"{self.case.spec.name}-{self.case.problem_type}-{self.name}"


def _plain_name(function: Any) -> str:
    return str(function.__name__).removeprefix("check_")


def model_checks(
    model: str | ModelSpec, *, problem_types: Iterable[ProblemType] | None = None, rows: int = 200
) -> list[Check]:
    """The checks that apply to a model.

    For pytest: ``@pytest.mark.parametrize("check", model_checks("knn"), ids=str)``.

    Args:
        model: a registered name, or a spec.
        problem_types: which of the spec's own to check; None for all.
        rows: training rows of most toy tables.

    Raises UnknownNameError when no plugin offers the name, AssertionError for a problem type that the model
    does not do, or a form that these checks have no toys for.
    """
    spec = load_registry().get("models", model) if isinstance(model, str) else model
    require(isinstance(spec, ModelSpec), f"check_model takes a name or a ModelSpec, not {spec!r}")
    require(
        spec.form in ("table", "matrix", "images"),
        f"model {spec.name!r}: there are no toys of the form {spec.form!r}; form must be 'table', 'matrix' or 'images'",
    )
    checks = []
    for problem_type in problem_types or spec.problem_types:
        require(
            problem_type in spec.problem_types,
            f"model {spec.name!r} does not do {problem_type}; it does {', '.join(spec.problem_types)}",
        )
        case = Case(spec=spec, problem_type=problem_type, rows=rows)
        every = (
            *basic_checks(spec),
            *(image_checks(problem_type) if spec.form == "images" else data_checks(spec, problem_type)),
            *saving_checks(spec),
            *effort_checks(spec),
        )
        checks += [Check(run, case) for run in every]
    return checks


def check_model(
    model: str | ModelSpec,
    *,
    problem_types: Iterable[ProblemType] | None = None,
    rows: int = 200,
    skip: Iterable[str] = (),
) -> None:
    """Run all checks on a model; AssertionError tells the first rule that it breaks.

    Args:
        model: a registered name, or a spec.
        problem_types: which of the spec's own to check; None for all.
        rows: training rows of most toy tables.
        skip: names of checks to leave out, such as ``constant_target``; give the reason beside it.
    """
    checks = model_checks(model, problem_types=problem_types, rows=rows)
    left_out = set(skip)
    unknown = left_out - {check.name for check in checks}
    require(not unknown, f"there is no check called {', '.join(sorted(unknown))}; see model_checks(...)")
    for check in checks:
        if check.name not in left_out:
            check()
