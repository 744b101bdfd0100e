"""From what was decided to what the search needs: strategy, baselines, context, and the record of it all."""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from automl.fold_jobs import RunContext, choose_fidelity
from automl.goals import Goals
from automl.history import Candidate
from automl.machine import Machine, modules_to_preload, versions
from automl.plan import search_weights
from automl.protocols import RunFacts, RunInfo
from automl.replan import least_folds
from automl.stacking import why_not
from automl.strategy import Strategy, choose_strategy, make_strategy, strategy_parts

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


@dataclass(frozen=True, kw_only=True)
class Course:
    """What a run will try."""

    strategy: Strategy | None
    """None: no model but the baseline can be used."""
    name: str
    """Name of the strategy, chosen where the one asked for chooses."""
    baselines: list[Candidate]
    """What runs before it."""
    notes: list[str]
    queue: tuple[Candidate, ...] = ()
    """Stored candidates in front of its sampler."""
    in_order: int | None = None
    """How many of these come in their order (`automl.strategy.Strategy`); None: all."""

    def to_dict(self) -> dict[str, Any]:
        """What `recall_course` needs to build it again."""
        queue = [
            {"model": one.model, "config": dict(one.config), "origin": one.origin, "cost": one.cost}
            for one in self.queue
        ]
        return {"name": self.name, "queue": queue, "in_order": self.in_order}


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """A run whose search can begin."""

    run: Run
    course: Course
    context: RunContext
    reasons: tuple[str, ...]


def build_strategy(run: Run) -> Course:
    """The strategy over all models that search, the baselines that run before it, and notes on both."""
    from automl.space import joint_space

    task = run.ready.prepared.task
    baselines = _baselines(run)
    models = [spec for spec in run.ready.plan.models if not spec.is_baseline]
    asked = run.settings.strategy
    assert asked is not None
    if not models:
        notes = ["search: no model but the baseline can be used here"]
        return Course(strategy=None, name=asked, baselines=baselines, notes=notes)
    space = joint_space(models, task, search_weights(models), run.settings.space)
    starts = get_starts(run.ready, run.settings, run.registry, run.machine, space)
    name, why = choose_strategy(asked, run.registry, _facts(run, space, len(starts.queue)))
    # Under small budgets the kinds' first results are of different budgets, and tell nothing of which kind is better.
    shared = starts.hurried and not strategy_parts(name, run.registry)[1].partial
    in_order = starts.defaults if shared else None
    strategy = make_strategy(name, run.registry, space, seed=run.settings.seed, queue=starts.queue, in_order=in_order)
    told = f"{asked} chose {name}: {why}" if why else name
    notes = [*starts.notes, f"search: {len(starts.queue)} starting configurations, then strategy {told}"]
    if strategy_parts(name, run.registry)[1].partial:
        wanted = _wanted_fidelity(run, name)
        chosen = [(spec.name, *choose_fidelity(spec, run.registry.fidelities, wanted)) for spec in models]
        notes.append("fidelity: " + ", ".join(f"{model} {one.name} ({why})" for model, one, why in chosen))
    elif run.settings.fidelity is not None:
        notes.append(f"fidelity: {run.settings.fidelity} is not used: under {name} every trial has the whole budget")
    return Course(strategy=strategy, name=name, baselines=baselines, notes=notes, queue=starts.queue, in_order=in_order)


def _baselines(run: Run) -> list[Candidate]:
    from automl.space import model_space, plain_config

    task = run.ready.prepared.task
    return [
        Candidate(
            model=spec.name, config=plain_config(model_space(spec, task).get_default_configuration()), origin="baseline"
        )
        for spec in run.ready.plan.models
        if spec.is_baseline
    ]


def recall_course(run: Run, plain: Mapping[str, Any]) -> Course:
    """What the run tried before it was interrupted, from what `Course.to_dict` wrote down."""
    from automl.space import joint_space

    name, queue = str(plain["name"]), tuple(Candidate(**one) for one in plain["queue"])
    models = [spec for spec in run.ready.plan.models if not spec.is_baseline]
    strategy = None
    if models:
        space = joint_space(models, run.ready.prepared.task, search_weights(models), run.settings.space)
        strategy = make_strategy(
            name, run.registry, space, seed=run.settings.seed, queue=queue, in_order=plain["in_order"]
        )
    return Course(
        strategy=strategy, name=name, baselines=_baselines(run), notes=[], queue=queue, in_order=plain["in_order"]
    )


def _facts(run: Run, space: JointSpace, starting: int) -> RunFacts:
    return RunFacts(
        rows=run.ready.prepared.task.rows,
        features=run.ready.prepared.task.features,
        models=space.models,
        starting=starting,
        folds=max(len(run.ready.resampling.splits), 1),
        fit_seconds=run.ready.plan.fit_seconds,
        workers=run.machine.workers,
        seconds=run.settings.budget_seconds,
        trials=run.settings.trials,
    )


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


def _wanted_fidelity(run: Run, strategy: str) -> str | None:
    """The user's choice, else the scheduler's wish, else None: each model's default."""
    return run.settings.fidelity or strategy_parts(strategy, run.registry)[1].fidelity or None


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
        least_folds=least_folds(run.settings, run.ready.resampling.kind, run.ready.prepared.task.rows),
        partial=strategy_parts(strategy, run.registry)[1].partial,
        early_discard=run.settings.early_discard,
        stacking=not why_no_stacking(run, strategy),
        fidelity=_wanted_fidelity(run, strategy),
        goals=Goals.of(run.settings, images=images),
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
