"""Which trials nothing else beats in score, latency and size at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def pareto_front(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The full trials of a leaderboard that no other one beats in all three, the best score first.

    Latency and size are those of the models of all folds together. Trials that were not timed are left out.
    """
    known = [row for row in rows if row["loss"] is not None and row["row_ms"] is not None and row["budget"] >= 1.0]
    known.sort(key=lambda row: (row["loss"], row["row_ms"], row["megabytes"], row["trial"]))
    front: list[dict[str, Any]] = []
    for row in known:
        beaten = any(other["row_ms"] <= row["row_ms"] and other["megabytes"] <= row["megabytes"] for other in front)
        if not beaten:
            front.append(row)
    return front
