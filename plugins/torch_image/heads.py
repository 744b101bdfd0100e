"""Models for tables that may stand on top of features of images, and the search space of the pair."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from automl import installed_models, load_object

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from automl import Config, ModelSpec, Task

SEPARATOR = "."
SIDES = (64, 96, 128, 160, 192, 224)
"""Inputs of pretrained networks, which learned at 224: smaller ones are quicker, and small images are enlarged."""
USUAL_FEATURES = 1280
"""Of EfficientNet-B0 and -Lite0; spaces are asked for before a network is loaded."""


def head_models(task: Task) -> dict[str, ModelSpec]:
    """Registered models for tables that can do the task on plain numbers, the cheapest first."""
    able = [
        spec
        for spec in installed_models().values()
        if spec.modality == "table"
        and task.problem_type in spec.problem_types
        and not spec.needs_text
        and not spec.is_baseline
        and (spec.max_classes is None or task.class_count <= spec.max_classes)
        and (spec.max_rows is None or task.rows <= spec.max_rows)
    ]
    return {spec.name: spec for spec in sorted(able, key=lambda spec: (spec.relative_cost, spec.name))}


def head_task(task: Task, features: int) -> Task:
    """The task as the model on top sees it."""
    return replace(task, modality="table", features=features, height=0, width=0, channels=0, pretrained="")


def head_config(config: Config, name: str) -> Config:
    """The part of a configuration that is for the model on top."""
    prefix = name + SEPARATOR
    return {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}


def side_of(task: Task) -> int:
    """The usual input: twice the size of small images, as networks reduce 32-fold; at most 128 for speed."""
    wanted = min(max(2 * min(task.height, task.width), SIDES[0]), 128)
    return min(SIDES, key=lambda side: (abs(side - wanted), side))


def space(task: Task) -> ConfigurationSpace:
    """Weights, input, and which model stands on top, with that model's own space."""
    from ConfigSpace import Categorical, ConfigurationSpace, Constant

    models, usual = head_models(task), side_of(task)
    names = list(models)
    default = "linear" if "linear" in models else names[0]
    head = Categorical(
        "head", names, default=default, weights=[max(models[name].relative_cost, 0.5) ** -0.5 for name in names]
    )
    made = ConfigurationSpace()
    made.add(
        Constant("weights", task.pretrained),
        Categorical("side", list(SIDES), default=usual, weights=[3.0 if side == usual else 1.0 for side in SIDES]),
        Categorical("flips", [False, True], default=False, weights=[2, 1]),
        head,
    )
    for name, spec in models.items():
        own: Any = load_object(spec.space)(head_task(task, USUAL_FEATURES))
        made.add_configuration_space(
            prefix=name,
            delimiter=SEPARATOR,
            configuration_space=own,
            parent_hyperparameter={"parent": head, "value": name},
        )
    return made
