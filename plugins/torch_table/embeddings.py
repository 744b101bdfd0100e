"""How networks take in columns: categories as vectors, numbers as they are, in waves or in pieces.

B = batch, n = numbers, c = categories, d = dimensions of an embedding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from automl_plugins.torch_table.columns import Shape
    from torch import Tensor

EMBEDDINGS = ("plain", "periodic", "piecewise")


class Categories(nn.Module):
    """A vector for each level of each category; code 0, unknown, begins as zeros."""

    def __init__(self, levels: tuple[int, ...], dimensions: int) -> None:
        super().__init__()
        offsets = [sum(levels[:place]) for place in range(len(levels))]
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.int64), persistent=False)
        # One matrix for all columns: one look-up, whatever their number.
        self.vectors = nn.Parameter(torch.randn(sum(levels), dimensions) / math.sqrt(dimensions))
        with torch.no_grad():
            self.vectors[offsets] = 0.0

    def forward(self, codes: Tensor) -> Tensor:
        return nn.functional.embedding(codes + self.offsets, self.vectors)  # (B, c) -> (B, c, d)


class Periodic(nn.Module):
    """Waves of trained frequency, and the number itself beside them (PBLD: Holzmüller et al. 2024, section 3.2; after
    Gorishniy et al. 2022, arXiv 2203.05556).
    """

    def __init__(self, numbers: int, waves: int, dimensions: int, sigma: float) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(sigma * torch.randn(numbers, waves))
        self.phases = nn.Parameter(math.pi * (2.0 * torch.rand(numbers, waves) - 1.0))
        bound = 1.0 / math.sqrt(waves)
        self.mix = nn.Parameter(bound * (2.0 * torch.rand(numbers, waves, dimensions - 1) - 1.0))
        self.shift = nn.Parameter(bound * (2.0 * torch.rand(numbers, dimensions - 1) - 1.0))

    def forward(self, numbers: Tensor) -> Tensor:
        x = numbers.unsqueeze(-1)  # (B, n, 1)
        waves = torch.cos(2.0 * math.pi * x * self.frequencies + self.phases)  # (B, n, waves)
        mixed = torch.einsum("bnw,nwd->bnd", waves, self.mix) + self.shift  # (B, n, d - 1)
        return torch.cat([x, mixed], dim=-1)  # (B, n, d)


class Piecewise(nn.Module):
    """How far a number has come through each bin, then a matrix for each column (Gorishniy et al. 2022, section 3.1).

    Bins hold about the same number of training rows; the first and the last are open. Beside them goes a linear
    function of the number, and the matrices begin at zero, so that training begins with plain numbers.
    """

    def __init__(self, numbers: int, bins: int, dimensions: int) -> None:
        super().__init__()
        self.bins = bins
        self.register_buffer("slope", torch.zeros(numbers, bins))
        self.register_buffer("start", torch.zeros(numbers, bins))
        low, high = torch.zeros(bins), torch.ones(bins)
        low[0], high[-1] = -math.inf, math.inf
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("high", high, persistent=False)
        self.matrix = nn.Parameter(torch.zeros(numbers, bins, dimensions))
        self.linear = nn.Parameter(torch.randn(numbers, dimensions) / math.sqrt(dimensions))
        self.shift = nn.Parameter(torch.randn(numbers, dimensions) / math.sqrt(dimensions))

    def place_bins(self, sample: Tensor) -> None:
        """Choose the edges of the bins from training rows ``(rows, numbers)``."""
        shares = torch.linspace(0.0, 1.0, self.bins + 1)
        for place in range(sample.shape[1]):
            edges = torch.unique(torch.quantile(sample[:, place], shares))
            if len(edges) < 2:
                continue
            width = edges[1:] - edges[:-1]
            # Where few values give fewer bins, the middle ones stay empty: the last must be the open one.
            places = [*range(len(width) - 1), self.bins - 1]
            self.slope[place, places] = 1.0 / width
            self.start[place, places] = -edges[:-1] / width

    def forward(self, numbers: Tensor) -> Tensor:
        x = numbers.unsqueeze(-1)  # (B, n, 1)
        shares = torch.clamp(x * self.slope + self.start, self.low, self.high)  # (B, n, bins)
        pieces = torch.einsum("bnk,nkd->bnd", shares, self.matrix)  # (B, n, d)
        return pieces + x * self.linear + self.shift  # (B, n, d)


class Inputs(nn.Module):
    """Numbers, dense columns and codes of a batch side by side, as a perceptron takes them."""

    def __init__(
        self, numbers: int, dense: int, categories: nn.Module | None, embedding: nn.Module | None, width: int
    ) -> None:
        super().__init__()
        self.categories, self.embedding = categories, embedding
        self.width = max(width, 1)
        self.empty = numbers + dense == 0 and categories is None

    def forward(self, numbers: Tensor, dense: Tensor, codes: Tensor) -> Tensor:
        if self.empty:  # every column is constant
            return numbers.new_zeros(len(numbers), 1)  # (B, 1)
        x = numbers if self.embedding is None else self.embedding(numbers).flatten(1)  # (B, n * d)
        parts = [x, dense]
        if self.categories is not None:
            parts.append(self.categories(codes).flatten(1))  # (B, c * d)
        return torch.cat(parts, dim=1)  # (B, width)


def make_embedding(
    kind: str, numbers: int, *, dimensions: int, bins: int, sigma: float, waves: int = 16
) -> tuple[nn.Module | None, int]:
    """The embedding of numbers by name, and what it makes of a number; ``plain`` is none."""
    if kind == "plain" or not numbers:
        return None, 1
    if kind == "periodic":
        return Periodic(numbers, waves, dimensions, sigma), dimensions
    if kind == "piecewise":
        return Piecewise(numbers, bins, dimensions), dimensions
    raise ValueError(f"embedding {kind!r} is not known; use {', '.join(EMBEDDINGS)}")


def make_inputs(shape: Shape, *, category_dimensions: int, embedding: nn.Module | None, dimensions: int) -> Inputs:
    """Inputs of this shape. `dimensions` is what `embedding` makes of a number, 1 for None."""
    categories = Categories(shape.levels, category_dimensions) if shape.levels else None
    width = shape.numbers * dimensions + shape.dense + len(shape.levels) * category_dimensions
    return Inputs(shape.numbers, shape.dense, categories, embedding, width)


@dataclass(frozen=True, kw_only=True)
class EmbeddingSettings:
    """Hyperparameters of networks that take all columns side by side."""

    embedding: str = "piecewise"
    """Of numbers: ``plain``, ``periodic`` or ``piecewise``."""
    dimensions: int = 8
    """What an embedding makes of a number."""
    bins: int = 16
    sigma: float = 0.1
    """Spread of the first frequencies of ``periodic``."""
    category_dimensions: int = 8


class Embedded(nn.Module):
    """A network that begins with `inputs`, all columns side by side."""

    def __init__(self, shape: Shape, settings: EmbeddingSettings) -> None:
        super().__init__()
        embedding, dimensions = make_embedding(
            settings.embedding, shape.numbers, dimensions=settings.dimensions, bins=settings.bins, sigma=settings.sigma
        )
        self.inputs = make_inputs(
            shape, category_dimensions=settings.category_dimensions, embedding=embedding, dimensions=dimensions
        )

    def set_up(self, numbers: Tensor, dense: Tensor, codes: Tensor) -> None:
        """Fit bins to a sample of the training rows."""
        if isinstance(self.inputs.embedding, Piecewise):
            self.inputs.embedding.place_bins(numbers)
