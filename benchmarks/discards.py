"""What early discard would have done in a run whose trials have all their folds: which it would have left, and what it saves.

The rule is the engine's own (`automl.early_discard`), asked after each fold of each trial in the order of the trials, with the
ensemble of those it kept until then. ``benchmarks/ablation.py`` uses it; nothing is trained.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from automl.clock import Clock
from automl.early_discard import EarlyDiscard
from automl.ensemble import select
from automl.evaluate import PREDICTIONS_FILE, FoldResult
from automl.fold_jobs import RunContext
from automl.history import Candidate, Trial
from automl.oof import OutOfFold
from automl.run_folder import fold_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from automl.data.records import Split
    from automl.metrics import Metric
    from automl.task import Task


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The rows that judge a run's trials."""

    run: Path
    task: Task
    metric: Metric
    splits: Sequence[Split]
    truth: NDArray[np.generic]


def early_discard(judged: Judged, folds: Mapping[int, Sequence[int]]) -> tuple[list[int], dict[str, float]]:
    """Trials that early discard would have kept, of those in `folds` (trial -> its folds), and what it would have saved:
    ``jobs`` and ``seconds`` of workers, beside those of all.
    """
    context = RunContext(
        folder=judged.run,
        run_id="",
        task=judged.task,
        metric=judged.metric,
        models={},
        fidelities={},
        splits=judged.splits,
        target=judged.truth,
        weight=None,
        clock=Clock.make(time.monotonic(), 3600.0),
        seed=0,
        early_discard=True,
    )
    kept: dict[int, Trial] = {}
    saved = {"jobs": 0.0, "all_jobs": 0.0, "seconds": 0.0, "all_seconds": 0.0}
    for number in sorted(folds):
        seconds = _seconds(judged.run, number)
        results = {fold: _result(judged, number, fold) for fold in folds[number]}
        left = _left_after(context, judged, number, results, kept)
        saved["all_jobs"] += len(results)
        saved["all_seconds"] += sum(seconds.values())
        if left is not None:
            saved["jobs"] += len(results) - left
            saved["seconds"] += sum(seconds[fold] for fold in sorted(results)[left:])
            continue
        losses = tuple(result.loss for result in results.values() if result.loss is not None)
        loss = float(np.mean(losses))
        kept[number] = Trial(id=number, candidate=_nobody(), status="done", loss=loss, fold_losses=losses)
    return list(kept), saved


def _left_after(
    context: RunContext, judged: Judged, number: int, results: Mapping[int, FoldResult], kept: Mapping[int, Trial]
) -> int | None:
    """Folds after which the trial is left; None: it is not."""
    if not kept:
        return None
    weights = _weights(judged, kept, sorted(results))
    incumbent = min(kept.values(), key=lambda trial: trial.loss or 0.0)
    rule, trial = EarlyDiscard(context), Trial(id=number, candidate=_nobody())
    for done in range(1, len(results)):
        first = {fold: results[fold] for fold in sorted(results)[:done]}
        if rule.hopeless(trial, first, len(results), incumbent, weights):
            return done
    return None


def _weights(judged: Judged, kept: Mapping[int, Trial], folds: Sequence[int]) -> Mapping[int, float]:
    pooled = OutOfFold([judged.splits[fold] for fold in folds], len(judged.truth))
    predictions = {
        number: pooled.combine({place: _predictions(judged, number, fold) for place, fold in enumerate(folds)})[1]
        for number in kept
    }
    rows = pooled.covered
    return select(predictions, lambda mean: judged.metric.loss(judged.truth[rows], mean)).weights


def _predictions(judged: Judged, trial: int, fold: int) -> NDArray[np.floating]:
    return np.asarray(np.load(fold_folder(judged.run, trial, fold) / PREDICTIONS_FILE))


def _result(judged: Judged, trial: int, fold: int) -> FoldResult:
    rows = judged.splits[fold].valid
    loss = judged.metric.loss(judged.truth[rows], _predictions(judged, trial, fold))
    return FoldResult(loss=loss, facts={}, fit_seconds=0.0, predict_seconds=0.0, prepare_seconds=0.0)


def _seconds(run: Path, trial: int) -> dict[int, float]:
    with closing(sqlite3.connect(run / "run.db")) as db:
        return dict(db.execute("SELECT fold, seconds FROM jobs WHERE trial = ?", (trial,)).fetchall())


def _nobody() -> Candidate:
    return Candidate(model="", config={})
