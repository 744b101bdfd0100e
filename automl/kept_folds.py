"""The folds of trials whose files are still there, as they were written: power cuts and kills leave others."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from automl.evaluate import PREDICTIONS_FILE
from automl.fold_data import CACHE_FOLDER
from automl.member import MEMBER_FILE, MODEL_FOLDER, is_torn
from automl.run_folder import ENCODERS_FOLDER, fold_folder
from automl.store import writing

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


def mend_encoders(folder: Path) -> None:
    """Put damaged encoders that members share back from the copy that stands beside the encoded rows. Where that is damaged,
    too, both are taken away, so that they are made again, and the folds are not whole that had them.
    """
    encoders, cache = folder / ENCODERS_FOLDER, folder / CACHE_FOLDER
    if encoders.is_symlink() or cache.is_symlink():  # nothing outside of the run's folder is touched
        return
    for path in [path for path in cache.glob("*") if path.is_dir() and not _is_whole_cache(path)]:
        shutil.rmtree(path, ignore_errors=True)
    names = {path.name for parent in (encoders, cache) for path in parent.glob("*") if path.is_dir()}
    for name in sorted(name for name in names if "." not in name):  # others are half written
        if _is_encoder(encoders / name):
            continue
        shutil.rmtree(encoders / name, ignore_errors=True)
        if (cache / name).is_dir():
            half = encoders / f"{name}.half"
            shutil.rmtree(half, ignore_errors=True)
            with writing(folder):
                shutil.copytree(cache / name / "encoder", half)
                half.rename(encoders / name)


def _is_whole_cache(folder: Path) -> bool:
    import numpy as np

    try:
        for part in ("train", "valid"):  # mapped only; one that is cut short is refused
            np.load(folder / f"{part}.npy", mmap_mode="r", allow_pickle=False)
        json.loads((folder / "names.json").read_text())
    except (OSError, ValueError, EOFError, RecursionError):
        return False
    return _is_encoder(folder / "encoder")


def _is_encoder(folder: Path) -> bool:
    from automl.data.matrix import MatrixEncoder

    try:
        MatrixEncoder.load(folder)
    except (ImportError, MemoryError):  # says nothing of the files, which would be taken away
        raise
    except Exception:  # noqa: BLE001 - whatever damaged files raise
        return False
    return True
