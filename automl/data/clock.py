"""Times of day and durations written as text: "09:05", "9:05:30 PM", "36:15:00", "1 days 02:03:04"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_CLOCK = (
    r"^(?P<sign>[+-]?)(?:(?P<days>\d{1,6}) days?,? ?(?P<own>[+-]?))?(?P<hours>\d{1,5}):(?P<minutes>[0-5]\d)"
    r"(?::(?P<seconds>[0-5]\d(?:\.\d+)?))?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?$"
)
"""A sign before the hours is theirs alone: "-1 days +23:55:00" (pandas, Postgres) is five minutes less than nothing."""
_TWO_PARTS, _THREE_PARTS = r"^[+-]?(?P<first>\d{1,5}):[0-5]\d$", r"^[+-]?\d{1,5}:[0-5]\d:[0-5]\d"
_DAYS_ALONE = r"^(?P<days>-?\d{1,6}) days?$"
_WORDS = (
    r"(?i)^(?:PT?)?(?:(?P<days>\d+) ?d(?:ays?)?)?[ ,]*T?(?:(?P<hours>\d+(?:\.\d+)?) ?h(?:(?:ou)?rs?)?\.?)?[ ,]*"
    r"(?:(?P<minutes>\d+(?:\.\d+)?) ?m(?:in(?:ute)?s?)?\.?)?[ ,]*(?:(?P<seconds>\d+(?:\.\d+)?) ?s(?:ec(?:ond)?s?)?\.?)?$"
)
"""As "2h 50m", "1 hr 5 mins" and, of ISO 8601, "PT2H50M"."""
_WORDED, _SEVERAL = 0.8, 0.1
"""Shares of texts that must be durations in words, and have several parts: "45m" alone may be metres."""
_SECONDS = {"hours": 3_600.0, "minutes": 60.0, "seconds": 1.0}
DAY = 86_400.0
HALF_DAY = 43_200.0
HOURS = 24


def parse_clock(
    texts: pa.Array, *, days_alone: bool = False, minutes: bool = False, words: bool = False
) -> NDArray[np.float64]:
    """Seconds ``(texts,)`` since midnight, or of a duration; NaN for what is neither.

    With `days_alone`, "5 days" is one, too: pandas writes durations so where all are whole days. With `minutes`, "59:30"
    is minutes and seconds. With `words`, "2h 50m" is one.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(texts, _CLOCK)

    def part(name: str) -> pa.Array:
        return pc.struct_field(parts, name)

    def signs(name: str) -> NDArray[np.float64]:
        return np.where(pc.equal(part(name), "-").fill_null(False).to_numpy(zero_copy_only=False), -1.0, 1.0)

    def number(name: str) -> NDArray[np.float64]:
        written = pc.if_else(pc.equal(part(name), ""), "0", part(name))
        return np.asarray(pc.cast(written, pa.float64()).to_numpy(zero_copy_only=False))

    clock = np.zeros(len(texts))
    for name, each in _SECONDS.items():
        clock += each * number(name)
    if minutes:
        short = pc.match_substring_regex(texts, _TWO_PARTS).fill_null(False).to_numpy(zero_copy_only=False)
        clock = np.where(short, clock / 60, clock)
    half = pc.utf8_lower(part("half")).fill_null("").to_numpy(zero_copy_only=False)
    if (half != "").any():
        # 12 AM is midnight and 12 PM is noon; 13 PM is nothing.
        clock = np.where((half != "") & ((clock >= HALF_DAY + 3600) | (clock < 3600)), np.nan, clock)
        clock = np.where((half != "") & (clock >= HALF_DAY), clock - HALF_DAY, clock)
        clock = np.where(half == "p", clock + HALF_DAY, clock)
    own = pc.fill_null(pc.not_equal(part("own"), ""), False).to_numpy(zero_copy_only=False)
    total = signs("sign") * number("days") * DAY + np.where(own, signs("own"), signs("sign")) * clock
    if days_alone:
        alone = pc.struct_field(pc.extract_regex(texts, _DAYS_ALONE), "days")
        days = pc.cast(alone, pa.float64()).to_numpy(zero_copy_only=False)
        total = np.where(np.isnan(total), days * DAY, total)
    if words:
        total = np.where(np.isnan(total), _worded(texts)[0], total)
    return total


def _worded(texts: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Seconds ``(texts,)`` of durations in words, NaN for others, and how many parts each has."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.extract_regex(texts, _WORDS)
    total, count = np.zeros(len(texts)), np.zeros(len(texts), dtype=np.int64)
    for name, each in {"days": DAY, **_SECONDS}.items():
        written = pc.struct_field(found, name)
        there = pc.fill_null(pc.not_equal(written, ""), False)
        count += there.to_numpy(zero_copy_only=False)
        total += each * pc.cast(pc.if_else(there, written, "0"), pa.float64()).to_numpy(zero_copy_only=False)
    return np.where(count > 0, total, np.nan), count


def are_worded(texts: pa.Array) -> bool:
    """Whether most of these are durations in words, and some have several parts."""
    import numpy as np

    seconds, parts = _worded(texts)
    return bool(np.isfinite(seconds).mean() >= _WORDED and (parts > 1).mean() >= _SEVERAL) if len(texts) else False


def minutes_and_seconds(texts: pa.Array) -> bool | None:
    """Whether "59:30" is minutes and seconds, as where it stands beside "1:02:30"; None where that does not tell.

    Of times of day none has more than 23 hours; durations with seconds have them whether they are long or short.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    first = pc.struct_field(pc.extract_regex(texts, _TWO_PARTS), "first")
    if first.null_count == len(first) or not pc.any(pc.match_substring_regex(texts, _THREE_PARTS)).as_py():
        return False
    return True if pc.max(pc.cast(first, pa.int64())).as_py() >= HOURS else None
