"""What a column of numbers holds: quantities, codes, ids, dates written as digits, or one value."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data import fitted
from automl.data.dates import DIGITS, parse_with
from automl.data.distinct import distinct
from automl.data.id_names import is_id_name, is_index_name, is_unnamed
from automl.data.presence import one_value
from automl.data.records import Finding
from automl.data.values import digits_of

if TYPE_CHECKING:
    from automl.data.fitted import Counted, Ends, Fitted

FEW_CODES = 30
MANY_CODES = 100
"""Whole numbers in a dense range: up to `FEW_CODES` or from `MANY_CODES` values they may be codes; in between
(ages, scores) they are quantities."""
EXACT = 2**53
"""Whole numbers up to here are all different as float64."""
FIRST_DAY, LAST_DAY = 1900_01_01, 2100_12_31
FEWEST_DAYS = 3
"""So many different whole numbers must be days for a column of them to be one of dates."""
FEWEST_IDS = 20
"""Values of a column that has a name are no ids unless there are more of them."""
NO_NAME, SAYS_SO = "the column has no name", "its name says so"
HEAD_ROWS = 1000
"""Rows of fractions that are looked at before all are."""


def numeric_column(name: str, column: Any, ends: Ends, *, unnamed: bool = False) -> Fitted:
    """The kind of a column of numbers with these ends; `unnamed`: the table gave it no name."""
    import pyarrow as pa

    low, high = ends.low, ends.high
    rows = len(column) - column.null_count
    if low == high:
        return one_value(name, low, present=rows, rows=len(column)), []
    if low >= FIRST_DAY and high <= LAST_DAY:
        dates = _dates_of_digits(name, column)
        if dates is not None:
            return dates
    why = NO_NAME if unnamed or is_unnamed(name) else SAYS_SO if is_id_name(name) else ""
    if not pa.types.is_integer(column.type):
        close = bool(why) or high - low < 3 * rows
        whole = _as_whole(column, low, high) if close else None
        if whole is None:
            return fitted.number(name, column, f"numbers from {low:g} to {high:g}", ends=ends), []
        # Counts of rows are fractions only where some are missing; steps of a time or a dose are that anyway.
        ends = replace(ends, low=int(low), high=int(high))
        return _whole_column(name, whole, ends, why, may_count=column.null_count > 0)
    return _whole_column(name, column, ends, why)


def _as_whole(column: Any, low: float, high: float) -> Any:
    """Fractions that are all whole, as numbers are where some are missing, as integers; None for others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (float(low).is_integer() and float(high).is_integer() and max(-low, high) <= EXACT):
        return None
    head = column.slice(0, HEAD_ROWS).drop_null().to_numpy()
    if not np.array_equal(head, np.rint(head)):
        return None
    try:
        return pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        return None


def _whole_column(name: str, column: Any, ends: Ends, why: str, *, may_count: bool = True) -> Fitted:
    """An id, a code or a quantity; `why` says, if anything does, why values that are all different are ids. `may_count`:
    whether they are when they are consecutive.
    """
    low, high = ends.low, ends.high
    rows = len(column) - column.null_count
    between = f"whole numbers from {low:,} to {high:,}"
    if max(-low, high) > EXACT:
        return _beyond_floats(name, column, between, why)
    if high - low + 1 > 3 * rows and not why:  # neither an id nor dense, however many values differ
        return fitted.number(name, column, between, ends=ends), []
    seen = _count_whole(column, low, high)
    count = len(seen[0])
    if count == rows and (rows > FEWEST_IDS or why == NO_NAME):
        if not why and may_count and high - low == rows - 1:
            why = "they are consecutive"
        elif not why and is_index_name(name) and 0 <= low <= max(1, rows // 10):
            why = "they count from the start, as its name says"
        if why == NO_NAME:
            why += f", so that they count rows (--column '{name}=number' if not)"
        if why:
            return fitted.unused(name, "id", f"{rows:,} whole numbers, all different, and {why}"), []
    dense = high - low + 1 <= 3 * count
    often = rows >= 5 * count
    if dense and often and (3 <= count <= FEW_CODES or (count >= MANY_CODES and low >= 0)):
        reason = f"{count:,} different whole numbers from {low} to {high} that occur again and again"
        return fitted.integer_code(name, column, reason, seen=seen, ends=ends)
    return fitted.number(name, column, f"{count:,} different {between}", ends=ends), []


def _dates_of_digits(name: str, column: Any) -> Fitted | None:
    """Whole numbers such as 20190305, all of which are days: of other numbers in this range one in 27 is."""
    texts = digits_of(distinct(column).values).drop_null()
    if len(texts) < FEWEST_DAYS or np.isnan(parse_with(texts, [DIGITS])).any():
        return None
    example = texts[0].as_py()
    message = (
        f"column {name!r}: whole numbers such as {example} are read as dates; --column {name}=number if they are none"
    )
    finding = Finding(level="repair", code="dates-as-numbers", column=name, message=message)
    return fitted.date(name, column, [DIGITS], f"dates written as whole numbers, such as {example}"), [finding]


def _beyond_floats(name: str, column: Any, between: str, why: str) -> Fitted:
    """Whole numbers with more digits than a float64 has: codes where they repeat, else counted from the smallest on."""
    import pyarrow as pa
    import pyarrow.compute as pc

    seen = distinct(column)
    count, rows = len(seen.values), len(column) - column.null_count
    unsigned = pa.types.is_uint64(column.type)
    if rows > FEWEST_IDS and ((why and count == rows) or (unsigned and count > 0.95 * rows)):
        why = why or "they need all 64 bits"
        return fitted.unused(name, "id", f"{rows:,} {between}, nearly all different, and {why}"), []
    floats = len(np.unique(seen.values.to_numpy().astype(np.float64)))
    if unsigned or (floats < count and rows >= 2 * count):
        why = "which need all 64 bits" if unsigned else f"of which fractions would leave {floats:,}"
        return fitted.category(name, column, f"{count:,} different {between}, {why}: codes", seen=seen)
    return fitted.number(name, column, between, {"origin": pc.min(column).as_py()}), []


def _count_whole(column: Any, low: int, high: int) -> Counted:
    """Different whole numbers and how often each occurs, without a hash table where their range is narrow."""
    if high - low > 4 * len(column) + 1000:
        seen = distinct(column)
        return seen.values.to_numpy(), seen.counts
    counts = np.zeros(high - low + 1, dtype=np.int64)
    for chunk in fitted.blocks(column):
        found = np.bincount(chunk.drop_null().to_numpy() - low)
        counts[: len(found)] += found
    there = np.flatnonzero(counts)
    return there + low, counts[there]
