"""The end of a run: members, predictor, record, and what the caller is told."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from automl.failures import lost_models
from automl.history import UNCOUNTED, counted
from automl.machine import versions
from automl.member import MATRIX_FOLDER, MODEL_FOLDER
from automl.predictor import Predictor
from automl.predictor_file import MemberRecord, Parts, write_predictor
from automl.run_folder import fold_folder, trial_folder
from automl.run_reader import leaderboard_rows
from automl.store import Store, writing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from automl.clock import Clock
    from automl.data.image_schema import ImageSchema
    from automl.data.records import Finding
    from automl.data.schema import Schema
    from automl.data.target import TargetCoding
    from automl.history import History, Trial
    from automl.registry import Registry
    from automl.search_result import SearchResult
    from automl.task import Task


LEAST_SECONDS = 0.3
"""Time that must be left for cleaning up."""


class Learned(Protocol):
    """What a predictor knows besides its members; a prepared table has it, and the record of a run."""

    @property
    def task(self) -> Task: ...
    @property
    def schema(self) -> Schema: ...
    @property
    def images(self) -> ImageSchema | None: ...
    @property
    def coding(self) -> TargetCoding: ...
    @property
    def constant(self) -> tuple[float, ...]: ...
    @property
    def findings(self) -> tuple[Finding, ...]: ...


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A run that is over but for its predictor."""

    learned: Learned
    result: SearchResult
    members: tuple[MemberRecord, ...]
    reasons: tuple[str, ...]
    score: float | None
    """That of the ensemble, out of fold."""
    limits_kept: bool = True
    """Whether the members keep the limits on latency and size."""


@dataclass(frozen=True, kw_only=True)
class FitOutcome:
    """What a run left behind."""

    folder: Path
    predictor: Predictor
    leaderboard: list[dict[str, Any]]
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]
    seconds: float
    trials: int
    """Without the baseline, as in the number of trials that a user asks for."""
    failed: int
    only_baseline: bool
    metric: str
    score: float | None
    """Out-of-fold score of the predictor; None when not even a baseline could be judged."""
    interrupted: bool = False
    nothing_learned: bool = False
    """Models were fitted, but none was better than the baseline, which is what predicts."""
    limits_kept: bool = True
    """Whether the predictor keeps the limits on latency and size."""
    only_baseline_fits: bool = False
    """Models were fitted, but none keeps the limits on latency and size: the baseline predicts, which does."""
    lost_models: tuple[str, ...] = ()
    """A line for each model none of whose trials succeeded, with the most frequent cause."""
    faults: tuple[str, ...] = ()
    """What plugins did wrong, in words: a search strategy that failed, a tracker that was switched off."""
    notice: str = ""
    """Why nothing was searched, in words, where a run was to go on that had nothing left to do; else empty."""


def member_records(
    result: SearchResult, registry: Registry, folder: Path, refitted: Collection[int]
) -> tuple[MemberRecord, ...]:
    """The members of the predictor: fold models, or one model on all rows for the trials in `refitted`."""
    if result.ensemble is None:
        return ()
    weights = result.ensemble.weights
    below = {number for one in weights for number in result.history[one].candidate.base}
    # Those that only others stand on have no weight of their own.
    all_weights = {**weights, **dict.fromkeys(sorted(below - set(weights)), 0.0)}
    return tuple(
        _record(result.history[number], weight, registry, folder, (-1,) if number in refitted else result.folds[number])
        for number, weight in all_weights.items()
    )


def make_parts(learned: Learned, result: SearchResult, members: tuple[MemberRecord, ...], registry: Registry) -> Parts:
    """What the predictor of this result is made of."""
    models = [registry.models.get(trial.candidate.model) for trial in result.history.full()]
    return Parts(
        task=learned.task,
        schema=learned.schema,
        images=learned.images,
        coding=learned.coding,
        members=members,
        constant=learned.constant,
        only_baseline=all(spec.is_baseline for spec in models if spec is not None),
        factors=() if result.ensemble is None else result.ensemble.factors,
        calibration=None if result.ensemble is None else result.ensemble.calibration,
    )


def _record(trial: Trial, weight: float, registry: Registry, folder: Path, folds: Sequence[int]) -> MemberRecord:
    spec = registry.models[trial.candidate.model]
    return MemberRecord(
        trial=trial.id,
        weight=weight,
        model=spec.name,
        plugin=spec.plugin,
        distribution=spec.distribution,
        config=trial.candidate.config,
        folders=tuple(fold_folder(folder, trial.id, fold).relative_to(folder).as_posix() for fold in folds),
        base=trial.candidate.base,
    )


def finish_run(store: Store, ending: Ending, *, registry: Registry, clock: Clock) -> FitOutcome:
    """Write the predictor, close the record, clean up.

    RunError when the disk is full or the folder cannot be written; then there is no predictor, rather than half of one.
    """
    folder, result = store.folder, ending.result
    parts = make_parts(ending.learned, result, ending.members, registry)
    alone = not parts.only_baseline and all(registry.models[record.model].is_baseline for record in ending.members)
    lost = lost_models(result.history)
    reasons = (
        *ending.reasons,
        *(_told_alone(store, limited=result.limited) if alone else ()),
        *(f"models: {line}" for line in lost),
        *_told_parts(parts),
    )
    with writing(folder):
        predictor_folder = write_predictor(parts, folder, versions(registry))
    weights = {} if result.ensemble is None else dict(result.ensemble.weights)
    trials = [trial for trial in result.history if trial.kind not in UNCOUNTED]
    store.set_weights(weights, {"score": None} if result.ensemble is None else result.ensemble.facts(ending.score))
    for name in ("data", "cache"):
        shutil.rmtree(folder / name, ignore_errors=True)
    outcome = FitOutcome(
        folder=folder,
        predictor=Predictor.load(predictor_folder, registry=registry),
        leaderboard=leaderboard_rows(trials, weights),
        findings=ending.learned.findings,
        reasons=reasons,
        seconds=clock.elapsed(),
        trials=counted(trials),
        failed=sum(trial.status == "failed" for trial in trials),
        only_baseline=parts.only_baseline,
        metric=ending.learned.task.metric,
        score=ending.score,
        interrupted=result.interrupted,
        nothing_learned=alone and not result.limited,
        limits_kept=ending.limits_kept,
        only_baseline_fits=alone and result.limited and ending.limits_kept,
        lost_models=lost,
    )
    told = ("only_baseline", "limits_kept", "only_baseline_fits", "reasons", "interrupted", "seconds")
    store.set_facts({**{name: getattr(outcome, name) for name in told}, "status": "done"})
    drop_models(folder, result.history, {name for record in ending.members for name in record.folders}, clock)
    return outcome


def drop_models(folder: Path, history: History, kept: Collection[str], clock: Clock) -> None:
    """Remove the fitted models outside the folders that the predictor is made of: a run that has ended reads them no more, and
    a forest for each fold of each trial fills a disk. What there is no time for stays.
    """
    for trial in history:
        if clock.left() < LEAST_SECONDS:
            return
        for path in trial_folder(folder, trial.id).glob("*/*"):
            if path.name in (MODEL_FOLDER, MATRIX_FOLDER) and path.parent.relative_to(folder).as_posix() not in kept:
                shutil.rmtree(path, ignore_errors=True)


def _told_alone(store: Store, *, limited: bool) -> tuple[str]:
    """Why the predictor is a baseline although models were fitted: an event of the run, and a reason."""
    if limited:
        code, note = "limits", "no model keeps the limits on latency and size: the predictor is the baseline"
    else:
        code, note = (
            "nothing-learned",
            "no model was better than the baseline out of fold: the predictor is the baseline",
        )
    store.event("warning", code, note)
    return (f"predictor: {note}",)


def _told_parts(parts: Parts) -> Iterator[str]:
    """What is done to the probabilities or values of the members, in words."""
    if parts.factors:
        labels = zip(parts.task.classes[:8], parts.factors[:8], strict=True)
        told = ", ".join(f"{label} x {factor:.2g}" for label, factor in labels)
        more = ", ..." if len(parts.factors) > 8 else ""
        yield f"labels: decided by probability times a factor, for {parts.task.metric}: {told}{more}"
    if parts.calibration is not None:
        yield f"predictions: {parts.calibration.told()}: better on out-of-fold rows that it was not found on"
