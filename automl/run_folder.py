"""The folder of a run: what is where in it.

::

    RUN/run.db              settings, findings, trials, jobs, weights, events
    RUN/data/               the encoded table, mapped by workers; gone when the run is finished
    RUN/trials/0007/fold-0/ a fitted member and its out-of-fold predictions
    RUN/encoders/           matrix encoders that members share
    RUN/predictor/          what predicts; can be copied elsewhere
    RUN/run.lock            there while a process works in the folder
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from automl.errors import RunError
from automl.run_lock import LOCK_FILE, who_works

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "run.db"
TRIALS_FOLDER = "trials"
PREDICTOR_FOLDER = "predictor"


def trial_folder(run_folder: Path, trial_id: int) -> Path:
    """Folder of a trial's files."""
    return run_folder / TRIALS_FOLDER / f"{trial_id:04d}"


def fold_folder(run_folder: Path, trial_id: int, fold: int) -> Path:
    """Folder of one fold of a trial; ``all`` for a member fitted on all rows."""
    return trial_folder(run_folder, trial_id) / ("all" if fold < 0 else f"fold-{fold}")


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
    if (folder / DATABASE).exists():
        unfinished = "" if (folder / PREDICTOR_FOLDER).is_dir() else f" that was interrupted (automl finish {folder})"
        raise RunError(f"{folder} holds a run already{unfinished}; give another name with --out, nothing was changed")
    if folder.is_file():
        raise RunError(f"{folder} is a file; give another name with --out")
    names = sorted(path.name for path in folder.iterdir() if path.name != LOCK_FILE) if folder.is_dir() else []
    if names:
        told = ", ".join(names[:3])
        raise RunError(f"{folder} is not empty (it holds {told}); give another name with --out, nothing was changed")
