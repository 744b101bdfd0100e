"""ResNet (He et al. 2016, arXiv 1512.03385) of basic blocks with batch normalisation; for small inputs, as the paper has it
for CIFAR, without the reduction in the stem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from automl_plugins.torch_image.model import ImageNetwork, Shape
from automl_plugins.torch_image.scaling import Scale, scale_repeats
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

SMALL_SIDE = 64
LEAST_MAP = 4
"""Pixels of the side that strides leave of a small input."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the network is built from."""

    channels: int = 3
    outputs: int = 1000
    width: int = 64
    """Channels of the first stage; each further one has twice as many."""
    repeats: tuple[int, ...] = (2, 2, 2, 2)
    """Blocks of each stage; these are ResNet-18's."""
    dropout: float = 0.0
    base_side: int = 224
    """Input at phi = 0, which decides about strides."""


class Block(nn.Module):
    """Two 3 x 3 convolutions and what came in, added."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != width:
            shortcut = nn.Conv2d(channels, width, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width))

    def forward(self, images: Tensor) -> Tensor:
        shortcut = images if self.downsample is None else self.downsample(images)  # (rows, width, side / stride, ...)
        hidden = functional.relu(self.bn1(self.conv1(images)))  # (rows, width, side / stride, ...)
        return functional.relu(shortcut + self.bn2(self.conv2(hidden)))


class ResNet(nn.Module):
    """Images to outputs. Its parts have the names that published weights of ResNet-18 and -34 use."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        width, is_small = settings.width, settings.base_side < SMALL_SIDE
        kernel = 3 if is_small else 7
        stride = 1 if is_small else 2
        self.conv1 = nn.Conv2d(settings.channels, width, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity() if is_small else nn.MaxPool2d(3, stride=2, padding=1)
        side, channels = settings.base_side, width
        self.stages = len(settings.repeats)
        for number, repeats in enumerate(settings.repeats):
            reduces = number > 0 and (not is_small or -(-side // 2) >= LEAST_MAP)
            side = -(-side // 2) if reduces else side
            blocks = []
            for repeat in range(repeats):
                blocks.append(Block(channels, width * 2**number, 2 if reduces and repeat == 0 else 1))
                channels = width * 2**number
            setattr(self, f"layer{number + 1}", nn.Sequential(*blocks))
        self.dropout = nn.Dropout(settings.dropout)
        self.feature_count = channels
        """Of `features`."""
        self.fc = nn.Linear(channels, settings.outputs)
        self.apply(_initialise)

    def features(self, images: Tensor) -> Tensor:
        """(rows, channels, side, side) -> (rows, features)."""
        hidden = self.maxpool(functional.relu(self.bn1(self.conv1(images))))  # (rows, width, side / 4, side / 4)
        for number in range(self.stages):
            hidden = getattr(self, f"layer{number + 1}")(hidden)  # twice as wide, half as large
        return hidden.mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """(rows, channels, side, side) -> (rows, outputs)."""
        return self.fc(self.dropout(self.features(images)))  # type: ignore[no-any-return]

    def parts(self) -> list[list[nn.Module]]:
        """What a fine-tuning frees one after another, from the last block down to the stem."""
        layers = [getattr(self, f"layer{number + 1}") for number in reversed(range(self.stages))]
        return [*([block] for layer in layers for block in reversed(layer)), [self.conv1, self.bn1]]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, Block):
        # A block begins as the identity: deep networks train more steadily (Goyal et al. 2017, section 5.1).
        nn.init.zeros_(module.bn2.weight)


class ResNetModel(ImageNetwork):
    """ResNet trained from scratch."""

    def build(self, shape: Shape, scale: Scale) -> ResNet:
        """The network of this configuration."""
        config = self._config
        repeats = scale_repeats(int(config["blocks"]), scale.depth)
        return ResNet(
            Settings(
                **self._usual(shape, scale),
                repeats=(repeats,) * int(config["stages"]),
            )
        )
