"""Starting and ending the fork server, as the driver sees it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from typing import IO, TYPE_CHECKING

from automl_plugins.executors.messages import SETTINGS_VARIABLE, Channel

from automl import ExecutorSettings, RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

END_SECONDS = 0.5
"""How long the server may take to kill its workers and end; then all are killed from here."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class ServerProcess:
    """A running fork server."""

    def __init__(self, settings: ExecutorSettings, skip: Sequence[str]) -> None:
        _check_platform()
        self._owner = os.getpid()
        self.workers: set[int] = set()
        """Process ids of its workers."""
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        with theirs, _log(settings) as log:
            self._process = subprocess.Popen(
                # -P: the current folder comes onto the path only where the driver has it.
                [sys.executable, "-P", "-m", "automl_plugins.executors.server"],
                pass_fds=[theirs.fileno()],
                env=_environment(settings, skip, theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    def end(self) -> int | None:
        """Kill the server and its workers if they still run; the server's exit code. May be called again.

        In a copy of the driver made by a fork this only lets go of the channel.
        """
        self.channel.close()
        if os.getpid() != self._owner:
            return None
        self._process.terminate()  # it kills its workers; while it still imports, it just dies
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        for pid in self.workers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        self.workers.clear()
        return code


def _check_platform() -> None:
    if not hasattr(os, "fork") or sys.platform == "win32":
        raise RunError(f"executor 'processes' needs a system that can fork, not {sys.platform}; use --executor inline")
    if not sys.executable:
        raise RunError("sys.executable is empty, so worker processes cannot be started; use --executor inline")


def _environment(settings: ExecutorSettings, skip: Sequence[str], channel: int) -> dict[str, str]:
    here = os.getcwd()  # noqa: PTH109 - a string among strings
    path = [os.path.join(here, entry) for entry in sys.path]  # noqa: PTH118 - an empty entry is the current folder
    told = {
        "channel": channel,
        "driver": os.getpid(),
        "workers": settings.workers,
        "preload": list(settings.preload),
        "skip": list(skip),
        "path": path,
        "python_path": os.environ.get("PYTHONPATH"),
    }
    variables = {
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, str(settings.threads)),
        # The server's own linear algebra starts its threads when it is imported; workers get theirs later.
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(path),
        SETTINGS_VARIABLE: json.dumps(told),
    }
    if settings.threads > 1:
        # Waiting threads of OpenMP spin for a while, then sleep; the default makes them burn whole cores.
        variables["GOMP_SPINCOUNT"] = "10000"
    if sys.platform == "darwin":
        # Apple's libraries refuse to run in a forked process otherwise; ours are not used before the fork.
        variables["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"
    return variables


def _log(settings: ExecutorSettings) -> IO[bytes]:
    if settings.folder is None:
        return open(os.devnull, "ab")  # noqa: PTH123
    settings.folder.mkdir(parents=True, exist_ok=True)
    return (settings.folder / "workers.log").open("ab")
