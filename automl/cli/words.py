"""Putting records into words and tables for people, or into one JSON document for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from automl.store import dumps

MOST_FINDINGS = 10


def say(text: str = "") -> None:
    """A line on standard output."""
    print(text)


def say_json(document: Any) -> None:
    """One JSON document on standard output."""
    print(dumps(document))


def number(value: float | None, digits: int = 5) -> str:
    """A short figure; a dash for nothing."""
    return "-" if value is None else f"{value:.{digits}g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A plain table with two spaces between columns; figures are set to the right."""
    cells = [list(map(str, head)), *(list(map(str, row)) for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(head))]
    right = [
        len(cells) > 1 and all(_is_figure(row[place]) for row in cells[1:]) for place in range(len(head))
    ]
    lines = [
        "  ".join(cell.rjust(width) if flush else cell.ljust(width) for cell, width, flush in zip(row, widths, right, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join(lines)


def _is_figure(cell: str) -> bool:
    return cell == "-" or cell.lstrip("-").replace(".", "", 1).replace("e", "", 1).replace("+", "").replace("-", "").isdigit()


def leaderboard_table(rows: Sequence[dict[str, Any]], metric: str, limit: int | None = None) -> str:
    """The leaderboard; failures with their reason behind."""
    shown = rows if limit is None else rows[:limit]
    body = [
        (
            str(row["rank"] or "-"),
            row["model"],
            number(row["score"]),
            f"{row['weight']:.2f}" if row["weight"] else "-",
            row["origin"],
            f"{row['seconds']:.1f}",
            str(row["folds"]),
            str(row["trial"]),
            "" if row["status"] == "done" else f"{row['status']}: {row['kind']} {row['message']}"[:90],
        )
        for row in shown
    ]
    text = table(("rank", "model", metric, "weight", "origin", "seconds", "folds", "trial", ""), body)
    left = len(rows) - len(shown)
    return text + (f"\nand {left} more (automl leaderboard)" if left > 0 else "")


def findings_lines(findings: Sequence[Any], limit: int | None = MOST_FINDINGS) -> list[str]:
    """A line for each finding, repairs and warnings first; the rest is counted."""
    grave = [one for one in findings if one.level != "info"]
    mild = [one for one in findings if one.level == "info"]
    chosen = (grave if limit is not None else [*grave, *mild])[:limit]
    lines = [f"{one.level}: {one.message}" for one in chosen]
    left = len(grave) - len(chosen)
    if left > 0:
        lines.append(f"and {left} more findings (-v shows them)")
    return lines


def warn(text: str) -> None:
    """A line on standard error."""
    print(f"automl: {text}", file=sys.stderr)
