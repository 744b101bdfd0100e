"""A transformer over the columns of a table: each column is a token, one more gathers the answer.

Gorishniy et al. 2021, "Revisiting deep learning models for tabular data", arXiv 2106.11959, section 3.3: tokens from numbers and
categories, blocks with normalisation first (multi-head attention, then a gated feed-forward part), a head on the answer's token.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from automl_plugins.torch_table.embeddings import Categories
from automl_plugins.torch_table.model import TableNetwork
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from automl_plugins.torch_table.columns import Shape
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The network's own hyperparameters."""

    blocks: int = 2
    width: int = 96
    """Size of a token, a multiple of `heads`."""
    heads: int = 8
    attention_dropout: float = 0.2
    dropout: float = 0.1
    """In the feed-forward part."""
    residual_dropout: float = 0.0
    widening: float = 4.0 / 3.0
    """Hidden units of the feed-forward part, as a multiple of `width`."""


class Tokens(nn.Module):
    """The tokens of a row: answer, numbers, categories, and one for all dense columns together. T = tokens, w = width."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(width)
        self.answer = nn.Parameter(bound * torch.randn(1, 1, width))
        self.slopes = nn.Parameter(bound * torch.randn(shape.numbers, width))
        self.shift = nn.Parameter(bound * torch.randn(shape.numbers, width))
        self.categories = Categories(shape.levels, width) if shape.levels else None
        self.dense = nn.Linear(shape.dense, width) if shape.dense else None

    def forward(self, numbers: Tensor, dense: Tensor, codes: Tensor) -> Tensor:
        tokens = [
            self.answer.expand(len(numbers), -1, -1),  # (B, 1, w)
            numbers.unsqueeze(-1) * self.slopes + self.shift,  # (B, n) -> (B, n, w)
        ]
        if self.categories is not None:
            tokens.append(self.categories(codes))  # (B, c) -> (B, c, w)
        if self.dense is not None:
            tokens.append(self.dense(dense).unsqueeze(1))  # (B, d) -> (B, 1, w)
        return torch.cat(tokens, dim=1)  # (B, T, w)


class Attention(nn.Module):
    """Multi-head attention of all tokens to all (Vaswani et al. 2017)."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.heads, self.dropout = settings.heads, settings.attention_dropout
        self.mix_in = nn.Linear(settings.width, 3 * settings.width)
        self.mix_out = nn.Linear(settings.width, settings.width)

    def forward(self, x: Tensor) -> Tensor:
        rows, tokens, width = x.shape
        mixed = self.mix_in(x).view(rows, tokens, 3, self.heads, width // self.heads)  # (B, T, w) -> (B, T, 3, h, w/h)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)  # each (B, h, T, w/h)
        dropout = self.dropout if self.training else 0.0
        y = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)  # (B, h, T, w/h)
        return self.mix_out(y.transpose(1, 2).reshape(rows, tokens, width))  # (B, T, w)


class Block(nn.Module):
    """Attention, then the feed-forward part; each adds to what goes in."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        width, hidden = settings.width, int(settings.width * settings.widening)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention = Attention(settings)
        self.widen = nn.Linear(width, 2 * hidden)
        self.narrow = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(settings.dropout)
        self.residual_dropout = nn.Dropout(settings.residual_dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.residual_dropout(self.attention(self.norms[0](x)))  # (B, T, w)
        values, gates = self.widen(self.norms[1](x)).chunk(2, dim=-1)  # each (B, T, hidden)
        return x + self.residual_dropout(self.narrow(self.dropout(values * torch.relu(gates))))  # (B, T, w)


class FtTransformerNetwork(nn.Module):
    """Tokens, blocks, head."""

    def __init__(self, shape: Shape, outputs: int, settings: Settings) -> None:
        super().__init__()
        self.tokens = Tokens(shape, settings.width)
        self.blocks = nn.Sequential(*(Block(settings) for _ in range(settings.blocks)))
        self.norm = nn.LayerNorm(settings.width)
        self.head = nn.Linear(settings.width, outputs)

    def set_up(self, numbers: Tensor, dense: Tensor, codes: Tensor) -> None:
        """Nothing depends on the training rows here."""

    def forward(self, numbers: Tensor, dense: Tensor, codes: Tensor) -> Tensor:
        x = self.tokens(numbers, dense, codes)  # (B, n), (B, d), (B, c) -> (B, T, w)
        x = self.blocks(x)  # (B, T, w)
        answer = torch.relu(self.norm(x[:, 0]))  # (B, w)
        return self.head(answer).unsqueeze(1)  # (B, 1, outputs)


class FtTransformer(TableNetwork):
    """The model."""

    name = "ft_transformer"
    one_hot_levels = 0
    most_numbers = 256
    """Attention grows with the square of the tokens: numbers beyond join the dense token."""

    def make_network(self, shape: Shape, outputs: int) -> nn.Module:
        """See `FtTransformerNetwork`."""
        settings = self.settings(Settings)
        settings = replace(settings, width=max(settings.width // settings.heads, 1) * settings.heads)
        return FtTransformerNetwork(shape, outputs, settings)
