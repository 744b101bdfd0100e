"""``automl models NAME``: the search space of a model, in the words that ``--space`` takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from automl.errors import PluginError, SettingsError
from automl.task import Task

if TYPE_CHECKING:
    from automl.cli.output import Output
    from automl.registry import Registry


def show_space(output: Output, registry: Registry, name: str, problem_type: str | None) -> None:
    """Print the hyperparameters of model `name` for a table of middle size, or images of 64 x 64 pixels."""
    from automl.metrics import default_metric_name
    from automl.space import model_space, plain_value

    spec = registry.get("models", name)
    missing = registry.unusable(spec)
    if missing:
        raise PluginError(f"model {name!r} cannot be used here: {missing}")
    kind = problem_type or spec.problem_types[0]
    if kind not in spec.problem_types:
        raise SettingsError(f"model {name!r} does not do {kind}; choose --task {' or '.join(spec.problem_types)}")
    classes = {"binary": (0, 1), "multiclass": (0, 1, 2), "regression": ()}[kind]
    task = Task(
        target="target",
        problem_type=kind,  # type: ignore[arg-type]
        metric=default_metric_name(kind),  # type: ignore[arg-type]
        rows=10_000,
        features=20,
        classes=classes,
    )
    if spec.modality == "images":
        task = replace(task, modality="images", features=64 * 64 * 3, height=64, width=64, channels=3)
    space = model_space(spec, task)
    rows = []
    for one in space.values():
        conditions = " and ".join(str(each) for each in space.parent_conditions_of[one.name])
        rows.append(
            {
                "name": one.name,
                "values": _values(one),
                "default": plain_value(one.default_value),
                "condition": conditions,
            }
        )
    if output.as_json:
        output.document({"model": name, "task": kind, "space": rows})
        return
    if output.quiet:
        output.result("\n".join(str(row["name"]) for row in rows))
        return
    output.say(f"{name}: {spec.summary}\n")
    if not rows:
        output.say("nothing to search")
        return
    head = ("hyperparameter", "values", "default", "only with")
    output.table(head, [(row["name"], row["values"], row["default"], row["condition"]) for row in rows])
    first = rows[0]
    output.say(f"\nchange it with --space {name}.{first['name']}=... (docs/spaces.md)")


def _values(one: Any) -> str:
    if hasattr(one, "lower"):
        return f"{one.lower}..{one.upper}" + (":log" if getattr(one, "log", False) else "")
    values = getattr(one, "sequence", None) or getattr(one, "choices", None) or (one.value,)
    return ",".join(str(value) for value in values)
