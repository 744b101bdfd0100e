"""Pointing to the name that was probably meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def nearest(name: str, names: Sequence[str]) -> str:
    """Words that point to the names most like `name`, else to the first few."""
    folded = {other.casefold(): other for other in names}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.5)
    if near:
        return "nearest names: " + ", ".join(repr(folded[one]) for one in near)
    shown = ", ".join(repr(one) for one in names[:8])
    return f"columns are {shown}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")
