"""What is wrong with a picture, and how that is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.data.records import Finding
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNREADABLE_LIMIT = 0.2
"""A larger share of pictures that cannot be read is refused: then it is not the pictures that are wrong."""
SHOWN = 20
"""Pictures that a finding names."""
UNREADABLE = "unreadable-images"
"""Code of the finding that says so."""


class PictureError(DataError):
    """One picture cannot be used; says why. Never leaves `automl.data`: others are told by row."""


def faults_in_words(faults: Mapping[int, str], names: Sequence[str]) -> str:
    """Names with reasons, the first few; what has the same reason is told together."""
    by_reason: dict[str, dict[str, None]] = {}
    for row, reason in sorted(faults.items())[:SHOWN]:
        by_reason.setdefault(reason, {})[names[row]] = None
    told = "; ".join(f"{', '.join(which)}: {reason}" for reason, which in by_reason.items())
    more = len(faults) - SHOWN
    return told + (f"; and {more:,} more" if more > 0 else "")


def left_out(faults: Mapping[int, str], names: Sequence[str], tried: int) -> list[Finding]:
    """The finding on pictures left out of a training; DataError when they are too many of those `tried`."""
    if not faults:
        return []
    told = faults_in_words(faults, names)
    if len(faults) > UNREADABLE_LIMIT * tried:
        raise DataError(
            f"{len(faults):,} of {tried:,} images cannot be read, more than {UNREADABLE_LIMIT:.0%}: {told}; "
            "mend or remove them"
        )
    message = f"{len(faults):,} of {tried:,} images cannot be read and are left out: {told}"
    return [Finding(level="repair", code=UNREADABLE, count=len(faults), message=message)]


def not_predicted(faults: Mapping[int, str], names: Sequence[str]) -> list[Finding]:
    """The finding on pictures that get no prediction."""
    if not faults:
        return []
    message = (
        f"{len(faults):,} of {len(names):,} images cannot be read and have no prediction: "
        f"{faults_in_words(faults, names)}"
    )
    return [Finding(level="warning", code=UNREADABLE, count=len(faults), message=message)]
