"""What a run will try: the strategy over all its models, what it starts from, and the baselines before it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from automl.fold_jobs import choose_fidelity, least_budget
from automl.history import BASELINE, Candidate
from automl.plan import search_weights
from automl.protocols import RunFacts
from automl.strategy_names import choose_options, choose_strategy, make_strategy, strategy_parts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.clock import Clock
    from automl.machine import Machine
    from automl.portfolio import Starts
    from automl.prices import Money
    from automl.protocols import Tracker
    from automl.ready import Ready
    from automl.registry import Registry
    from automl.settings import Settings
    from automl.space import JointSpace
    from automl.strategy import Strategy


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
    options: Mapping[str, float | int | str] = field(default_factory=dict)
    """Options of its scheduler that suit the run."""

    def to_dict(self) -> dict[str, Any]:
        """What `recall_course` needs to build it again."""
        queue = [
            {"model": one.model, "config": dict(one.config), "origin": one.origin, "cost": one.cost}
            for one in self.queue
        ]
        return {"name": self.name, "queue": queue, "in_order": self.in_order, "options": dict(self.options)}


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
    facts = _facts(run, space, len(starts.queue))
    name, why = choose_strategy(asked, run.registry, facts)
    wanted = wanted_fidelity(run, name)
    least = least_budget(models, run.registry.fidelities, wanted, facts.folds)
    options = choose_options(name, run.registry, replace(facts, least_budget=least))
    # Under small budgets the kinds' first results are of different budgets, and tell nothing of which kind is better.
    shared = starts.hurried and not strategy_parts(name, run.registry)[1].partial
    in_order = starts.defaults if shared else None
    strategy = make_strategy(
        name,
        run.registry,
        space,
        seed=run.settings.seed,
        queue=starts.queue,
        in_order=in_order,
        suited=options,
        seconds=run.clock.search_left(),
    )
    told = f"{asked} chose {name}: {why}" if why else name
    if options:
        words = [
            f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in options.items()
        ]
        told += f" (with {', '.join(words)})"
    notes = [*starts.notes, f"search: {len(starts.queue)} starting configurations, then strategy {told}"]
    if strategy_parts(name, run.registry)[1].partial:
        by = "as asked" if run.settings.fidelity is not None else f"{name} asks for it"
        chosen = [(spec.name, *choose_fidelity(spec, run.registry.fidelities, wanted, by)) for spec in models]
        notes.append("fidelity: " + ", ".join(f"{model} {one.name} ({why})" for model, one, why in chosen))
        if least >= 1.0:
            notes.append(
                "fidelity: nothing smaller than the whole training can be had here, so that every trial is a full one"
            )
    elif run.settings.fidelity is not None:
        notes.append(f"fidelity: {run.settings.fidelity} is not used: under {name} every trial has the whole budget")
    return Course(
        strategy=strategy,
        name=name,
        baselines=baselines,
        notes=notes,
        queue=starts.queue,
        in_order=in_order,
        options=options,
    )


def _baselines(run: Run) -> list[Candidate]:
    from automl.space import model_space, plain_config

    task = run.ready.prepared.task
    return [
        Candidate(
            model=spec.name, config=plain_config(model_space(spec, task).get_default_configuration()), origin=BASELINE
        )
        for spec in run.ready.plan.models
        if spec.is_baseline
    ]


def recall_course(run: Run, plain: Mapping[str, Any]) -> Course:
    """What the run tried before it was interrupted, from what `Course.to_dict` wrote down."""
    from automl.space import joint_space

    name, queue = str(plain["name"]), tuple(Candidate(**one) for one in plain["queue"])
    models = [spec for spec in run.ready.plan.models if not spec.is_baseline]
    in_order, options = plain["in_order"], plain["options"]
    strategy = None
    if models:
        space = joint_space(models, run.ready.prepared.task, search_weights(models), run.settings.space)
        strategy = make_strategy(
            name,
            run.registry,
            space,
            seed=run.settings.seed,
            queue=queue,
            in_order=in_order,
            suited=options,
            seconds=run.clock.search_left(),
        )
    return Course(
        strategy=strategy,
        name=name,
        baselines=_baselines(run),
        notes=[],
        queue=queue,
        in_order=in_order,
        options=options,
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


def wanted_fidelity(run: Run, strategy: str) -> str | None:
    """The user's choice, else the scheduler's wish, else None: each model's default."""
    return run.settings.fidelity or strategy_parts(strategy, run.registry)[1].fidelity or None
