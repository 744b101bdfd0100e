"""Columns of each kind, with what encoding needs to know about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.dates import CATEGORY_PARTS, DAY, PARTS, days_there, varying_parts
from automl.data.distinct import Distinct, category_labels, distinct, merged, number_label
from automl.data.level_order import in_order
from automl.data.presence import is_worth_telling, one_value, there_or_not
from automl.data.records import Finding, Kind
from automl.data.schema import Column
from automl.data.text import characters_hashed
from automl.data.values import to_booleans, to_numbers, to_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Fitted = tuple[Column, list[Finding]]
Counted = tuple["NDArray[Any]", "NDArray[np.int64]"]
"""Different values and how often each occurs."""
BLOCK_ROWS = 1 << 16
MOST_LEVELS = 100_000
"""Levels of a category that are told apart, by frequency; the others count as unseen."""
LARGEST = 3.0e38
"""Numbers beyond this do not fit in a float32; they count as missing."""
SMALLEST = 1.0e-30
"""Columns of numbers below this are scaled: in float32 they would lose digits, or be 0."""
SAMPLE = 20_000
"""Rows by which costly questions (words, formats, medians) are answered."""


def unused(name: str, kind: Kind, reason: str, **params: Any) -> Column:
    """A column that no model sees."""
    return Column(name=name, kind=kind, reason=reason, used=False, params=params)


def blocks(column: Any) -> Iterator[Any]:
    """A column piece by piece: small pieces are quick to get memory for, and stay in a core's cache."""
    for start in range(0, len(column), BLOCK_ROWS):
        yield column.slice(start, BLOCK_ROWS)


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Least and largest of the numbers of a column, and what is known of them besides."""

    low: Any
    high: Any
    plain: bool = False
    """Whether float32 holds their differences as they are: nothing is subtracted, nothing scaled."""


def number(
    name: str, column: Any, reason: str, params: dict[str, Any] | None = None, *, ends: Ends | None = None
) -> Column:
    """A quantity."""
    params = params or {}
    if ends is not None and ends.plain:
        params = {**params, "centre": 0.0}
        return Column(name=name, kind="number", reason=reason, used=True, params=params, numbers=(name,))
    sample = to_numbers(_some_rows(column), params)[0]
    params = {**params, "centre": centre_of(sample)}
    largest = np.abs(sample[np.isfinite(sample)]).max(initial=0.0)
    if 0 < largest < SMALLEST:
        params["scale"] = 2.0 ** int(np.floor(np.log2(largest)))
    return Column(name=name, kind="number", reason=reason, used=True, params=params, numbers=(name,))


def _some_rows(column: Any) -> Any:
    """About `SAMPLE` rows from all over a column."""
    import pyarrow as pa

    step = max(1, len(column) // SAMPLE)
    if step == 1:
        return column
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    taken = [chunk.take(pa.array(np.arange(0, len(chunk), step))) for chunk in chunks]
    return pa.chunked_array(taken, column.type)


def centre_of(values: NDArray[np.float64]) -> float:
    """What to subtract so that float32 keeps the differences between values; 0 when it does anyway."""
    some = values[np.abs(values) <= LARGEST]
    if not len(some):
        return 0.0
    spread, largest = float(np.std(some)), float(np.abs(some).max())
    if not (needs_centre := largest > 2**24 > spread) and largest <= 1e4 * max(spread, 1e-300):
        return 0.0
    middle = float(np.median(some))
    return middle if needs_centre or abs(middle) > 1e4 * max(spread, 1e-300) else 0.0


def plain_ends(columns: Sequence[Any]) -> list[Ends | None]:
    """Ends of numeric columns of one length, all at once; None for those that have to be looked at one by one:
    columns without values, far from 0 for their spread, tiny, infinite, or with more digits than a float64 has.
    """
    whole = [holds_whole_numbers(column) for column in columns]
    values = np.empty((len(columns), len(columns[0])))
    for place, column in enumerate(columns):
        values[place] = column.to_numpy()
    low, high = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=1), 1)
    values[~known] = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        largest = np.maximum(np.abs(low), np.abs(high))
        values -= (values.sum(axis=1) / counts)[:, None]
        values *= known
        spread = np.sqrt(np.einsum("ij,ij->i", values, values) / counts)
        plain = (largest <= 2**24) & (largest <= 1e4 * spread) & (largest >= SMALLEST) & (high > low)
        easy = plain | ((low == high) & (largest < 2**53))
    return [
        Ends(low=int(least) if is_whole else least, high=int(most) if is_whole else most, plain=one) if simple else None
        for least, most, one, simple, is_whole in zip(
            low.tolist(), high.tolist(), plain.tolist(), easy.tolist(), whole, strict=True
        )
    ]


def holds_whole_numbers(column: Any) -> bool:
    """Whether a column holds whole numbers."""
    import pyarrow as pa

    return bool(pa.types.is_integer(column.type))


def integer_code(
    name: str,
    column: Any,
    reason: str,
    params: dict[str, Any] | None = None,
    *,
    seen: Counted | None = None,
    ends: Ends | None = None,
) -> Fitted:
    """A number that is a category as well; `seen` may bring its different values and their counts along."""
    if seen is None:
        values, _ = to_numbers(column, params or {})
        seen = np.unique(values[np.isfinite(values)], return_counts=True)
    values, counts = seen
    order = np.lexsort((values, -counts))[:MOST_LEVELS]
    whole = np.issubdtype(values.dtype, np.integer)
    levels = [str(value) if whole else number_label(value) for value in values[order].tolist()]
    if not levels:
        return unused(name, "constant", "all values are missing"), []
    plain = number(name, column, reason, params, ends=ends)
    return (
        Column(
            name=name,
            kind="integer_code",
            reason=reason,
            used=True,
            params={"levels": levels, **plain.params},
            numbers=(name,),
            categories=((name, len(levels)),),
        ),
        _rare(name, len(values) - len(levels), len(levels)),
    )


def text(name: str, reason: str, rows: int) -> Column:
    """Words. How much of a text is hashed is settled here, so that a text is encoded alike in any table."""
    return Column(
        name=name,
        kind="text",
        reason=reason,
        used=True,
        params={"characters": characters_hashed(rows)},
        numbers=(f"{name} length", f"{name} words"),
    )


def boolean(name: str, column: Any, reason: str) -> Column:
    """True and false."""
    import pyarrow as pa
    import pyarrow.compute as pc

    unread = 0
    if pa.types.is_boolean(column.type):  # both ends tell all
        ends = pc.min_max(column)
        known = np.array([end.as_py() for end in ends.values() if end.is_valid], dtype=np.float64)
        present = len(column) - column.null_count
    else:
        values, (unread, *_) = to_booleans(column)
        known = values[~np.isnan(values)]
        present = len(known)
    if not len(known):
        return unused(name, "constant", "no value reads as yes or no")
    if (known == known[0]).all():
        return one_value(name, bool(known[0]), present=present, rows=len(column) - unread)
    return Column(name=name, kind="boolean", reason=reason, used=True, numbers=(name,))


def category(name: str, column: Any, reason: str, *, seen: Distinct | None = None) -> Fitted:
    """The levels that occur most often, as they rise (`automl.data.level_order`); `seen` may bring the distinct values of the
    column along.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    seen = distinct(column) if seen is None else seen
    labels, counts = merged(category_labels(seen.values), seen.counts)
    ranked = pa.table({"label": labels, "count": pa.array(-counts)})
    order = pc.sort_indices(ranked, sort_keys=[("count", "ascending"), ("label", "ascending")])
    lost = max(0, len(labels) - MOST_LEVELS)
    levels = labels.take(order.slice(0, MOST_LEVELS)).to_pylist()
    if not levels:
        return unused(name, "constant", "all values are missing", value=None), []
    if len(levels) == 1:
        return one_value(name, levels[0], present=int(counts.sum()), rows=len(column)), []
    levels = in_order(levels)
    params, categories = {"levels": levels}, ((name, len(levels)),)
    return (
        Column(name=name, kind="category", reason=reason, used=True, params=params, categories=categories),
        _rare(name, lost, len(levels)),
    )


def _rare(name: str, lost: int, kept: int) -> list[Finding]:
    if not lost:
        return []
    message = f"column {name!r}: the {lost:,} rarest of {lost + kept:,} levels are not told apart"
    return [Finding(level="repair", code="rare-levels", column=name, count=lost, message=message)]


def date(name: str, column: Any, formats: list[str], reason: str) -> Column:
    """Moments, of which those parts are used that vary."""
    step = max(1, len(column) // SAMPLE)
    some, days, hours = [], [], []
    lowest, highest, known_rows, unread_rows = np.inf, -np.inf, 0, 0
    for block in blocks(column):
        seconds, (unread, *_) = to_seconds(block, {"formats": formats})
        known = seconds[~np.isnan(seconds)]
        known_rows, unread_rows = known_rows + len(known), unread_rows + unread
        if len(known):
            clock = known % DAY
            hours += [clock.min(), clock.max()]
            lowest, highest = min(lowest, known.min()), max(highest, known.max())
            days.append(days_there(known))
            some.append(known[::step])
    if lowest >= highest:
        if is_worth_telling(known_rows, len(column)) and not unread_rows:
            return there_or_not(name, None, "one date", present=known_rows, rows=len(column))
        return unused(name, "constant", "all dates are the same" if some else "no date can be read")
    reference = float(np.floor(np.median(np.concatenate(some)) / DAY) * DAY)
    found = {"days", *varying_parts(np.concatenate(days)), *({"hour"} if min(hours) != max(hours) else ())}
    varied = [part for part in PARTS if part in found]
    return Column(
        name=name,
        kind="date",
        reason=reason,
        used=True,
        params={"formats": formats, "reference": reference, "parts": varied},
        numbers=tuple(f"{name} {part}" for part in varied),
        categories=tuple((f"{name} {part}", levels) for part, levels in CATEGORY_PARTS.items() if part in varied),
    )
