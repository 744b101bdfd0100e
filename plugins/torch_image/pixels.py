"""From image rows to batches on the device: pixels, normalisation, augmentation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from automl_plugins.torch_common.devices import full_precision, mixed_precision, to_device
from automl_plugins.torch_common.predicting import in_batches
from automl_plugins.torch_image.augment import Augmentation

from automl import with_channels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from automl import ImageData

IN_MEMORY_BYTES = 1 << 28
"""Pixels up to this size stay in memory while a network trains; of more, each batch is read when its turn comes."""
STATISTICS_ROWS = 2000
"""Images whose mean and spread stand for all."""
CHUNK_ROWS = 64
"""Images of which mean and spread are added up at a time."""
PREDICTED_ROWS = 256
PREDICTED_PIXELS = 1 << 21
"""Images are predicted at most so many, and so many pixels, at a time: what a network computes grows with both."""


class Images:
    """The pixels of some rows at one side."""

    def __init__(self, data: ImageData, side: int, channels: int) -> None:
        """`channels` is what the network wants; images of another number are converted."""
        self.side = side
        self._data, self._channels = data, channels
        bytes_ = len(data) * side * side * data.channels
        self._all = data.pixels(side) if bytes_ <= IN_MEMORY_BYTES else None

    def __len__(self) -> int:
        return len(self._data)

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """uint8 ``(rows, channels, side, side)`` on the CPU."""
        pixels = self._data.take(rows).pixels(self.side) if self._all is None else self._all[rows]
        return torch.from_numpy(np.ascontiguousarray(with_channels(pixels, self._channels).transpose(0, 3, 1, 2)))


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Mean and spread of each channel, of pixels in 0..1."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]

    @classmethod
    def of(cls, images: Images) -> Normalisation:
        """Those of the images, or of some spread over them."""
        rows = np.unique(np.linspace(0, len(images) - 1, min(len(images), STATISTICS_ROWS)).astype(np.int64))
        counts: Any = 0  # of each of the 256 values, (channels, 256): exact, and of no size
        for start in range(0, len(rows), CHUNK_ROWS):
            channels = images.read(rows[start : start + CHUNK_ROWS]).transpose(0, 1).flatten(1)  # (channels, pixels)
            counts = counts + torch.stack([torch.bincount(one, minlength=256) for one in channels])
        shares = counts.double() / counts.sum(1, keepdim=True)
        values = torch.arange(256, dtype=torch.float64) / 255
        mean = shares @ values
        spread = (shares * (values - mean[:, None]).square()).sum(1).sqrt()
        spread = spread.clamp_min(1.0 / 255)  # all of one colour: no division by 0
        return cls(mean=tuple(mean.tolist()), spread=tuple(spread.tolist()))

    def apply(self, images: Tensor) -> Tensor:
        """Of images in 0..1."""
        return self.on(str(images.device))(images)

    def on(self, device: str) -> Callable[[Tensor], Tensor]:
        """`apply` for many batches of a device: mean and spread are copied there once, as each copy makes a GPU wait."""
        mean, spread = (to_device(torch.tensor(one)[:, None, None], device) for one in (self.mean, self.spread))
        return lambda images: (images - mean) / spread  # (rows, channels, side, side), (channels, 1, 1)


@dataclass(frozen=True, kw_only=True)
class ImageBatches:
    """Batches for the training loop: a function of the seed and the number of the epoch."""

    images: Images
    target: Tensor
    """int64 codes or float32 values, ``(rows,)``, on the CPU"""
    weight: Tensor | None
    classes: int
    """0 for values."""
    normalisation: Normalisation
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    device: str = "cpu"

    def steps(self, batch_size: int) -> int:
        """Batches of an epoch; a last one of a single row, of which batch statistics say nothing, is left out."""
        rows = len(self.images)
        return max(1, rows // batch_size + (rows % batch_size > 1))

    def epoch(self, number: int, batch_size: int) -> Iterator[tuple[tuple[Tensor, ...], Tensor, Tensor | None]]:
        """Inputs, target and weights of each batch."""
        normalised = self.normalisation.on(self.device)
        order = np.random.default_rng([self.seed, number]).permutation(len(self.images))
        draws = torch.Generator().manual_seed((self.seed * 1_000_003 + number) % (2**63 - 1))
        parts = [order[step * batch_size : (step + 1) * batch_size] for step in range(self.steps(batch_size))]
        for rows, pixels in zip(parts, self._read(parts), strict=True):
            images = pixels.float() / 255
            images = self.augmentation.changed(images, draws)
            target = to_device(self.target[torch.from_numpy(rows)], self.device)
            weight = None if self.weight is None else to_device(self.weight[torch.from_numpy(rows)], self.device)
            images, target, weight = self.augmentation.mixed(images, target, weight, self.classes, draws)
            yield (laid_out(normalised(images), self.device),), target, weight

    def _read(self, parts: list[NDArray[np.int64]]) -> Iterator[Tensor]:
        """The pixels of each batch on the device; for a GPU the next batch is read while this one is computed."""
        if self.device == "cpu":
            for rows in parts:
                yield self.images.read(rows)
            return
        with ThreadPoolExecutor(1) as reader:
            pending = reader.submit(self.images.read, parts[0])
            for following in [*parts[1:], None]:
                pixels = pending.result()
                if following is not None:
                    pending = reader.submit(self.images.read, following)
                yield to_device(pixels, self.device)


def laid_out(images: Tensor, device: str) -> Tensor:
    """Channels last: convolutions run faster so, on GPUs and by a quarter on CPUs."""
    return images if device.startswith("mps") else images.contiguous(memory_format=torch.channels_last)


def outputs_of(
    network: Callable[[Tensor], Tensor],
    images: Images,
    normalisation: Normalisation,
    *,
    device: str = "cpu",
    flips: bool = False,
    precise: bool = False,
) -> Tensor:
    """What a network says of all images, in batches, on its device; with `flips` the mean with their mirror images.

    What is kept must be `precise`: bf16 knows two or three digits, and what a model predicts would be another thing on
    another device. Losses that training goes by need not be.
    """
    normalised = normalisation.on(device)

    def compute(start: int, stop: int) -> Tensor:
        pixels = to_device(images.read(np.arange(start, stop)), device).float() / 255
        inputs = laid_out(normalised(pixels), device)
        with full_precision(device) if precise else mixed_precision(device):
            outputs = network(inputs).float()
            return (outputs + network(inputs.flip(3)).float()) / 2 if flips else outputs

    most = min(max(PREDICTED_PIXELS // images.side**2, 1), PREDICTED_ROWS)
    return in_batches(compute, rows=len(images), most=most, device=device)


def moved(network: nn.Module, device: str) -> nn.Module:
    """The network on its device, laid out as its images are."""
    network = network.to(device)
    return network if device.startswith("mps") else network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
