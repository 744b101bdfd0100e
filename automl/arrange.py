"""From what was decided to what the search needs: strategy, baselines, context, and the record of it all."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from automl.course import Course, Run, wanted_fidelity
from automl.fidelity import FOLDS
from automl.fold_jobs import RunContext, choose_fidelity
from automl.goals import Goals
from automl.machine import modules_to_preload, versions
from automl.protocols import RunInfo
from automl.replan import least_folds
from automl.stacking import why_not
from automl.strategy_names import strategy_parts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from automl.data.records import Split
    from automl.store import Store


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """A run whose search can begin."""

    run: Run
    course: Course
    context: RunContext
    reasons: tuple[str, ...]


def why_no_stacking(run: Run, strategy: str) -> str:
    """Why there is no second layer, in words; empty when one is tried. `strategy`: the name of the one that is used."""
    task = run.ready.prepared.task
    return why_not(
        run.settings,
        models=sum(not spec.is_baseline for spec in run.ready.plan.models),
        rows=task.rows,
        images=task.modality == "images",
        validation=run.ready.resampling.kind,
        partial=strategy_parts(strategy, run.registry)[1].partial,
    )


def run_context(run: Run, folder: Path, splits: Sequence[Split], strategy: str) -> RunContext:
    """What stays the same during the search; `strategy` is the name of the one that is used."""
    assert run.ready.prepared.data.target is not None
    images = run.ready.prepared.task.modality == "images"
    scheduler = strategy_parts(strategy, run.registry)[1]
    fidelity = wanted_fidelity(run, strategy)
    fewest = least_folds(run.settings, run.ready.resampling.kind, run.ready.prepared.task.rows)
    return RunContext(
        folder=folder,
        run_id=uuid.uuid4().hex,
        task=run.ready.prepared.task,
        metric=run.ready.prepared.metric,
        models={spec.name: spec for spec in run.ready.plan.models},
        fidelities=run.registry.fidelities,
        splits=splits,
        target=run.ready.prepared.data.target,
        weight=run.ready.prepared.data.weight,
        clock=run.clock,
        seed=run.settings.seed,
        groups=run.ready.resampling.groups,
        threads=run.machine.threads,
        devices=run.ready.plan.devices,
        memory_bytes=run.machine.memory_bytes,
        trials=run.settings.trials,
        patience=run.settings.patience,
        job_seconds=run.settings.job_seconds,
        preloaded=frozenset(modules_to_preload(run.registry, run.settings, images=images)),
        fit_seconds=run.ready.plan.fit_seconds,
        # A share of the folds must mean the same from the first trial to the last.
        least_folds=None if scheduler.partial and _has_folds(run, fidelity) else fewest,
        partial=scheduler.partial,
        early_discard=run.settings.early_discard,
        stacking=not why_no_stacking(run, strategy),
        fidelity=fidelity,
        goals=Goals.of(run.settings, images=images),
    )


def _has_folds(run: Run, wanted: str | None) -> bool:
    """Whether folds are the fidelity of any model that searches."""
    models = [spec for spec in run.ready.plan.models if not spec.is_baseline]
    return any(choose_fidelity(spec, run.registry.fidelities, wanted)[0].name == FOLDS.name for spec in models)


def run_info(run: Run, folder: Path, reasons: tuple[str, ...]) -> RunInfo:
    """What trackers are told at the start."""
    return RunInfo(
        folder=folder,
        task=run.ready.prepared.task,
        seconds=run.settings.budget_seconds,
        deadline=run.clock.end,
        trials=run.settings.trials,
        workers=run.machine.workers,
        threads=run.machine.threads,
        reasons=reasons,
        findings=run.ready.prepared.findings,
    )


def describe(store: Store, arranged: Arranged) -> None:
    """Record what the run is about before it starts: all that a predictor knows of the table, and all that is needed to
    take the run up again.
    """
    from automl.meta_features import MetaFeatures

    run, reasons, plan = arranged.run, arranged.reasons, arranged.run.ready.plan
    resampling = run.ready.resampling
    facts = {
        "course": arranged.course.to_dict(),
        "plan": {
            "models": [spec.name for spec in plan.models],
            "skipped": dict(plan.skipped),
            "fit_seconds": plan.fit_seconds,
        },
        "resampling": {name: getattr(resampling, name) for name in ("kind", "reason", "folds", "repeats")},
        "planned_folds": len(resampling.splits),
        "money": None if run.money is None else asdict(run.money),
        "sittings": [[time.time() - run.clock.elapsed(), None]],
        "task": run.ready.prepared.task.to_dict(),
        "meta_features": MetaFeatures.of(run.ready.prepared.task, run.ready.prepared.data).to_dict(),
        "metric": run.ready.prepared.task.metric,
        "settings": run.settings.to_dict(),
        "space": [asdict(change) for change in run.settings.space],
        "reasons": reasons,
        "findings": [finding.to_dict() for finding in run.ready.prepared.findings],
        "columns": run.ready.prepared.schema.to_dict(),
        "images": None if run.ready.prepared.images is None else run.ready.prepared.images.to_dict(),
        "coding": run.ready.prepared.coding.to_dict(),
        "constant": list(run.ready.prepared.constant),
        "versions": versions(run.registry),
        "workers": run.machine.workers,
        "threads": run.machine.threads,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    store.set_facts(facts)
