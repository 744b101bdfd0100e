"""Who works in a run folder: a lock that the system takes back when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from typing import IO, TYPE_CHECKING

from automl.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_FILE = "run.lock"
PATIENCE_SECONDS = 0.2
"""For which a run that starts waits for those who only look whether one is at work; they take a moment each."""


class RunLock:
    """Held by the process that writes a run folder.

    A file lock, because a process that is killed cannot take anything back itself. File systems and platforms that know
    no such locks are used without one.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock of `folder`; RunError when another process has it, OSError when nothing can be written."""
        self._path = folder / LOCK_FILE
        patience = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._file = self._path.open("a+", encoding="ascii")
            taken = _try(self._file)
            # Who had it may have let go between our opening and locking: a file that is gone locks nobody out.
            if taken and _is_there(self._file, self._path):
                break
            owner = _owner(self._file)
            self._file.close()
            if not taken and time.monotonic() > patience:
                raise RunError(f"{folder} is in use by a run{owner}; wait until it is over, or give another folder")
            time.sleep(0.0 if taken else 0.01)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let others in; the file goes away."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._file.close()


def who_works(folder: Path) -> str | None:
    """The process that works in `folder`, in words; None when none does.

    Those who look share the lock for a moment, so that they do not take each other for a run.
    """
    try:
        with (folder / LOCK_FILE).open("r", encoding="ascii") as file:
            return None if _try(file, shared=True) else f"a run{_owner(file)}"
    except OSError:
        return None


def is_free(folder: Path) -> bool:
    """Whether it is beyond doubt that no process works in `folder`: where no locks are known, the process that wrote its
    number there must have ended.
    """
    try:
        with (folder / LOCK_FILE).open("r", encoding="ascii") as file:
            taken = _lock(file, shared=True)
            return is_dead(file.read(20)) if taken is None else taken
    except FileNotFoundError:
        return True
    except OSError:
        return False


def is_dead(number: str) -> bool:
    """Whether the process of this number has ended; False for what is no number."""
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OSError):
        return False
    return False


def _is_there(file: IO[str], path: Path) -> bool:
    """Whether `path` still names this file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _try(file: IO[str], *, shared: bool = False) -> bool:
    """Lock the file if nobody has it; it is let go when the file is closed. `shared` locks stand beside each other."""
    return _lock(file, shared=shared) is not False


def _lock(file: IO[str], *, shared: bool) -> bool | None:
    """Whether the file could be locked; None where locks are not known."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network file system without locks
        return None
    return True


def _owner(file: IO[str]) -> str:
    file.seek(0)
    number = file.read(20)
    return f" (process {number})" if number.isdigit() else ""
