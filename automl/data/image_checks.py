"""Training images beside those that judge: one row of pictures, and which of them are there more than once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.data.records import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.image_input import Pictures

REPEATED_SHARE = 0.01
"""From this share on, repeated images are told as a warning; fewer are a note."""


@dataclass(frozen=True, kw_only=True)
class BothPictures:
    """Training pictures, then those that judge."""

    first: Pictures
    second: Pictures

    @property
    def names(self) -> Sequence[str]:
        return [*self.first.names, *(f"validation {name}" for name in self.second.names)]

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def shapes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        import numpy as np

        before = rows < len(self.first)
        made = np.zeros((len(rows), 3), dtype=np.int64)
        made[before] = self.first.shapes(rows[before])
        made[~before] = self.second.shapes(rows[~before] - len(self.first))
        return made

    def load(self, rows: NDArray[np.int64], side: int, channels: int) -> tuple[NDArray[np.uint8], dict[int, str]]:
        import numpy as np

        made = np.zeros((len(rows), side, side, channels), dtype=np.uint8)
        faults: dict[int, str] = {}
        before = rows < len(self.first)
        for part, pictures, offset in ((before, self.first, 0), (~before, self.second, len(self.first))):
            places = np.flatnonzero(part)
            made[places], wrong = pictures.load(rows[places] - offset, side, channels)
            faults |= {int(places[place]): reason for place, reason in wrong.items()}
        return made, faults


def repeated_images(digests: Sequence[bytes], values: NDArray[Any], own: int, *, classes: bool) -> list[Finding]:
    """Images that are there more than once, equal to the last pixel, and what that does to scores; the first `own` are to
    train on, the others judge.
    """
    counts = Counter(digests)
    repeated = len(digests) - len(counts)
    if not repeated:
        return []
    targets: dict[bytes, set[Any]] = {}
    for digest, value in zip(digests, values.tolist(), strict=True):
        targets.setdefault(digest, set()).add(value)
    torn = sum(len(found) > 1 for found in targets.values())
    level: Any = "warning" if repeated > REPEATED_SHARE * len(digests) else "info"
    message = f"{repeated:,} of {len(digests):,} images repeat another one: validation may look better than it is"
    findings = [Finding(level=level, code="repeated-images", count=repeated, message=message)]
    if torn and classes:
        message = f"{torn:,} images are there several times, with different classes: at most one of them can be right"
        findings.append(Finding(level="warning", code="contradicting-images", count=torn, message=message))
    both = len(set(digests[:own]) & set(digests[own:]))
    if both:
        message = f"{both:,} images to train on are among those that judge: the score looks better than it is"
        findings.append(Finding(level="warning", code="shared-images", count=both, message=message))
    return findings
