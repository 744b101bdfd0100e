"""Distinct values of a column: what is asked once for each value need not be asked for each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import MISSING_TOKENS

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa
    from numpy.typing import NDArray

FORMULA_ERRORS = frozenset({"#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"})
"""What a spreadsheet writes where a formula failed."""
CATEGORY_MISSING = FORMULA_ERRORS | frozenset(
    {"", "?", "NA", "N/A", "n/a", "na", "nan", "NaN", "null", "NULL", "Null", "<NA>", "#N/A"}
)
"""Missing in a category; "None", "-" and "." may be real levels there."""


@dataclass(frozen=True, kw_only=True)
class Distinct:
    """Distinct values of a column and how often they occur."""

    values: Any
    """Arrow array of the column's type, without missing values"""
    codes: NDArray[np.int32]
    """For each row the place of its value; one past the last for missing."""
    counts: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """Distinct values of some columns of a table, found when its kinds were, for encoding that same table."""

    table: Any
    columns: dict[str, Distinct]


def distinct(column: Any) -> Distinct:
    """Distinct values, places and counts of a column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        nothing = pa.array([], pa.string())
        return Distinct(values=nothing, codes=np.zeros(len(column), np.int32), counts=np.zeros(0, np.int64))
    coded = pc.dictionary_encode(column)
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    if isinstance(coded, pa.ChunkedArray):
        nothing = pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array([], column.type))
        coded = coded.chunk(0) if coded.num_chunks else nothing
    values = coded.dictionary
    codes = coded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    counts = np.bincount(codes, minlength=len(values) + 1)[: len(values)]
    return Distinct(values=values, codes=codes, counts=counts)


def stripped(texts: pa.Array) -> pa.Array:
    """Text without outer space."""
    import pyarrow.compute as pc

    return pc.utf8_trim_whitespace(texts)


def among(texts: pa.Array, tokens: Collection[str] = MISSING_TOKENS) -> NDArray[np.bool_]:
    """Which of some stripped texts are one of these, such as those that mean "missing"."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.is_in(texts, value_set=pa.array(sorted(tokens), pa.string()))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def merged(labels: pa.Array, counts: NDArray[np.int64]) -> tuple[pa.Array, NDArray[np.int64]]:
    """Labels that became equal, once each, with their counts together; missing ones are left out."""
    import pyarrow.compute as pc

    coded = pc.dictionary_encode(labels)
    places = coded.indices.fill_null(len(coded.dictionary)).to_numpy(zero_copy_only=False)
    sums = np.bincount(places, weights=counts, minlength=len(coded.dictionary) + 1)
    return coded.dictionary, sums[: len(coded.dictionary)].astype(np.int64)


def category_labels(values: pa.Array) -> pa.Array:
    """Labels of distinct values: text without outer space, whole numbers without ".0"; null for missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(values.type):
        labels = stripped(values)
        return pc.if_else(pa.array(~among(labels, CATEGORY_MISSING)), labels, pa.scalar(None, pa.string()))
    if pa.types.is_integer(values.type) or pa.types.is_boolean(values.type):
        return pc.cast(values, pa.string())
    return pa.array([_label(value) for value in values.to_pylist()], pa.string())


def _label(value: Any) -> str | None:
    if isinstance(value, float):
        return None if value != value else number_label(value)  # noqa: PLR0124 - NaN
    return str(value)


def number_label(value: float) -> str:
    """Text of a number; 2.0 and 2 are the same."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else str(value)
