"""The folds of trials whose files are still there, as they were written: power cuts and kills leave others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.evaluate import PREDICTIONS_FILE
from automl.member import MEMBER_FILE, MODEL_FOLDER, is_torn
from automl.run_folder import fold_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def whole_folds(folder: Path, trial: int, folds: Iterable[int]) -> tuple[int, ...]:
    """Those whose fitted models are there; those of trials without prospect are removed."""
    return tuple(fold for fold in sorted(folds) if is_whole(fold_folder(folder, trial, fold)))


def torn_folds(folder: Path, trial: int, folds: Iterable[int]) -> tuple[int, ...]:
    """Those whose fitted models are damaged."""
    return tuple(fold for fold in sorted(folds) if is_torn(fold_folder(folder, trial, fold)))


def is_whole(folder: Path, *, read: bool = False) -> bool:
    """Whether the files of a fold are there; with `read`, its predictions are looked at, too: after a power cut they may be torn."""
    if not ((folder / MEMBER_FILE).is_file() and (folder / MODEL_FOLDER).is_dir()) or is_torn(folder):
        return False
    if not read:
        return True
    import numpy as np

    try:
        np.load(folder / PREDICTIONS_FILE, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return True
