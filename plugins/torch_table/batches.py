"""Encoded rows as tensors on the device, and the batches of an epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from automl_plugins.torch_common.devices import to_device

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl_plugins.torch_table.columns import Encoded
    from numpy.typing import NDArray
    from torch import Tensor

Inputs = tuple["Tensor", ...]


def inputs_of(encoded: Encoded, device: str) -> Inputs:
    """Numbers, dense columns and codes as the networks take them."""
    arrays: tuple[NDArray[Any], ...] = (encoded.numbers, encoded.dense, encoded.codes)
    return tuple(to_device(torch.from_numpy(one), device) for one in arrays)


@dataclass(frozen=True, kw_only=True)
class TableBatches:
    """All training rows on the device; each epoch draws them in another order and leaves out what fills no batch."""

    seed: int
    inputs: Inputs
    target: Tensor
    weight: Tensor | None

    def steps(self, batch_size: int) -> int:
        """Whole batches of an epoch, at least one."""
        return max(len(self.target) // _least_two(batch_size), 1)

    def epoch(self, number: int, batch_size: int) -> Iterator[tuple[Inputs, Tensor, Tensor | None]]:
        """Batches in the order that seed and number give."""
        batch_size = _least_two(batch_size)
        order = np.random.default_rng([self.seed, number]).permutation(len(self.target))
        if len(order) == 1:
            order = np.repeat(order, 2)
        rows = to_device(torch.from_numpy(order), str(self.target.device))
        for step in range(self.steps(batch_size)):
            batch = rows[step * batch_size : (step + 1) * batch_size]
            taken = tuple(one.index_select(0, batch) for one in self.inputs)
            weight = None if self.weight is None else self.weight.index_select(0, batch)
            yield taken, self.target.index_select(0, batch), weight


def _least_two(batch_size: int) -> int:
    """Batch normalisation needs two rows."""
    return max(batch_size, 2)
