"""A network with a running mean of its weights beside them, which predicts more steadily than the weights themselves."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

LEAST_HORIZON = 20
"""Steps over which the mean reaches back at least."""


class Averaged(nn.Module):
    """Trains `live` and answers, when it is not training, by `average`: an exponential moving average.

    Both are part of its state, so that what is judged, kept as best and continued later is all of it.
    """

    steps: Tensor

    def __init__(self, network: nn.Module, horizon: int) -> None:
        """`horizon` is over how many steps the mean reaches back."""
        super().__init__()
        self.live = network
        self.average = deepcopy(network).requires_grad_(requires_grad=False)
        self._decay = 1.0 - 1.0 / max(horizon, LEAST_HORIZON)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, images: Tensor) -> Tensor:
        """(rows, channels, side, side) -> (rows, outputs)."""
        return (self.live if self.training else self.average)(images)  # type: ignore[no-any-return]

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights in; early ones, which are far from the last, are soon forgotten."""
        steps = int(self.steps)
        decay = min(self._decay, (1 + steps) / (10 + steps))
        for mean, value in zip(self.average.parameters(), self.live.parameters(), strict=True):
            mean.lerp_(value, 1.0 - decay)
        for mean, value in zip(self.average.buffers(), self.live.buffers(), strict=True):
            mean.copy_(value)
        self.steps += 1


def predicting(network: nn.Module) -> nn.Module:
    """The part of a trained network that predicts."""
    return network.average if isinstance(network, Averaged) else network
