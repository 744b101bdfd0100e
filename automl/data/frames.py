"""Tables in memory as Arrow: pandas, polars, Arrow, dicts, arrays. The same data comes out the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from automl.data.records import Finding
from automl.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def to_arrow(source: Any) -> tuple[pa.Table, list[Any], list[Finding]]:
    """Table with columns by position, names as given, and findings; DataError for what is no table."""
    import pyarrow as pa

    package = type(source).__module__.partition(".")[0]
    if isinstance(source, pa.Table):
        return source.replace_schema_metadata(None), list(source.column_names), []
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source]), list(source.schema.names), []
    if package == "pandas":
        return _from_pandas(source)
    if package == "polars":
        if hasattr(source, "collect") and not hasattr(source, "to_arrow"):
            source = source.collect()
        if not hasattr(source, "columns"):
            source = source.to_frame()
        table = source.to_arrow()
        return table.replace_schema_metadata(None), list(table.column_names), []
    if isinstance(source, Mapping):
        return _from_dict(source)
    if isinstance(source, Sequence) and not isinstance(source, str | bytes) and source:
        if all(isinstance(row, Mapping) for row in source):
            names = list(dict.fromkeys(name for row in source for name in row))
            return _from_columns({name: [row.get(name) for row in source] for name in names})
        if all(isinstance(row, Sequence) and not isinstance(row, str | bytes) for row in source):
            import numpy as np

            source = np.array(source, dtype=object)
    if hasattr(source, "__array__") or hasattr(source, "toarray"):
        return _from_array(source)
    raise DataError(
        f"a {type(source).__name__} is not a table; give a path, a pandas, polars or Arrow table, a dict of columns, "
        "a list of dicts, or a 2-D array"
    )


def _from_array(source: Any) -> tuple[pa.Table, list[Any], list[Finding]]:
    import numpy as np

    array = np.asarray(source.toarray() if hasattr(source, "toarray") else source)
    if array.ndim != 2:
        raise DataError(f"an array of shape {array.shape} is not a table; give one of shape (rows, columns)")
    if array.dtype.kind == "c":
        raise DataError("Complex data not supported: give real numbers")
    names = [f"column_{place}" for place in range(1, array.shape[1] + 1)]
    finding = Finding(
        level="info",
        code="no-names",
        message=f"an array has no column names; they are {names[0] if names else ''} and so on",
    )
    columns = {name: array[:, place] for place, name in enumerate(names)}
    table, _, findings = _from_columns(columns)
    return table, names, [finding, *findings]


def _from_dict(source: Mapping[Any, Any]) -> tuple[pa.Table, list[Any], list[Finding]]:
    scalars = [name for name, value in source.items() if isinstance(value, str) or not hasattr(value, "__len__")]
    if scalars and len(scalars) < len(source):
        raise DataError(
            f"a dict mixes single values ({scalars[0]!r}) and columns; give one row of values, or columns only"
        )
    return _from_columns({name: [value] for name, value in source.items()} if scalars else source)


def _from_columns(columns: Mapping[Any, Any]) -> tuple[pa.Table, list[Any], list[Finding]]:
    import pyarrow as pa

    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        shortest, longest = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise DataError(
            f"columns differ in length: {shortest!r} has {lengths[shortest]} rows, {longest!r} has {lengths[longest]}"
        )
    findings: list[Finding] = []
    arrays = [column_to_arrow(values, str(name), findings) for name, values in columns.items()]
    return pa.Table.from_arrays(arrays, [f"c{place}" for place in range(len(arrays))]), list(columns), findings


def _from_pandas(frame: Any) -> tuple[pa.Table, list[Any], list[Finding]]:
    import pyarrow as pa

    if not hasattr(frame, "columns"):
        frame = frame.to_frame()
    findings: list[Finding] = []
    names = ["_".join(map(str, name)) if isinstance(name, tuple) else name for name in frame.columns]
    arrays = []
    for place, name in enumerate(names):
        series = frame.iloc[:, place]
        kind = str(series.dtype)
        if kind.startswith("Sparse"):
            series = series.sparse.to_dense()
        if kind == "object":
            arrays.append(_mixed(series.tolist(), str(name), findings))
        elif kind == "category":
            arrays.append(_categorical(series, str(name), findings))
        elif kind.startswith(("period", "interval")):
            arrays.append(
                pa.array(
                    [None if missing else str(value) for value, missing in zip(series, series.isna(), strict=True)],
                    pa.string(),
                )
            )
        elif kind.startswith("timedelta"):
            arrays.append(pa.array(series.dt.total_seconds().to_numpy(), pa.float64(), from_pandas=True))
        elif kind.startswith("complex"):
            raise DataError(f"column {str(name)!r}: Complex data not supported: give real numbers")
        else:
            arrays.append(pa.array(series, from_pandas=True))
    return pa.Table.from_arrays(arrays, [f"c{place}" for place in range(len(arrays))]), names, findings


def _categorical(series: Any, name: str, findings: list[Finding]) -> Any:
    """Categories as what they are categories of: unused ones vanish, duplicates after conversion merge."""
    import pyarrow as pa

    labels = _mixed(list(series.cat.categories), name, findings)
    codes = pa.array(series.cat.codes.to_numpy(), mask=(series.cat.codes < 0).to_numpy())
    return labels.take(codes)


def column_to_arrow(values: Any, name: str, findings: list[Finding]) -> Any:
    """One column from an array or a list."""
    import numpy as np
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if type(values).__module__.partition(".")[0] in ("pandas", "polars") and hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if isinstance(values, np.ndarray) and values.dtype.kind not in "OSUV":
        if values.dtype.kind == "c":
            raise DataError(f"column {name!r}: Complex data not supported: give real numbers")
        return pa.array(np.ascontiguousarray(values), from_pandas=True)
    return _mixed(values.tolist() if isinstance(values, np.ndarray) else list(values), name, findings)


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    )


def _mixed(values: list[Any], name: str, findings: list[Finding]) -> Any:
    """A column of Python objects: one Arrow type where they agree, else text. Nested values are refused."""
    import decimal

    import numpy as np
    import pyarrow as pa

    plain = [
        None if _is_missing(value) else value.item() if isinstance(value, np.generic) else value for value in values
    ]
    for row, value in enumerate(plain, start=1):
        if isinstance(value, list | dict | set | tuple | np.ndarray):
            raise DataError(
                f"column {name!r} holds a {type(value).__name__} in row {row}; give one number, text or date in each cell"
            )
        if isinstance(value, complex):
            raise DataError(f"column {name!r}, row {row}: Complex data not supported: give real numbers")
    kinds = {type(value) for value in plain if value is not None}
    if kinds <= {int, float, decimal.Decimal} and kinds:
        if kinds == {int}:
            try:
                return pa.array(plain, pa.int64())
            except OverflowError:
                pass  # beyond 64 bits: fractions hold it well enough
        return pa.array([None if value is None else float(value) for value in plain], pa.float64())
    if len(kinds) <= 1:
        try:
            return pa.array(plain)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            return pa.array([None if value is None else str(value) for value in plain], pa.string())
    try:
        from datetime import date

        if all(issubclass(kind, date) for kind in kinds):
            return pa.array(plain, pa.timestamp("us"))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass  # mixed dates that Arrow cannot join become text below
    words = " and ".join(sorted(kind.__name__ for kind in kinds))
    findings.append(
        Finding(
            level="repair",
            code="mixed-types",
            column=name,
            count=len(plain),
            message=f"column {name!r} mixes {words}; all are read as text",
        )
    )
    return pa.array([None if value is None else str(value) for value in plain], pa.string())


def plain_types(table: pa.Table, names: list[str]) -> pa.Table:
    """Arrow types brought down to a few: int64, float, bool, string, timestamp, date. Nested ones are refused."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, name in enumerate(names):
        column = table.column(place)
        kind = column.type
        if pa.types.is_dictionary(kind):
            column = pc.cast(column, kind.value_type)
            kind = column.type
        wanted = _plain_type(kind, name)
        if wanted != kind:
            column = pc.cast(column, wanted, safe=False)
        if column is not table.column(place):
            table = table.set_column(place, name, column)
    return table


def _plain_type(kind: pa.DataType, name: str) -> pa.DataType:
    import pyarrow as pa

    types = pa.types
    if types.is_nested(kind):
        raise DataError(f"column {name!r} holds nested values ({kind}); give one number, text or date in each cell")
    if types.is_large_string(kind) or str(kind) == "string_view" or types.is_time(kind):
        return pa.string()
    if types.is_decimal(kind) or types.is_float16(kind):
        return pa.float64()
    if types.is_uint64(kind):
        return pa.float64()
    if types.is_integer(kind):
        return pa.int64()
    if types.is_duration(kind):
        return pa.int64()
    if types.is_binary(kind) or types.is_large_binary(kind):
        return pa.string()
    return kind
