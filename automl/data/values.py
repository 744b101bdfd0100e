"""Values of one column as numpy arrays: numbers, truth values, moments, codes. Training and predicting share this."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.clock import parse_clock
from automl.data.dates import DIGITS, arrow_seconds, fallback_formats, parse_with
from automl.data.distinct import among, category_labels, distinct, number_label, stripped
from automl.data.numbers_as_text import parse_numbers
from automl.data.records import MISSING_TOKENS
from automl.data.units import parse_with_unit
from automl.data.zones import zone_of
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.data.distinct import Distinct

TRUE_WORDS = frozenset({"true", "yes", "y", "t", "on"})
FALSE_WORDS = frozenset({"false", "no", "n", "f", "off"})
_TRUTH = ("true", "false")
_PLAIN_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,14})(\.\d+)?")
"""Numbers that a text table holds where it holds nothing else: those with a leading zero are codes."""
Unread = tuple[int, str, "NDArray[np.int64]"]
"""How many values could not be read, one of them, and their first row numbers from 1."""
NOTHING: Unread = (0, "", np.zeros(0, dtype=np.int64))
Unseen = tuple[int, tuple[str, ...]]
"""How many values have unknown levels, and some of these."""


def to_numbers(values: Any, params: Mapping[str, Any]) -> tuple[NDArray[np.float64], Unread]:
    """Float64 ``(rows,)`` with NaN for missing, and what could not be read.

    Moments are numbers (seconds) only where they were in training too.
    """
    import pyarrow as pa

    if params.get("moments"):
        return to_seconds(values, {"formats": [], "zone": None})
    if pa.types.is_string(values.type):
        marks: Sequence[str] = params.get("marks", ())
        if params.get("clock"):
            manner = {name: bool(params.get(name)) for name in ("minutes", "words")}
            return _read_texts(values, lambda texts: parse_clock(texts, days_alone=True, **manner), marks)
        comma: bool | None = params.get("decimal_comma")
        unit = params.get("unit")
        if unit is not None:
            return _read_texts(values, lambda texts: parse_with_unit(texts, unit, comma), marks)
        numbers, unread = _read_texts(values, lambda texts: _numbers_or_durations(texts, comma), marks)
        return numbers - params.get("origin", 0), unread
    if pa.types.is_temporal(values.type):
        return _nothing_readable(values)
    return _as_floats(values, params.get("origin", 0)), NOTHING


def _numbers_or_durations(texts: pa.Array, decimal_comma: bool | None) -> NDArray[np.float64]:
    """Numbers, and seconds of texts such as "1 days 02:03:04": a column of durations looks like that in a file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = parse_numbers(texts, decimal_comma=decimal_comma)
    days = np.flatnonzero(np.isnan(found) & pc.match_substring(texts, " day").fill_null(False).to_numpy(False))
    if len(days):
        found[days] = parse_clock(texts.take(pa.array(days)), days_alone=True)
    return found


def to_booleans(values: Any) -> tuple[NDArray[np.float64], Unread]:
    """1, 0 or NaN ``(rows,)``, and what could not be read. Numbers are true when they are not zero."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def read(texts: pa.Array) -> NDArray[np.float64]:
        words = pc.utf8_lower(texts)
        found = np.full(len(texts), np.nan)
        found[among(words, {*TRUE_WORDS, "1", "1.0"})] = 1.0
        found[among(words, {*FALSE_WORDS, "0", "0.0"})] = 0.0
        return found

    if pa.types.is_string(values.type):
        return _read_texts(values, read)
    if pa.types.is_temporal(values.type):
        return _nothing_readable(values)
    numbers = _as_floats(values)
    return np.where(np.isnan(numbers), np.nan, numbers != 0), NOTHING


def to_seconds(values: Any, params: Mapping[str, Any]) -> tuple[NDArray[np.float64], Unread]:
    """Seconds since 1970 ``(rows,)``, NaN for missing, and what could not be read.

    In the time of the zone that the training table's moments had, or else in UTC. DataError where this machine does
    not know that zone.
    """
    import pyarrow as pa

    # While a column is fitted nothing is known of it, and its own zone counts.
    zone = params.get("zone") if "zone" in params or "reference" in params else zone_of(values.type)
    try:
        return _to_seconds(values, params, zone)
    except pa.ArrowInvalid as error:
        if zone is None:
            raise
        raise DataError(
            f"times of the zone {zone!r} cannot be read, as this machine lacks its rules ({error}); install the system's package tzdata"
        ) from error


def _to_seconds(values: Any, params: Mapping[str, Any], zone: str | None) -> tuple[NDArray[np.float64], Unread]:
    import pyarrow as pa

    if pa.types.is_temporal(values.type):
        return arrow_seconds(values, zone), NOTHING
    if pa.types.is_string(values.type):
        formats = [*params["formats"], *fallback_formats(params["formats"])]
        return _read_texts(values, lambda texts: parse_with(texts, formats, zone), params.get("marks", ()))
    if DIGITS in params["formats"] and (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return _read_texts(digits_of(values), lambda texts: parse_with(texts, [DIGITS]))
    return _nothing_readable(values)


def digits_of(values: Any) -> Any:
    """Whole numbers as text, as they are written; null for missing, other numbers with their fraction."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_integer(values.type):
        return pc.cast(values, pa.string())
    values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), pa.scalar(2.0**53, values.type)))
    plain = pc.cast(pc.if_else(whole, values, pa.scalar(None, values.type)), pa.int64())
    return pc.coalesce(pc.cast(plain, pa.string()), pc.cast(values, pa.string()))


def to_codes(levels: Sequence[str], values: Any, seen: Distinct | None = None) -> tuple[NDArray[np.int32], Unseen]:
    """Codes ``(rows,)``: places among the known levels, -1 for missing, one past the last for unseen.

    `seen` may bring the distinct values along.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    seen = distinct(values) if seen is None else seen
    labels = category_labels(seen.values)
    places = pc.index_in(labels, value_set=pa.array(levels, pa.string())).fill_null(len(levels))
    table = np.append(places.to_numpy(zero_copy_only=False), -1).astype(np.int32)
    table[:-1][labels.is_null().to_numpy(zero_copy_only=False)] = -1
    _find_by_value(table, levels, seen.values)
    codes = table[seen.codes]
    new = np.flatnonzero(table[:-1] == len(levels))
    if not len(new):
        return codes, (0, ())
    return codes, (int(seen.counts[new].sum()), tuple(labels.take(pa.array(new[:3])).to_pylist()))


def _find_by_value(table: NDArray[np.int32], levels: Sequence[str], values: Any) -> None:
    """Levels that were written otherwise in training, such as "1.0" or "True" for 1 and true.

    A file in which a column has no text reads as numbers or truth values what was text in the training table, and what
    was none there may be text here. Where all levels are numbers, what means "missing" among numbers does so.
    """
    import pyarrow as pa

    known: dict[Any, int]
    wanted: list[Any]
    open_places = np.flatnonzero(table[:-1] == len(levels))
    if not len(open_places):
        return
    if pa.types.is_string(values.type):
        texts = [text.strip() for text in values.take(pa.array(open_places)).to_pylist()]
        plain = [level if _PLAIN_NUMBER.fullmatch(level) else None for level in levels]
        known = {level.lower(): code for code, level in reversed(list(enumerate(levels))) if level.lower() in _TRUTH}
        known |= {float(level): code for code, level in reversed(list(enumerate(plain))) if level is not None}
        known |= dict.fromkeys(MISSING_TOKENS, -1) if None not in plain else {}
        if not known:
            return
        wanted = [
            float(text) if _PLAIN_NUMBER.fullmatch(text) else text.lower() if text.lower() in _TRUTH else text
            for text in texts
        ]
    elif pa.types.is_boolean(values.type):
        known = {level.lower(): code for code, level in reversed(list(enumerate(levels)))}
        wanted = [str(value.as_py()).lower() for value in values.take(pa.array(open_places))]
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        numbers = parse_numbers(pa.array(levels, pa.string()))
        known = {number: code for code, number in reversed(list(enumerate(numbers.tolist())))}
        wanted = [float(value.as_py()) for value in values.take(pa.array(open_places))]
    else:
        return
    for place, value in zip(open_places, wanted, strict=True):
        table[place] = known.get(value, len(levels))


def whole_codes(levels: Sequence[str], values: Any) -> tuple[NDArray[Any], NDArray[np.int32]] | None:
    """Numbers and codes of a column of whole numbers in a narrow range, all of them known; None for others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_int64(values.type) or values.null_count == len(values):
        return None
    ends = pc.min_max(values)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if high - low > 4 * len(levels) + 1000 or max(-low, high) > 2**24:
        return None
    try:
        known = pc.cast(pa.array(levels, pa.string()), pa.int64()).to_numpy()
    except pa.ArrowInvalid:  # some are fractions
        return None
    inside = np.flatnonzero((known >= low) & (known <= high))
    table = np.full(high - low + 1, len(levels), dtype=np.int32)
    table[known[inside] - low] = inside
    numbers = values.to_numpy()
    if not values.null_count:
        codes = table[numbers - low]
        return None if (codes == len(levels)).any() else (numbers, codes)
    missing = np.isnan(numbers)
    codes = table[np.where(missing, low, numbers).astype(np.int64) - low]
    codes[missing] = -1
    return None if (codes == len(levels)).any() else (numbers, codes)


def to_number_codes(levels: Sequence[str], numbers: NDArray[np.float64]) -> tuple[NDArray[np.int32], Unseen]:
    """Like `to_codes` for numbers ``(rows,)``, by their value and not by how they are written."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.cast(pa.array(levels, pa.string()), pa.float64()).to_numpy(zero_copy_only=False)
    order = np.argsort(known, kind="stable")
    ordered = known[order]
    low, high = (float(ordered[0]), float(ordered[-1])) if len(known) else (0.0, 0.0)
    codes = np.full(len(numbers), len(levels), dtype=np.int32)
    with np.errstate(invalid="ignore"):
        inside = (numbers >= low) & (numbers <= high) & (numbers == np.rint(numbers))
        if len(known) and high - low <= 4 * len(known) + 1000 and bool((known == np.rint(known)).all()):
            table = np.full(int(high - low) + 1, len(levels), dtype=np.int32)
            table[(known - low).astype(np.int64)] = np.arange(len(known))
            codes[inside] = table[(numbers[inside] - low).astype(np.int64)]
        elif len(known):
            places = np.minimum(np.searchsorted(ordered, numbers), len(known) - 1)
            codes = np.where(ordered[places] == numbers, order[places], len(levels)).astype(np.int32)
    codes[np.isnan(numbers)] = -1
    new = codes == len(levels)
    if not new.any():
        return codes, (0, ())
    examples = dict.fromkeys(number_label(value) for value in numbers[new][:1000].tolist())
    return codes, (int(new.sum()), tuple(examples)[:3])


def _as_floats(values: Any, origin: int = 0) -> NDArray[np.float64]:
    """Numbers less the origin, which is taken off before whole numbers lose digits as fractions."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if origin and not pa.types.is_int64(values.type):
        return _as_floats(values) - float(origin)
    if origin:
        near = _as_floats(values) - float(origin)
        exact = _as_floats(pc.subtract(values, pa.scalar(origin, pa.int64())))  # wraps around where it is too far
        return np.where(np.abs(near) < 2.0**62, exact, near)
    values = values if pa.types.is_float64(values.type) else pc.cast(values, pa.float64(), safe=False)
    return np.asarray(values.to_numpy(), dtype=np.float64)


def _read_texts(
    values: Any, read: Callable[[pa.Array], NDArray[np.float64]], marks: Sequence[str] = ()
) -> tuple[NDArray[np.float64], Unread]:
    """Each distinct text read once. `read` gives NaN for what it cannot read; `marks` mean "missing" in this column."""
    seen = distinct(values)
    texts = stripped(seen.values)
    missing = among(texts, {*MISSING_TOKENS, *marks} if marks else MISSING_TOKENS)
    found = read(texts)
    wrong = ~missing & np.isnan(found)
    found[missing] = np.nan
    numbers = np.append(found, np.nan)[seen.codes]
    if not wrong.any():
        return numbers, NOTHING
    rows = np.flatnonzero(np.append(wrong, False)[seen.codes])
    return numbers, (len(rows), texts[int(np.flatnonzero(wrong)[0])].as_py(), rows[:5] + 1)


def _nothing_readable(values: Any) -> tuple[NDArray[np.float64], Unread]:
    """Values of a type that says nothing here, such as dates where numbers were."""
    import pyarrow.compute as pc

    rows = np.flatnonzero(pc.is_valid(values).to_numpy())
    example = "" if not len(rows) else str(values[int(rows[0])].as_py())
    return np.full(len(values), np.nan), (len(rows), example, rows[:5] + 1)
