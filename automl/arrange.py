"""From what was decided to what the search needs: strategy, baselines, context, and the record of it all."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from automl.fold_jobs import RunContext, choose_fidelity
from automl.goals import Goals
from automl.history import Candidate
from automl.machine import Machine, versions
from automl.plan import search_weights
from automl.protocols import RunInfo
from automl.replan import least_folds
from automl.strategy import Strategy, make_strategy, strategy_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from automl.clock import Clock
    from automl.data.records import Split
    from automl.portfolio import Starts
    from automl.prices import Money
    from automl.protocols import Tracker
    from automl.ready import Ready
    from automl.registry import Registry
    from automl.settings import Settings
    from automl.space import JointSpace
    from automl.store import Store


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run that is about to start."""

    settings: Settings
    registry: Registry
    clock: Clock
    ready: Ready
    machine: Machine
    listeners: Mapping[str, Tracker]
    money: Money | None = None
    """What may be spent; None: nobody asked."""


def build_strategy(run: Run) -> tuple[Strategy | None, list[Candidate], list[str]]:
    """The strategy over all models that search, the baselines that run before it, and notes on candidates."""
    from automl.space import joint_space, model_space, plain_config

    task = run.ready.prepared.task
    baselines = [
        Candidate(
            model=spec.name, config=plain_config(model_space(spec, task).get_default_configuration()), origin="baseline"
        )
        for spec in run.ready.plan.models
        if spec.is_baseline
    ]
    models = [spec for spec in run.ready.plan.models if not spec.is_baseline]
    if not models:
        return None, baselines, ["search: no model but the baseline can be used here"]
    space = joint_space(models, task, search_weights(models), run.settings.space)
    starts = get_starts(run.ready, run.settings, run.registry, run.machine, space)
    strategy = make_strategy(
        run.settings.strategy,
        run.registry,
        space,
        seed=run.settings.seed,
        queue=starts.queue,
    )
    notes = [*starts.notes]
    notes.append(f"search: {len(starts.queue)} starting configurations, then strategy {run.settings.strategy}")
    if strategy_parts(run.settings.strategy, run.registry)[1].partial:
        wanted = _wanted_fidelity(run.settings, run.registry)
        told = [(spec.name, *choose_fidelity(spec, run.registry.fidelities, wanted)) for spec in models]
        notes.append("fidelity: " + ", ".join(f"{name} {chosen.name} ({why})" for name, chosen, why in told))
    return strategy, baselines, notes


def get_starts(ready: Ready, settings: Settings, registry: Registry, machine: Machine, space: JointSpace) -> Starts:
    """What the search starts from: a function of the table, the settings and the size of the machine."""
    from automl.meta_features import MetaFeatures
    from automl.portfolio import Effort, starting_candidates

    seconds, folds = settings.budget_seconds, max(len(ready.resampling.splits), 1)
    return starting_candidates(
        registry,
        [spec for spec in ready.plan.models if not spec.is_baseline],
        space,
        task=ready.prepared.task,
        features=MetaFeatures.of(ready.prepared.task, ready.prepared.data),
        skipped=ready.plan.skipped,
        baselines=settings.baselines,
        effort=Effort(
            fit_seconds=ready.plan.fit_seconds,
            seconds=None if seconds is None else seconds * machine.workers / folds,
            trials=settings.trials,
        ),
    )


def _wanted_fidelity(settings: Settings, registry: Registry) -> str | None:
    """The user's choice, else the scheduler's wish, else None: each model's default."""
    return settings.fidelity or strategy_parts(settings.strategy, registry)[1].fidelity or None


def run_context(run: Run, folder: Path, splits: Sequence[Split]) -> RunContext:
    """What stays the same during the search."""
    assert run.ready.prepared.data.target is not None
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
        threads=run.machine.threads,
        devices=run.ready.plan.devices,
        memory_bytes=run.machine.memory_bytes,
        trials=run.settings.trials,
        patience=run.settings.patience,
        job_seconds=run.settings.job_seconds,
        fit_seconds=run.ready.plan.fit_seconds,
        least_folds=least_folds(run.settings, run.ready.resampling.kind, run.ready.prepared.task.rows),
        partial=strategy_parts(run.settings.strategy, run.registry)[1].partial,
        fidelity=_wanted_fidelity(run.settings, run.registry),
        goals=Goals.of(run.settings),
    )


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


def describe(store: Store, run: Run, reasons: tuple[str, ...]) -> None:
    """Record what the run is about before it starts."""
    from automl.meta_features import MetaFeatures

    facts = {
        "task": run.ready.prepared.task.to_dict(),
        "meta_features": MetaFeatures.of(run.ready.prepared.task, run.ready.prepared.data).to_dict(),
        "metric": run.ready.prepared.task.metric,
        "settings": run.settings.to_dict(),
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
