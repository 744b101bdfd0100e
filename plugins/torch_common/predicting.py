"""What networks say of many rows, a batch at a time; smaller batches where memory runs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from automl_plugins.torch_common.devices import free_memory, is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def in_batches(compute: Callable[[int, int], Tensor], *, rows: int, most: int, device: str) -> Tensor:
    """What `compute(start, stop)` says of rows `start` to `stop`, of all of them: ``(rows, ...)``.

    At most `most` rows are asked for at a time. Where memory runs out (a device may be shared) it is half as many, for
    the rest of the rows and as often as it takes. Raises what torch raised where a single row is too much.
    """
    found: list[Tensor] = []
    start, size = 0, most
    while start < rows:
        stop = min(start + size, rows)
        outputs = _attempt(compute, start, stop)
        if outputs is None:
            free_memory(device)
            size = (stop - start) // 2
        else:
            found.append(outputs)
            start = stop
    return torch.cat(found)


def _attempt(compute: Callable[[int, int], Tensor], start: int, stop: int) -> Tensor | None:
    """None where memory ran out; on return the error is gone, and with it the tensors that its frames held."""
    try:
        return compute(start, stop)
    except Exception as error:
        if stop - start < 2 or not is_out_of_memory(error):
            raise
    return None
