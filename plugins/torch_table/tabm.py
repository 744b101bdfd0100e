"""TabM: many perceptrons in one, which share their matrices and differ in vectors only.

Gorishniy et al. 2025, "TabM: Advancing tabular deep learning with parameter-efficient ensembling", arXiv 2410.24210, sections
3.2 to 3.4; the adapters are those of BatchEnsemble (Wen et al. 2020). All members learn at the same time, each by its own
loss, and predict by their mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from automl_plugins.torch_table.embeddings import Embedded, EmbeddingSettings
from automl_plugins.torch_table.model import TableNetwork
from torch import nn

if TYPE_CHECKING:
    from automl_plugins.torch_table.columns import Shape
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Settings(EmbeddingSettings):
    """The network's own hyperparameters."""

    members: int = 16
    layers: int = 2
    width: int = 256
    dropout: float = 0.1
    adapters: str = "all"
    """``all`` layers have vectors of their own for each member, or the ``first`` only (TabM-mini)."""
    bins: int = 24


class SharedLayer(nn.Module):
    """A dense layer that all members share; before and behind it stand vectors of each member. K = members."""

    def __init__(self, width_in: int, settings: Settings, *, first: bool, random: str) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, settings.width)
        members = settings.members
        self.before = self.behind = None
        if first or settings.adapters == "all":
            self.before = nn.Parameter(torch.ones(members, width_in))
        if settings.adapters == "all":
            self.behind = nn.Parameter(torch.ones(members, settings.width))
            # Each member has its own bias, from the same start.
            self.bias = nn.Parameter(self.dense.bias.detach().expand(members, -1).clone())
            self.dense.bias = None
        if first:
            with torch.no_grad():  # members begin to differ here
                drawn = torch.randn(members, width_in)
                assert self.before is not None
                self.before.copy_(drawn if random == "normal" else torch.where(drawn < 0, -1.0, 1.0))
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor) -> Tensor:
        if self.before is not None:
            x = x * self.before  # (B, 1 or K, width_in) -> (B, K, width_in)
        x = self.dense(x)  # (B, K, width)
        if self.behind is not None:
            x = x * self.behind + self.bias
        return self.dropout(torch.relu(x))


class TabMNetwork(Embedded):
    """Embeddings, shared layers, a head for each member."""

    def __init__(self, shape: Shape, outputs: int, settings: Settings) -> None:
        super().__init__(shape, settings)
        random = "signs" if self.inputs.embedding is None else "normal"
        widths = [self.inputs.width] + [settings.width] * settings.layers
        self.layers = nn.Sequential(
            *(SharedLayer(width, settings, first=place == 0, random=random) for place, width in enumerate(widths[:-1]))
        )
        self.head = Heads(settings.members, widths[-1], outputs)

    def forward(self, numbers: Tensor, dense: Tensor, codes: Tensor) -> Tensor:
        x = self.inputs(numbers, dense, codes)  # (B, n), (B, d), (B, c) -> (B, inputs)
        x = self.layers(x.unsqueeze(1))  # (B, 1, inputs) -> (B, K, width)
        return self.head(x)  # (B, K, outputs)


class Heads(nn.Module):
    """A last layer of its own for each member."""

    def __init__(self, members: int, width: int, outputs: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(width)
        self.weight = nn.Parameter(bound * (2.0 * torch.rand(members, width, outputs) - 1.0))
        self.bias = nn.Parameter(torch.zeros(members, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bkw,kwo->bko", x, self.weight) + self.bias  # (B, K, width) -> (B, K, outputs)


class TabM(TableNetwork):
    """The model."""

    name = "tabm"

    def make_network(self, shape: Shape, outputs: int) -> nn.Module:
        """See `TabMNetwork`."""
        return TabMNetwork(shape, outputs, self.settings(Settings))
