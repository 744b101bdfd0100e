"""A small convolutional network: blocks of 3 x 3 convolutions, each block half as large and twice as wide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from automl_plugins.torch_image.model import ImageNetwork, Shape
from automl_plugins.torch_image.scaling import Scale, scale_repeats
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

LEAST_MAP = 4
"""Pixels of the side that pooling leaves of the base input."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the network is built from."""

    channels: int = 1
    outputs: int = 10
    width: int = 32
    """Channels of the first block."""
    blocks: int = 3
    convolutions: int = 2
    """In each block."""
    dropout: float = 0.2
    base_side: int = 28
    """Input at phi = 0, which decides where is pooled."""


class CNN(nn.Module):
    """Images to outputs."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, side = settings.channels, settings.base_side
        for block in range(settings.blocks):
            width = settings.width * 2**block
            for _ in range(settings.convolutions):
                layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                channels = width
            if side // 2 >= LEAST_MAP:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
                side = -(-side // 2)
        self.body = nn.Sequential(*layers)
        self.dropout = nn.Dropout(settings.dropout)
        self.classifier = nn.Linear(channels, settings.outputs)
        for module in self.body:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(rows, channels, side, side) -> (rows, outputs)."""
        hidden = self.body(images)  # (rows, width * 2^(blocks - 1), side / 2^pools, ...)
        hidden = hidden.mean((2, 3))  # (rows, width * 2^(blocks - 1))
        return self.classifier(self.dropout(hidden))  # type: ignore[no-any-return]


class CNNModel(ImageNetwork):
    """The network trained from scratch."""

    def build(self, shape: Shape, scale: Scale) -> CNN:
        """The network of this configuration."""
        config = self._config
        return CNN(
            Settings(
                **self._usual(shape, scale),
                blocks=int(config["blocks"]),
                convolutions=scale_repeats(int(config["convolutions"]), scale.depth),
            )
        )
