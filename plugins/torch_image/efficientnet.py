"""EfficientNet (Tan and Le 2019, arXiv 1905.11946): inverted residual blocks with squeeze-and-excitation, built from
multipliers of width and depth; and its Lite variant (ReLU6, no squeeze-and-excitation, stem and head not scaled).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from automl_plugins.torch_image.model import ImageNetwork, Shape
from automl_plugins.torch_image.scaling import Scale, scale_channels, scale_repeats
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

EPSILON = 1e-3
STEM, HEAD = 32, 1280
SMALL_SIDE = 64
"""Inputs below it keep their resolution in the stem, as the published 32-fold reduction would leave less than 2 x 2."""
LEAST_MAP = 4
"""Pixels that strides leave of a small input."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """So many blocks of one kind; the first of them has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(repeats=1, kernel=3, stride=1, expansion=1, channels=16),
    Stage(repeats=2, kernel=3, stride=2, expansion=6, channels=24),
    Stage(repeats=2, kernel=5, stride=2, expansion=6, channels=40),
    Stage(repeats=3, kernel=3, stride=2, expansion=6, channels=80),
    Stage(repeats=3, kernel=5, stride=1, expansion=6, channels=112),
    Stage(repeats=4, kernel=5, stride=2, expansion=6, channels=192),
    Stage(repeats=1, kernel=3, stride=1, expansion=6, channels=320),
)
"""B0 (table 1 of the paper)."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """Multipliers, input and dropout of a released network."""

    width: float
    depth: float
    side: int
    dropout: float


PUBLISHED = {
    "b0": Published(width=1.0, depth=1.0, side=224, dropout=0.2),
    "b1": Published(width=1.0, depth=1.1, side=240, dropout=0.2),
    "b2": Published(width=1.1, depth=1.2, side=260, dropout=0.3),
    "b3": Published(width=1.2, depth=1.4, side=300, dropout=0.3),
    "b4": Published(width=1.4, depth=1.8, side=380, dropout=0.4),
    "b5": Published(width=1.6, depth=2.2, side=456, dropout=0.4),
    "b6": Published(width=1.8, depth=2.6, side=528, dropout=0.5),
    "b7": Published(width=2.0, depth=3.1, side=600, dropout=0.5),
    "lite0": Published(width=1.0, depth=1.0, side=224, dropout=0.2),
    "lite1": Published(width=1.0, depth=1.1, side=240, dropout=0.2),
    "lite2": Published(width=1.1, depth=1.2, side=260, dropout=0.3),
    "lite3": Published(width=1.2, depth=1.4, side=280, dropout=0.3),
    "lite4": Published(width=1.4, depth=1.8, side=300, dropout=0.3),
}
"""Rounded by hand at release: B3 is not phi = 3."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an EfficientNet is built from."""

    channels: int = 3
    outputs: int = 1000
    width: float = 1.0
    depth: float = 1.0
    base_side: int = 224
    """Input at phi = 0, which decides the strides: they stay as they are when the input is scaled."""
    dropout: float = 0.2
    drop_connect: float = 0.2
    """Chance that the last block is left out for a row; it rises from 0 in a line over the blocks."""
    momentum: float = 0.1
    """Of batch statistics. The published 0.01 needs thousands of steps, which small data do not give."""
    lite: bool = False

    @classmethod
    def published(cls, name: str, *, channels: int = 3, outputs: int = 1000) -> Settings:
        """Those of ``b0`` to ``b7`` and ``lite0`` to ``lite4``."""
        found = PUBLISHED[name]
        return cls(
            channels=channels,
            outputs=outputs,
            width=found.width,
            depth=found.depth,
            base_side=found.side,
            dropout=found.dropout,
            momentum=0.01,
            lite=name.startswith("lite"),
        )

    def stages(self) -> Iterator[Stage]:
        """The scaled stages. Lite keeps the repeats of the first and the last."""
        strides = self.strides()[1:]
        for place, (stage, stride) in enumerate(zip(STAGES, strides, strict=True)):
            fixed = self.lite and place in (0, len(STAGES) - 1)
            yield Stage(
                repeats=stage.repeats if fixed else scale_repeats(stage.repeats, self.depth),
                kernel=stage.kernel,
                stride=stride,
                expansion=stage.expansion,
                channels=scale_channels(stage.channels, self.width),
            )

    def strides(self) -> list[int]:
        """Of the stem and of each stage: the published ones, or for small inputs as many as leave 4 x 4 pixels."""
        if self.base_side >= SMALL_SIDE:
            return [2, *(stage.stride for stage in STAGES)]
        strides, side = [1], self.base_side
        for stage in STAGES:
            fits = -(-side // stage.stride) >= LEAST_MAP
            strides.append(stage.stride if fits else 1)
            side = -(-side // strides[-1])
        return strides

    @property
    def stem(self) -> int:
        """Channels behind the stem."""
        return STEM if self.lite else scale_channels(STEM, self.width)

    @property
    def head(self) -> int:
        """Channels before the classifier."""
        return HEAD if self.lite else scale_channels(HEAD, self.width)


class SameConv(nn.Conv2d):
    """A convolution whose output is ceil(input / stride), padded below and to the right first, as the published
    weights expect; at stride 1 that is the usual padding.
    """

    def __init__(self, channels: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(channels, outputs, kernel, stride=stride, padding=padding, groups=groups, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """(rows, channels, height, width) -> (rows, outputs, height / stride, width / stride)."""
        if self.stride[0] > 1:
            down, right = (_same_padding(size, self.kernel_size[0], self.stride[0]) for size in images.shape[2:])
            images = functional.pad(images, (right // 2, right - right // 2, down // 2, down - down // 2))
        return super().forward(images)


def _same_padding(size: int, kernel: int, stride: int) -> int:
    return max((-(-size // stride) - 1) * stride + kernel - size, 0)


class SqueezeExcitation(nn.Module):
    """Weighs channels by what the whole image shows (Hu et al. 2018)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        weight = images.mean((2, 3), keepdim=True)  # (rows, channels, 1, 1)
        weight = self.expand(functional.silu(self.reduce(weight)))
        return images * torch.sigmoid(weight)


class Block(nn.Module):
    """An inverted residual block: widen, look around channel by channel, weigh the channels, narrow."""

    def __init__(self, channels: int, stage: Stage, stride: int, drop_connect: float, settings: Settings) -> None:
        super().__init__()
        wide = channels * stage.expansion
        lite, momentum = settings.lite, settings.momentum
        self.expand = SameConv(channels, wide, 1) if stage.expansion > 1 else None
        self.expand_norm = nn.BatchNorm2d(wide, EPSILON, momentum) if stage.expansion > 1 else None
        self.depthwise = SameConv(wide, wide, stage.kernel, stride=stride, groups=wide)
        self.depthwise_norm = nn.BatchNorm2d(wide, EPSILON, momentum)
        self.squeeze = None if lite else SqueezeExcitation(wide, max(1, channels // 4))
        self.project = SameConv(wide, stage.channels, 1)
        self.project_norm = nn.BatchNorm2d(stage.channels, EPSILON, momentum)
        self.activation = nn.ReLU6() if lite else nn.SiLU()
        self.is_residual = stride == 1 and channels == stage.channels
        self.drop_connect = drop_connect

    def forward(self, images: Tensor) -> Tensor:
        hidden = images  # (rows, channels, height, width)
        if self.expand is not None and self.expand_norm is not None:
            hidden = self.activation(self.expand_norm(self.expand(hidden)))  # (rows, wide, height, width)
        hidden = self.activation(self.depthwise_norm(self.depthwise(hidden)))  # (rows, wide, height / stride, ...)
        if self.squeeze is not None:
            hidden = self.squeeze(hidden)
        hidden = self.project_norm(self.project(hidden))  # (rows, stage's channels, height / stride, ...)
        if not self.is_residual:
            return hidden
        if self.training and self.drop_connect:
            kept = torch.rand(len(hidden), 1, 1, 1, device=hidden.device) >= self.drop_connect
            hidden = hidden * kept / (1.0 - self.drop_connect)
        return images + hidden


class EfficientNet(nn.Module):
    """Images to outputs."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.stem = SameConv(settings.channels, settings.stem, 3, stride=settings.strides()[0])
        self.stem_norm = nn.BatchNorm2d(settings.stem, EPSILON, settings.momentum)
        self.activation = nn.ReLU6() if settings.lite else nn.SiLU()
        stages = list(settings.stages())
        total, channels = sum(stage.repeats for stage in stages), settings.stem
        self.blocks = nn.ModuleList()
        for stage in stages:
            for repeat in range(stage.repeats):
                chance = settings.drop_connect * len(self.blocks) / total
                stride = stage.stride if repeat == 0 else 1
                self.blocks.append(Block(channels, stage, stride, chance, settings))
                channels = stage.channels
        self.head = SameConv(channels, settings.head, 1)
        self.head_norm = nn.BatchNorm2d(settings.head, EPSILON, settings.momentum)
        self.dropout = nn.Dropout(settings.dropout)
        self.classifier = nn.Linear(settings.head, settings.outputs)
        self.apply(_initialise)

    @property
    def feature_count(self) -> int:
        """Of `features`."""
        return self.settings.head

    def features(self, images: Tensor) -> Tensor:
        """(rows, channels, side, side) -> (rows, features)."""
        hidden = self.activation(self.stem_norm(self.stem(images)))  # (rows, stem, side / 2, side / 2)
        for block in self.blocks:
            hidden = block(hidden)
        hidden = self.activation(self.head_norm(self.head(hidden)))  # (rows, head, side / 32, side / 32)
        return hidden.mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """(rows, channels, side, side) -> (rows, outputs)."""
        return self.classifier(self.dropout(self.features(images)))  # type: ignore[no-any-return]

    def parts(self) -> list[list[nn.Module]]:
        """What a fine-tuning frees one after another, from the head down to the stem."""
        blocks = [[block] for block in reversed(self.blocks)]
        return [[self.head, self.head_norm], *blocks, [self.stem, self.stem_norm]]


def _initialise(module: nn.Module) -> None:
    """Convolutions normal by what goes out of them, as published; the classifier uniform by its inputs."""
    weight = getattr(module, "weight", None)
    if weight is not None and weight.is_meta:
        return  # nothing is there to be set
    if isinstance(module, nn.Conv2d):
        # A depthwise convolution has one input per output, so its fan out is that of its kernel alone.
        fan = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        nn.init.normal_(module.weight, std=(2.0 / fan) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        bound = module.in_features**-0.5
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.zeros_(module.bias)


class EfficientNetModel(ImageNetwork):
    """EfficientNet trained from scratch."""

    @property
    def gains_by_compiling(self) -> bool:
        """40 % more images per second were measured for B0 in batches of 256."""
        return True

    def build(self, shape: Shape, scale: Scale) -> EfficientNet:
        """The network of this configuration."""
        config = self._config
        return EfficientNet(
            Settings(
                channels=shape.channels,
                outputs=shape.outputs,
                width=float(config["width"]) * scale.width,
                depth=float(config["depth"]) * scale.depth,
                base_side=shape.base_side,
                dropout=float(config["dropout"]),
                drop_connect=float(config["drop_connect"]),
            )
        )
