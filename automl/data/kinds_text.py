"""What a column of text holds: numbers, dates, yes and no, categories, words or ids."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data import fitted
from automl.data.clock import are_worded, minutes_and_seconds, parse_clock
from automl.data.column_texts import NUMBER_SHARE, Judged, Texts
from automl.data.date_order import order_finding, order_of, settle, year_finding
from automl.data.dates import DAY, find_formats, looks_like_dates, parse_with
from automl.data.decimal_sign import sign_finding
from automl.data.distinct import Distinct, among, distinct, merged, stripped
from automl.data.numbers_as_text import find_decimal_sign, parse_number, parse_numbers
from automl.data.presence import one_value
from automl.data.records import Finding
from automl.data.text import words_and_letters
from automl.data.units import find_unit, mixed_currencies, mixed_units, parse_with_unit, without_unit
from automl.data.values import FALSE_WORDS, TRUE_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from automl.data.fitted import Fitted

FEWEST_NUMBERS, FEWEST_MOMENTS = 20, 5
"""So many of them must be different: fewer numbers may be codes, of which "K" or "other" is one more."""
FEWEST_WITH_UNIT = 5
"""Different numbers with a unit: fewer are as good as categories."""
_BEYOND = re.compile(r"[+-]?\d{19,}")
FIRST_LOOK = 500
"""So many texts rule out most columns of words at once."""
SOME = 2000
"""So many texts tell what others look like."""


def text_column(name: str, column: Any, seen: Distinct | None = None) -> Fitted:
    """The kind of a text column that is not missing as a whole; `seen` may bring its distinct values along."""
    import pyarrow as pa

    seen = distinct(column) if seen is None else seen
    labels, counts = merged(stripped(seen.values), seen.counts)
    known = ~among(labels)
    texts = Texts(
        name=name,
        column=column,
        seen=seen,
        real=labels.filter(pa.array(known)),
        counts=counts[known],
        rows=int(counts[known].sum()),
    )
    if not len(texts.real):
        if len(labels) > 1:
            return fitted.category(name, column, f"{len(labels)} different short marks", seen=seen)
        return fitted.unused(name, "constant", f"all {len(column):,} values are missing", value=None), []
    if len(labels) == 1 or (len(texts.real) == 1 and parse_number(texts.real[0].as_py()) is not None):
        return one_value(name, texts.real[0].as_py(), present=texts.rows, rows=len(column)), []
    found = _booleans(texts) or _codes(texts) or _numbers(texts) or _clock(texts) or _dates(texts)
    return found or _with_unit(texts) or _words(texts)


def _booleans(texts: Texts) -> Fitted | None:
    if len(texts.real) > 4 * len(TRUE_WORDS | FALSE_WORDS):
        return None
    real = texts.real.to_pylist()
    words = {text.lower() for text in real}
    if not (words <= TRUE_WORDS | FALSE_WORDS and words & TRUE_WORDS and words & FALSE_WORDS):
        return None
    return fitted.boolean(texts.name, texts.column, f"only {', '.join(sorted(real)[:4])}"), []


def _numbers(texts: Texts) -> Fitted | None:
    some = texts.some(fitted.SAMPLE)
    if not (_mostly_numbers(texts.some(FIRST_LOOK), 0.5) and _mostly_numbers(some, 0.8)):
        usual = texts.usual(fitted.SAMPLE)
        if len(usual) < FEWEST_NUMBERS or not _mostly_numbers(usual, 0.8):
            return None
    sign = find_decimal_sign(some)
    comma = sign.decimal_comma
    wrong = np.isnan(parse_numbers(texts.real, decimal_comma=comma))
    judged = texts.judged(wrong, FEWEST_NUMBERS)
    if judged is not None and judged.marks and _has_codes(texts):
        judged = None
    if judged is None:
        if not (sign.comma and sign.point):
            return None
        column, findings = _words(texts)  # half of them would be missing
        return column, [*findings, *sign_finding(texts.name, sign)]
    if any(map(_BEYOND.fullmatch, some)) and len(np.unique(parse_numbers(texts.real))) < len(texts.real):
        return None  # whole numbers beyond 64 bits, of which fractions would make some equal
    if judged.unread:
        unit = find_unit(
            [texts.real[place].as_py() for place in np.flatnonzero(judged.wrong)[:SOME].tolist()], rare=True
        )
        more = None if unit is None else _with_unit(texts, unit, judged.unread)
        if more is not None:
            return more
    params = {"as_text": True, "decimal_comma": comma, **judged.params}
    column = fitted.number(texts.name, texts.column, f"{judged.rows:,} numbers written as text", params)
    finding = _as_text_finding(
        texts, judged, "numbers-as-text", f"such as {texts.first(~wrong)!r}, are read as numbers"
    )
    findings = [finding, *judged.findings(texts.name, "numbers"), *sign_finding(texts.name, sign)]
    findings += mixed_currencies(texts.name, texts.real, texts.counts, ~wrong)
    return column, [*findings, *_mixed_percent(texts, ~wrong)]


def _as_text_finding(texts: Texts, judged: Judged, code: str, told: str) -> Finding:
    message = f"column {texts.name!r}: numbers written as text, {told}"
    if judged.unread:
        example = texts.first(judged.wrong)
        message += f"; {judged.unread:,} of {judged.rows:,} values are none ({example!r}) and count as missing"
    return Finding(level="repair", code=code, column=texts.name, count=judged.unread, message=message)


def _has_codes(texts: Texts) -> bool:
    """Whether a value is a whole number with a leading zero."""
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring_regex(texts.real, "^0[0-9]+$")).as_py())


def _with_unit(texts: Texts, unit: dict[str, Any] | None = None, most: int | None = None) -> Fitted | None:
    """Numbers that all have one unit or currency, such as "12.3 kg" and "USD 5".

    `unit` where it is known; `most` rows may not be read then, less one.
    """
    import pyarrow as pa

    some = texts.some(SOME)
    if unit is None and find_unit(texts.some(FIRST_LOOK // 10)) is not None:
        unit = find_unit(some)
    if unit is None:
        return None
    sign = find_decimal_sign(without_unit(pa.array(some, pa.string()), unit).to_pylist())
    wrong = np.isnan(parse_with_unit(texts.real, unit, sign.decimal_comma))
    judged = texts.judged(wrong, FEWEST_NUMBERS)
    if judged is None or len(wrong) - int(wrong.sum()) < FEWEST_WITH_UNIT or (most and judged.unread >= most):
        return None
    name, example = texts.name, texts.first(~wrong)
    left_out = ", ".join(unit["before"] + unit["after"])
    what = " and ".join(
        [f"without {left_out}"] * bool(left_out) + ["scaled by what follows them"] * bool(unit["scaled"])
    )
    params = {"as_text": True, "decimal_comma": sign.decimal_comma, "unit": unit, **judged.params}
    column = fitted.number(name, texts.column, f"{judged.rows:,} numbers with a unit, such as {example!r}", params)
    finding = _as_text_finding(texts, judged, "numbers-with-unit", f"such as {example!r}, are read as numbers {what}")
    mixed = mixed_units(name, texts.real, texts.counts, ~wrong, unit)
    return column, [finding, *mixed, *judged.findings(name, "numbers"), *sign_finding(name, sign)]


def _mixed_percent(texts: Texts, read: NDArray[np.bool_]) -> list[Finding]:
    """A warning where some numbers have a percent sign and others none: 5% may be what another row calls 0.05."""
    import pyarrow.compute as pc

    signed = pc.ends_with(pc.utf8_trim_whitespace(texts.real), "%").to_numpy(zero_copy_only=False).astype(bool) & read
    bare = read & ~signed
    if not (signed.any() and bare.any()):
        return []
    of_percent, of_others = (texts.real[int(np.flatnonzero(mask)[0])].as_py() for mask in (signed, bare))
    message = (
        f"column {texts.name!r}: {int(texts.counts[signed].sum()):,} values have a percent sign, such as {of_percent!r}, the others, such "
        f"as {of_others!r}, none; all are read as they are written, {of_percent!r} as {of_percent.strip().rstrip('%')}: write all one way"
    )
    return [Finding(level="warning", code="mixed-percent", column=texts.name, message=message)]


def _codes(texts: Texts) -> Fitted | None:
    """Whole numbers of which one has a leading zero, such as postcodes, wherever it stands, beside few other texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not any(text.isdigit() for text in texts.some(FIRST_LOOK // 10)):
        return None
    others = ~pc.utf8_is_digit(texts.real).to_numpy(zero_copy_only=False).astype(bool)
    if others.any() and (
        texts.counts[others].sum() > (1 - NUMBER_SHARE) * texts.rows
        or not np.isnan(parse_numbers(texts.real.filter(pa.array(others)), decimal_comma=None)).all()
    ):
        return None
    leading = pc.match_substring_regex(texts.real, "^0[0-9]+$")
    if not pc.any(leading).as_py():
        return None
    name, example = texts.name, texts.real.filter(leading)[0].as_py()
    column, findings = _words(texts)
    message = (
        f"column {name!r}: whole numbers with leading zeros, such as {example!r}, are codes; "
        f"--column {name}=number if they are quantities"
    )
    count = int(texts.counts[leading.to_numpy(zero_copy_only=False).astype(bool)].sum())
    return column, [*findings, Finding(level="info", code="leading-zeros", column=name, count=count, message=message)]


def _mostly_numbers(some: list[str], share: float) -> bool:
    """Whether enough of some texts are numbers, with decimal points or commas."""
    good = sum(parse_number(text) is not None or parse_number(text, decimal_comma=True) is not None for text in some)
    return good >= share * len(some)


def _clock(texts: Texts) -> Fitted | None:
    """Times of day and durations, which are numbers of seconds."""
    import pyarrow as pa

    some = texts.some(FIRST_LOOK)
    words = are_worded(pa.array(some, pa.string()))
    if not words and sum(":" in text or text.endswith((" day", " days")) for text in some) < 0.8 * len(some):
        return None
    if np.isnan(parse_clock(pa.array(some, pa.string()), days_alone=True, words=words)).sum() > 0.3 * len(some):
        return None
    minutes = minutes_and_seconds(texts.real)
    seconds = parse_clock(texts.real, days_alone=True, minutes=bool(minutes), words=words)
    wrong = np.isnan(seconds)
    judged = texts.judged(wrong, FEWEST_MOMENTS)
    if judged is None:
        return None
    name, example = texts.name, texts.first(~wrong)
    of_day = not (minutes or words) and np.nanmin(seconds) >= 0 and np.nanmax(seconds) < DAY
    what = "times of day" if of_day else "durations"
    findings = [*_moments_unread(texts, judged, "times-unread", what), *judged.findings(name, what)]
    findings += clock_finding(name, minutes)
    reason = f"{what}, such as {example!r}, in seconds"
    params = {"as_text": True, "clock": True, **clock_params(minutes, words), **judged.params}
    return fitted.number(name, texts.column, reason, params), findings


def clock_params(minutes: bool | None, words: bool) -> dict[str, Any]:
    """What encoding needs to know of the manner of times, but for the usual one."""
    return {name: True for name, so in (("minutes", minutes), ("words", words)) if so}


def clock_finding(name: str, minutes: bool | None) -> list[Finding]:
    """A word on times of two parts beside others of three, where they are not hours and minutes or nothing says so."""
    if minutes is False:
        return []
    what, why = (
        ("minutes and seconds", "as some have more than 23")
        if minutes
        else ("hours and minutes", "though nothing says so")
    )
    message = (
        f"column {name!r}: times of two parts beside others of three are read as {what}, {why}; write all with three"
    )
    return [Finding(level="info" if minutes else "warning", code="mixed-times", column=name, message=message)]


def _moments_unread(texts: Texts, judged: Judged, code: str, what: str) -> list[Finding]:
    if not judged.unread:
        return []
    name, example = texts.name, texts.first(judged.wrong)
    message = (
        f"column {name!r}: {judged.unread:,} of {judged.rows:,} values are no {what} ({example!r}) and count as missing"
    )
    return [Finding(level="repair", code=code, column=name, count=judged.unread, message=message)]


def _dates(texts: Texts) -> Fitted | None:
    import pyarrow as pa

    for some in (texts.some(SOME), texts.usual(SOME)):
        if not looks_like_dates(some[:: max(1, len(some) // 50)]):
            continue
        formats, share = find_formats(pa.array(some, pa.string()))
        if share >= 0.8:
            break
    else:
        return None
    formats, undecided = settle(texts.real, formats)
    wrong = np.isnan(parse_with(texts.real, formats))
    judged = texts.judged(wrong, FEWEST_MOMENTS)
    if judged is None:
        return None
    name, findings = texts.name, [*judged.findings(texts.name, "dates")]
    order = order_of(formats)
    if undecided and order is not None:
        findings.append(order_finding(name, order, texts.first(~wrong)))
    findings += year_finding(name, formats, texts.first(~wrong))
    findings += _moments_unread(texts, judged, "dates-unread", "date")
    if len(formats) > 1:
        message = f"column {name!r}: dates are written in {len(formats)} ways ({', '.join(formats)}), all are read"
        findings.append(Finding(level="repair", code="date-formats", column=name, count=len(formats), message=message))
    column = fitted.date(name, texts.column, formats, f"dates written as {', '.join(formats)}")
    return replace(column, params={**column.params, **judged.params}) if column.used else column, findings


def _words(texts: Texts) -> Fitted:
    """Id, text or category: by how often values repeat and how many words they have."""
    name, count, rows = texts.name, len(texts.real), texts.rows
    some = texts.some(SOME)
    words, length = (sum(sizes) / len(some) for sizes in zip(*map(words_and_letters, some), strict=True))
    unique = count / rows
    figures = f"{count:,} different texts in {rows:,} rows, {words:.1f} words on average"
    if (words >= 5 and length >= 25 and count > 20 and unique > 0.05) or (words >= 1.8 and unique > 0.5 and count > 50):
        return fitted.text(name, figures, rows), []
    if unique > 0.95 and rows > 20 and words < 1.8:
        return fitted.unused(name, "id", f"{figures}: nearly every row has its own"), []
    return fitted.category(name, texts.column, figures, seen=texts.seen)
