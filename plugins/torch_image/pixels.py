"""From image rows to batches on the device: pixels, normalisation, augmentation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from automl_plugins.torch_common.devices import is_out_of_memory, mixed_precision, to_device
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
PREDICTED_ROWS = 256


class Images:
    """The pixels of some rows at one side."""

    def __init__(self, data: ImageData, side: int, channels: int) -> None:
        """`channels` is what the network wants; images of another number are converted."""
        self._data, self._side, self._channels = data, side, channels
        bytes_ = len(data) * side * side * data.channels
        self._all = data.pixels(side) if bytes_ <= IN_MEMORY_BYTES else None

    def __len__(self) -> int:
        return len(self._data)

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """uint8 ``(rows, channels, side, side)`` on the CPU."""
        pixels = self._data.take(rows).pixels(self._side) if self._all is None else self._all[rows]
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
        values = images.read(rows).double() / 255
        mean = values.mean((0, 2, 3))
        spread = values.std((0, 2, 3), correction=0).clamp_min(1.0 / 255)  # all of one colour: no division by 0
        return cls(mean=tuple(mean.tolist()), spread=tuple(spread.tolist()))

    def apply(self, images: Tensor) -> Tensor:
        """Of images in 0..1."""
        mean, spread = (torch.tensor(values, device=images.device) for values in (self.mean, self.spread))
        return (images - mean[None, :, None, None]) / spread[None, :, None, None]


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
        order = np.random.default_rng([self.seed, number]).permutation(len(self.images))
        draws = torch.Generator().manual_seed((self.seed * 1_000_003 + number) % (2**63 - 1))
        parts = [order[step * batch_size : (step + 1) * batch_size] for step in range(self.steps(batch_size))]
        for rows, pixels in zip(parts, self._read(parts), strict=True):
            images = pixels.float() / 255
            images = self.augmentation.changed(images, draws)
            target = to_device(self.target[torch.from_numpy(rows)], self.device)
            weight = None if self.weight is None else to_device(self.weight[torch.from_numpy(rows)], self.device)
            images, target = self.augmentation.mixed(images, target, self.classes, draws)
            yield (laid_out(self.normalisation.apply(images), self.device),), target, weight

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
) -> Tensor:
    """What a network says of all images, in batches, on its device; with `flips` the mean with their mirror images."""
    found: list[Tensor] = []
    start, size = 0, PREDICTED_ROWS
    while start < len(images):
        rows = np.arange(start, min(start + size, len(images)))
        try:
            pixels = to_device(images.read(rows), device).float() / 255
            inputs = laid_out(normalisation.apply(pixels), device)
            with mixed_precision(device):
                outputs = network(inputs).float()
                if flips:
                    outputs = (outputs + network(inputs.flip(3)).float()) / 2
        except Exception as error:
            if size < PREDICTED_ROWS or not is_out_of_memory(error):
                raise
            size //= 2  # once: what does not fit then is another program's memory, or too large an image
            continue
        found.append(outputs)
        start = int(rows[-1]) + 1
    return torch.cat(found)


def targets_of(data: ImageData, *, classes: int) -> tuple[Tensor, Tensor | None]:
    """Target and weights as tensors on the CPU; weights have a mean of 1."""
    target: Any = torch.from_numpy(np.array(data.target, dtype=np.int64 if classes else np.float32))
    if data.weight is None:
        return target, None
    weight = np.asarray(data.weight, dtype=np.float64)
    return target, torch.from_numpy((weight / weight.mean()).astype(np.float32))


def moved(network: nn.Module, device: str) -> nn.Module:
    """The network on its device, laid out as its images are."""
    network = network.to(device)
    return network if device.startswith("mps") else network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
