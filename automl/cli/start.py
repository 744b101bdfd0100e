"""When this process began, so that the time budget counts the start of Python and all imports."""

from __future__ import annotations

import os
import time
from pathlib import Path

STATUS = Path("/proc/self/stat")
MOST_SECONDS = 10.0
"""Older processes were a shell that waited before it became this command with ``exec``: its time does not count."""


def process_started() -> float:
    """`time.monotonic()` at which this process began; now, where the system does not tell."""
    now = time.monotonic()
    try:
        # Field 22 of proc(5); the second field is the command's name, which may hold spaces and brackets.
        ticks = int(STATUS.read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return now
    return now - age if 0 <= age <= MOST_SECONDS else now
