"""What a search starts from: default configurations, then stored top performers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.errors import PluginError
from automl.history import Candidate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.registry import Registry
    from automl.space import JointSpace
    from automl.specs import ModelSpec
    from automl.task import Task


def starting_candidates(
    registry: Registry, task: Task, models: Sequence[ModelSpec], space: JointSpace
) -> tuple[list[Candidate], list[str]]:
    """The queue in front of the sampler, each configuration once, and notes on what was left out.

    Default configurations come first, in the order of the plan; stored ones follow in their portfolio's order.
    A stored configuration that does not fit its model's space is left out and noted, never silently changed.
    """
    queue = [space.default(spec.name) for spec in models if spec.name in space.subspaces]
    notes: list[str] = []
    for portfolio in registry.portfolios.values():
        if portfolio.missing():
            notes.append(f"portfolio {portfolio.name}: left out, it needs {', '.join(portfolio.missing())}")
            continue
        for candidate in portfolio.load()(task):
            if not isinstance(candidate, Candidate):
                raise PluginError(
                    f"portfolio {portfolio.name!r} of plugin {portfolio.plugin!r} gave {type(candidate).__name__}; "
                    "it must give Candidate objects"
                )
            if candidate.model not in space.subspaces:
                notes.append(f"portfolio {portfolio.name}: {candidate.model} is not usable here")
            elif not space.is_legal(candidate):
                notes.append(
                    f"portfolio {portfolio.name}: {candidate.origin} does not fit the space of {candidate.model}"
                )
            else:
                queue.append(candidate)
    unique = {candidate.id: candidate for candidate in reversed(queue)}
    ordered = sorted(unique.values(), key=queue.index)
    return ordered, sorted(set(notes))
