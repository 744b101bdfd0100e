"""The fork server: a fresh interpreter that imports libraries once and forks workers on request.

It trains nothing and starts no threads, so that forking it is safe whatever the driver does with OpenMP; and it never
imports the user's main module, so that scripts need no ``__main__`` guard. When the driver goes away, so do it and
all its workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import selectors
import signal
import socket
import sys
from typing import TYPE_CHECKING

from automl_plugins.executors.messages import send

if TYPE_CHECKING:
    from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str]) -> None:
    """``server.py FD MODULE...``: serve the control channel FD after importing the modules."""
    control = socket.socket(fileno=int(arguments[0]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _die_with_parent()
    for name in arguments[1:]:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - the job that needs it will tell; the others can run
            print(f"preloading {name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
    gc.collect()
    gc.freeze()  # pages of what is loaded stay shared with all workers
    _serve(control)


def _serve(control: socket.socket) -> None:
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    children: set[int] = set()
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(wake_read, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd == wake_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_read, 4096)
                    _reap(control, children)
                elif not _fork_one(control, children, (wake_read, wake_write)):
                    for pid in children:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                    return


def _reap(control: socket.socket, children: set[int]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        children.discard(pid)
        with contextlib.suppress(OSError):
            send(control, ("exit", pid, os.waitstatus_to_exitcode(status)))


def _fork_one(control: socket.socket, children: set[int], inherited: tuple[int, int]) -> bool:
    """Fork a worker for the channel that came with the request; False when the driver is gone."""
    try:
        data, handles, _, _ = socket.recv_fds(control, 1, 1)
    except OSError:
        return False
    if not data:
        return False
    pid = os.fork()
    if pid:
        os.close(handles[0])
        children.add(pid)
        try:
            send(control, ("forked", pid))
        except OSError:
            return False
        return True
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        for handle in inherited:
            os.close(handle)
        _die_with_parent()
        from automl_plugins.executors.worker import work

        with socket.socket(fileno=handles[0]) as channel:
            work(channel)
    finally:
        os._exit(0)


def _die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (Linux only; elsewhere the closed socket ends it)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
