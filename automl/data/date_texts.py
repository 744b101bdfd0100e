"""Texts of dates without what people and programs add to them, so that few formats read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_YEAR_LAST = r"^([A-Z][a-z][a-z]) ([A-Z][a-z][a-z]) +(\d+) (\d\d:\d\d:\d\d) ([A-Z]{3,5}|[+-]\d{4}) (\d{4})$"
"""As Unix and Twitter write: "Tue Mar 03 10:11:12 +0000 2020"."""
_REMARKS = (
    (r"^(\d+[./-]\d+[./-]\d+), ?(\d{1,2}:\d\d)", r"\1 \2"),
    (r"^(\d+)\. (\d+)\. ?(\d+)\.?( |$)", r"\1.\2.\3\4"),
    (r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?:t?\.|t) ", r"\1 "),
    (r"\b(\d{1,2})(?:st|nd|rd|th)\b", r"\1"),
)
"""What people and programs add: "3/15/2020, 4:05 PM" (JavaScript), "15. 3. 2020", "Sept. 15, 2020", "15th March 2020"."""
_IDEOGRAPHS = (
    ("^(\\d{4})\u5e74\\s?(\\d{1,2})\u6708\\s?(\\d{1,2})\u65e5$", r"\1-\2-\3"),
    ("^(\\d{4})\u5e74\\s?(\\d{1,2})\u6708\\s?(\\d{1,2})\u65e5\\s?", r"\1-\2-\3 "),
    ("^(\\d{4})\u5e74\\s?(\\d{1,2})\u6708$", r"\1-\2"),
    ("(\\d{1,2})[\u6642\u65f6\u70b9](\\d{1,2})\u5206(\\d{1,2})\u79d2$", r"\1:\2:\3"),
    ("(\\d{1,2})[\u6642\u65f6\u70b9](\\d{1,2})\u5206$", r"\1:\2"),
)
"""Years, months, days and times as Chinese and Japanese write them: "2023\u5e745\u67087\u65e5"."""
_YEAR = "\u5e74"


def plain_dates(texts: pa.Array) -> pa.Array:
    """Text without outer space, fractions of seconds and remarks on the zone, which comes last."""
    import pyarrow.compute as pc

    cleaned = pc.utf8_trim_whitespace(texts)
    cleaned = pc.replace_substring_regex(cleaned, r"(:\d\d)[.,]\d+", r"\1")
    cleaned = pc.replace_substring_regex(cleaned, _YEAR_LAST, r"\1, \3 \2 \6 \4 \5")
    more = _IDEOGRAPHS if pc.any(pc.match_substring(cleaned, _YEAR)).as_py() else ()
    for pattern, plain in (*_REMARKS, *more):
        cleaned = pc.replace_substring_regex(cleaned, pattern, plain)
    if pc.any(pc.or_(pc.ends_with(cleaned, "]"), pc.ends_with(cleaned, ")"))).as_py():
        cleaned = pc.replace_substring_regex(cleaned, r"(:\d\d.*[^ ])\s?(\[[\w/+:-]+\]|\([A-Za-z ]+\))$", r"\1")
    return cleaned
