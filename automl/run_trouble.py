"""What is said of a run folder whose record is not there or cannot be read."""

from __future__ import annotations

import os
import shlex
import sqlite3
from typing import TYPE_CHECKING

from automl.errors import RunError
from automl.run_folder import DATABASE, PREDICTOR_FOLDER, TRIALS_FOLDER, nothing_found
from automl.run_lock import LOCK_FILE, who_works

if TYPE_CHECKING:
    from pathlib import Path


MOST_TOLD = 160
"""Characters of an error, which may quote what it could not read."""


def unreadable(folder: Path, error: Exception) -> RunError:
    """What is wrong with a run's database that cannot be read, and what can still be done."""
    path, told = folder / DATABASE, f"{type(error).__name__}: {error}"[:MOST_TOLD]
    if isinstance(error, sqlite3.OperationalError) and "no such table" in str(error) and (why := _why_early(folder)):
        return RunError(why)
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return RunError(f"{path} is in use by another process ({told}); try again when that is over")
    if isinstance(error, sqlite3.OperationalError) and "unable to open" in str(error):
        return RunError(f"{path} cannot be opened ({told}); see whether you may read it and write beside it")
    return RunError(f"{path} is damaged and cannot be read ({told}){_what_is_left(folder)}")


def _what_is_left(folder: Path) -> str:
    """What to do without the database."""
    told = "; fit again with another --out"
    if (folder / PREDICTOR_FOLDER).is_dir():
        told += f"; the predictor does not need it: automl predict {shlex.quote(str(folder))} NEW.csv"
    return told


def _why_early(folder: Path) -> str:
    """What is said of a run that has recorded nothing yet, or never did; empty for any other."""
    worker = who_works(folder) if (folder / LOCK_FILE).is_file() else None
    if worker is not None and f"(process {os.getpid()})" not in worker:  # who resumes it has the lock himself
        return f"{folder} is being set up by {worker}; try again in a moment"
    if folder.is_dir() and any(folder.iterdir()) and nothing_found(folder):
        return (
            f"the run in {folder} was interrupted before its search began: there is nothing to show or to go on with; start "
            "it again, in this folder if you like"
        )
    return ""


def why_no_database(folder: Path) -> str:
    """Why there is no run to read in `folder`, in words."""
    if not folder.exists():
        return (
            f"{folder} does not exist; give the folder that `automl fit --out` made (a run that was killed in its first seconds "
            "has made none: fit again)"
        )
    if why := _why_early(folder):
        return why
    if (folder / PREDICTOR_FOLDER).is_dir() or any((folder / TRIALS_FOLDER).glob("*")):
        return f"{folder / DATABASE} is gone, and with it what the run found{_what_is_left(folder)}"
    return f"{folder} is not a run folder: it has no {DATABASE}; give the folder that `automl fit --out` made"
