"""Whether the name of a column says that it tells rows apart, and is no quantity."""

from __future__ import annotations

import re

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W\d_]+")
_IDS = frozenset({"id", "uuid", "guid", "rowid", "rownumber", "rownum"})
_OF = (
    "account|case|client|cust|customer|device|employee|event|invoice|item|listing|loan|member|object|order|passenger|patient|person|policy|"
    "product|record|row|sample|session|shop|store|student|subject|trans|transaction|unique|user"
)
_JOINED = re.compile(rf"({_OF})id")
"""Such as CUSTOMERID, where nothing shows the words; PAID, GRID and COVID are none."""
_NUMBERED = frozenset({("row", "number"), ("row", "num"), ("row", "no"), ("row", "nr")})
_INDICES = frozenset({"index", "idx", "key", "row"})
_UNNAMED = re.compile(r"Unnamed: ?\d+(\.\d+)?")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: of "customerID", "Customer_ID" and "customer id" the same two."""
    return tuple(word.lower() for word in _WORD.findall(_CAMEL.sub(" ", name)))


def is_id_name(name: str) -> bool:
    """Whether a name says that whole numbers, all different, are ids."""
    words = words_of(name)
    return any(word in _IDS or _JOINED.fullmatch(word) for word in words) or words[-2:] in _NUMBERED


def is_index_name(name: str) -> bool:
    """Whether a name says that whole numbers, all different and from the start on, count rows: also a price has an index."""
    return words_of(name)[-1:] in {(word,) for word in _INDICES}


def is_unnamed(name: str) -> bool:
    """Whether this is what pandas calls a column without a name, such as a row index that was saved."""
    return _UNNAMED.fullmatch(name) is not None
