"""One job in a worker: fit one fold of one trial, predict its validation rows, save both.

Tables travel as memory-mapped files; a job carries only names, settings and seconds.
"""

from __future__ import annotations

import contextlib
import importlib
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from automl.data.records import ImageData
from automl.errors import MetricError
from automl.fold_data import REFIT_FOLD, forms_of
from automl.latency import folder_megabytes, time_rows
from automl.member import Member, fit_member, load_member
from automl.protocols import Config, Effort
from automl.run_folder import DATA_FOLDER
from automl.saved_check import check_saved
from automl.specs import load_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.records import MatrixData, Split, TableData
    from automl.data.target_unit import TargetUnit
    from automl.metrics import Metric
    from automl.task import Task

PREDICTIONS_FILE = "predictions.npy"


@dataclass(frozen=True, kw_only=True)
class FoldJob:
    """What a worker needs to fit one fold."""

    run_folder: Path
    run_id: str
    task: Task
    factory: str
    imports: tuple[str, ...] = ()
    """Modules that the model needs sooner or later: imported before its time begins, unless they are there."""
    form: str
    raw_target: bool = False
    """Whether the model wants values in the user's unit."""
    config: Config
    metric: Metric
    fold: int
    seed: int
    fidelity: Mapping[str, float] = field(default_factory=dict)
    full: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, float] = field(default_factory=dict)
    """Of the trial, when it is refitted."""
    rows_share: float = 1.0
    soft_seconds: float | None = None
    """Seconds after which `fit` should return with what it has; None: no limit."""
    end: float | None = None
    """`time.monotonic()` by which everything must be back; the clock is shared by all processes of a machine."""
    threads: int = 1
    device: str = "cpu"
    checkpoint: Path | None = None
    columns: Path | None = None
    """Array ``(rows, columns)`` of numbers that stand beside the table's own: predictions of the first layer."""
    latency_rows: int = 0
    """Rows of the batch by which predicting is timed; 0: it is not."""
    folder: Path
    """Where the fitted member and its predictions go; made by the job."""


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """What came of a fold; the arrays are in files."""

    loss: float | None
    facts: Mapping[str, float]
    fit_seconds: float
    predict_seconds: float
    prepare_seconds: float
    import_seconds: float = 0.0
    """What the worker took to import the model, before its time began."""
    metric_seconds: float = 0.0
    """What the metric took on the fold's validation rows; `predict_seconds` holds it, too."""
    row_ms: float | None = None
    """Milliseconds that predicting a row takes in a batch of the job's `latency_rows`; None: not timed."""
    megabytes: float = 0.0
    """Size of the saved member, without an encoder that others share."""


@dataclass(frozen=True, kw_only=True)
class _Opened:
    run_id: str
    data: TableData | ImageData
    splits: list[Split]


_opened: dict[str, _Opened] = {}


def _open(job: FoldJob) -> _Opened:
    """The run's data, mapped once per worker and kept for its next jobs."""
    opened = _opened.get("run")
    if opened is None or opened.run_id != job.run_id:
        from automl.data.storage import open_data, read_splits

        opened = _Opened(
            run_id=job.run_id, data=open_data(job.run_folder / DATA_FOLDER), splits=read_splits(job.run_folder)
        )
        _opened["run"] = opened
    return opened


_widened: dict[str, tuple[Path, TableData]] = {}


def _data(job: FoldJob, opened: _Opened) -> TableData | ImageData:
    """The run's data with the columns that the job adds; those of the last such job are kept for its other folds."""
    if job.columns is None:
        return opened.data
    key = job.columns.with_name(f"{opened.run_id}-{job.columns.name}")
    kept = _widened.get("run")
    if kept is None or kept[0] != key:
        import numpy as np

        from automl.data.widened import widened

        assert not isinstance(opened.data, ImageData), "only tables are widened"
        kept = key, widened(opened.data, np.load(job.columns, allow_pickle=False))
        _widened["run"] = kept
    return kept[1]


def run_fold(job: FoldJob) -> FoldResult:
    """Fit one fold (or all rows), predict its validation rows, save the member and the predictions."""
    began = time.monotonic()
    factory = _import(job)
    job.metric.prepare()
    started = time.monotonic()
    _seed_globals(job.seed)
    opened = _open(job)
    train_rows, valid_rows = _rows(job, opened)
    data = _data(job, opened)
    train, valid, encoder, shared = forms_of(job, data, train_rows, valid_rows)
    prepared = time.monotonic()
    _lock(valid)
    effort = Effort(
        fidelity=dict(job.fidelity),
        full=dict(job.full),
        facts=dict(job.facts),
        deadline=_deadline(job, started),
        threads=job.threads,
        device=job.device,
        checkpoint=job.checkpoint,
    )
    member, facts = fit_member(
        factory,
        config=job.config,
        task=job.task,
        seed=job.seed,
        train=train,
        valid=valid,
        effort=effort,
        encoder=encoder,
        unit=_unit(job, train),
    )
    fitted = time.monotonic()
    loss: float | None = None
    predictions: NDArray[np.float64] | None = None
    judged, predicted_at = 0.0, fitted
    if valid is not None and valid.target is not None and len(valid_rows):
        predictions = member.predict_encoded(valid)
        judged = predicted_at = time.monotonic()
        # A fold may hold one class only, where some metrics say nothing: the pooled predictions are judged anyway.
        with contextlib.suppress(MetricError):
            loss = job.metric.loss(valid.target, predictions, valid.weight)
        judged = time.monotonic() - judged
    predicted = time.monotonic()
    _save(job, member, predictions, shared)
    check_saved(
        job.factory,
        job.folder,
        member,
        data,
        lambda encoders: load_member(
            job.folder, factory, config=job.config, task=job.task, seed=job.seed, encoders=encoders
        ),
        shared=shared,
    )
    row_ms = None
    if job.latency_rows:
        row_ms = time_rows(member, data, job.latency_rows, seconds=predicted_at - fitted, count=len(valid_rows))
    return FoldResult(
        loss=loss,
        facts=facts,
        prepare_seconds=prepared - started,
        fit_seconds=fitted - prepared,
        predict_seconds=predicted - fitted,
        import_seconds=started - began,
        metric_seconds=judged,
        row_ms=row_ms,
        megabytes=folder_megabytes(job.folder, skip=PREDICTIONS_FILE),
    )


def _lock(valid: TableData | MatrixData | ImageData | None) -> None:
    """What judges a model is not for it to change, as the training rows are not."""
    for name in ("target", "weight", "values", "numbers", "codes"):
        array = getattr(valid, name, None)
        if array is not None:
            array.flags.writeable = False


def _import(job: FoldJob) -> Any:
    """The model's factory, with all that it needs later: a first import takes seconds, which are not the model's."""
    factory = load_object(job.factory, owner="model")
    for module in job.imports:
        with contextlib.suppress(Exception):  # whatever is broken there: where it is needed after all, the model tells
            importlib.import_module(module)
    return factory


def _seed_globals(seed: int) -> None:
    """A model that draws from the global generators repeats too, whichever worker it runs in."""
    import random

    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - this is for models that use the global state


def _unit(job: FoldJob, train: TableData | MatrixData | ImageData) -> TargetUnit | None:
    """The unit for this model, found on its training rows."""
    if job.task.is_classification or job.raw_target:
        return None
    from automl.data.target_unit import find_unit

    assert train.target is not None
    spec = job.metric.spec
    return find_unit(train.target, proportional=spec.proportional, bend=spec.logarithm, positive=spec.positive)


def _deadline(job: FoldJob, started: float) -> float | None:
    limits = [] if job.end is None else [job.end]
    if job.soft_seconds is not None:
        limits.append(started + job.soft_seconds)
    return min(limits) if limits else None


def _rows(job: FoldJob, opened: _Opened) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    import numpy as np

    if job.fold == REFIT_FOLD:
        return np.arange(len(opened.data)), np.zeros(0, dtype=np.int64)
    split = opened.splits[job.fold]
    if job.rows_share >= 1.0:
        return split.train, split.valid
    from automl.data.splits import subsample

    target = opened.data.target
    assert target is not None
    kept = subsample(
        target[split.train], share=job.rows_share, classification=job.task.is_classification, seed=job.fold
    )
    return split.train[kept], split.valid


def _save(job: FoldJob, member: Member, predictions: NDArray[np.float64] | None, shared: str | None) -> None:
    import numpy as np

    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(job.folder)  # left behind by a worker that was killed while saving
    job.folder.mkdir(parents=True)
    member.save(job.folder, shared_encoder=shared)
    if predictions is not None:
        # Probabilities need no more digits, values do: 1e9 + 1 is 1e9 in float32.
        kind = np.float32 if job.task.is_classification else np.float64
        np.save(job.folder / PREDICTIONS_FILE, predictions.astype(kind))
