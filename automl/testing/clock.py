"""A clock that moves only when it is told to."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Iterator


class FakeClock:
    """Stands in for the functions of `time`: calling it gives the seconds, `sleep` and `advance` add to them."""

    def __init__(self, start: float = 1000.0) -> None:
        self.seconds = float(start)
        self.slept: list[float] = []
        """What `sleep` was asked for, in order."""

    def __call__(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        """The seconds now."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError when `seconds` is negative."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back: advance({seconds})")
        self.seconds += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass at once, and remember it."""
        self.slept.append(seconds)
        self.advance(max(seconds, 0.0))

    @contextlib.contextmanager
    def installed(self) -> Iterator[FakeClock]:
        """Replace ``time.monotonic``, ``time.perf_counter``, ``time.time`` and ``time.sleep`` of this process."""
        with contextlib.ExitStack() as stack:
            for name in ("monotonic", "perf_counter", "time"):
                stack.enter_context(mock.patch.object(time, name, self.monotonic))
            stack.enter_context(mock.patch.object(time, "sleep", self.sleep))
            yield self
