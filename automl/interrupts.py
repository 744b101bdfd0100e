"""Ctrl+C, SIGTERM and SIGHUP at moments when a run is about to be over anyway."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


STOP_SIGNALS = tuple(int(getattr(signal, name)) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that stop a run as Ctrl+C does: a batch system's, and that of a terminal that was closed."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came: like Ctrl+C, but whoever started us is told the difference by the exit code."""

    def __init__(self, number: int = signal.SIGTERM, *told: str) -> None:
        super().__init__(*told)
        self.number = int(number)


@contextmanager
def held_back(*, stopped: bool) -> Iterator[None]:
    """Let the first signal to stop pass without effect: what is done here ends in a moment. The second one counts, and
    the first one does where the user stopped before (`stopped`).
    """
    if stopped or threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}
    pressed: list[int] = []

    def wait(number: int, frame: Any) -> None:
        if pressed:
            before[number](number, frame)
        pressed.append(number)

    for number in (int(signal.SIGINT), *STOP_SIGNALS):
        handler = signal.getsignal(number)
        if callable(handler):  # else nobody asked to be told: the system's own way stays
            before[number] = handler
            signal.signal(number, wait)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
