"""Numbers written for people: "1,234", "12%", "$5", "(3)", "3,5"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automl.data.records import MISSING_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_WHOLE = re.compile(r"[+-]?\d+")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
_SPACED = re.compile(r"[+-]?[1-9]\d{0,2}([ \u00a0\u202f'\u2019]\d{3})+(\.\d+)?")
"""Forms with a decimal point. No group of digits before a separator is empty or starts with a zero."""
_COMMA_PLAIN = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?")
_COMMA_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")
_COMMA_SPACED = re.compile(r"[+-]?[1-9]\d{0,2}([ \u00a0\u202f'\u2019]\d{3})+(,\d+)?")
"""The same forms with a decimal comma."""
_EITHER_WAY = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""A thousand and more, or decimals after a comma: such a text alone does not tell."""
GROUP = 1000
STRAY = 0.01
"""Fewer numbers without a point are outliers or slips of the pen: they say nothing on the points of all others."""
FLOAT_DIGITS = 15
"""Whole numbers of so many digits are all different as float64; from 2**53 on, some are not."""
_TRAILING_MINUS = re.compile(r"[\d.,]*[.,]\d{2,3}-")
"""As SAP writes: "5.20-". Without decimals it could be a grade or a range."""
_POINTS = re.compile(r"([+-]?([1-9]\d{0,2}(\.\d{3})?|0))?")
_INFINITE = {
    "inf": float("inf"),
    "+inf": float("inf"),
    "-inf": float("-inf"),
    "infinity": float("inf"),
    "-infinity": float("-inf"),
}
_CURRENCY = "$€£¥\uffe5₹"
_SIMPLE_PLAIN = rf"^[+-]?[{_CURRENCY}]?\d+\.?\d*([eE][+-]?\d+)?(%|[{_CURRENCY}])?$"
_SIMPLE = rf"^[+-]?[{_CURRENCY}]?(\d+\.?\d*([eE][+-]?\d+)?|[1-9]\d{{0,2}}(,\d{{3}})+(\.\d+)?)(%|[{_CURRENCY}])?$"
"""What Arrow can read after some signs are taken off, and `parse_number` reads alike."""


def parse_number(text: str, *, decimal_comma: bool | None = False) -> float | None:
    """The number that `text` writes, or None.

    Understands group separators, a percent sign (12% is 12: the column says what it means), currency signs and
    brackets or a minus behind for negative amounts. With `decimal_comma`, "3,5" is 3.5 and "1.234" is 1234, and "1.5" is no number; without, it
    is the other way round. None: a point, where nothing told, so that "1,234", which could be either, is no number.
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
    if text[-1:] == "-" and not sign and _TRAILING_MINUS.fullmatch(text):
        sign, text = "-", text[:-1]
    text = text.strip(_CURRENCY).strip().removesuffix("%").rstrip()
    number = None if decimal_comma is None and _EITHER_WAY.fullmatch(text) else _parse_plain(text, bool(decimal_comma))
    if number is None:
        return None
    return -number if negative != (sign == "-") else number


def exact_number(text: str, *, decimal_comma: bool | None = False) -> float | None:
    """`parse_number`, but whole numbers of any length keep all their digits: as int, equal to the float if there is one."""
    bare = text.strip()
    if len(bare) > FLOAT_DIGITS and _WHOLE.fullmatch(bare):
        return int(bare)
    return parse_number(text, decimal_comma=decimal_comma)


def _parse_plain(text: str, decimal_comma: bool) -> float | None:
    plain, grouped, spaced = (
        (_COMMA_PLAIN, _COMMA_GROUPED, _COMMA_SPACED) if decimal_comma else (_PLAIN, _GROUPED, _SPACED)
    )
    if not (plain.fullmatch(text) or grouped.fullmatch(text) or spaced.fullmatch(text)):
        return _INFINITE.get(text.lower())
    if grouped.fullmatch(text):
        text = text.replace("." if decimal_comma else ",", "")
    return float(re.sub(r"[ \u00a0\u202f'\u2019]", "", text).replace(",", "."))


def parse_numbers(texts: pa.Array, *, decimal_comma: bool | None = False) -> NDArray[np.float64]:
    """`parse_number` of stripped texts, ``(texts,)``, with NaN for what is none; most of them all at once."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.full(len(texts), np.nan)
    rest = np.ones(len(texts), dtype=bool)
    if not decimal_comma and len(texts) > 100:
        pattern = _SIMPLE_PLAIN if decimal_comma is None else _SIMPLE
        simple = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)
        bare = pc.replace_substring_regex(texts.filter(pa.array(simple)), f"[{_CURRENCY},%+]", "")
        found[simple] = pc.cast(bare, pa.float64()).to_numpy(zero_copy_only=False)
        rest = ~simple
    for place, text in zip(np.flatnonzero(rest), texts.filter(pa.array(rest)).to_pylist(), strict=True):
        number = None if text is None else parse_number(text, decimal_comma=decimal_comma)
        found[place] = np.nan if number is None else number
    return found


@dataclass(frozen=True, kw_only=True)
class DecimalSign:
    """What the numbers of a column tell about their decimal sign, by an example of each."""

    comma: str = ""
    """A number only where the comma is the decimal sign: "0,126", "3,5", "1.234,5", "1.234.567"."""
    point: str = ""
    """A number only where the point is: "0.126", "1,234.5", "1,234,567"."""
    open: str = ""
    """One with a comma before three digits, which could be either: "1,234"."""
    more_commas: bool = False
    """Whether there are more of the first than of the second."""
    grouped: bool = False
    """Whether the first is one such as "1.230", and numbers below 1,000 have no point: no decimals are written like that."""

    @property
    def decimal_comma(self) -> bool | None:
        """How to read the column: by what most numbers say; None where no number has a sign at all."""
        if self.comma or self.point:
            return self.more_commas
        return False if self.open else None

    @property
    def is_open(self) -> bool:
        """Whether no number of the column settles how others of it are read."""
        return bool(self.open) and not self.comma and not self.point

    def told(self) -> str:
        """A sentence on what does not go without saying; empty when all does."""
        if self.comma and self.point:
            return (
                f"some numbers have a decimal comma ({self.comma!r}), others a decimal point ({self.point!r}): "
                f"the {'comma' if self.more_commas else 'point'} is taken, as in most; write all of them alike"
            )
        if self.grouped:
            return f"the point in {self.comma!r} is taken to group thousands, as numbers below 1,000 have none"
        if self.is_open:
            return f"the comma in {self.open!r} is taken to group thousands, as no value tells; if not, write a point"
        return ""


NO_SIGN = DecimalSign()


def find_decimal_sign(texts: Iterable[str]) -> DecimalSign:
    """What some stripped texts tell about the decimal sign of their column."""
    comma, point, either = [], [], ""
    by_points: list[str] = []
    grouped: set[float] = set()
    whole: set[float] = set()
    for text in texts:
        with_comma, with_point = parse_number(text, decimal_comma=True), parse_number(text)
        if with_comma is None and with_point is not None:
            point.append(text)
        elif with_point is None and with_comma is not None:
            comma.append(text)
        elif with_comma != with_point and not either and parse_number(text, decimal_comma=None) is None:
            either = text
        elif with_comma is not None and with_point is not None and not either:
            if with_comma == with_point:
                whole.add(with_point)
                continue
            grouped.add(with_point)
            if with_comma % 10 == 0:
                by_points.append(text)
    if by_points and not (comma or point or either) and _tell_of_groups(whole, grouped):
        return DecimalSign(comma=by_points[0], more_commas=True, grouped=True)
    return DecimalSign(
        comma=comma[0] if comma else "",
        point=point[0] if point else "",
        open=either,
        more_commas=len(comma) > len(point),
    )


def _tell_of_groups(whole: set[float], as_decimals: set[float]) -> bool:
    """Whether whole numbers show that points group thousands, as 950 does beside 1.23: of 2 kg and 1.250 kg neither is odd.

    Enough of three digits must pass all others, read as decimals, and have the sign of one; not 999 or 888, which often mean "missing".
    """
    most = max(map(abs, as_decimals))
    signs = {number > 0 for number in as_decimals}
    odd = [number for number in whole if most < abs(number) >= GROUP / 10 and number % 111 and (number > 0) in signs]
    enough = max(1, STRAY * (len(whole) + len(as_decimals)))
    return len(odd) >= enough and all(abs(number) < GROUP for number in whole)


def are_grouped(cells: Iterable[str]) -> bool:
    """Whether the points of plain numbers group thousands, by those numbers alone: "950", "1.230"."""
    known = [cell.strip() for cell in cells]
    known = [cell for cell in known if cell not in MISSING_TOKENS]
    return bool(known) and all(map(_POINTS.fullmatch, known)) and find_decimal_sign(known).grouped
