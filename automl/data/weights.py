"""Sample weights: a column of finite numbers, not negative, not all zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


LEAST_EXPONENT, MOST_EXPONENT = -3, 20
"""Weights with a mean from 2**-3 to 2**20 stay as they are: counts of equal rows are meant as they stand."""


def read_weights(column: Any, name: str) -> NDArray[np.float64]:
    """Weights ``(rows,)`` from an Arrow column.

    Only their proportions matter. Where their mean is far from 1 they are scaled by a power of two to one near it:
    models hold them as float32, and stop growing trees where the sum of weights in a leaf is below a fixed bound.

    Raises DataError, with row numbers from 1, for text, missing, negative or infinite weights, or all zeros.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        numbers = pc.cast(column, pa.float64(), safe=pa.types.is_string(column.type))
    except pa.ArrowException as error:
        raise DataError(
            f"weight column {name!r} holds something that is no number ({error}); use numbers >= 0"
        ) from error
    values = np.asarray(numbers.to_numpy(), dtype=np.float64)
    for wrong, what in ((np.isnan(values), "missing"), (values < 0, "negative"), (np.isinf(values), "infinite")):
        if wrong.any():
            rows = ", ".join(str(row + 1) for row in np.flatnonzero(wrong)[:5])
            raise DataError(
                f"weight column {name!r} has {int(wrong.sum())} {what} weights (row {rows}); use finite numbers >= 0"
            )
    if len(values) and not values.any():
        raise DataError(f"weight column {name!r} is zero in every row; give some rows a weight above 0")
    return _near_one(values)


def _near_one(values: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    largest = float(values.max(initial=0.0))
    if not largest:
        return values
    exponent = round(float(np.log2(largest) + np.log2((values / largest).mean())))
    return values if LEAST_EXPONENT <= exponent <= MOST_EXPONENT else np.ldexp(values, -exponent)
