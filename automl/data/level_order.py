"""The order of a category's levels: `18-24` before `25-34`, `Under 2,600` before `2,600 to 5,200`, `small` before `large`.

Levels often rise with something, and their names show it. Trees that see codes find a range of such levels by one cut, where
an order that means nothing takes a cut for each of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ORDERED_LEVELS = 200
"""Categories of more levels keep them by how often they occur: models that look at some of them only want those."""
SCALES = (
    "january, february, march, april, may, june, july, august, september, october, november, december",
    "jan, feb, mar, apr, may, jun, jul, aug, sep, oct, nov, dec",
    "monday, tuesday, wednesday, thursday, friday, saturday, sunday",
    "mon, tue, wed, thu, fri, sat, sun",
    "spring, summer, autumn, fall, winter",
    "xxs, xs, s, m, l, xl, xxl, xxxl",
    "tiny, very small, small, medium, large, big, very large, huge",
    "none, very low, lowest, low, medium, average, moderate, high, highest, very high",
    "none, mild, moderate, severe, critical",
    "never, rarely, seldom, occasionally, sometimes, often, usually, always",
    "terrible, very bad, very poor, bad, poor, po, fair, fa, average, typical, ta, good, gd, very good, great, ex, excellent",
    "strongly disagree, disagree, neutral, undecided, agree, strongly agree",
    "very dissatisfied, dissatisfied, neutral, satisfied, very satisfied",
    "first, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth",
    "i, ii, iii, iv, v, vi, vii, viii, ix, x, xi, xii",
)
"""Words that rise, those of one meaning side by side; a category whose levels all stand in one of them follows it."""
BELOW = frozenset({"under", "below", "less", "up", "<", "<=", "≤", "until", "before"})
ABOVE = frozenset({"over", "above", "more", ">", ">=", "≥", "after", "+"})
_PIECES = re.compile(r"^-\d+(?:\.\d+)?|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|[^\W\d_]+|<=|>=|[<>≤≥+]")
_RANKS = tuple({word: rank for rank, word in enumerate(scale.split(", "))} for scale in SCALES)

Key = tuple[tuple[int, float, str], ...]


def in_order(levels: Sequence[str]) -> list[str]:
    """The same levels as they rise; those that say nothing of an order by their letters, with numbers in them by value."""
    if len(levels) > ORDERED_LEVELS:
        return list(levels)
    words = [level.casefold().strip() for level in levels]
    for ranks in _RANKS:
        known = [ranks[word] for word in words if word in ranks]
        if len(set(known)) >= max(2, len(words) - 1):
            # One more may say that nothing is known; it comes first.
            return _sorted(levels, [((0, float(ranks.get(word, -1)), word),) for word in words])
    return _sorted(levels, [_key(word) for word in words])


def _sorted(levels: Sequence[str], keys: list[Key]) -> list[str]:
    return [level for _, level in sorted(zip(keys, levels, strict=True))]


def _key(word: str) -> Key:
    """Numbers by value and letters by the alphabet; words that say on which side of a number a level lies count behind it."""
    pieces = _PIECES.findall(word)
    numbers = [piece[-1].isdecimal() for piece in pieces]  # "²" and "①" are digits, but no numbers to Python
    if not any(numbers):
        return tuple((1, 0.0, piece) for piece in pieces) or ((1, 0.0, word),)
    side = (sum(piece in ABOVE for piece in pieces) > 0) - (sum(piece in BELOW for piece in pieces) > 0)
    first = numbers.index(True)
    before = [] if side else [(1, 0.0, piece) for piece in pieces[:first]]
    value = (0, float(pieces[first].replace(",", "")), "")
    rest = [
        (0, float(piece.replace(",", "")), "") if digit else (1, 0.0, piece)
        for piece, digit in zip(pieces[first + 1 :], numbers[first + 1 :], strict=True)
    ]
    return (*before, value, (0, float(side), ""), *rest)
