"""Goals besides accuracy: how quick and how small the predictor must be, and what each trial would add to that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from automl.settings import Settings

USUAL_ROWS = 10_000
"""Rows of a batch by which the presets and the leaderboard judge how quick predicting is."""
PRESET_MS = {"fast": 0.004, "balanced": 0.04, "best": None}
"""Milliseconds per row, on one core, that the models of an ensemble may take together in batches of `USUAL_ROWS`: 250,000
and 25,000 rows per second. Reading and encoding a row come on top, several cores make up for them."""
IMAGE_FACTOR = 500.0
"""An image may take so many times as long as a row of a table: 500 and 50 images per second."""
PRESET_PRICE = {"fast": 0.01, "balanced": 0.01, "best": 0.001}
"""What quickness is worth, as a share of the loss: a member that takes a share `s` of the time to predict stays only if
the loss without it is higher by more than `s` times this."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a trial's fitted models cost together when they predict."""

    row_ms: float
    """Milliseconds per row on one core."""
    megabytes: float
    """Size of their files."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(row_ms=self.row_ms + other.row_ms, megabytes=self.megabytes + other.megabytes)

    def scaled(self, share: float) -> Cost:
        """The cost of that share of the models."""
        return Cost(row_ms=self.row_ms * share, megabytes=self.megabytes * share)

    def within(self, limit: Cost) -> bool:
        """Whether it keeps both limits."""
        return self.row_ms <= limit.row_ms and self.megabytes <= limit.megabytes


FREE = Cost(row_ms=0.0, megabytes=0.0)
UNLIMITED = Cost(row_ms=math.inf, megabytes=math.inf)


@dataclass(frozen=True, kw_only=True)
class Goals:
    """What a run's predictor must keep."""

    preset: str = "best"
    max_latency_ms: float | None = None
    """Hard limit on milliseconds per row of the finished predictor, in batches of `rows`."""
    max_size_mb: float | None = None
    """Hard limit on its size in megabytes (10^6 bytes)."""
    rows: int = USUAL_ROWS
    """Rows of the batches in which latency is measured."""
    wished: float | None = None
    """Milliseconds per row that the preset allows; None: any."""
    cap: Cost = UNLIMITED
    """What all members of the ensemble may cost together, by the estimates of their trials."""
    kept: int | None = None
    """Models that each member keeps at most; None: one for each fold."""
    price: float = 0.0
    """Share of the loss at which a member must be worth the time it takes to predict (`PRESET_PRICE`)."""

    @property
    def hard(self) -> bool:
        """Whether the user set a limit that the finished predictor must keep."""
        return self.max_latency_ms is not None or self.max_size_mb is not None

    @property
    def capped(self) -> bool:
        """Whether anything limits what the ensemble costs."""
        return self.cap != UNLIMITED

    @classmethod
    def of(cls, settings: Settings, *, images: bool = False) -> Goals:
        """The goals of a run on a table or on images. What a preset wishes depends on measured times, so that it counts
        only where a time budget rules anyway: a run by trials alone comes out the same again.
        """
        timed = settings.budget_seconds is not None
        # A limit that the user gives is what he wants, also where the preset would ask for more.
        wished = PRESET_MS[settings.preset] if timed and settings.max_latency_ms is None else None
        wished = wished * IMAGE_FACTOR if wished is not None and images else wished
        rows = settings.latency_rows if settings.max_latency_ms is not None else USUAL_ROWS
        size = math.inf if settings.max_size_mb is None else settings.max_size_mb
        return cls(
            preset=settings.preset,
            max_latency_ms=settings.max_latency_ms,
            max_size_mb=settings.max_size_mb,
            rows=rows,
            wished=wished,
            cap=Cost(
                row_ms=next((one for one in (settings.max_latency_ms, wished) if one is not None), math.inf),
                megabytes=size,
            ),
            kept=1 if settings.wants_refit else None,
            price=PRESET_PRICE[settings.preset] if timed else 0.0,
        )

    def reason(self) -> str:
        """The goals in words; empty when there are none."""
        told = []
        if self.max_latency_ms is not None:
            told.append(f"at most {self.max_latency_ms:g} ms per row in batches of {self.rows:,}")
        if self.max_size_mb is not None:
            told.append(f"at most {self.max_size_mb:g} MB")
        if self.wished is not None and math.isfinite(self.cap.row_ms):
            told.append(f"{self.preset}: models that predict at least {1000 / self.wished:,.0f} rows/s on one core")
        return "; ".join(told)


def total_cost(chosen: Iterable[int], costs: Mapping[int, Cost], *, share: float = 1.0) -> Cost:
    """What these trials cost together; those without a known cost count as free."""
    total = FREE
    for number in chosen:
        total += costs.get(number, FREE).scaled(share)
    return total
