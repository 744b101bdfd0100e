"""What a column of text holds: numbers, dates, yes and no, categories, words or ids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data import fitted
from automl.data.clock import parse_clock
from automl.data.date_order import order_finding, order_of, settle
from automl.data.dates import DAY, find_formats, looks_like_dates, parse_with
from automl.data.decimal_sign import sign_finding
from automl.data.distinct import Distinct, among, distinct, merged, stripped
from automl.data.numbers_as_text import find_decimal_sign, parse_number, parse_numbers
from automl.data.presence import one_value
from automl.data.records import Finding
from automl.data.values import FALSE_WORDS, TRUE_WORDS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.data.fitted import Fitted

NUMBER_SHARE = 0.95
"""Share of the values of a text column that must be numbers (or dates) for it to count as such."""
_BEYOND = re.compile(r"[+-]?\d{19,}")
FIRST_LOOK = 500
"""So many texts rule out most columns of words at once."""


@dataclass(frozen=True, kw_only=True)
class _Texts:
    """The different texts of a column, without outer space and without what means missing."""

    name: str
    column: Any
    seen: Distinct
    real: pa.Array
    counts: NDArray[np.int64]
    rows: int
    """Rows with such a text."""

    def some(self, most: int) -> list[str]:
        """At most about so many of the texts, from all over the column."""
        step = max(1, len(self.real) // most)
        return [text.as_py() for text in self.real[::step]] if step > 1 else self.real.to_pylist()


def text_column(name: str, column: Any, seen: Distinct | None = None) -> Fitted:
    """The kind of a text column that is not missing as a whole; `seen` may bring its distinct values along."""
    import pyarrow as pa

    seen = distinct(column) if seen is None else seen
    labels, counts = merged(stripped(seen.values), seen.counts)
    known = ~among(labels)
    texts = _Texts(
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
    return _booleans(texts) or _codes(texts) or _numbers(texts) or _clock(texts) or _dates(texts) or _words(texts)


def _booleans(texts: _Texts) -> Fitted | None:
    if len(texts.real) > 4 * len(TRUE_WORDS | FALSE_WORDS):
        return None
    real = texts.real.to_pylist()
    words = {text.lower() for text in real}
    if not (words <= TRUE_WORDS | FALSE_WORDS and words & TRUE_WORDS and words & FALSE_WORDS):
        return None
    return fitted.boolean(texts.name, texts.column, f"only {', '.join(sorted(real)[:4])}"), []


def _numbers(texts: _Texts) -> Fitted | None:

    if not _mostly_numbers(texts.some(FIRST_LOOK), 0.5):
        return None
    some = texts.some(fitted.SAMPLE)
    if not _mostly_numbers(some, 0.8):
        return None
    sign = find_decimal_sign(some)
    comma = sign.decimal_comma
    wrong = np.isnan(parse_numbers(texts.real, decimal_comma=comma))
    unread = int(texts.counts[wrong].sum())
    if unread > (1 - NUMBER_SHARE) * texts.rows:
        if not (sign.comma and sign.point):
            return None
        column, findings = _words(texts)  # half of them would be missing
        return column, [*findings, *sign_finding(texts.name, sign)]
    if any(map(_BEYOND.fullmatch, some)) and len(np.unique(parse_numbers(texts.real))) < len(texts.real):
        return None  # whole numbers beyond 64 bits, of which fractions would make some equal
    name, rows = texts.name, texts.rows
    example = texts.real[int(np.flatnonzero(~wrong)[0])].as_py()
    message = f"column {name!r}: numbers written as text, such as {example!r}, are read as numbers"
    if unread:
        message += f"; {unread:,} of {rows:,} values are none ({_first(texts, wrong)!r}) and count as missing"
    finding = Finding(level="repair", code="numbers-as-text", column=name, count=unread, message=message)
    params = {"as_text": True, "decimal_comma": comma}
    column = fitted.number(name, texts.column, f"{rows:,} numbers written as text", params)
    return column, [finding, *sign_finding(name, sign), *_mixed_percent(texts, ~wrong)]


def _mixed_percent(texts: _Texts, read: NDArray[np.bool_]) -> list[Finding]:
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


def _codes(texts: _Texts) -> Fitted | None:
    """Whole numbers of which one has a leading zero, such as postcodes, wherever it stands."""
    import pyarrow.compute as pc

    if not texts.real[0].as_py().isdigit() or not pc.all(pc.utf8_is_digit(texts.real)).as_py():
        return None
    leading = pc.match_substring_regex(texts.real, "^0[0-9]")
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


def _clock(texts: _Texts) -> Fitted | None:
    """Times of day and durations, which are numbers of seconds."""
    import pyarrow as pa

    some = texts.some(FIRST_LOOK)
    if sum(":" in text for text in some) < 0.8 * len(some):
        return None
    if np.isnan(parse_clock(pa.array(some, pa.string()))).sum() > 0.2 * len(some):
        return None
    seconds = parse_clock(texts.real)
    wrong = np.isnan(seconds)
    unread = int(texts.counts[wrong].sum())
    if unread > (1 - NUMBER_SHARE) * texts.rows:
        return None
    name, findings, example = texts.name, [], _first(texts, ~wrong)
    what = "times of day" if np.nanmin(seconds) >= 0 and np.nanmax(seconds) < DAY else "durations"
    if unread:
        message = f"column {name!r}: {unread:,} of {texts.rows:,} values are no {what} ({_first(texts, wrong)!r}) and count as missing"
        findings.append(Finding(level="repair", code="times-unread", column=name, count=unread, message=message))
    reason = f"{what}, such as {example!r}, in seconds"
    return fitted.number(name, texts.column, reason, {"as_text": True, "clock": True}), findings


def _dates(texts: _Texts) -> Fitted | None:
    import pyarrow as pa

    some = texts.some(2000)
    if not looks_like_dates(some[:: max(1, len(some) // 50)]):
        return None
    formats, share = find_formats(pa.array(some, pa.string()))
    if share < 0.8:
        return None
    formats, undecided = settle(texts.real, formats)
    wrong = np.isnan(parse_with(texts.real, formats))
    unread = int(texts.counts[wrong].sum())
    if unread > (1 - NUMBER_SHARE) * texts.rows:
        return None
    name, findings = texts.name, []
    order = order_of(formats)
    if undecided and order is not None:
        findings.append(order_finding(name, order, _first(texts, ~wrong)))
    if unread:
        message = f"column {name!r}: {unread:,} of {texts.rows:,} values are no date ({_first(texts, wrong)!r}) and count as missing"
        findings.append(Finding(level="repair", code="dates-unread", column=name, count=unread, message=message))
    if len(formats) > 1:
        message = f"column {name!r}: dates are written in {len(formats)} ways ({', '.join(formats)}), all are read"
        findings.append(Finding(level="repair", code="date-formats", column=name, count=len(formats), message=message))
    return fitted.date(name, texts.column, formats, f"dates written as {', '.join(formats)}"), findings


def _first(texts: _Texts, wrong: NDArray[np.bool_]) -> str:
    return str(texts.real[int(np.flatnonzero(wrong)[0])].as_py())


def _words(texts: _Texts) -> Fitted:
    """Id, text or category: by how often values repeat and how many words they have."""
    name, count, rows = texts.name, len(texts.real), texts.rows
    some = texts.some(2000)
    words = sum(len(text.split()) for text in some) / len(some)
    length = sum(len(text) for text in some) / len(some)
    unique = count / rows
    figures = f"{count:,} different texts in {rows:,} rows, {words:.1f} words on average"
    if (words >= 5 and length >= 25 and count > 20 and unique > 0.05) or (words >= 1.8 and unique > 0.5 and count > 50):
        return fitted.text(name, figures, rows), []
    if unique > 0.95 and rows > 20 and words < 1.8:
        return fitted.unused(name, "id", f"{figures}: nearly every row has its own"), []
    return fitted.category(name, texts.column, figures, seen=texts.seen)
