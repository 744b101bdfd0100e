"""When a run was at work: from its beginning to its end, with breaks where it was interrupted and taken up again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Sittings:
    """Times on `time.time()`, which other processes know, too."""

    times: tuple[tuple[float, float | None], ...]
    """Begin and end of each, in order; None: it goes on, or nobody could write down when it was cut off."""

    @classmethod
    def of(cls, plain: Sequence[Sequence[float | None]] | None) -> Sittings:
        """From what the record of a run says; where it says nothing, as earlier versions', without a break."""
        times = tuple((begin, end) for begin, end in plain or ((0.0, None),) if begin is not None)
        return cls(times=times)

    def worked(self, moment: float) -> float:
        """Seconds of work until then."""
        return sum(max((moment if end is None else min(moment, end)) - begin, 0.0) for begin, end in self.times)

    def again(self, *, cut_off: float, now: float) -> Sittings:
        """The run is taken up `now`, having last given a sign of life when it was `cut_off`."""
        *before, (begin, _) = self.times
        return Sittings(times=(*before, (begin, max(cut_off, begin)), (now, None)))

    def plain(self) -> list[list[float | None]]:
        """As `of` reads it."""
        return [[begin, end] for begin, end in self.times]
