"""Optimisers by name, with a learning rate of its own for each group of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import torch
    from torch import nn

OPTIMISERS = ("adamw", "adam", "sgd")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What optimiser to use, and how."""

    name: str = "adamw"
    """``adamw`` (Loshchilov and Hutter 2019), ``adam`` or ``sgd``."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    """Of SGD; Adam's first beta stays 0.9."""
    beta2: float = 0.999


def make_optimiser(groups: Sequence[Mapping[str, Any]], choice: Choice) -> torch.optim.Optimizer:
    """The optimiser. A group holds ``params`` and perhaps ``factor`` (of the learning rate) and ``decays`` (False:
    no weight decay); the training loop sets ``lr`` from ``base_lr`` at each step.
    """
    import torch

    made = [
        {
            "params": list(group["params"]),
            "lr": choice.learning_rate,
            "base_lr": choice.learning_rate * group.get("factor", 1.0),
            "weight_decay": choice.weight_decay if group.get("decays", True) else 0.0,
        }
        for group in groups
    ]
    made = [group for group in made if group["params"]]
    if choice.name == "sgd":
        return torch.optim.SGD(made, momentum=choice.momentum, nesterov=choice.momentum > 0)
    kinds = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
    if choice.name not in kinds:
        raise ValueError(f"optimiser {choice.name!r} is not known; use {', '.join(OPTIMISERS)}")
    # One kernel for all parameters: on small networks a third of a step is otherwise spent between small ones.
    return kinds[choice.name](made, betas=(0.9, choice.beta2), fused=True)


def usual_groups(network: nn.Module, undecayed: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Two groups: matrices, which decay, and what does not: biases, norms, and names that contain one of
    `undecayed`.
    """
    words = tuple(undecayed)
    decays: list[Any] = []
    others: list[Any] = []
    for name, parameter in network.named_parameters():
        plain = parameter.ndim < 2 or any(word in name for word in words)
        (others if plain else decays).append(parameter)
    return [{"params": decays}, {"params": others, "decays": False}]
