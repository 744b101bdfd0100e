"""The different texts of a column, and which of them cannot be read as the others are: marks of what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import Finding

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.data.distinct import Distinct

NUMBER_SHARE = 0.95
"""Share of the values of a text column that must be numbers (or dates) for it to count as such."""
FEWEST_READ = 20
"""So many values must be numbers or dates for other texts to be marks of missing ones."""
MOST_MARKS = 2
_MARK = re.compile(r"[^\d]+")


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The different texts of a column, without outer space and without what means missing."""

    name: str
    column: Any
    seen: Distinct
    real: pa.Array
    counts: NDArray[np.int64]
    rows: int
    """Rows with such a text."""

    def some(self, most: int) -> list[str]:
        """At most about so many of the texts, from all over the column."""
        step = max(1, len(self.real) // most)
        return [text.as_py() for text in self.real[::step]] if step > 1 else self.real.to_pylist()

    def usual(self, most: int) -> list[str]:
        """The most frequent texts, which together make up nearly all rows; none where these are more than `most`, or not few.

        Rare texts, each of which somebody wrote once, are many among different texts and few among rows.
        """
        if self.rows < 2 * len(self.real):
            return []
        order = np.argsort(-self.counts, kind="stable")
        share = np.cumsum(self.counts[order])
        count = int(np.searchsorted(share, NUMBER_SHARE * self.rows)) + 1
        return [] if count > most else [self.real[place].as_py() for place in order[:count].tolist()]

    def first(self, which: NDArray[np.bool_]) -> str:
        """The first of some of the texts."""
        return str(self.real[int(np.flatnonzero(which)[0])].as_py())

    def judged(self, wrong: NDArray[np.bool_], fewest: int) -> Judged | None:
        """What to make of texts that are `wrong`, as they cannot be read as the others; None where they are too many.

        One or two different texts without digits that alone keep the others from being read mean "missing".
        """
        unread = int(self.counts[wrong].sum())
        if unread <= (1 - NUMBER_SHARE) * self.rows:
            return Judged(wrong=wrong, unread=unread, rows=self.rows)
        if len(wrong) - int(wrong.sum()) < fewest or self.rows - unread < FEWEST_READ:
            return None
        places = np.flatnonzero(wrong)
        marks: list[int] = []
        rows, left = self.rows, wrong.copy()
        for place in places[np.argsort(-self.counts[places], kind="stable")][:MOST_MARKS].tolist():
            text = self.real[place].as_py()
            if not _MARK.fullmatch(text) or (len(text) == 1 and text.isalpha()):
                return None
            marks.append(place)
            rows, left[place] = rows - int(self.counts[place]), False
            unread = int(self.counts[left].sum())
            if unread <= (1 - NUMBER_SHARE) * rows:
                told = {self.real[mark].as_py(): int(self.counts[mark]) for mark in marks}
                return Judged(wrong=left, unread=unread, rows=rows, marks=told)
        return None


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Texts of a column that cannot be read as the others, and what was made of them."""

    wrong: NDArray[np.bool_]
    """Those that count as missing without being marks."""
    unread: int
    """Rows with one of them."""
    rows: int
    """Rows without marks."""
    marks: dict[str, int] = field(default_factory=dict)
    """Texts that mean "missing" here, and their rows."""

    @property
    def params(self) -> dict[str, Any]:
        """What encoding needs of it."""
        return {"marks": [*self.marks]} if self.marks else {}

    def findings(self, name: str, what: str) -> list[Finding]:
        """A word on the marks."""
        if not self.marks:
            return []
        shown = " and ".join(f"{mark!r} ({count:,} rows)" for mark, count in self.marks.items())
        message = (
            f"column {name!r}: {shown} {'is' if len(self.marks) == 1 else 'are'} read as missing, as the other values are {what}; "
            f"--column {name}=category to keep {'it' if len(self.marks) == 1 else 'them'}"
        )
        count = sum(self.marks.values())
        return [Finding(level="repair", code="missing-marks", column=name, count=count, message=message)]
