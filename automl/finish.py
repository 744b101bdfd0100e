"""The end of a run: members, predictor, record, and what the caller is told."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.machine import versions
from automl.predictor import Predictor
from automl.predictor_file import MemberRecord, Parts, write_predictor
from automl.run_reader import leaderboard_rows
from automl.store import UNCOUNTED, Store, fold_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from automl.clock import Clock
    from automl.data.records import Finding
    from automl.history import Trial
    from automl.prepare import Prepared
    from automl.registry import Registry
    from automl.search_result import SearchResult


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


def member_records(
    result: SearchResult, registry: Registry, folder: Path, refitted: set[int]
) -> tuple[MemberRecord, ...]:
    """The members of the predictor: fold models, or one model on all rows for the trials in `refitted`."""
    if result.ensemble is None:
        return ()
    weights = result.ensemble.weights
    return tuple(
        _record(result.history[number], weight, registry, folder, (-1,) if number in refitted else result.folds[number])
        for number, weight in weights.items()
    )


def make_parts(
    prepared: Prepared, result: SearchResult, members: tuple[MemberRecord, ...], registry: Registry
) -> Parts:
    """What the predictor of this result is made of."""
    full = result.history.full()
    return Parts(
        task=prepared.task,
        schema=prepared.schema,
        images=prepared.images,
        coding=prepared.coding,
        members=members,
        constant=prepared.constant,
        only_baseline=all(registry.models[trial.candidate.model].is_baseline for trial in full),
        factors=() if result.ensemble is None else result.ensemble.factors,
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
    )


def finish_run(
    store: Store,
    prepared: Prepared,
    result: SearchResult,
    members: tuple[MemberRecord, ...],
    *,
    registry: Registry,
    clock: Clock,
    reasons: tuple[str, ...],
    limits_kept: bool = True,
) -> FitOutcome:
    """Write the predictor, close the record, clean up."""
    folder = store.folder
    parts = make_parts(prepared, result, members, registry)
    only_baseline = parts.only_baseline
    alone = not only_baseline and all(registry.models[record.model].is_baseline for record in members)
    nothing_learned = alone and not result.limited
    if alone and result.limited:
        note = "no model keeps the limits on latency and size: the predictor is the baseline"
        store.event("warning", "limits", note)
        reasons = (*reasons, f"predictor: {note}")
    if nothing_learned:
        note = "no model was better than the baseline out of fold: the predictor is the baseline"
        store.event("warning", "nothing-learned", note)
        reasons = (*reasons, f"predictor: {note}")
    factors = () if result.ensemble is None else result.ensemble.factors
    if factors:
        told = ", ".join(
            f"{label} x {factor:.2g}" for label, factor in zip(prepared.task.classes[:8], factors[:8], strict=True)
        )
        more = ", ..." if len(factors) > 8 else ""
        reasons = (*reasons, f"labels: decided by probability times a factor, for {prepared.metric.name}: {told}{more}")
    predictor_folder = write_predictor(parts, folder, versions(registry))
    weights = {} if result.ensemble is None else dict(result.ensemble.weights)
    score = None if result.ensemble is None else prepared.metric.from_distance(result.ensemble.loss)
    trials = [trial for trial in result.history if trial.kind not in UNCOUNTED]
    store.set_weights(weights)
    for name in ("data", "cache"):
        shutil.rmtree(folder / name, ignore_errors=True)
    seconds = clock.elapsed()
    for key, value in (
        ("score", score),
        ("only_baseline", only_baseline),
        ("limits_kept", limits_kept),
        ("reasons", reasons),
        ("interrupted", result.interrupted),
        ("seconds", seconds),
        ("status", "done"),
    ):
        store.set_meta(key, value)
    return FitOutcome(
        folder=folder,
        predictor=Predictor.load(predictor_folder, registry=registry),
        leaderboard=leaderboard_rows(trials, weights),
        findings=prepared.findings,
        reasons=reasons,
        seconds=seconds,
        trials=len(trials),
        failed=sum(trial.status == "failed" for trial in trials),
        only_baseline=only_baseline,
        metric=prepared.task.metric,
        score=score,
        interrupted=result.interrupted,
        nothing_learned=nothing_learned,
        limits_kept=limits_kept,
    )
