"""Times of day and durations written as text: "09:05", "9:05:30 PM", "36:15:00", "1 days 02:03:04"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_CLOCK = (
    r"^(?P<sign>-?)(?:(?P<days>\d{1,6}) days?,? ?)?\+?(?P<hours>\d{1,5}):(?P<minutes>[0-5]\d)"
    r"(?::(?P<seconds>[0-5]\d(?:\.\d+)?))?(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?$"
)
_SECONDS = {"days": 86_400.0, "hours": 3_600.0, "minutes": 60.0, "seconds": 1.0}
HALF_DAY = 43_200.0


def parse_clock(texts: pa.Array) -> NDArray[np.float64]:
    """Seconds ``(texts,)`` since midnight, or of a duration; NaN for what is neither."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.extract_regex(texts, _CLOCK)

    def part(name: str) -> pa.Array:
        return pc.struct_field(parts, name)

    total = np.where(np.asarray(pc.is_valid(parts).to_numpy(zero_copy_only=False), dtype=bool), 0.0, np.nan)
    for name, each in _SECONDS.items():
        written = pc.if_else(pc.equal(part(name), ""), "0", part(name))
        total += each * pc.cast(written, pa.float64()).to_numpy(zero_copy_only=False)
    half = pc.utf8_lower(part("half")).fill_null("").to_numpy(zero_copy_only=False)
    if (half != "").any():
        # 12 AM is midnight and 12 PM is noon; 13 PM is nothing.
        total = np.where((half != "") & ((total >= HALF_DAY + 3600) | (total < 3600)), np.nan, total)
        total = np.where((half != "") & (total >= HALF_DAY), total - HALF_DAY, total)
        total = np.where(half == "p", total + HALF_DAY, total)
    return np.where(pc.equal(part("sign"), "-").fill_null(False).to_numpy(zero_copy_only=False), -total, total)
