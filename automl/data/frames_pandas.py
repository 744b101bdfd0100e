"""pandas frames of any dtype as Arrow; pandas itself is not imported."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from automl.data.column_faults import column_or_fault, table_of
from automl.data.columns import objects_to_arrow, whole_numbers
from automl.data.records import DECLARED, Finding
from automl.errors import DataError
from automl.scalars import writes_number

if TYPE_CHECKING:
    import pyarrow as pa


def from_pandas(frame: Any) -> tuple[pa.Table, list[Any], list[Finding]]:
    """Table with columns by position, names as given, and findings. The index is left out."""
    if not hasattr(frame, "columns"):
        frame = frame.to_frame()
    findings: list[Finding] = []
    index_names = [str(name) for name in frame.index.names if name is not None]
    if index_names:
        told = ", ".join(repr(name) for name in index_names)
        message = f"the index {told} is not used; call reset_index() to make it a column"
        findings.append(Finding(level="info", code="index-ignored", message=message))
    names = list(frame.columns)
    if any(isinstance(name, tuple) for name in names):
        names = [_joined(name) if isinstance(name, tuple) else name for name in names]
        message = f"column names of several levels are joined by _, such as {names[0]!r}"
        findings.append(Finding(level="repair", code="joined-names", message=message))
    arrays = [
        column_or_fault(partial(_column, frame.iloc[:, place], str(name), findings), len(frame))
        for place, name in enumerate(names)
    ]
    return table_of(arrays, [f"c{place}" for place in range(len(arrays))]), names, findings


def _joined(name: tuple[Any, ...]) -> str:
    return "_".join(str(part) for part in name if str(part))


def _column(series: Any, name: str, findings: list[Finding]) -> Any:
    import numpy as np
    import pyarrow as pa

    kind = str(series.dtype)
    if kind.startswith("Sparse"):
        series = series.sparse.to_dense()
        kind = str(series.dtype)
    if kind == "object":
        return objects_to_arrow(series.to_numpy(), name, findings)
    if kind == "category":
        if _are_codes(series):
            message = f"column {name!r} is declared a category of numbers by its frame"
            findings.append(Finding(level="info", code=DECLARED, column=name, message=message))
        labels = objects_to_arrow(series.cat.categories.astype(object).to_numpy(), name, findings)
        codes = series.cat.codes
        # Taken one by one: unused labels vanish, labels that are equal as text become one.
        return labels.take(pa.array(codes.to_numpy(), mask=(codes < 0).to_numpy()))
    if kind.startswith(("period", "interval")):
        missing = series.isna()
        return pa.array(
            [None if gone else str(value) for value, gone in zip(series, missing, strict=True)], pa.string()
        )
    if isinstance(series.dtype, np.dtype) and not series.dtype.isnative:  # big-endian, as in FITS files
        series = series.astype(series.dtype.newbyteorder("="))
        kind = str(series.dtype)
    if kind in ("float96", "float128"):
        series = series.astype("float64")
        kind = "float64"
    if kind.startswith("complex"):
        raise DataError(f"column {name!r}: Complex data not supported: give real numbers")
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):
        return objects_to_arrow(series.astype(object).to_numpy(), name, findings)
    return whole_numbers(array) if kind == "float64" else array


def _are_codes(series: Any) -> bool:
    """Whether a categorical column has numbers or their texts as labels, in no order, that could repeat."""
    labels = series.cat.categories
    if series.cat.ordered or not 0 < len(labels) <= len(series) / 2:
        return False
    return labels.dtype.kind in "iu" or all(isinstance(label, str) and writes_number(label) for label in labels)
