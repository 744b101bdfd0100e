"""Numbers written for people: "1,234", "12%", "$5", "(3)", "3,5"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_SPACED = re.compile(r"[+-]?\d{1,3}([ \u00a0\u202f']\d{3})+([.,]\d+)?")
_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+([eE][+-]?\d+)?|[+-]?\d{1,3}(\.\d{3})+")
_WHOLE = re.compile(r"[+-]?\d+")
FLOAT_DIGITS = 15
"""Whole numbers of so many digits are all different as float64; from 2**53 on, some are not."""
_INFINITE = {
    "inf": float("inf"),
    "+inf": float("inf"),
    "-inf": float("-inf"),
    "infinity": float("inf"),
    "-infinity": float("-inf"),
}
_CURRENCY = "$€£¥₹"
_SIMPLE = rf"^[+-]?[{_CURRENCY}]?(\d+\.?\d*([eE][+-]?\d+)?|\d{{1,3}}(,\d{{3}})+(\.\d+)?)(%|[{_CURRENCY}])?$"
"""What Arrow can read after some signs are taken off, and `parse_number` reads alike."""


def parse_number(text: str, *, decimal_comma: bool = False) -> float | None:
    """The number that `text` writes, or None.

    Understands group separators, a percent sign (12% is 12: the column says what it means), currency signs and
    brackets for negative amounts. With `decimal_comma`, "3,5" is 3.5 and "1.234" is 1234.
    """
    text = text.strip()
    if not text:
        return None
    negative = text[0] == "(" and text[-1] == ")"
    if negative:
        text = text[1:-1].strip()
    sign = ""
    if text[:1] in ("+", "-", "\u2212"):
        sign, text = ("-" if text[0] != "+" else ""), text[1:].lstrip()
    text = text.strip(_CURRENCY).strip().removesuffix("%").rstrip()
    number = _parse_plain(text, decimal_comma)
    if number is None:
        return None
    return -number if negative != (sign == "-") else number


def exact_number(text: str, *, decimal_comma: bool = False) -> float | None:
    """`parse_number`, but whole numbers of any length keep all their digits: as int, equal to the float if there is one."""
    bare = text.strip()
    if len(bare) > FLOAT_DIGITS and _WHOLE.fullmatch(bare):
        return int(bare)
    return parse_number(text, decimal_comma=decimal_comma)


def _parse_plain(text: str, decimal_comma: bool) -> float | None:
    if decimal_comma and _COMMA.fullmatch(text):
        return float(text.replace(".", "").replace(",", "."))
    if _PLAIN.fullmatch(text):
        return float(text)
    if _GROUPED.fullmatch(text) and not decimal_comma:
        return float(text.replace(",", ""))
    if _SPACED.fullmatch(text):
        return float(re.sub(r"[ \u00a0\u202f']", "", text).replace(",", "."))
    return _INFINITE.get(text.lower())


def parse_numbers(texts: pa.Array, *, decimal_comma: bool = False) -> NDArray[np.float64]:
    """`parse_number` of stripped texts, ``(texts,)``, with NaN for what is none; most of them all at once."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.full(len(texts), np.nan)
    rest = np.ones(len(texts), dtype=bool)
    if not decimal_comma and len(texts) > 100:
        simple = pc.match_substring_regex(texts, _SIMPLE).to_numpy(zero_copy_only=False).astype(bool)
        bare = pc.replace_substring_regex(texts.filter(pa.array(simple)), f"[{_CURRENCY},%+]", "")
        found[simple] = pc.cast(bare, pa.float64()).to_numpy(zero_copy_only=False)
        rest = ~simple
    for place, text in zip(np.flatnonzero(rest), texts.filter(pa.array(rest)).to_pylist(), strict=True):
        number = None if text is None else parse_number(text, decimal_comma=decimal_comma)
        found[place] = np.nan if number is None else number
    return found


def uses_decimal_comma(texts: list[str]) -> bool:
    """Whether a column writes "3,5" for three and a half: some value is a number only that way, and none
    only the other way round.
    """
    comma = [
        text for text in texts if parse_number(text) is None and parse_number(text, decimal_comma=True) is not None
    ]
    point = [
        text for text in texts if parse_number(text, decimal_comma=True) is None and parse_number(text) is not None
    ]
    return bool(comma) and len(comma) > len(point)
