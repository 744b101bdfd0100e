"""Predictions of some models as further numbers of a table, for models that are trained on both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.records import TableData

LEAST_SHARE = 1e-6
"""Probabilities nearer to 0 or 1 are no bolder: their logarithms must not be outliers."""


def prediction_columns(predictions: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    """Numbers ``(rows, columns)`` for the predictions ``(rows, classes)`` or ``(rows,)`` of several models: values as they
    are, one log odds for two classes, the logarithm of each class's probability for more.
    """
    import numpy as np

    columns = []
    for each in predictions:
        if each.ndim == 1:
            columns.append(each[:, None])
            continue
        logs = np.log(np.clip(each, LEAST_SHARE, 1.0 - LEAST_SHARE))
        columns.append(logs[:, 1:] - logs[:, :1] if each.shape[1] == 2 else logs)
    return np.concatenate(columns, axis=1).astype(np.float32)


def widened(data: TableData, columns: NDArray[np.float32]) -> TableData:
    """`data` with further numbers ``(rows, columns)`` behind its own."""
    import numpy as np

    names = tuple(f"prediction {number}" for number in range(columns.shape[1]))
    numbers = np.ascontiguousarray(np.concatenate([data.numbers, columns], axis=1), dtype=np.float32)
    return replace(data, layout=replace(data.layout, numbers=data.layout.numbers + names), numbers=numbers)
