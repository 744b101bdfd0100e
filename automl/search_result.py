"""What a search leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.ensemble import Ensemble
    from automl.history import History

ENDED = "search: ended, "
"""With this begins the reason of a run that tells why its search ended."""

TIME_OVER = "its time is over"
"""The reason where it is the clock."""


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search leaves behind."""

    history: History
    ensemble: Ensemble | None
    folds: Mapping[int, tuple[int, ...]]
    """Folds that each member's trial has."""
    interrupted: bool
    ended: str = ""
    """Why the search ended, in words."""
    notes: tuple[str, ...] = ()
    """What was decided on the way, in words."""
    limited: bool = False
    """Whether a limit on latency or size left nothing but a baseline."""
