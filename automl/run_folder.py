"""The folder of a run: what is where in it.

::

    RUN/run.db              settings, findings, trials, jobs, weights, events
    RUN/data/               the encoded table, mapped by workers; gone when the run is finished
    RUN/splits.npz          row numbers of its folds
    RUN/trials/0007/fold-0/ a fitted member and its out-of-fold predictions
    RUN/encoders/           matrix encoders that members share
    RUN/predictor/          what predicts; can be copied elsewhere
    RUN/run.lock            there while a process works in the folder
"""

from __future__ import annotations

import os
import shlex
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from automl.errors import RunError
from automl.run_lock import LOCK_FILE, is_free, who_works

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "run.db"
TRIALS_FOLDER = "trials"
PREDICTOR_FOLDER = "predictor"
DATA_FOLDER = "data"
ENCODERS_FOLDER = "encoders"
SPLITS_FILE = "splits.npz"
DATABASE_FILES = tuple(f"{DATABASE}{ending}" for ending in ("", "-wal", "-shm", "-journal"))
TABLES = frozenset({"meta", "trials", "jobs", "weights", "events"})
"""Of the database."""


def trial_folder(run_folder: Path, trial_id: int) -> Path:
    """Folder of a trial's files."""
    return run_folder / TRIALS_FOLDER / f"{trial_id:04d}"


def fold_folder(run_folder: Path, trial_id: int, fold: int) -> Path:
    """Folder of one fold of a trial; ``all`` for a member fitted on all rows."""
    return trial_folder(run_folder, trial_id) / ("all" if fold < 0 else f"fold-{fold}")


def remove_tree(path: Path) -> None:
    """Take a folder away under another name first, so that one which is killed meanwhile leaves it whole or not at all."""
    gone = path.with_name(f"{path.name}.gone")
    try:
        path.rename(gone)
    except OSError:  # it is not there, or something of an earlier removal is
        gone = path
    shutil.rmtree(gone, ignore_errors=True)


def link_tree(source: Path, target: Path, skip: tuple[str, ...] = ()) -> None:
    """Make `target` hold the files of `source`, as hard links where the file system allows it."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and path.name not in skip:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, copy)
            except OSError:  # another file system, or one without hard links
                shutil.copyfile(path, copy)


def check_new_folder(folder: Path) -> None:
    """Raise RunError unless `folder` can become a run folder; nothing is created or deleted."""
    worker = who_works(folder)
    if worker is not None:
        raise RunError(f"{folder} is in use by {worker}; give another name with --out, nothing was changed")
    if folder.is_file():
        raise RunError(f"{folder} is a file; give another name with --out")
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not set(names) - {LOCK_FILE} or (is_free(folder) and nothing_found(folder)):
        return
    if DATABASE not in names:
        told = ", ".join(name for name in names[:4] if name != LOCK_FILE)
        raise RunError(f"{folder} is not empty (it holds {told}); give another name with --out, nothing was changed")
    if PREDICTOR_FOLDER in names:
        raise RunError(
            f"{folder} holds a run already; give another name with --out, or delete the folder if you do not need it, "
            "nothing was changed"
        )
    raise RunError(
        f"{folder} holds a run already that was interrupted; give another name with --out, or go on with it by: "
        f"automl resume {shlex.quote(str(folder))}, or make its predictor by: automl finish {shlex.quote(str(folder))}, or delete the folder if you do not need it, nothing was changed"
    )


def nothing_found(folder: Path) -> bool:
    """Whether `folder` holds what a run leaves that is killed before its first trial, and nothing else: the next run
    may have its place.
    """
    early = {LOCK_FILE, TRIALS_FOLDER, DATA_FOLDER, SPLITS_FILE, *DATABASE_FILES}
    names = {path.name for path in folder.iterdir()}
    if not names <= early or any((folder / TRIALS_FOLDER).glob("*")):
        return False
    # Many a folder has a `data` of its user's. The database of a run comes before its data and goes after them.
    others = names & {DATA_FOLDER, SPLITS_FILE}
    if DATABASE not in names:
        return not others
    import sqlite3

    try:
        with closing(sqlite3.connect(folder / DATABASE)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not tables <= TABLES or (others and tables != TABLES):
                return False
            return "trials" not in tables or not list(database.execute("SELECT id FROM trials LIMIT 1"))
    except sqlite3.Error:
        return False


def remove_leftovers(folder: Path) -> None:
    """Take away what a run left that found nothing, the database last; the lock stays. Only for who holds it, and when
    `nothing_found`.
    """
    for name in (TRIALS_FOLDER, DATA_FOLDER):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (SPLITS_FILE, *DATABASE_FILES):
        (folder / name).unlink(missing_ok=True)
