"""One column of Python or numpy values as an Arrow array."""

from __future__ import annotations

import decimal
import math
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from automl.data.records import Finding
from automl.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

LARGEST_FLOAT_BYTES = 8
_ARROW_UNITS = {"M": ("D", "s", "ms", "us", "ns"), "m": ("s", "ms", "us", "ns")}
_ARROW_KNOWS = (str, bool, date, time, timedelta)


def column_to_arrow(values: Any, name: str, findings: list[Finding]) -> Any:
    """Arrow array of a column given as array, series or list; DataError naming it for nested or complex values."""
    import numpy as np
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    package = type(values).__module__.partition(".")[0]
    if package == "polars" and hasattr(values, "to_arrow"):
        try:
            return values.to_arrow()
        except pa.ArrowException:  # a type that Arrow does not have, such as whole numbers of 128 bits
            values = values.to_list()
    if package == "pandas":
        values = values.array if hasattr(values, "array") else values
        arrow = getattr(values, "__arrow_array__", None)
        values = values.to_numpy() if arrow is None else arrow()
        if isinstance(values, pa.Array | pa.ChunkedArray):
            return values
    if isinstance(values, np.ndarray):
        values = native(values)
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(np.asarray(values.data), mask=np.ma.getmaskarray(values))
    if isinstance(values, np.ndarray) and values.ndim != 1:
        raise DataError(f"column {name!r} is an array of shape {values.shape}; give one value for each row")
    if isinstance(values, np.ndarray) and values.dtype.kind == "f" and values.dtype.itemsize > LARGEST_FLOAT_BYTES:
        values = values.astype(np.float64)
    if isinstance(values, np.ndarray) and values.dtype.kind not in "OSUV":
        if values.dtype.kind == "c":
            raise DataError(f"column {name!r}: Complex data not supported: give real numbers")
        array = pa.array(np.ascontiguousarray(values), from_pandas=True)
        return whole_numbers(array) if values.dtype == np.float64 else array
    return objects_to_arrow(values if isinstance(values, np.ndarray) else list(values), name, findings)


def native(values: NDArray[Any]) -> NDArray[Any]:
    """An array in the byte order of this machine, and moments and durations in a unit that Arrow has."""
    import numpy as np

    kind = values.dtype
    if kind.kind in "mM":
        unit, count = np.datetime_data(kind)
        if count != 1 or unit not in _ARROW_UNITS[kind.kind]:
            return values.astype(f"{kind.kind}8[{'ns' if unit in ('ps', 'fs', 'as') else 's'}]")
    return values if kind.isnative else values.astype(kind.newbyteorder("="))


def whole_numbers(array: pa.Array) -> pa.Array:
    """Whole numbers that numpy could only hold as fractions because some are missing."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not array.null_count or array.null_count == len(array):
        return array
    head = array.slice(0, 1000).drop_null().to_numpy(zero_copy_only=False)
    if not bool(np.all(head == np.rint(head))):
        return array
    try:
        return pc.cast(array, pa.int64())
    except pa.ArrowInvalid:
        return array


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, float | decimal.Decimal) and math.isnan(value))
        or type(value).__name__ in ("NAType", "NaTType")
    )


def objects_to_arrow(values: Any, name: str, findings: list[Finding]) -> Any:
    """A column of Python objects: one Arrow type where they agree, else text. Nested values are refused."""
    import numpy as np
    import pyarrow as pa

    if isinstance(values, np.ndarray) and values.dtype.kind == "O":
        try:
            array = pa.array(values, pa.string(), from_pandas=True)
        except (pa.ArrowException, TypeError, UnicodeError):
            pass  # not all are text: looked at one by one below
        else:
            return array
    return _mixed(values.tolist() if isinstance(values, np.ndarray) else values, name, findings)


def _plain_value(value: Any) -> Any:
    import numpy as np

    if _is_missing(value):
        return None
    if isinstance(value, np.datetime64 | np.timedelta64):
        return value.astype("datetime64[us]" if isinstance(value, np.datetime64) else "timedelta64[us]").item()
    value = value.item() if isinstance(value, np.generic) else value
    return None if _is_missing(value) else value


def _mixed(values: list[Any], name: str, findings: list[Finding]) -> Any:
    import pyarrow as pa

    quick = _of_one_kind(values)
    if quick is not None:
        return quick
    plain = [_plain_value(value) for value in values]
    _refuse_nested(plain, name)
    kinds = {type(value) for value in plain if value is not None}
    if kinds and kinds <= {int, float, decimal.Decimal}:
        return _numbers(plain, kinds, name, findings)
    if kinds == {bytes}:
        return pa.array([None if value is None else _decoded(value) for value in plain], pa.string())
    if len(kinds) <= 1:
        if not kinds or issubclass(next(iter(kinds)), _ARROW_KNOWS):
            try:
                return pa.array(plain)
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                pass  # such as dates beyond Arrow's range: text holds them
        return _as_text(plain)
    if all(issubclass(kind, date) for kind in kinds):
        moments = [v if v is None or isinstance(v, datetime) else datetime.combine(v, time()) for v in plain]
        try:
            return pa.array(moments, pa.timestamp("us"))
        except (pa.ArrowException, TypeError):
            pass  # dates that Arrow cannot join become text
    words = " and ".join(sorted(kind.__name__ for kind in kinds))
    message = f"column {name!r} mixes {words}; all are read as text"
    findings.append(
        Finding(
            level="repair", code="mixed-types", column=name, count=sum(v is not None for v in plain), message=message
        )
    )
    return _as_text(plain)


def _of_one_kind(values: list[Any]) -> Any:
    """A list of whole numbers, fractions, texts or truth values, and None, which is what most are; None otherwise."""
    import pyarrow as pa

    kinds = set(map(type, values)) - {type(None)}
    types: dict[type, pa.DataType] = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
    kind = types.get(next(iter(kinds))) if len(kinds) == 1 else None
    if kind is None:
        return None
    try:
        array = pa.array(values, kind, from_pandas=True)
    except (pa.ArrowException, OverflowError, UnicodeError):
        return None  # beyond 64 bits, or no text in Unicode: looked at one by one
    return whole_numbers(array) if kinds == {float} else array


def _refuse_nested(plain: list[Any], name: str) -> None:
    import numpy as np

    for row, value in enumerate(plain, start=1):
        if isinstance(value, list | dict | set | frozenset | tuple | np.ndarray):
            raise DataError(
                f"column {name!r} holds a {type(value).__name__} in row {row}; give one number, text or date in each cell"
            )
        if value is not None and _has_no_text(type(value)):
            raise DataError(
                f"column {name!r} holds Python objects ({type(value).__name__}), first in row {row}; give one number, text "
                "or date in each cell"
            )
        if isinstance(value, complex):
            raise DataError(f"column {name!r}, row {row}: Complex data not supported: give real numbers")


def _has_no_text(kind: type) -> bool:
    """Whether the text of such objects is only where they lie in memory, another in each run."""
    return all(getattr(kind, name) is getattr(object, name) for name in ("__str__", "__repr__"))


def _numbers(plain: list[Any], kinds: set[type], name: str, findings: list[Finding]) -> Any:
    import pyarrow as pa

    if kinds == {int}:
        for kind in (pa.int64(), pa.uint64()):
            try:
                return pa.array(plain, kind)
            except (OverflowError, pa.ArrowInvalid):
                continue
        fractions = [None if value is None else _as_float(value) for value in plain]
        if len(set(fractions)) == len(set(plain)):
            return whole_numbers(pa.array(fractions, pa.float64()))
        # As fractions, different numbers would become one.
        message = f"column {name!r}: whole numbers beyond 64 bits are read as text"
        count = sum(value is not None for value in plain)
        findings.append(Finding(level="repair", code="beyond-64-bits", column=name, count=count, message=message))
        return _as_text(plain)
    return whole_numbers(pa.array([None if value is None else _as_float(value) for value in plain], pa.float64()))


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond the largest fraction
        return math.inf if value > 0 else -math.inf


def _decoded(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", errors="replace")


def _as_text(plain: list[Any]) -> Any:
    import pyarrow as pa

    return pa.array([None if value is None else _text(value) for value in plain], pa.string())


def _text(value: Any) -> str:
    """Text of one value; 2.0 and 2 are the same number and the same text."""
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value).encode("utf-8", errors="replace").decode()
