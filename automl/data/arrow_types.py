"""Arrow types brought down to a few, so that the same data has the same types wherever it came from."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from automl.data.column_faults import Fault, column_or_fault, fault_of, table_of
from automl.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK_TEXT_BYTES = 1 << 30
"""A chunk of `pa.string` holds less than 2 GiB."""


def plain_types(table: pa.Table, names: list[str]) -> pa.Table:
    """Arrow types brought down to a few: int64 (uint64 beyond), floats, bool, string, timestamp, date, null.

    Dictionaries, durations (seconds), decimals, times of day (text) are converted; NaN becomes missing. Nested values and
    bytes that are no text are marked as a fault of their column; DataError where no other column is left.
    """
    columns: list[Any] = table.columns
    changed = False
    for place, name in enumerate(names):
        column = columns[place]
        told = fault_of(table.schema.field(place))
        plain = (
            column_or_fault(partial(_sound_column, column, name), len(column))
            if told is None
            else Fault(message=told, rows=len(column))
        )
        if plain is not column:
            columns[place], changed = plain, True
    # Setting columns one by one would copy the list of all each time.
    return table_of(columns, names) if changed else table


def _sound_column(column: Any, name: str) -> Any:
    import pyarrow as pa

    try:
        return _plain_column(column, name)
    except (pa.ArrowException, UnicodeError) as error:
        raise DataError(
            f"column {name!r} of type {column.type} cannot be read as numbers, text or dates "
            f"({str(error).splitlines()[0]}); convert it first"
        ) from error


def _plain_column(column: Any, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    types = pa.types
    if isinstance(column.type, pa.BaseExtensionType):
        if column.type.extension_name == "arrow.uuid":
            return pa.chunked_array(
                [[None if value is None else str(value) for value in column.to_pylist()]], pa.string()
            )
        column = pc.cast(column, column.type.storage_type)
    if types.is_run_end_encoded(column.type):
        column = pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], column.type.value_type)
    if types.is_dictionary(column.type) and not types.is_nested(column.type.value_type):
        column = pc.cast(column, column.type.value_type)
    kind = column.type
    if types.is_nested(kind) or types.is_dictionary(kind):
        row = next((place for place, value in enumerate(column, start=1) if value.is_valid), 1)
        raise DataError(
            f"column {name!r} holds nested values ({kind}), first in row {row}; give one number, text or date in each cell"
        )
    if types.is_interval(kind):
        raise DataError(f"column {name!r} holds months and days ({kind}); make durations of them, or one number each")
    if types.is_large_string(kind) or types.is_string_view(kind):
        return _small_strings(column)
    if types.is_uint64(kind):
        try:
            return pc.cast(column, pa.int64())
        except pa.ArrowInvalid:  # kept as it is: as fractions, different numbers would become one
            return column
    if types.is_decimal(kind) and kind.scale <= 0:
        return _whole_decimals(column)
    if types.is_time(kind):
        return _times_as_text(column)
    if types.is_duration(kind):
        ticks = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
        return pc.divide(pc.cast(pc.cast(column, pa.int64()), pa.float64(), safe=False), ticks)
    if types.is_floating(kind) and not types.is_float16(kind):
        return _nan_as_null(column)
    wanted = _plain_type(kind)
    if wanted == kind:
        return column
    return _nan_as_null(pc.cast(column, wanted, safe=False)) if types.is_floating(wanted) else pc.cast(column, wanted)


def _whole_decimals(column: Any) -> Any:
    """Whole numbers that a database wrote as decimals, as integers; as text where those are too short."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for kind in (pa.int64(), pa.uint64()):
        try:
            return pc.cast(column, kind)
        except pa.ArrowInvalid:
            continue
    return pa.chunked_array([[None if value is None else f"{value:f}" for value in column.to_pylist()]], pa.string())


def _plain_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    types = pa.types
    if types.is_decimal(kind):
        return pa.float64()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_integer(kind):
        return pa.int64()
    if types.is_date64(kind):
        return pa.timestamp("ms")
    if (
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_binary_view(kind)
    ):
        return pa.string()
    return kind


def _nan_as_null(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not column.null_count and not any(_may_hold_nan(chunk) for chunk in column.chunks):
        return column
    nan = pc.is_nan(column)
    if not pc.any(nan).as_py():
        return column
    return pc.if_else(nan, pa.scalar(None, column.type), column)


def _may_hold_nan(chunk: Any) -> bool:
    """Whether the sum of a chunk without nulls is no number; infinite values may be the reason, too."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):
        return bool(np.isnan(chunk.to_numpy().sum()))


def _small_strings(column: Any) -> Any:
    """Strings with 32-bit places; chunks beyond what those can hold are cut."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = []
    for chunk in column.chunks:
        pieces = 1 + chunk.nbytes // _CHUNK_TEXT_BYTES
        rows = -(-len(chunk) // pieces)
        chunks += [pc.cast(chunk.slice(start, rows), pa.string()) for start in range(0, len(chunk), max(rows, 1))]
    return pa.chunked_array(chunks, pa.string())


def _times_as_text(column: Any) -> Any:
    """Times of day as text, with fractions of seconds only where there are any."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.replace_substring_regex(pc.cast(column, pa.string()), r"\.0+$", "")
