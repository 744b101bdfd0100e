"""What a network costs, counted without computing it: multiply-adds of one image, and parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """A network without memory behind its weights: quick to make at any size."""
    with torch.device("meta"):
        return build()


def count_parameters(network: nn.Module) -> int:
    """All numbers that are learned."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_madds(build: Callable[[], nn.Module], channels: int, side: int) -> int:
    """Multiply-adds of convolutions and dense layers for one image of this side; the rest hardly counts."""
    network = on_meta(build).eval()
    found: list[int] = []

    def count(module: nn.Module, inputs: Any, output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            each = module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
        else:
            assert isinstance(module, nn.Linear)
            each = module.in_features
        found.append(output.numel() * each)

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.empty(1, channels, side, side, device="meta"))
    return sum(found)
