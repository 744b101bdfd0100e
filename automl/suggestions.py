"""What a search of a table would start from, without training anything."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from automl.api import make_settings, target_of
from automl.course import get_starts
from automl.errors import SettingsError
from automl.machine import find_machine
from automl.plan import search_weights
from automl.ready import check_names, get_ready, with_defaults
from automl.registry import load_registry
from automl.settings import Settings
from automl.workspace import Workspace

if TYPE_CHECKING:
    from automl.history import Candidate
    from automl.portfolio import LeftOut
    from automl.task import Task


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """The candidates that a search would try first, in order, and why others are left out."""

    task: Task
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    def to_list(self) -> list[dict[str, Any]]:
        """Plain values for JSON, and for ``automl.fit(..., baselines=...)``."""
        return [{"model": one.model, "config": dict(one.config), "origin": one.origin} for one in self.candidates]


def suggest(data: Any, *, target: str | None = None, most: int | None = None, **options: Any) -> list[Candidate]:
    """The first `most` candidates (None: all) that `fit` would try for a table, in their order; nothing is trained.

    `options` are those of `fit`, and the same errors are raised for data and settings that cannot be used.
    """
    return list(suggest_run(data, make_settings(target_of(data, target), options), most=most).candidates)


def suggest_run(data: Any, settings: Settings, *, most: int | None = None) -> Suggestions:
    """`suggest` with settings, and with what was decided."""
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise SettingsError(f"most={most!r} must be a whole number of at least 1")
    from automl.space import joint_space

    registry = load_registry()
    settings = with_defaults(settings, registry)
    check_names(registry, settings)
    machine = find_machine(settings)
    with Workspace() as work:
        ready = get_ready(data, settings, registry, machine, None, work)
    models = [spec for spec in ready.plan.models if not spec.is_baseline]
    if not models:
        told = "; ".join(f"{name}: {reason}" for name, reason in ready.plan.skipped.items())
        raise SettingsError(f"no model but the baseline can be used here: {told}")
    space = joint_space(models, ready.prepared.task, search_weights(models), settings.space)
    starts = get_starts(ready, settings, registry, machine, space)
    return Suggestions(
        task=ready.prepared.task, candidates=starts.queue[:most], notes=starts.notes, left_out=starts.left_out
    )


def as_python(suggestions: Suggestions, data: str, settings: Settings) -> str:
    """A program that tries these candidates and nothing else, with public names only."""
    rows = ",\n".join("    " + _row(row) for row in suggestions.to_list())
    options = "".join(f"    {name}={_literal(value)},\n" for name, value in _options(settings).items())
    task = suggestions.task
    return f'''"""Starting configurations for a table ({task.problem_type}), made by `automl suggest`."""

import automl

CANDIDATES = [
{rows},
]


def main():
    """Train all of them, and combine the best."""
    return automl.fit(
        {_literal(data)},
        target={_literal(task.target)},
        baselines=CANDIDATES,
        trials=len(CANDIDATES),
{_indented(options)}    )


if __name__ == "__main__":
    predictor = main()
    for row in predictor.leaderboard():
        print(row["model"], predictor.task.metric, row["score"], row["origin"])
'''


def _row(row: dict[str, Any]) -> str:
    """A candidate as Python; JSON would write ``true`` and ``null``."""
    config = ", ".join(f"{_literal(name)}: {_literal(value)}" for name, value in row["config"].items())
    model, origin = _literal(row["model"]), _literal(row["origin"])
    return f'{{"model": {model}, "origin": {origin}, "config": {{{config}}}}}'


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _indented(lines: str) -> str:
    return "".join(f"    {line}\n" for line in lines.splitlines())


def _options(settings: Settings) -> dict[str, Any]:
    """What the user asked for, apart from what says how much is tried."""
    plain = json.loads(json.dumps(settings.to_dict()))
    told = {}
    for each in fields(settings):
        if each.name in ("target", "baselines", "trials", "seconds"):
            continue
        default = json.loads(json.dumps(Settings(target=settings.target).to_dict()[each.name]))
        if plain[each.name] != default:
            told[each.name] = plain[each.name]
    return {**({"time": settings.seconds} if settings.seconds is not None else {}), **told}
