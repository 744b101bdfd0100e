"""Cheap features of a task, by which stored tasks are compared with the one at hand."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.data.records import ImageData, TableData
    from automl.task import Task

LOOKED_AT_ROWS = 10_000
"""Rows whose missing cells are counted: the share is needed to a percent, not to a digit."""


@dataclass(frozen=True, kw_only=True)
class MetaFeatures:
    """Size and make-up of a table. FLAML (arXiv 2202.09927) uses the first four for the same purpose."""

    rows: int
    features: int
    classes: int
    """0 for regression."""
    numeric_share: float
    """Share of feature columns that are numbers, in [0, 1]."""
    missing_share: float | None = None
    """Share of cells that are missing, in [0, 1]; None where it is not known."""

    @classmethod
    def of(cls, task: Task, data: TableData | ImageData | None = None) -> MetaFeatures:
        """Those of a task and, for the missing share, its encoded table."""
        others = task.categories + task.texts
        return cls(
            rows=task.rows,
            features=task.features,
            classes=task.class_count,
            numeric_share=round(1.0 - others / task.features, 6) if task.features else 0.0,
            missing_share=None if data is None else _missing_share(data),
        )

    def distance(self, other: MetaFeatures) -> float:
        """Euclidean; a unit is a factor of ten in rows or columns, of four in classes, half of all columns or cells."""
        parts = [
            math.log10(max(self.rows, 1) / max(other.rows, 1)),
            math.log10(max(self.features, 1) / max(other.features, 1)),
            math.log(max(self.classes, 1) / max(other.classes, 1), 4),
            2.0 * (self.numeric_share - other.numeric_share),
        ]
        if self.missing_share is not None and other.missing_share is not None:
            parts.append(2.0 * (self.missing_share - other.missing_share))
        return math.sqrt(sum(part * part for part in parts))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> MetaFeatures:
        """The inverse of :meth:`to_dict`."""
        return cls(**plain)


def _missing_share(data: Any) -> float | None:
    import numpy as np

    if not hasattr(data, "codes"):  # images miss nothing
        return None
    step = max(len(data) // LOOKED_AT_ROWS, 1)
    numbers, codes = data.numbers[::step], data.codes[::step]
    cells = numbers.size + codes.size
    return round(float(np.isnan(numbers).sum() + (codes < 0).sum()) / cells, 6) if cells else 0.0
