"""The rows of a fold in the form a model takes; matrices are encoded once for all jobs of a fold and kept on disk."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from typing import TYPE_CHECKING, Any

from automl.data.records import ImageData
from automl.errors import RunError
from automl.run_folder import ENCODERS_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.matrix import MatrixEncoder
    from automl.data.records import MatrixData, TableData
    from automl.evaluate import FoldJob

CACHE_FOLDER = "cache"
CACHED_BYTES_LIMIT = 1 << 29
"""Encoded matrices of one fold above this size are made anew in each job instead of being kept on disk."""
REFIT_FOLD = -1
"""The fold number that stands for all rows."""


def forms_of(
    job: FoldJob, data: TableData | ImageData, train_rows: NDArray[np.int64], valid_rows: NDArray[np.int64]
) -> tuple[
    TableData | MatrixData | ImageData, TableData | MatrixData | ImageData | None, MatrixEncoder | None, str | None
]:
    """Training and validation rows in the model's form, the fitted encoder and its shared name."""
    if isinstance(data, ImageData) or job.form == "table":
        return data.take(train_rows), data.take(valid_rows) if len(valid_rows) else None, None, None
    if job.form != "matrix":
        raise RunError(f"form {job.form!r} is not known for tables; use 'table' or 'matrix'")
    if job.rows_share < 1.0:
        encoder, train = _encode(job, data.take(train_rows))
        return train, encoder.transform(data.take(valid_rows)) if len(valid_rows) else None, encoder, None
    name = "all" if job.fold == REFIT_FOLD else f"fold-{job.fold}"
    name = name if job.columns is None else f"{name}-{job.columns.stem}"
    cache = job.run_folder / CACHE_FOLDER / name
    target, weight = data.target, data.weight
    if not cache.is_dir():
        made = _make_cache(job, data, train_rows, valid_rows, cache, name)
        if made is not None:
            return made
    encoder, values, names = _read_cache(job, cache, name)
    from automl.data.records import MatrixData

    assert target is not None
    train_matrix, valid_matrix = (
        MatrixData(
            names=names,
            values=part,
            target=target[rows],
            weight=None if weight is None else weight[rows],
            groups=None if data.groups is None else data.groups[rows],
        )
        for part, rows in zip(values, (train_rows, valid_rows), strict=True)
    )
    return train_matrix, valid_matrix if len(valid_rows) else None, encoder, name


def _encode(job: FoldJob, train: TableData) -> tuple[MatrixEncoder, MatrixData]:
    from automl.data.matrix import MatrixEncoder

    encoder = MatrixEncoder()
    matrix = encoder.fit_transform(train, job.task, seed=max(job.fold, 0))
    return encoder, matrix


def _make_cache(
    job: FoldJob,
    data: TableData,
    train_rows: NDArray[np.int64],
    valid_rows: NDArray[np.int64],
    cache: Path,
    name: str,
) -> tuple[TableData | MatrixData, TableData | MatrixData | None, MatrixEncoder | None, str | None] | None:
    """Encode a fold once for all its jobs. Returns the forms when they are too large to keep, else None.

    Two workers may do this at once: each writes a folder of its own, the first to rename it wins.
    """
    import numpy as np

    encoder, train = _encode(job, data.take(train_rows))
    valid = encoder.transform(data.take(valid_rows))
    if train.values.nbytes + valid.values.nbytes > CACHED_BYTES_LIMIT:
        return train, valid if len(valid_rows) else None, encoder, None
    own = cache.with_name(f"{name}.{uuid.uuid4().hex}")
    (own / "encoder").mkdir(parents=True)
    encoder.save(own / "encoder")
    np.save(own / "train.npy", train.values)
    np.save(own / "valid.npy", valid.values)
    (own / "names.json").write_text(json.dumps(train.names))
    shared = job.run_folder / ENCODERS_FOLDER / name
    shared.parent.mkdir(exist_ok=True)
    copy = shared.with_name(f"{name}.{uuid.uuid4().hex}")
    shutil.copytree(own / "encoder", copy)
    for ready, final in ((copy, shared), (own, cache)):
        try:
            os.rename(ready, final)  # noqa: PTH104 - Path.rename replaces files silently on some systems
        except OSError:  # another worker was first: its folder holds the same bytes
            shutil.rmtree(ready)
    return None


def _read_cache(
    job: FoldJob, cache: Path, name: str
) -> tuple[MatrixEncoder, list[NDArray[np.float32]], tuple[str, ...]]:

    import numpy as np

    from automl.data.matrix import MatrixEncoder

    key = f"matrix {job.run_id} {name}"
    if key not in _matrices:
        if len(_matrices) >= 16:  # mapped files cost address space only, but runs come and go
            _matrices.clear()
        values = [np.load(cache / f"{part}.npy", mmap_mode="r", allow_pickle=False) for part in ("train", "valid")]
        names = tuple(json.loads((cache / "names.json").read_text()))
        _matrices[key] = (MatrixEncoder.load(cache / "encoder"), values, names)
    return _matrices[key]


_matrices: dict[str, tuple[Any, list[Any], tuple[str, ...]]] = {}
