"""What a column holds, found from its values, with the reason in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.dates import (
    CATEGORY_PARTS,
    PARTS,
    date_parts,
    find_formats,
    looks_like_dates,
    parse_with,
)
from automl.data.numbers_as_text import parse_number, uses_decimal_comma
from automl.data.records import MISSING_TOKENS, Finding, Kind
from automl.data.schema import USED_KINDS, Column
from automl.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

NUMBER_SHARE = 0.95
"""Share of the values of a text column that must be numbers (or dates) for it to count as such."""
MOST_LEVELS = 100_000
"""Levels of a category that are told apart, by frequency; the others count as unseen."""
FEW_CODES = 30
MANY_CODES = 100
"""Whole numbers in a dense range: up to `FEW_CODES` or from `MANY_CODES` values they may be codes; in between
(ages, scores) they are quantities."""
SAMPLE = 20_000
"""Rows by which costly questions (words, formats) are answered."""
TRUE_WORDS = frozenset({"true", "yes", "y", "t", "on"})
FALSE_WORDS = frozenset({"false", "no", "n", "f", "off"})
CATEGORY_MISSING = frozenset({"", "?", "NA", "N/A", "n/a", "na", "nan", "NaN", "null", "NULL", "Null", "<NA>", "#N/A"})
"""Missing in a category; "None", "-" and "." may be real levels there."""
_ID_NAME = re.compile(r"(^|[_\s.-])(id|uuid|guid|key|index|idx|rowid|row_?number|row)$|^(id|row|index)[_\s.-]?|Id$|ID$")


@dataclass(frozen=True, kw_only=True)
class Distinct:
    """Distinct values of a column, as text where they are text, and how often they occur."""

    values: Any
    """Arrow array"""
    codes: NDArray[np.int64]
    """For each row the place of its value; one past the last for missing."""
    counts: NDArray[np.int64]


def distinct(column: Any) -> Distinct:
    """Distinct values, places and counts of a column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return Distinct(
            values=pa.array([], pa.string()), codes=np.zeros(len(column), np.int64), counts=np.zeros(0, np.int64)
        )
    coded = pc.dictionary_encode(column)
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    if isinstance(coded, pa.ChunkedArray):
        coded = (
            coded.chunk(0)
            if coded.num_chunks
            else pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array([], column.type))
        )
    values = coded.dictionary
    codes = coded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False).astype(np.int64)
    counts = np.bincount(codes, minlength=len(values) + 1)[: len(values)]
    return Distinct(values=values, codes=codes, counts=counts)


def fit_column(name: str, column: Any, wanted: Kind | None) -> tuple[Column, list[Finding]]:
    """The kind of one column, or the kind the user wants, with what encoding it needs."""
    import pyarrow as pa

    kind = column.type
    if wanted is not None:
        return _as_wanted(name, column, wanted)
    if column.null_count == len(column):
        return _unused(name, "constant", f"all {len(column):,} values are missing"), []
    if pa.types.is_boolean(kind):
        return _boolean(name, column, "true and false"), []
    if pa.types.is_temporal(kind):
        return _date(name, column, [], f"dates ({kind})"), []
    if pa.types.is_string(kind):
        return _text_column(name, column)
    return _numeric_column(name, column)


def _unused(name: str, kind: Kind, reason: str) -> Column:
    return Column(name=name, kind=kind, reason=reason, used=False)


# -- numbers --------------------------------------------------------------------------------------


def _numeric_column(name: str, column: Any) -> tuple[Column, list[Finding]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    low, high = (pc.min_max(column)[side].as_py() for side in ("min", "max"))
    if low == high or (isinstance(low, float) and low != low):  # noqa: PLR0124 - NaN: nothing but NaN
        same = "missing" if low != low else f"{low!r}"  # noqa: PLR0124
        return _unused(name, "constant", f"every value is {same}"), []
    rows = len(column) - column.null_count
    if not pa.types.is_integer(column.type):
        return _number(name, column, f"numbers from {low:g} to {high:g}")
    count = pc.count_distinct(column).as_py()
    if count == rows and rows > 20 and (_ID_NAME.search(name) or high - low == rows - 1):
        why = "its name says so" if _ID_NAME.search(name) else "they are consecutive"
        return _unused(name, "id", f"{rows:,} whole numbers, all different, and {why}"), []
    dense = high - low + 1 <= 3 * count
    often = rows >= 5 * count
    if dense and often and (3 <= count <= FEW_CODES or (count >= MANY_CODES and low >= 0)):
        reason = f"{count:,} different whole numbers from {low} to {high} that occur again and again"
        return _integer_code(name, column, reason)
    return _number(name, column, f"{count:,} different whole numbers from {low:,} to {high:,}")


def centre_of(values: NDArray[np.float64]) -> float:
    """What to subtract so that float32 keeps the differences between values; 0 when it does anyway."""
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0
    middle = float(np.median(known))
    spread = float(np.std(known))
    return middle if abs(middle) > 1e4 * max(spread, 1e-300) or np.abs(known).max() > 2**24 > spread else 0.0


def _number(name: str, column: Any, reason: str, params: dict[str, Any] | None = None) -> tuple[Column, list[Finding]]:
    from automl.data.encode import to_numbers

    params = dict(params or {})
    values, _ = to_numbers(column, params)
    params["centre"] = centre_of(values)
    return Column(name=name, kind="number", reason=reason, used=True, params=params, numbers=(name,)), []


def _integer_code(name: str, column: Any, reason: str) -> tuple[Column, list[Finding]]:
    found, findings = _category(name, column, reason)
    numeric, _ = _number(name, column, reason)
    return (
        Column(
            name=name,
            kind="integer_code",
            reason=reason,
            used=True,
            params={**found.params, **numeric.params},
            numbers=(name,),
            categories=found.categories,
        ),
        findings,
    )


# -- text -----------------------------------------------------------------------------------------


def _text_column(name: str, column: Any) -> tuple[Column, list[Finding]]:
    seen = distinct(column)
    texts = [text.strip() for text in seen.values.to_pylist()]
    counts = dict(zip(texts, seen.counts.tolist(), strict=True))
    missing = sum(counts[text] for text in set(texts) & set(MISSING_TOKENS))
    rows = int(seen.counts.sum())
    real = [text for text in texts if text not in MISSING_TOKENS]
    if not real:
        if len(set(texts)) > 1:
            return _category(name, column, f"{len(texts)} different short marks")
        return _unused(name, "constant", f"all {len(column):,} values are missing"), []
    if len(set(texts)) == 1:
        return _unused(name, "constant", f"every value is {texts[0]!r}"), []
    if {text.lower() for text in real} <= TRUE_WORDS | FALSE_WORDS and len(
        {text.lower() in TRUE_WORDS for text in real}
    ) == 2:
        return _boolean(name, column, f"only {', '.join(sorted(set(real))[:4])}"), []
    present = rows - missing
    numeric = _numbers_in_text(name, column, real, counts, present)
    if numeric is not None:
        return numeric
    if looks_like_dates(real):
        dated = _dates_in_text(name, column, real, counts, present)
        if dated is not None:
            return dated
    return _words(name, column, real, present)


def _numbers_in_text(
    name: str, column: Any, real: list[str], counts: dict[str, int], rows: int
) -> tuple[Column, list[Finding]] | None:
    some = real[:SAMPLE]
    comma = uses_decimal_comma(some)
    if sum(parse_number(text, decimal_comma=comma) is not None for text in some) < 0.8 * len(some):
        return None
    wrong = [text for text in real if parse_number(text, decimal_comma=comma) is None]
    unread = sum(counts[text] for text in wrong)
    if unread > (1 - NUMBER_SHARE) * rows:
        return None
    codes = [text for text in some if len(text) > 1 and text[0] == "0" and text.isdigit()]
    if codes and len(codes) > 0.05 * len(some) and all(text.isdigit() for text in real):
        return _words(name, column, real, rows)
    message = f"column {name!r}: numbers written as text, such as {real[0]!r}, are read as numbers"
    if wrong:
        message += f"; {unread:,} of {rows:,} values are none ({wrong[0]!r}) and count as missing"
    finding = Finding(level="repair", code="numbers-as-text", column=name, count=unread, message=message)
    params = {"as_text": True, "decimal_comma": comma}
    fitted, more = _number(name, column, f"{rows:,} numbers written as text", params)
    return fitted, [finding, *more]


def _dates_in_text(
    name: str, column: Any, real: list[str], counts: dict[str, int], rows: int
) -> tuple[Column, list[Finding]] | None:
    import pyarrow as pa

    step = max(1, len(real) // 2000)
    formats, share = find_formats(pa.array(real[::step], pa.string()))
    if share < 0.8:
        return None
    seconds = parse_with(pa.array(real, pa.string()), formats)
    wrong = [text for text, moment in zip(real, seconds, strict=True) if moment != moment]  # noqa: PLR0124 - NaN
    unread = sum(counts[text] for text in wrong)
    if unread > (1 - NUMBER_SHARE) * rows:
        return None
    findings = []
    if wrong:
        message = f"column {name!r}: {unread:,} of {rows:,} values are no date ({wrong[0]!r}) and count as missing"
        findings.append(Finding(level="repair", code="dates-unread", column=name, count=unread, message=message))
    if len(formats) > 1:
        message = f"column {name!r}: dates are written in {len(formats)} ways ({', '.join(formats)}), all are read"
        findings.append(Finding(level="repair", code="date-formats", column=name, count=len(formats), message=message))
    return _date(name, column, formats, f"dates written as {', '.join(formats)}"), findings


def _words(name: str, column: Any, real: list[str], rows: int) -> tuple[Column, list[Finding]]:
    """Id, text or category: by how often values repeat and how many words they have."""
    step = max(1, len(real) // 2000)
    some = real[::step]
    words = sum(len(text.split()) for text in some) / len(some)
    length = sum(len(text) for text in some) / len(some)
    unique = len(real) / rows
    figures = f"{len(real):,} different texts in {rows:,} rows, {words:.1f} words on average"
    if (words >= 5 and length >= 25 and len(real) > 20 and unique > 0.05) or (
        words >= 1.8 and unique > 0.5 and len(real) > 50
    ):
        return _text(name, figures), []
    if unique > 0.95 and rows > 20 and words < 1.8:
        return _unused(name, "id", f"{figures}: nearly every row has its own"), []
    return _category(name, column, figures)


def _text(name: str, reason: str) -> Column:
    return Column(name=name, kind="text", reason=reason, used=True, numbers=(f"{name} length", f"{name} words"))


# -- the rest -------------------------------------------------------------------------------------


def _boolean(name: str, column: Any, reason: str) -> Column:
    from automl.data.encode import to_booleans

    values, _ = to_booleans(column)
    known = values[~np.isnan(values)]
    if len(known) and (known == known[0]).all():
        return _unused(name, "constant", f"every value is {bool(known[0])}")
    return Column(name=name, kind="boolean", reason=reason, used=True, numbers=(name,))


def category_labels(values: pa.Array) -> list[str | None]:
    """Labels of distinct values: text without outer space, whole numbers without ".0"; None for missing."""
    labels: list[str | None] = []
    for value in values.to_pylist():
        if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
            labels.append(None)
        elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            labels.append(str(int(value)))
        elif isinstance(value, bool):
            labels.append("true" if value else "false")
        else:
            text = str(value).strip()
            labels.append(None if text in CATEGORY_MISSING else text)
    return labels


def _category(name: str, column: Any, reason: str) -> tuple[Column, list[Finding]]:
    seen = distinct(column)
    counts: dict[str, int] = {}
    for label, count in zip(category_labels(seen.values), seen.counts.tolist(), strict=True):
        if label is not None:
            counts[label] = counts.get(label, 0) + count
    levels = sorted(counts, key=lambda label: (-counts[label], label))
    findings = []
    if len(levels) > MOST_LEVELS:
        lost = len(levels) - MOST_LEVELS
        message = f"column {name!r}: the {lost:,} rarest of {len(levels):,} levels are not told apart"
        findings.append(Finding(level="repair", code="rare-levels", column=name, count=lost, message=message))
        levels = levels[:MOST_LEVELS]
    if len(levels) <= 1:
        return _unused(
            name, "constant", f"every value is {levels[0]!r}" if levels else "all values are missing"
        ), findings
    return (
        Column(
            name=name,
            kind="category",
            reason=reason,
            used=True,
            params={"levels": levels},
            categories=((name, len(levels)),),
        ),
        findings,
    )


def _date(name: str, column: Any, formats: list[str], reason: str) -> Column:
    from automl.data.encode import to_seconds

    seconds, _ = to_seconds(column, {"formats": formats})
    known = seconds[~np.isnan(seconds)]
    if not len(known) or known.min() == known.max():
        return _unused(name, "constant", "all dates are the same" if len(known) else "no date can be read")
    reference = float(np.floor(np.median(known) / 86_400) * 86_400)
    parts = date_parts(known, reference)
    varied = [part for part in PARTS if parts[part].min() != parts[part].max()]
    return Column(
        name=name,
        kind="date",
        reason=reason,
        used=True,
        params={"formats": formats, "reference": reference, "parts": varied},
        numbers=tuple(f"{name} {part}" for part in varied),
        categories=tuple((f"{name} {part}", levels) for part, levels in CATEGORY_PARTS.items() if part in varied),
    )


def _as_wanted(name: str, column: Any, wanted: Kind) -> tuple[Column, list[Finding]]:
    """The kind the user asked for; SettingsError when the values do not allow it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    reason = "as asked"
    is_text = pa.types.is_string(column.type)
    if wanted not in USED_KINDS:
        return _unused(name, wanted, reason), []
    if wanted == "category":
        return _category(name, column, reason)
    if wanted == "text":
        return _text(name, reason), []
    if wanted == "boolean":
        return _boolean(name, column, reason), []
    if wanted == "date":
        formats: list[str] = []
        if is_text:
            formats, share = find_formats(distinct(column).values)
            if not share:
                raise SettingsError(f"column {name!r} was asked to be a date, but no value reads as one")
        elif not pa.types.is_temporal(column.type):
            raise SettingsError(
                f"column {name!r} was asked to be a date, but holds {column.type}; give dates as text or timestamps"
            )
        return _date(name, column, formats, reason), []
    params: dict[str, Any] = {}
    if is_text:
        texts = [text.strip() for text in pc.unique(column).to_pylist() if text is not None]
        params = {"as_text": True, "decimal_comma": uses_decimal_comma(texts)}
        if not any(parse_number(text, decimal_comma=params["decimal_comma"]) is not None for text in texts):
            raise SettingsError(f"column {name!r} was asked to be a {wanted}, but no value reads as a number")
    if wanted == "integer_code":
        return _integer_code(name, column, reason)
    return _number(name, column, reason, params)
