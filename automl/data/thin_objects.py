"""Tables of Python objects and arrays, thinned before they are converted: that costs a microsecond for each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from automl.data.amount import some_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from automl.data.amount import ReadLimit


def thin_objects(source: Any, limit: ReadLimit, seed: int) -> tuple[Any, float]:
    """Rows drawn from all over a pandas frame, a dict of columns, a list of rows or a 2-D array, in their order, and
    their share of it; what is something else, small enough or uneven comes back as it is.
    """
    places = drawn_rows(source, limit, seed)
    if places is None:
        return source, 1.0
    share = len(places) / _shape(source)[0]
    if hasattr(source, "iloc"):
        return source.iloc[places], share
    if isinstance(source, Mapping):
        return {name: _taken(values, places) for name, values in source.items()}, share
    return _taken(source, places), share


def drawn_rows(source: Any, limit: ReadLimit, seed: int) -> NDArray[np.int64] | None:
    """The numbers of the rows that are drawn; None where all are taken."""
    rows, columns = _shape(source)
    most = limit.rows(columns)
    return some_rows(rows, most, seed) if rows > most else None


def _shape(source: Any) -> tuple[int, int]:
    """Rows and columns; no rows for what is not thinned here."""
    if isinstance(source, Mapping):
        sized = all(
            hasattr(values, "__len__") and not isinstance(values, str | bytes | Mapping) for values in source.values()
        )
        lengths = {len(values) for values in source.values()} if sized else set()
        takes = all(isinstance(values, list | tuple) or hasattr(values, "take") for values in source.values())
        return (lengths.pop(), len(source)) if len(lengths) == 1 and takes else (0, 1)
    shape = getattr(source, "shape", None)
    if shape is not None:
        frame = hasattr(source, "iloc") or type(source).__module__.partition(".")[0] == "numpy"
        return (int(shape[0]), int(shape[1])) if frame and len(shape) == 2 else (0, 1)
    if isinstance(source, list) and source and isinstance(source[0], Sequence | Mapping):
        return len(source), max(len(source[0]), 1)
    return 0, 1


def _taken(values: Any, places: NDArray[np.int64]) -> Any:
    if isinstance(values, list | tuple):
        return [values[place] for place in places.tolist()]
    return values[places] if type(values).__module__.partition(".")[0] == "numpy" else values.take(places)
