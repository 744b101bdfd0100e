"""Tables in memory as Arrow: pandas, polars, Arrow, dicts, arrays. The same data comes out the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from automl.data.arrow_types import plain_types
from automl.data.column_faults import Fault, column_or_fault, table_of
from automl.data.column_names import NO_NAMES
from automl.data.columns import column_to_arrow
from automl.data.records import Finding
from automl.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["column_to_arrow", "plain_types", "to_arrow"]
Found = tuple["pa.Table", list[Any], list[Finding]]


def to_arrow(source: Any) -> Found:
    """Table with columns by position, names as given, and findings; DataError for what is no table."""
    import pyarrow as pa

    packages = {base.__module__.partition(".")[0] for base in type(source).__mro__}
    if isinstance(source, pa.Table):
        return _plain(source)
    if isinstance(source, pa.RecordBatch):
        return _plain(pa.Table.from_batches([source]))
    if isinstance(source, pa.RecordBatchReader):
        return _plain(source.read_all())
    if "pandas" in packages and hasattr(source, "iloc"):
        from automl.data.frames_pandas import from_pandas

        return from_pandas(source)
    if "polars" in packages:
        return _from_polars(source)
    if isinstance(source, Mapping):
        return _from_dict(source)
    if isinstance(source, Sequence) and not isinstance(source, str | bytes) and source:
        if all(isinstance(row, Mapping) for row in source):
            names = list(dict.fromkeys(name for row in source for name in row))
            return _from_columns({name: [row.get(name) for row in source] for name in names})
        if all(isinstance(row, Sequence) and not isinstance(row, str | bytes) for row in source):
            return _from_rows(source)
    if hasattr(source, "__arrow_c_stream__"):
        return _plain(pa.table(source))
    if hasattr(source, "__array__") or hasattr(source, "toarray"):
        return _from_array(source)
    raise DataError(
        f"an object of type {type(source).__name__} is not a table; give a path, a pandas, polars or Arrow table, a dict of columns, "
        "a list of dicts, or a 2-D array"
    )


def _plain(table: pa.Table) -> Found:
    return table.replace_schema_metadata(None), list(table.column_names), []


def _from_polars(source: Any) -> Found:
    if hasattr(source, "collect"):
        source = source.collect()
    if not hasattr(source, "columns"):
        source = source.to_frame()
    import pyarrow as pa

    faults: dict[Any, Any] = {
        name: Fault(
            message=f"column {name!r} holds Python objects; give one number, text or date in each cell",
            rows=source.height,
        )
        for name, kind in source.schema.items()
        if str(kind) == "Object"
    }
    try:
        if not faults:
            return _plain(source.to_arrow())
        table, names = source.drop(list(faults)).to_arrow(), list(source.columns)
        return table_of([faults[name] if name in faults else table.column(name) for name in names], names), names, []
    except pa.ArrowException:  # types that Arrow does not have, such as whole numbers of 128 bits
        return _from_columns({name: faults.get(name) or source[name].to_list() for name in source.columns})


def _from_rows(rows: Sequence[Sequence[Any]]) -> Found:
    widths = [len(row) for row in rows]
    for place, width in enumerate(widths, start=1):
        if width != widths[0]:
            raise DataError(f"row {place} has {width} cells, but row 1 has {widths[0]}; give rows of one length")
    names = [f"column_{place}" for place in range(1, widths[0] + 1)]
    table, _, findings = _from_columns({name: [row[place] for row in rows] for place, name in enumerate(names)})
    return table, names, [_no_names("a list of rows"), *findings]


def _from_array(source: Any) -> Found:
    import numpy as np

    array: Any = source.toarray() if hasattr(source, "toarray") else np.asanyarray(source)
    if array.dtype.names:
        rows = np.ravel(array)
        return _from_columns({name: rows[name] for name in array.dtype.names})
    if array.ndim != 2:
        raise DataError(f"an array of shape {array.shape} is not a table; give one of shape (rows, columns)")
    if array.dtype.kind == "c":
        raise DataError("Complex data not supported: give real numbers")
    if isinstance(array, np.ma.MaskedArray):
        array = _unmasked(array)
    array = np.asarray(array)
    names = [f"column_{place}" for place in range(1, array.shape[1] + 1)]
    table, _, findings = _from_columns({name: array[:, place] for place, name in enumerate(names)})
    return table, names, [_no_names("an array"), *findings]


def _unmasked(array: Any) -> Any:
    """Masked cells as NaN or None."""
    if array.dtype.kind in "iufb":
        return array.astype("float64").filled(float("nan"))
    return array.astype(object).filled(None)


def _no_names(what: str) -> Finding:
    message = f"{what} has no column names; they are called column_1 and so on, and are matched by position"
    return Finding(level="warning", code=NO_NAMES, message=message)


def _from_dict(source: Mapping[Any, Any]) -> Found:
    nested = {name: value for name, value in source.items() if isinstance(value, Mapping | set | frozenset)}
    scalars = [name for name, value in source.items() if _is_scalar(value)]
    if scalars and len(scalars) + len(nested) < len(source):
        raise DataError(
            f"a dict mixes single values ({scalars[0]!r}) and columns; give one row of values, or columns only"
        )
    if scalars:
        return _from_columns({name: [value] for name, value in source.items()})
    rows = next((len(value) for name, value in source.items() if name not in nested), 0)
    faults = {
        name: Fault(
            message=f"column {str(name)!r} is a {type(value).__name__}; give a list or an array of its values",
            rows=rows,
        )
        for name, value in nested.items()
    }
    return _from_columns({**source, **faults})


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | bytes) or not hasattr(value, "__len__") or getattr(value, "shape", None) == ()


def _from_columns(columns: Mapping[Any, Any]) -> Found:
    lengths = {name: _length(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise DataError(
            f"columns differ in length: {shortest!r} has {lengths[shortest]} rows, {longest!r} has {lengths[longest]}"
        )
    findings: list[Finding] = []
    arrays = [
        values
        if isinstance(values, Fault)
        else column_or_fault(partial(column_to_arrow, values, str(name), findings), lengths[name])
        for name, values in columns.items()
    ]
    return table_of(arrays, [f"c{place}" for place in range(len(arrays))]), list(columns), findings


def _length(values: Any) -> int:
    return values.rows if isinstance(values, Fault) else len(values)
