"""Single values that come from users and plugins: whether one is a finite number, or the text of one, and one of
NumPy's as Python's own.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any


def is_finite(value: Any) -> bool:
    """Whether this is a number, finite also as a float; booleans are none."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def as_plain(value: Any) -> Any:
    """A scalar of NumPy's (or any array's without dimensions) as a Python value; anything else as it is."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def writes_number(text: str) -> bool:
    """Whether Python reads this text as a float; NaN and infinities are such, too."""
    try:
        float(text)
    except ValueError:
        return False
    return True
