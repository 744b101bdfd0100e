"""How much memory processes hold for themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def private_bytes(pids: Iterable[int]) -> dict[int, int]:
    """Bytes that each process holds in memory or swap and shares with no file; processes that ended are left out.

    Mapped tables are shared with a file and count for nobody. Where the system has no ``/proc`` (macOS), all resident
    memory counts, as ``ps`` tells it.
    """
    if sys.platform != "linux":
        return _resident_bytes(list(pids))
    found = {}
    for pid in pids:
        held = _anonymous_bytes(Path(f"/proc/{pid}/status"))
        if held is not None:
            found[pid] = held
    return found


def own_bytes() -> int:
    """`private_bytes` of this process."""
    return private_bytes([os.getpid()]).get(os.getpid(), 0)


def thread_names() -> list[str]:
    """Names of all threads of this process as the kernel knows them; empty where it does not tell."""
    names = []
    for task in Path("/proc/self/task").glob("*/comm"):
        try:
            names.append(task.read_text().strip())
        except OSError:
            continue  # it has just ended
    return names


def _anonymous_bytes(status: Path) -> int | None:
    try:
        text = status.read_bytes()
    except OSError:
        return None
    held = None
    for line in text.splitlines():
        if line.startswith((b"RssAnon:", b"VmSwap:")):
            held = (held or 0) + int(line.split()[1]) * 1024
    return held  # None for a process that has ended and waits to be reaped


def _resident_bytes(pids: list[int]) -> dict[int, int]:
    if not pids:
        return {}
    command = ["/bin/ps", "-o", "pid=,rss=", "-p", ",".join(map(str, pids))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = (line.split() for line in done.stdout.splitlines())
    return {int(row[0]): int(row[1]) * 1024 for row in rows if len(row) == 2}
