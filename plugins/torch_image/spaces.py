"""Search spaces: what all networks on images share, and each network's own. Imports no torch: `automl models` and the
driver of a run make them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl_plugins.torch_common.metric_kinds import BALANCED
from automl_plugins.torch_image.heads import SIDES as PRETRAINED_SIDES
from automl_plugins.torch_image.heads import side_of
from automl_plugins.torch_image.scaling import ALPHA, BETA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ConfigSpace import ConfigurationSpace

    from automl import Task

SIDES = (32, 48, 64, 96, 128, 160, 192, 224)
"""Inputs of larger images; those below the images' own side are offered."""
LARGEST_SIDE = 224
USUAL_SIDE = 64
"""Default for larger images: a CPU trains on a few hundred such images in a minute; dearer ones are for the search."""
TINY_SIDE = 16
"""Images up to here may also be looked at enlarged: networks of 3 x 3 kernels see more of them."""
SMALL_DEFAULT = 32
"""Images up to here begin with an EfficientNet of a third of B0's width and depth."""


@dataclass(frozen=True)
class Extra:
    """A number that only one network has; a whole one when its bounds are."""

    name: str
    low: float
    high: float
    default: float
    log: bool = False

    def made(self) -> Any:
        """The hyperparameter."""
        from ConfigSpace import Float, Integer

        if all(isinstance(value, int) for value in (self.low, self.high, self.default)):
            return Integer(self.name, (int(self.low), int(self.high)), default=int(self.default), log=self.log)
        return Float(self.name, (self.low, self.high), default=self.default, log=self.log)


def side_choices(task: Task) -> tuple[list[int], int]:
    """Inputs to choose from, and the default one, by the size of the training images."""
    top = min(max(task.height, task.width, 1), LARGEST_SIDE)
    sides = [side for side in SIDES if side < top and side * 8 >= top] + [top]
    if top <= TINY_SIDE:
        sides.append(2 * top)
    return sides, max([side for side in sides if side <= max(USUAL_SIDE, sides[0]) and side <= top], default=top)


def network_space(
    task: Task, extras: Sequence[Extra], *, learning_rate: tuple[float, float, float], scaled: bool
) -> ConfigurationSpace:
    """The network's own numbers, its input, training and augmentation.

    `learning_rate` is least, most and default of AdamW's; `scaled` adds how phi spreads over depth and width.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

    sides, side = side_choices(task)
    least, most, usual = learning_rate
    space = ConfigurationSpace()
    space.add(*(extra.made() for extra in extras))
    space.add(
        Categorical("side", sides, default=side, weights=[3.0 if one == side else 1.0 for one in sides]),
        Float("learning_rate", (least, most), default=usual, log=True),
        Categorical("optimiser", ["adamw", "adam", "sgd"], default="adamw", weights=[4, 1, 1]),
        Float("weight_decay", (1e-5, 0.3), default=0.02, log=True),
        Categorical("batch_size", [16, 32, 64, 128], default=32),
        Categorical("schedule", ["one_cycle", "cosine", "flat"], default="one_cycle", weights=[3, 1, 1]),
        Categorical("average_weights", [False, True], default=False, weights=[2, 1]),
    )
    _add_for_classes(space, task)
    if scaled:
        scaling = Categorical("scaling", ["published", "searched"], default="published", weights=[3, 1])
        alpha = Float("alpha", (1.0, 1.4), default=ALPHA)
        beta = Float("beta", (1.0, 1.15), default=BETA)
        space.add(scaling, alpha, beta)
        space.add(EqualsCondition(alpha, scaling, "searched"), EqualsCondition(beta, scaling, "searched"))
    add_augmentation(space, task)
    return space


def scratch_space(
    task: Task, extras: Sequence[Extra], *, width: int, dropout: float, scaled: bool
) -> ConfigurationSpace:
    """The space of a network that is as wide as asked, trained from scratch; `width` and `dropout` are the defaults."""
    widths, dropouts = Extra("width", 8, 64, width, log=True), Extra("dropout", 0.0, 0.6, dropout)
    return network_space(task, [widths, *extras, dropouts], learning_rate=(5e-4, 3e-2, 5e-3), scaled=scaled)


def _add_for_classes(space: ConfigurationSpace, task: Task) -> None:
    from ConfigSpace import Categorical, Float

    if task.is_classification:
        space.add(
            Float("label_smoothing", (0.0, 0.2), default=0.0),
            Categorical("class_weights", [False, True], default=task.metric in BALANCED, weights=[0.7, 0.3]),
        )


def add_augmentation(space: ConfigurationSpace, task: Task) -> None:
    """Hyperparameters of `Augmentation`. By default photographs are mirrored and recoloured a little; grey images may be
    digits or scans, which would be spoilt by that, and are only shifted.
    """
    from ConfigSpace import Categorical, EqualsCondition, Float, GreaterThanCondition, Integer

    colour = task.channels != 1
    flip = Categorical("flip", [False, True], default=colour)
    at_test = Categorical("flip_at_test", [False, True], default=False, weights=[2, 1])
    operations = Integer("random_operations", (0, 3), default=0)
    magnitude = Float("magnitude", (0.1, 1.0), default=0.4)
    space.add(
        flip,
        at_test,
        Float("crop", (0.0, 0.25), default=0.1),
        Float("colour", (0.0, 0.6), default=0.2 if colour else 0.0),
        operations,
        magnitude,
        Float("mixup", (0.0, 0.4), default=0.0),
        Float("cutout", (0.0, 0.5), default=0.0),
    )
    space.add(EqualsCondition(at_test, flip, value=True), GreaterThanCondition(magnitude, operations, 0))


def cnn(task: Task) -> ConfigurationSpace:
    """Width, depth, dropout, and what all networks share."""
    extras = [Extra("blocks", 2, 4, 3), Extra("convolutions", 1, 3, 2)]
    return scratch_space(task, extras, width=24, dropout=0.2, scaled=False)


def resnet(task: Task) -> ConfigurationSpace:
    """ResNet-18 has width 64, four stages and two blocks in each."""
    extras = [Extra("stages", 2, 4, 3), Extra("blocks", 1, 3, 1)]
    return scratch_space(task, extras, width=16, dropout=0.1, scaled=True)


def efficientnet(task: Task) -> ConfigurationSpace:
    """B0 has width and depth 1; the search is among smaller ones, and phi makes the winner larger."""
    small = max(task.height, task.width) <= SMALL_DEFAULT
    return network_space(
        task,
        [
            Extra("width", 0.25, 1.0, 0.35 if small else 0.5, log=True),
            Extra("depth", 0.25, 1.0, 0.34 if small else 0.5, log=True),
            Extra("dropout", 0.0, 0.5, 0.2),
            Extra("drop_connect", 0.0, 0.3, 0.1),
        ],
        learning_rate=(1e-3, 2e-2, 5e-3),
        scaled=True,
    )


def finetune(task: Task) -> ConfigurationSpace:
    """Few epochs, the body at 1e-3 and below and slower than the head."""
    from ConfigSpace import Categorical, ConfigurationSpace, Constant, EqualsCondition, Float, Integer

    usual = side_of(task)
    made = ConfigurationSpace()
    tuned = Categorical("tuned", ["all", "top"], default="all")
    blocks = Integer("blocks", (1, 12), default=4)
    made.add(
        Constant("weights", task.pretrained),
        Categorical(
            "side",
            list(PRETRAINED_SIDES),
            default=usual,
            weights=[3.0 if side == usual else 1.0 for side in PRETRAINED_SIDES],
        ),
        tuned,
        blocks,
        Categorical("unfreezing", ["at_once", "gradual"], default="at_once", weights=[2, 1]),
        # Batches of a few images tell too little to move the statistics by (see docs/image_networks.md, Measured).
        Categorical("frozen_statistics", [False, True], default=True),
        Float("learning_rate", (1e-3, 3e-2), default=5e-3, log=True),
        Float("body_rate", (1e-5, 1e-3), default=5e-4, log=True),
        Constant("optimiser", "adamw"),
        Float("weight_decay", (1e-5, 0.1), default=1e-2, log=True),
        Categorical("batch_size", [16, 32, 64], default=32),
        Categorical("schedule", ["one_cycle", "cosine"], default="one_cycle"),
        Float("dropout", (0.0, 0.5), default=0.2),
        Categorical("average_weights", [False, True], default=False, weights=[2, 1]),
    )
    _add_for_classes(made, task)
    made.add(EqualsCondition(blocks, tuned, "top"))
    add_augmentation(made, task)
    return made
