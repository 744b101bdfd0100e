"""Ctrl+C, SIGTERM and SIGHUP at moments when a run is about to be over anyway."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    Handler = Callable[[int, FrameType | None], Any]

AGAIN_SECONDS = 0.05
"""A signal that comes while a module is imported comes again after this time."""
MOST_AGAIN = 200
"""How often it comes again before it counts all the same: an import may hang."""

STOP_SIGNALS = tuple(int(getattr(signal, name)) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that stop a run as Ctrl+C does: a batch system's, and that of a terminal that was closed."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP came: like Ctrl+C, but whoever started us is told the difference by the exit code."""

    def __init__(self, number: int = signal.SIGTERM, *told: str) -> None:
        super().__init__(*told)
        self.number = int(number)


def after_imports(handler: Handler) -> Handler:
    """`handler`, called once no module is being imported in the main thread any more.

    An exception in the middle of an import may leave the interpreter's import lock taken: other threads that import, and
    with them the process, would then wait for ever.
    """
    put_off: dict[int, int] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        if _imports(frame) and put_off.get(number, 0) < MOST_AGAIN:
            put_off[number] = put_off.get(number, 0) + 1
            again = threading.Timer(AGAIN_SECONDS, _send_again, (number,))
            again.daemon = True
            again.start()
            return
        put_off.pop(number, None)
        handler(number, frame)

    return handle


def _imports(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _send_again(number: int) -> None:
    """To the main thread, which may be waiting in a system call."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)


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
