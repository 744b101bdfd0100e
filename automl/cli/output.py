"""What a command prints: words for people or one JSON document for programs, on the right stream."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

MOST_FINDINGS = 10
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FIGURE = re.compile(r"-?\d[\d,]*(\.\d+)?(e[+-]?\d+)?|-?inf|-", re.IGNORECASE)


@dataclass
class Session:
    """What belongs to one call of ``automl``."""

    started: float
    """`time.monotonic()` from which a time budget counts."""
    json_stream: TextIO | None = None
    """The real standard output when everything else that writes there is sent to standard error."""
    verbose: bool = False
    run_folder: str | None = None
    """Where a run was going on when something unexpected happened."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """How the user wants to be told."""

    session: Session
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def say(self, text: str = "") -> None:
        """A line for people; nothing with ``-q`` or ``--json``."""
        if not (self.quiet or self.as_json):
            self.result(text)

    def result(self, text: str) -> None:
        """A line that ``-q`` prints, too."""
        if not self.as_json:
            print(clean(text))

    def document(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        """The JSON document."""
        import json

        print(json.dumps(_plain(value), allow_nan=False), file=self.session.json_stream or sys.stdout)

    def findings(self, findings: Sequence[Any]) -> None:
        """A line for each finding, what was changed or looks wrong first; the rest is counted unless ``-v``."""
        for line in findings_lines(findings, everything=self.verbose):
            self.say(line)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table; on a terminal its last column is cut at the right margin."""
        import shutil

        width = shutil.get_terminal_size().columns if sys.stdout.isatty() and not self.verbose else None
        self.say(table(head, rows, width=width))


def warn(text: str) -> None:
    """A line on standard error."""
    if sys.stderr is not None:
        print(f"automl: {clean(text)}", file=sys.stderr)


def clean(text: str) -> str:
    """`text` without control characters: names of columns are the user's, and may hold anything."""
    return _CONTROL.sub("?", text)


def figure(value: float | None, digits: int = 5) -> str:
    """A short figure; a dash for nothing."""
    return "-" if value is None else f"{value:.{digits}g}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, width: int | None = None) -> str:
    """A plain table, two spaces between columns, figures set to the right, no line longer than `width`."""
    cells = [list(head), *([clean(str(cell)).replace("\n", " ") for cell in row] for row in rows)]
    places = range(len(head))
    widths = [max(len(row[place]) for row in cells) for place in places]
    right = [len(cells) > 1 and all(_FIGURE.fullmatch(row[place]) for row in cells[1:]) for place in places]
    lines = []
    for row in cells:
        aligned = [
            cell.rjust(size) if flush else cell.ljust(size)
            for cell, size, flush in zip(row, widths, right, strict=True)
        ]
        line = "  ".join(aligned).rstrip()
        lines.append(line if width is None or len(line) <= width else line[: max(width - 3, 0)] + "...")
    return "\n".join(lines)


def findings_lines(findings: Sequence[Any], *, everything: bool = False) -> list[str]:
    """A line for each finding, warnings before repairs before mere notes."""
    order = {"warning": 0, "repair": 1, "info": 2}
    sorted_findings = sorted(findings, key=lambda finding: order[finding.level])
    if everything:
        return [f"{finding.level}: {finding.message}" for finding in sorted_findings]
    grave = [finding for finding in sorted_findings if finding.level != "info"]
    lines = [f"{finding.level}: {finding.message}" for finding in grave[:MOST_FINDINGS]]
    if len(grave) > MOST_FINDINGS:
        lines.append(f"and {len(grave) - MOST_FINDINGS} more of these (-v shows all)")
    return lines


def _plain(value: Any) -> Any:
    """Values that JSON has; NaN and infinity, which it lacks, become null."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "to_dict"):
        return _plain(value.to_dict())
    if hasattr(value, "item"):
        return _plain(value.item())
    return str(value)
