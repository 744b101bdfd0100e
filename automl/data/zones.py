"""Zones of moments: taken off texts, and what their clocks show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_UTC = frozenset({"UTC", "ETC/UTC", "GMT", "Z", "ZULU", "UCT", "+00:00", "-00:00", "ETC/GMT"})
_ZONE = r"(?:Z|[A-Z]{3,5}|[+-]\d\d(?::?\d\d)?)"
_ZONED = rf"(?P<body>.*:\d\d(?: ?[AaPp]\.?[Mm]\.?)?)\s?(?P<zone>{_ZONE})$"


def without_zone(texts: pa.Array) -> tuple[pa.Array, NDArray[np.float64] | None]:
    """Texts without their zone ("Z", "+02:00"), and the seconds that the zones are ahead of UTC.

    NaN for a text without zone, or with a name that stands for several ("IST"): its time is where it was written.
    """
    import numpy as np
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(texts, rf":\d\d(?: ?[AaPp]\.?[Mm]\.?)?\s?{_ZONE}$")).as_py():
        return texts, None
    parts = pc.extract_regex(texts, f"^{_ZONED}")
    coded = pc.dictionary_encode(pc.fill_null(pc.struct_field(parts, "zone"), ""))
    each = np.array([_ahead(zone) for zone in coded.dictionary.to_pylist()])
    return pc.coalesce(pc.struct_field(parts, "body"), texts), each[coded.indices.to_numpy()]


def _ahead(zone: str) -> float:
    if zone in ("Z", "UTC", "GMT"):
        return 0.0
    if zone[:1] not in ("+", "-"):
        return float("nan")
    seconds = int(zone[1:3]) * 3600 + (int(zone[-2:]) * 60 if len(zone) > 3 else 0)
    return float(seconds if zone[0] == "+" else -seconds)


def local_seconds(seconds: NDArray[np.float64], zone: str | None) -> NDArray[np.float64]:
    """What the clocks of a zone showed at these moments, as seconds since 1970; None leaves them in UTC."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    known = ~np.isnan(seconds)
    if zone is None or not known.any():
        return seconds
    whole = np.floor(seconds[known])
    moments = pa.array(whole.astype(np.int64), pa.timestamp("s", zone))
    local = pc.cast(pc.local_timestamp(moments), pa.int64()).to_numpy()
    found = seconds.copy()
    found[known] += local - whole
    return found


def zone_of(kind: pa.DataType) -> str | None:
    """The zone of a type of moments whose clocks are to be read; None for UTC, none, and one that is not known here."""
    import pyarrow as pa
    import pyarrow.compute as pc

    zone = kind.tz if pa.types.is_timestamp(kind) else None
    if zone is None or zone.upper() in _UTC:
        return None
    try:
        pc.local_timestamp(pa.array([0], pa.timestamp("s", zone)))
    except pa.ArrowInvalid:
        return None
    return str(zone)
