"""Tables that several commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.cli.output import figure, table
from automl.history import DISCARDED

if TYPE_CHECKING:
    from collections.abc import Sequence


def leaderboard_table(rows: Sequence[dict[str, Any]], metric: str, limit: int | None = None) -> str:
    """The leaderboard, best first; trials that did not finish come last, with their reason."""
    shown = list(rows if limit is None else rows[:limit])
    if limit is not None:
        shown = [row for row in shown if row["status"] == "done"] or shown
    troubled = any(row["status"] != "done" for row in shown)
    # Scores at one budget compare, so they stand together: without this column the order would look broken.
    partial = any(row["status"] == "done" and row["kind"] != DISCARDED and row["budget"] < 1.0 for row in shown)
    head = [
        "rank",
        "model",
        metric,
        "weight",
        "seconds",
        "folds",
        *(["budget"] if partial else []),
        "trial",
        "origin",
        *(["trouble"] if troubled else []),
    ]
    body = []
    for row in shown:
        line = [
            "-" if row["rank"] is None else row["rank"],
            row["model"],
            figure(row["score"]),
            f"{row['weight']:.2f}" if row["weight"] else "-",
            f"{row['seconds']:.1f}",
            row["folds"],
            *([f"{row['budget']:.3g}"] if partial else []),
            row["trial"],
            row["origin"],
        ]
        if troubled:
            line.append("" if row["status"] == "done" else trouble(row))
        body.append(line)
    left = sum(row["status"] == "done" for row in rows) - sum(row["status"] == "done" for row in shown)
    more = f"\nand {left} more (-v shows all)" if left > 0 else ""
    return table(head, body) + more


def pareto_table(rows: Sequence[dict[str, Any]], metric: str) -> str:
    """Score against latency and size, best score first."""
    head = ["model", metric, "rows/s", "MB", "weight", "trial", "origin"]
    body = [
        [
            row["model"],
            figure(row["score"]),
            f"{1000.0 / row['row_ms']:,.0f}" if row["row_ms"] else "-",
            f"{row['megabytes']:.2f}",
            f"{row['weight']:.2f}" if row["weight"] else "-",
            row["trial"],
            row["origin"],
        ]
        for row in rows
    ]
    return table(head, body)


def trouble(row: dict[str, Any]) -> str:
    """Why a trial has no score: the kind and the first line of the message."""
    if row["status"] == "running":
        return "running"
    message = str(row["message"]).strip().partition("\n")[0]
    return f"{row['kind']}: {message}"[:100] if message else row["kind"]
