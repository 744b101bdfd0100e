"""A multi-layer perceptron: dense layers, with normalisation, dropout and residual connections where asked for.

Without layers it is softmax regression, or linear regression for values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from automl_plugins.torch_table.embeddings import Embedded, EmbeddingSettings
from automl_plugins.torch_table.model import TableNetwork
from torch import nn

if TYPE_CHECKING:
    from automl_plugins.torch_table.columns import Shape
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Settings(EmbeddingSettings):
    """The network's own hyperparameters."""

    layers: int = 3
    width: int = 256
    norm: str = "none"
    """``none``, ``batch`` (Ioffe and Szegedy 2015) or ``layer`` (Ba et al. 2016), before the activation."""
    activation: str = "relu"
    dropout: float = 0.2
    residual: bool = False
    """Whether each layer after the first adds to what goes in (He et al. 2016)."""


ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "selu": nn.SELU}
NORMS = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class Layer(nn.Module):
    """A dense layer with what follows it."""

    def __init__(self, width_in: int, settings: Settings, *, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.dense = nn.Linear(width_in, settings.width)
        self.norm = nn.Identity() if settings.norm == "none" else NORMS[settings.norm](settings.width)
        self.activation = ACTIVATIONS[settings.activation]()
        self.dropout = nn.Dropout(settings.dropout) if settings.dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(self.activation(self.norm(self.dense(x))))  # (B, width_in) -> (B, width)
        return x + y if self.residual else y


class MlpNetwork(Embedded):
    """Embeddings, layers, head."""

    def __init__(self, shape: Shape, outputs: int, settings: Settings) -> None:
        super().__init__(shape, settings)
        widths = [self.inputs.width] + [settings.width] * settings.layers
        self.layers = nn.Sequential(
            *(
                Layer(width, settings, residual=settings.residual and place > 0)
                for place, width in enumerate(widths[:-1])
            )
        )
        self.head = nn.Linear(widths[-1], outputs)

    def forward(self, numbers: Tensor, dense: Tensor, codes: Tensor) -> Tensor:
        x = self.inputs(numbers, dense, codes)  # (B, n), (B, d), (B, c) -> (B, inputs)
        x = self.layers(x)  # (B, width)
        return self.head(x).unsqueeze(1)  # (B, 1, outputs)


class Mlp(TableNetwork):
    """The model."""

    name = "mlp"

    def make_network(self, shape: Shape, outputs: int) -> nn.Module:
        """See `MlpNetwork`."""
        return MlpNetwork(shape, outputs, self.settings(Settings))
