"""Dates: strings to seconds, seconds to useful numbers."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from automl.data.date_texts import plain_dates
from automl.data.records import MISSING_TOKENS
from automl.data.zones import local_seconds, without_zone

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y",
    "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d-%m-%Y",
    "%d-%m-%Y %H:%M", "%m-%d-%Y", "%m-%d-%Y %H:%M", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%Y-%m", "%b %Y",
    "%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p",
    "%d/%m/%Y %I:%M %p", "%m-%d-%Y %I:%M:%S %p", "%d-%m-%Y %I:%M:%S %p", "%m-%d-%Y %I:%M %p", "%d-%m-%Y %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p", "%Y.%m.%d", "%Y.%m.%d %H:%M", "%Y.%m.%d %H:%M:%S", "%b-%Y", "%d %b %Y %H:%M",
    "%d %b %Y %H:%M:%S", "%d-%b-%Y %H:%M", "%d-%b-%Y %H:%M:%S", "%d/%b/%Y", "%d/%b/%Y:%H:%M:%S", "%a, %d %b %Y %H:%M:%S",
    "%a, %d %b %Y", "%A, %B %d, %Y", "%b %d, %Y %H:%M", "%b %d, %Y %I:%M %p", "%b %d, %Y %I:%M:%S %p", "%a %b %d %H:%M:%S %Y",
    "%b %d %Y", "%b %d %Y %I:%M %p", "%d %b, %Y", "%d-%b-%Y %I:%M:%S %p", "%a %d %b %Y",
    "%Y-%m-%d %H", "%Y-%m-%dT%H", "%Y/%m/%d %I:%M:%S %p", "%Y/%m/%d %I:%M %p", "%Y-%b-%d", "%d%b%Y:%H:%M:%S",
)  # fmt: skip
"""Formats that are tried, in this order on a tie. Years may have two digits where they come last."""
YEAR_FIRST = tuple(f"%y{sign}%m{sign}%d{clock}" for sign in "/-." for clock in ("", " %H:%M", " %H:%M:%S"))
"""Years of two digits that come first: tried after those, and never where training had others."""
DIGITS = "%Y%m%d"
"""Of whole numbers such as 20190305, and beside other dates only: text of digits alone is a code or a number."""
FEWEST_OTHERS = 0.02
"""Share of values that must look like dates of other forms where the rest is eight digits."""
_JOINED = re.compile(r"\d{1,2}[A-Za-z]{3,9}\d{2,4}")
"""As SAS writes: "01APR2020"."""
_TWO_DIGITS = r"^[^ ]*\D\d\d( |$)|^\d{1,2} [A-Za-z]+ \d\d( |$)|^[A-Za-z]+ \d{1,2}, ?\d\d( |$)"
_YEAR_1000 = -30_610_224_000
"""Seconds since 1970: what Arrow reads as earlier was a year of fewer digits."""
DAY = 86_400
PAGE_DAYS = 256
"""Calendars begin and end at multiples of this, so that similar ones are the same."""
PARTS = ("days", "year", "month", "day", "weekday", "yearday", "hour")
CATEGORY_PARTS = {"month": 12, "weekday": 7}
"""Parts that are also categories, with their number of levels."""


def parse_with(texts: pa.Array, formats: Sequence[str], zone: str | None = None) -> NDArray[np.float64]:
    """Seconds since 1970 by the first format that fits each text; NaN where none does.

    In UTC; with the name of a zone in that zone's own time. A text that tells no zone is taken as it is.
    """
    import numpy as np

    cleaned, ahead = without_zone(plain_dates(texts))
    found = _parse_clean(cleaned, formats)
    if ahead is None:
        return found
    told = ~np.isnan(ahead)
    found[told] = local_seconds(found[told] - ahead[told], zone)
    return found


def _parse_clean(cleaned: pa.Array, formats: Sequence[str]) -> NDArray[np.float64]:
    """The same of texts without outer space, fractions and zone, in their own zones."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.full(len(cleaned), np.nan)
    for form in formats:
        open_places = np.flatnonzero(np.isnan(found))
        if not len(open_places):
            break
        part = cleaned if len(open_places) == len(cleaned) else cleaned.take(pa.array(open_places))
        moments = pc.strptime(part, format=form, unit="s", error_is_null=True)
        if moments.null_count == len(moments):  # most formats fit nothing
            continue
        seconds = pc.cast(moments, pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)
        _mend_short_years(part, seconds, form)
        fits = ~np.isnan(seconds)
        fits[_days_beyond_the_month(part, seconds, form)] = False
        found[open_places[fits]] = seconds[fits]
    return found


def _mend_short_years(texts: pa.Array, seconds: NDArray[np.float64], form: str) -> None:
    """Read "01/02/23" as 2023, in place: years from 1969 to 2068; NaN for other short years."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    with np.errstate(invalid="ignore"):
        short = np.flatnonzero(seconds < _YEAR_1000)
    if not len(short):
        return
    part = texts.take(pa.array(short))
    if form.startswith("%Y"):  # "0001-01-01" is what .NET writes where nothing is known, and Arrow's reader takes it
        whole = pc.match_substring_regex(part, r"^\d{4}\D").to_numpy(zero_copy_only=False).astype(bool)
        seconds[short[~whole]] = np.nan
        return
    seconds[short] = np.nan
    two = pc.match_substring_regex(part, _TWO_DIGITS).to_numpy(zero_copy_only=False).astype(bool)
    moments = pc.strptime(part.filter(pa.array(two)), format=form.replace("%Y", "%y"), unit="s", error_is_null=True)
    seconds[short[two]] = pc.cast(moments, pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64)


def _days_beyond_the_month(texts: pa.Array, seconds: NDArray[np.float64], form: str) -> NDArray[np.int64]:
    """Places where Arrow has read the 31st of February as the 2nd of March: there is no such day."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if "%d" not in form:
        return np.zeros(0, dtype=np.int64)
    # Only the first days of a month can have come from the one before.
    known = np.flatnonzero(~np.isnan(seconds))
    read = _calendar(np.floor(seconds[known] / DAY))["day"] if len(known) else np.zeros(0)
    early = read <= 3
    pattern = re.escape(form).replace("\\-", "-").replace("\\ ", " ").replace("%d", r"(?P<day>\d{1,2})")
    pattern = re.sub("%[bBaAp]", "[A-Za-z.]+", re.sub("%[YymHIMS]", r"\\d+", pattern)).replace(" ", " *")
    found = pc.struct_field(pc.extract_regex(texts.take(pa.array(known[early])), pattern), "day")
    written = pc.cast(found, pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(known[early][written != read[early]])


def fallback_formats(known: Sequence[str]) -> list[str]:
    """Formats for texts that those of the training table do not fit.

    "01/02/2024" is read only the way round in which the training table wrote it.
    """
    if not set(YEAR_FIRST).isdisjoint(known):  # "19-10-08" is no 19th of October where "19/10/08" is the 8th
        return [form for form in (*FORMATS, *YEAR_FIRST) if form not in known and form[:2].lower() == "%y"]
    heads = {form[:5] for form in known}
    either_way = {"%d/%m", "%m/%d", "%m-%d", *(("%d-%m",) if "%m-%d" in heads else ())}
    return [form for form in FORMATS if form not in known and (form[:5] in heads or form[:5] not in either_way)]


def find_formats(texts: pa.Array) -> tuple[list[str], float]:
    """Formats that read these distinct texts, the most useful first, and the share they read."""
    import numpy as np

    formats: list[str] = []
    read = np.zeros(len(texts), dtype=bool)
    cleaned, _ = without_zone(plain_dates(texts))
    masks: dict[str, NDArray[np.bool_]] = {}
    for form in (*FORMATS, *YEAR_FIRST):
        masks[form] = ~np.isnan(_parse_clean(cleaned, [form]))
        if masks[form].all():  # later ones could read no more
            break
    if any(mask.any() for mask in masks.values()) and not any(mask.all() for mask in masks.values()):
        masks[DIGITS] = ~np.isnan(_parse_clean(cleaned, [DIGITS]))
    for _ in range(3):  # more than three ways of writing in one column are noise
        gains = {form: int((mask & ~read).sum()) for form, mask in masks.items()}
        best = max(masks, key=lambda form: gains[form])
        if gains[best] < max(1, 0.01 * len(texts)):
            break
        formats.append(best)
        read |= masks[best]
    return formats, float(read.mean()) if len(texts) else 0.0


def looks_like_dates(texts: list[str]) -> bool:
    """A cheap look at a few texts: digits with separators, not too long."""
    some = [text for text in texts[:50] if text not in MISSING_TOKENS]
    others = [text for text in some if not (len(text) == 8 and text.isdigit())]
    some = others if len(others) >= FEWEST_OTHERS * len(some) else some  # "20190305" between "5.3.2019" and the like
    good = [
        6 <= len(text) <= 40
        and any(char.isdigit() for char in text)
        and (any(char in "-/.: ,\u5e74" for char in text) or _JOINED.fullmatch(text) is not None)
        for text in some
    ]
    return bool(some) and sum(good) >= 0.8 * len(some)


def parse_dates(column: Any, formats: Sequence[str] | None = None) -> tuple[NDArray[np.float64], int]:
    """Seconds since 1970 of a text column, and how many of its values are no date. `formats` None: found out."""
    import numpy as np
    import pyarrow.compute as pc

    coded = pc.dictionary_encode(column)
    coded = coded.combine_chunks() if hasattr(coded, "combine_chunks") else coded
    formats = find_formats(coded.dictionary)[0] if formats is None else formats
    seconds = np.append(parse_with(coded.dictionary, formats), np.nan)
    codes = coded.indices.fill_null(len(seconds) - 1).to_numpy(zero_copy_only=False)
    found = seconds[codes]
    return found, int(np.isnan(found).sum()) - column.null_count


def arrow_seconds(column: Any, zone: str | None = None) -> NDArray[np.float64]:
    """Seconds since 1970 of an Arrow date or timestamp column; NaN for missing.

    In UTC; with the name of a zone in that zone's own time, as moments without a zone are taken to be.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_date32(kind):
        return np.asarray(pc.cast(pc.cast(column, pa.int32()), pa.float64()).to_numpy() * DAY)
    if pa.types.is_date64(kind):
        return np.asarray(pc.cast(pc.cast(column, pa.int64()), pa.float64()).to_numpy() / 1000)
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
    if zone is not None and kind.tz is not None:
        column = pc.local_timestamp(pc.cast(column, pa.timestamp(kind.unit, zone)))
    return np.asarray(pc.cast(pc.cast(column, pa.int64()), pa.float64(), safe=False).to_numpy()) / scale


def date_parts(
    seconds: NDArray[np.float64], reference: float, wanted: Sequence[str] = PARTS
) -> dict[str, NDArray[np.float32]]:
    """Numbers from moments, float32 ``(rows,)``; NaN stays NaN. ``days`` counts from `reference` (seconds)."""
    import numpy as np

    if not len(seconds):
        return {part: np.zeros(0, dtype=np.float32) for part in wanted}
    days = np.floor(seconds / DAY)
    first, last = (np.nanmin(days), np.nanmax(days)) if not np.isnan(days).all() else (0.0, 0.0)
    if last - first > 4 * len(days) + 1000:
        found, places = np.unique(days, return_inverse=True)
        calendar = _calendar(found)
    else:
        # Few days, many rows: the calendar is worked out once for each day, and looked up.
        first, last = first // PAGE_DAYS * PAGE_DAYS, -(-last // PAGE_DAYS) * PAGE_DAYS
        calendar = _calendar_between(int(first), int(last))
        places = np.where(np.isnan(days), last - first + 1, days - first).astype(np.int32)
    parts = {part: values[places] for part, values in calendar.items() if part in wanted}
    if "days" in wanted:
        parts["days"] = ((seconds - reference) / DAY).astype(np.float32)
    if "hour" in wanted:
        parts["hour"] = ((seconds - days * DAY) / 3600).astype(np.float32)
    return {part: parts[part] for part in wanted}


def days_there(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Different days, since 1970, of known moments, in order."""
    import numpy as np

    days = np.floor(seconds / DAY)
    if not len(days) or days.max() - days.min() > 4 * len(days) + 1000:
        return np.asarray(np.unique(days))
    first = days.min()
    return np.asarray(np.flatnonzero(np.bincount((days - first).astype(np.int64))) + first)


def varying_parts(days: NDArray[np.float64]) -> list[str]:
    """Parts that are not the same for all of these days."""
    calendar = _calendar(days)
    varied = {part for part, values in calendar.items() if values.min() != values.max()}
    return [part for part in PARTS if part in varied]


@functools.lru_cache(maxsize=32)
def _calendar_between(first: int, last: int) -> dict[str, NDArray[np.float32]]:
    """The calendar of all days from the first to the last, and of none behind them; blocks of rows share it."""
    import numpy as np

    return _calendar(np.append(np.arange(float(first), last + 1), np.nan))


def _calendar(days: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """Parts of whole days since 1970; NaN stays NaN."""
    import numpy as np

    known = ~np.isnan(days)
    whole = np.where(known, days, 0).astype(np.int64)
    date = whole.astype("datetime64[D]")
    year, month = date.astype("datetime64[Y]"), date.astype("datetime64[M]")
    parts = {
        "year": year.astype(np.int64) + 1970,
        "month": month.astype(np.int64) % 12 + 1,
        "day": (date - month.astype("datetime64[D]")).astype(np.int64) + 1,
        "weekday": (whole + 3) % 7,
        "yearday": (date - year.astype("datetime64[D]")).astype(np.int64) + 1,
    }
    return {name: np.where(known, values, np.nan).astype(np.float32) for name, values in parts.items()}
