"""Changed copies of training images, made batch by batch: mirrored, shifted, recoloured, bent, mixed, cut out.

Everything is drawn from the generator that is passed in, on the CPU, so that a seed gives the same images on any device.
Images are float32 ``(rows, channels, side, side)`` in 0..1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from torch import Generator, Tensor

LUMA = (0.299, 0.587, 0.114)
"""Brightness of red, green and blue (ITU-R BT.601)."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to training images; nothing by default."""

    flip: bool = False
    """Mirror every other image left to right."""
    crop: float = 0.0
    """Most that an image is shifted, as a share of its side; what is missing is mirrored at the edge."""
    colour: float = 0.0
    """Most that brightness, contrast and saturation change, as a share."""
    operations: int = 0
    """So many random operations on each image, one after another (RandAugment, Cubuk et al. 2019)."""
    magnitude: float = 0.4
    """How strong these are, 0 to 1."""
    mixup: float = 0.0
    """Parameter of the beta distribution by which pairs of images are mixed (Zhang et al. 2018); 0: none are."""
    cutout: float = 0.0
    """Side of a square that is blanked, as a share of the image's (DeVries and Taylor 2017)."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Augmentation:
        """That of a configuration."""
        return cls(
            flip=bool(config.get("flip", False)),
            crop=float(config.get("crop", 0.0)),
            colour=float(config.get("colour", 0.0)),
            operations=int(config.get("random_operations", 0)),
            magnitude=float(config.get("magnitude", 0.4)),
            mixup=float(config.get("mixup", 0.0)),
            cutout=float(config.get("cutout", 0.0)),
        )

    def changed(self, images: Tensor, generator: Generator) -> Tensor:
        """Changed copies of a batch; pairs are mixed by `mixed`, which changes the target too."""
        if self.flip:
            images = torch.where(_coin(images, generator), images.flip(3), images)
        if self.crop:
            images = shifted(images, self.crop, generator)
        if self.colour:
            images = recoloured(images, self.colour, generator)
        for _ in range(self.operations):
            images = one_of_many(images, self.magnitude, generator)
        if self.cutout:
            images = cut_out(images, self.cutout, generator)
        return images

    def mixed(
        self, images: Tensor, target: Tensor, weight: Tensor | None, classes: int, generator: Generator
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Every image mixed with another one, and target and weight likewise: of classes, a share for each.

        What counts more has the larger share of a mixed label, as if the loss of each label had its own weight.
        """
        if not self.mixup:
            return images, target, weight
        share = _beta(self.mixup, generator)
        other = torch.randperm(len(images), generator=generator).to(images.device)
        soft = functional.one_hot(target, classes).float() if classes else target
        images = share * images + (1.0 - share) * images[other]
        if weight is None:
            return images, share * soft + (1.0 - share) * soft[other], None
        mine, theirs = share * weight, (1.0 - share) * weight[other]
        both = mine + theirs
        if not classes:
            return images, share * soft + (1.0 - share) * soft[other], both
        part = torch.where(both > 0, mine / both.clamp_min(1e-30), share)[:, None]
        return images, part * soft + (1.0 - part) * soft[other], both


def shifted(images: Tensor, most: float, generator: Generator) -> Tensor:
    """Each image moved by up to `most` of its side in both directions."""
    rows, channels, side, _ = images.shape
    reach = min(round(most * side), side - 1)
    if not reach:
        return images
    wide = functional.pad(images, (reach, reach, reach, reach), mode="reflect")
    starts = torch.randint(0, 2 * reach + 1, (2, rows), generator=generator).to(images.device)
    place = torch.arange(side, device=images.device)
    down, right = starts[0, :, None] + place, starts[1, :, None] + place  # (rows, side) each
    row = torch.arange(rows, device=images.device)[:, None, None, None]
    channel = torch.arange(channels, device=images.device)[None, :, None, None]
    return wide[row, channel, down[:, None, :, None], right[:, None, None, :]]


def recoloured(images: Tensor, most: float, generator: Generator) -> Tensor:
    """Brightness, contrast and saturation of each image changed by up to `most`."""
    images = brightness(images, _between(images, -most, most, generator))
    images = contrast(images, _between(images, -most, most, generator))
    return saturation(images, _between(images, -most, most, generator))


def brightness(images: Tensor, strength: Tensor) -> Tensor:
    """Lighter (above 0) or darker; `strength` is ``(rows, 1, 1, 1)``."""
    return (images * (1.0 + strength)).clamp(0.0, 1.0)


def contrast(images: Tensor, strength: Tensor) -> Tensor:
    """Away from (above 0) or towards the mean grey."""
    middle = grey(images).mean((1, 2, 3), keepdim=True)
    return (middle + (images - middle) * (1.0 + strength)).clamp(0.0, 1.0)


def saturation(images: Tensor, strength: Tensor) -> Tensor:
    """Away from (above 0) or towards grey; grey images stay as they are."""
    plain = grey(images)
    return (plain + (images - plain) * (1.0 + strength)).clamp(0.0, 1.0)


def posterised(images: Tensor, strength: Tensor) -> Tensor:
    """Fewer levels: 256 at strength 0, 4 at 1."""
    levels = (2.0 ** (8.0 - 6.0 * strength.abs())).round()
    return (images * (levels - 1)).round() / (levels - 1)


def solarised(images: Tensor, strength: Tensor) -> Tensor:
    """What is brighter than a threshold is inverted; nothing at strength 0."""
    return torch.where(images > 1.0 - 0.5 * strength.abs(), 1.0 - images, images)


def sharpened(images: Tensor, strength: Tensor) -> Tensor:
    """Sharper (above 0) or blurred."""
    blurred = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return (images + strength * (images - blurred)).clamp(0.0, 1.0)


def rotated(images: Tensor, strength: Tensor) -> Tensor:
    """By up to 30 degrees."""
    angle = strength.flatten() * (math.pi / 6)
    return _bent(images, torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], 1))


def sheared_right(images: Tensor, strength: Tensor) -> Tensor:
    """By up to 0.3 of the height."""
    lean, one = 0.3 * strength.flatten(), torch.ones(len(images), device=images.device)
    return _bent(images, torch.stack([one, lean, 0 * one, one], 1))


def sheared_down(images: Tensor, strength: Tensor) -> Tensor:
    """By up to 0.3 of the width."""
    lean, one = 0.3 * strength.flatten(), torch.ones(len(images), device=images.device)
    return _bent(images, torch.stack([one, 0 * one, lean, one], 1))


def zoomed(images: Tensor, strength: Tensor) -> Tensor:
    """By up to 0.3, in or out."""
    factor = 1.0 + 0.3 * strength.flatten()
    return _bent(images, torch.stack([factor, 0 * factor, 0 * factor, factor], 1))


def unchanged(images: Tensor, strength: Tensor) -> Tensor:
    """One of the operations, so that some images stay as they are."""
    return images


OPERATIONS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    unchanged, rotated, sheared_right, sheared_down, zoomed,
    brightness, contrast, saturation, posterised, solarised, sharpened,
)  # fmt: skip
"""Each takes images and a strength in -1..1, ``(rows, 1, 1, 1)``."""


def one_of_many(images: Tensor, magnitude: float, generator: Generator) -> Tensor:
    """An operation drawn for each image, at a strength of up to `magnitude` in either direction."""
    drawn = torch.randint(0, len(OPERATIONS), (len(images),), generator=generator).to(images.device)
    strength = _between(images, -magnitude, magnitude, generator)
    result = images.clone()
    for number, operation in enumerate(OPERATIONS):
        rows = (drawn == number).nonzero().flatten()
        if len(rows):
            result[rows] = operation(images[rows], strength[rows])
    return result


def cut_out(images: Tensor, share: float, generator: Generator) -> Tensor:
    """A square of each image set to the image's mean; it may reach over the edge."""
    rows, _, side, _ = images.shape
    half = max(share * side / 2, 0.5)
    centre = torch.randint(0, side, (2, rows, 1), generator=generator).to(images.device)
    place = torch.arange(side, device=images.device)[None]
    down, right = ((place >= middle - half) & (place < middle + half) for middle in centre)  # (rows, side) each
    hidden = (down[:, :, None] & right[:, None, :])[:, None]  # (rows, 1, side, side)
    return torch.where(hidden, images.mean((2, 3), keepdim=True), images)


def grey(images: Tensor) -> Tensor:
    """(rows, 1 or 3, side, side) -> (rows, 1, side, side)."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(LUMA, device=images.device)[None, :, None, None]
    return (images * weights).sum(1, keepdim=True)


def _bent(images: Tensor, matrix: Tensor) -> Tensor:
    """Through a linear map of each image, ``(rows, 4)``; what lies outside is mirrored at the edge."""
    shift = torch.zeros(len(images), 2, 1, device=images.device)
    grid = functional.affine_grid(torch.cat([matrix.view(-1, 2, 2), shift], 2), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _coin(images: Tensor, generator: Generator) -> Tensor:
    return (torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5).to(images.device)


def _between(images: Tensor, low: float, high: float, generator: Generator) -> Tensor:
    return (low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=generator)).to(images.device)


def _beta(alpha: float, generator: Generator) -> float:
    """A draw of Beta(alpha, alpha) by Joehnk's method, in logarithms, as small alphas underflow."""
    while True:
        first, second = (torch.rand(2, generator=generator, dtype=torch.float64).log() / alpha).tolist()
        largest = max(first, second)
        total = largest + math.log(math.exp(first - largest) + math.exp(second - largest))
        if total <= 0.0:
            return math.exp(first - total)
