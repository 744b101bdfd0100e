"""Pieces of HTML. Everything that comes in is text and is escaped here."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHOWN = 25
"""Rows of a table that are seen at once; the others unfold."""


def figure(value: float | None) -> str:
    """A short figure; a dash for nothing."""
    return "-" if value is None else f"{value:.5g}"


def listed(heading: str, lines: Iterable[object]) -> str:
    """A list with a heading; empty where there are no lines."""
    items = "\n".join(f"<li>{escape(str(line))}</li>" for line in lines)
    return f"<h3>{escape(heading)}</h3>\n<ul>\n{items}\n</ul>" if items else ""


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table, numbers set to the right; long ones unfold."""
    first = _table(head, rows[:SHOWN])
    if len(rows) <= SHOWN:
        return first
    rest = _table(head, rows[SHOWN:])
    return f"{first}\n<details><summary>{len(rows) - SHOWN:,} more rows</summary>\n{rest}\n</details>"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table>\n<tr>{heads}</tr>\n{lines}\n</table>"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="number">{figure(value)}</td>'
    if isinstance(value, int):
        return f'<td class="number">{value}</td>'
    return f"<td>{escape('-' if value is None else str(value))}</td>"


def steps(points: Sequence[tuple[float, float]], end: float, label: str) -> str:
    """An SVG of a quantity that holds its value until the next point; `points` are ``(seconds, value)`` in order."""
    width, height, left, low = 760, 240, 80, 30
    points = [point for point in points if math.isfinite(point[1])]
    if not points:
        return ""
    end = max(end, points[-1][0], 1e-9)
    least, most = min(value for _, value in points), max(value for _, value in points)
    spread = (most - least) or 1.0

    def place(seconds: float, value: float) -> tuple[float, float]:
        return left + seconds / end * (width - left - 20), 15 + (most - value) / spread * (height - low - 30)

    path, before = [], points[0][1]
    for seconds, value in [*points, (end, points[-1][1])]:
        path += [place(seconds, before), place(seconds, value)]
        before = value
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in path)
    marks = "".join(
        f'<text x="{left - 8}" y="{place(0.0, value)[1] + 4:.0f}" text-anchor="end">{figure(value)}</text>'
        for value in sorted({least, most})
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" font-size="12">'
        f"<title>{escape(label)}</title>{marks}"
        f'<path d="M{left} 5V{height - low}H{width - 10}" fill="none" stroke="#999"/>'
        f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="2"/>'
        f'<text x="{left}" y="{height - 12}">0 s</text>'
        f'<text x="{width - 10}" y="{height - 12}" text-anchor="end">{figure(end)} s</text></svg>'
    )
