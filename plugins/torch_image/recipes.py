"""How a network on images is trained, by its configuration and effort: batches, schedule, optimiser, compiling."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from automl_plugins.torch_common.optimisers import Choice
from automl_plugins.torch_common.training import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl_plugins.torch_common.training import Batches, Progress

    from automl import Effort

LEAST_STEPS = 8
"""Batches of an epoch; where there are few rows, batches are smaller than configured."""
LEAST_BATCH = 8
SGD_FACTOR = 10.0
"""SGD with momentum wants learning rates about so many times those of AdamW."""
COMPILED_STEPS = 5000
"""Training steps from which compiling an EfficientNet, which takes more than a minute, pays on a GPU: 4,648 were measured for B0."""
COMPILING_SECONDS = 180.0
RESERVE = 0.05
"""Share of the seconds left that is kept for what comes after the last batch: judging, saving."""


def make_recipe(config: Mapping[str, Any], effort: Effort, *, seed: int, rows: int, full_epochs: float) -> Recipe:
    """The recipe for so many training rows; `full_epochs` is full training where the effort does not say."""
    full = effort.full.get("epochs", full_epochs)
    schedule = str(config["schedule"])
    return Recipe(
        seed=seed,
        batch_size=max(min(int(config["batch_size"]), rows // LEAST_STEPS), LEAST_BATCH),
        epochs=effort.fidelity.get("epochs", full),
        full_epochs=full,
        schedule=schedule,
        warm_up_epochs=0.0 if schedule == "one_cycle" else min(2.0, full / 10),  # one cycle rises by itself
        patience=lambda best: 8 + 0.3 * best,
        deadline=None if effort.deadline is None else effort.deadline - RESERVE * max(effort.seconds_left(), 0.0),
        device=effort.device,
    )


def make_choice(config: Mapping[str, Any]) -> Choice:
    """The optimiser and its numbers."""
    name = str(config["optimiser"])
    factor = SGD_FACTOR if name == "sgd" else 1.0
    return Choice(
        name=name,
        learning_rate=float(config["learning_rate"]) * factor,
        # Decoupled decay is multiplied by the learning rate; SGD's and Adam's goes through the gradient.
        weight_decay=float(config["weight_decay"]) * (1.0 if name == "adamw" else 0.01),
    )


def compiling_pays(recipe: Recipe, progress: Progress, batches: Batches) -> bool:
    """Whether a network is to be compiled for what is left of its training."""
    steps = (recipe.epochs - progress.epochs) * batches.steps(progress.batch_size or recipe.batch_size)
    has_time = recipe.deadline is None or recipe.deadline - time.monotonic() > COMPILING_SECONDS
    return recipe.device.startswith("cuda") and has_time and steps >= COMPILED_STEPS
