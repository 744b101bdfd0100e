"""Folders for what is made before the run folder is there, gone afterwards, and the name of a run that has none."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from automl.run_folder import DATABASE
from automl.run_lock import LOCK_FILE, RunLock, is_dead, who_works

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


STALE_SECONDS = 60.0
"""Younger folders may belong to a process that is just about to lock its own."""


class Workspace:
    """Made when it is asked for, on the disk of the run folder where one is named: what it holds can then be moved.

    It is locked as run folders are, so that folders of processes that were killed are known, and taken away.
    """

    def __init__(self, run_folder: Path | None = None, *, prefix: str = ".automl-") -> None:
        self._run_folder = run_folder
        self._prefix = prefix
        self._made: Path | None = None
        self._lock: RunLock | None = None

    def folder(self) -> Path:
        """The folder, made at the first call; it holds a lock file, `automl.run_lock.LOCK_FILE`."""
        if self._made is None:
            parent = self._beside() or Path(tempfile.gettempdir())
            remove_stale(parent, self._prefix)
            self._made = Path(tempfile.mkdtemp(prefix=self._prefix, dir=parent))
            self._lock = RunLock(self._made)
        return self._made

    def _beside(self) -> Path | None:
        if self._run_folder is None:
            return None
        return next(folder for folder in self._run_folder.absolute().parents if folder.is_dir())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()


def remove_stale(parent: Path, prefix: str) -> None:
    """Take away the user's own workspaces in `parent` whose process was killed before it could do so itself."""
    for path in parent.glob(f"{prefix}*"):
        # Another user's may be gone or closed to us at any moment.
        with suppress(OSError):
            lock = path / LOCK_FILE
            about = lock.stat()
            mine = not hasattr(os, "getuid") or about.st_uid == os.getuid()
            if (
                mine
                and not (path / DATABASE).exists()  # a run that was given such a name can still be finished
                and time.time() - about.st_mtime > STALE_SECONDS
                and who_works(path) is None
                and is_dead(lock.read_text(encoding="ascii"))
            ):
                shutil.rmtree(path, ignore_errors=True)


@contextmanager
def reserved_folder(name: str = "") -> Iterator[Path]:
    """``runs/NAME-DATE-TIME`` below the current folder, made at once, so that no other run takes the same one; it goes
    away again when it is left empty.
    """
    runs = Path("runs")
    there = runs.is_dir()
    stem = "-".join(filter(None, (name, time.strftime("%Y%m%d-%H%M%S"))))
    folder, number = runs / stem, 2
    while not _made_new(folder):
        folder, number = runs / f"{stem}-{number}", number + 1
    try:
        yield folder
    finally:
        with suppress(OSError):  # it holds a run
            folder.rmdir()
        with suppress(OSError):
            if not there:
                runs.rmdir()


def _made_new(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return not folder.parent.is_dir()  # a file is in the way, which whoever writes the run tells
    except OSError:  # nothing can be written here, which whoever writes the run tells
        return True
    return True
