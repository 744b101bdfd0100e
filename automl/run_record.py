"""What the database of a run says, as one frozen record: enough to make a predictor of it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.calibration import Calibration
from automl.data.image_schema import ImageSchema
from automl.data.records import Finding
from automl.data.schema import Schema
from automl.data.target import TargetCoding
from automl.errors import RunError
from automl.run_folder import DATABASE
from automl.run_reader import open_run
from automl.store import KEPT, SETTLED_FOLDS
from automl.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from automl.history import Trial


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What the database of a run holds."""

    folder: Path
    task: Task
    schema: Schema
    images: ImageSchema | None
    coding: TargetCoding
    constant: tuple[float, ...]
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]
    settings: Mapping[str, Any]
    trials: tuple[Trial, ...]
    folds: Mapping[int, Mapping[int, float | None]]
    """Trial -> fold -> its loss, of the jobs that are done and whose folds count."""
    settled_folds: int | None
    """How many of the planned folds count, where the run went on with fewer."""
    trial_seconds: Mapping[int, float]
    """Trial -> seconds of those jobs."""
    weights: Mapping[int, float]
    factors: tuple[float, ...]
    calibration: Calibration | None
    score: float | None
    slow_metric: bool
    seconds: float
    versions: Mapping[str, str]
    """Distribution -> its version when the run began."""
    later_versions: tuple[Mapping[str, str], ...]
    """The same whenever it was taken up again."""


def read_record(folder: Path) -> RunRecord:
    """The record of the run in `folder`; RunError when something is missing or damaged."""
    with open_run(folder) as reader:
        meta = reader.meta
        if "coding" not in meta:
            raise RunError(
                f"the run in {folder} was interrupted before its search began: there is nothing to make a predictor of; "
                "start it again, in this folder if you like"
            )
        try:
            trials = tuple(reader.trials())
            folds: dict[int, dict[int, float | None]] = {}
            seconds: dict[int, float] = {}
            settled = None if meta.get(SETTLED_FOLDS) is None else int(meta[SETTLED_FOLDS])
            for job in reader.jobs():
                if job["kind"] in ("done", KEPT) and job["fold"] >= 0:
                    if settled is None or job["fold"] < settled:
                        folds.setdefault(job["trial"], {})[job["fold"]] = job["loss"]
                    seconds[job["trial"]] = seconds.get(job["trial"], 0.0) + job["seconds"]
            return RunRecord(
                folder=folder,
                task=Task.from_dict(meta["task"]),
                schema=Schema.from_dict(meta["columns"]),
                images=None if meta.get("images") is None else ImageSchema.from_dict(meta["images"]),
                coding=TargetCoding.from_dict(meta["coding"]),
                constant=tuple(float(value) for value in meta["constant"]),
                findings=tuple(Finding(**one) for one in meta["findings"]),
                reasons=tuple(meta["reasons"]),
                settings=dict(meta["settings"]),
                trials=trials,
                folds=folds,
                settled_folds=settled,
                trial_seconds=seconds,
                weights=reader.weights(),
                factors=tuple(meta.get("factors") or ()),
                calibration=Calibration.from_dict(meta["calibration"]) if meta.get("calibration") else None,
                score=meta.get("score"),
                slow_metric=any(event["code"] == "slow-metric" for event in reader.events()),
                seconds=reader.seconds(),
                versions=dict(meta.get("versions") or {}),
                later_versions=tuple(dict(one) for one in meta.get("later_versions") or ()),
            )
        except (sqlite3.Error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"{folder / DATABASE} is damaged and cannot be read ({type(error).__name__}: {error}); start the run again"
            ) from error
