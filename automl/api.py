"""fit(), load(), check(): the whole story on one screen.

The only module that knows all steps: registry, data, plan, space, portfolio, strategy, search, ensemble, predictor.
"""

from __future__ import annotations

import shutil
import time
import uuid
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.clock import Clock
from automl.errors import SettingsError
from automl.history import Candidate, Trial
from automl.plan import Plan, make_plan, search_weights
from automl.predictor import MemberRecord, Parts, Predictor, write_predictor
from automl.protocols import Executor, ExecutorSettings, RunInfo, RunSummary, Tracker
from automl.registry import Registry, load_registry
from automl.resources import divide, usable_cores, usable_memory
from automl.run import RunContext, Search, SearchResult
from automl.settings import Settings, parse_seconds
from automl.store import Store, check_new_folder, fold_folder
from automl.strategy import Strategy, make_strategy, strategy_parts
from automl.tracking import TrackerGroup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.data.records import Finding
    from automl.data.schema import Schema
    from automl.prepare import Prepared
    from automl.task import Task

MEMORY_SHARE = 0.8
"""Share of the usable memory that the workers may have together."""


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


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What `check` found, without training anything."""

    task: Task
    schema: Schema
    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]
    rows: int
    seconds: float


def fit(data: Any, *, target: str, out: str | Path | None = None, **options: Any) -> Predictor:
    """Search for the best predictor of `target` and return it.

    `data` is a path (CSV, TSV, gz or zip of them, Parquet, Feather) or a pandas, polars or Arrow table. `out`
    is the run folder; None makes ``runs/<time>`` below the current folder. `options` are the fields of
    `Settings`, with ``time="10m"`` for ``seconds``; lists may be given for tuples.

    Raises InputError (DataError, SettingsError) before anything is trained when something cannot be used.
    """
    return fit_run(data, make_settings(target, options), out=None if out is None else Path(out)).predictor


def load(folder: str | Path) -> Predictor:
    """The predictor of a run folder, or a saved one. Raises PredictorError when it cannot be loaded."""
    return Predictor.load(folder)


def check(data: Any, *, target: str, **options: Any) -> CheckReport:
    """Diagnose a table as `fit` would, without training. Raises the same errors."""
    return check_run(data, make_settings(target, options))


def make_settings(target: str, options: Mapping[str, Any]) -> Settings:
    """Settings from keyword options; SettingsError, with near names, for an unknown one."""
    import difflib

    known = {field.name: field for field in fields(Settings)}
    values: dict[str, Any] = {"target": target}
    for name, value in options.items():
        if name == "time":
            values["seconds"] = None if value is None else parse_seconds(value)
            continue
        if name not in known:
            near = difflib.get_close_matches(name, [*known, "time"], n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"options are time, {', '.join(known)}"
            raise SettingsError(f"option {name!r} is not known; {hint}")
        if str(known[name].type).startswith("tuple"):
            values[name] = (value,) if isinstance(value, str) else tuple(value)
        else:
            values[name] = value
    if isinstance(values.get("validation"), Path):
        values["validation"] = str(values["validation"])
    return Settings(**values)


def check_run(data: Any, settings: Settings) -> CheckReport:
    """`check` with settings."""
    from automl.prepare import prepare

    started = time.monotonic()
    registry = load_registry()
    prepared = prepare(data, settings, registry)
    workers, _, memory, machine = _machine(settings)
    plan = make_plan(
        registry,
        prepared.task,
        settings,
        seconds=settings.budget_seconds,
        workers=workers,
        memory_bytes=memory,
    )
    return CheckReport(
        task=prepared.task,
        schema=prepared.schema,
        findings=prepared.findings,
        reasons=(*machine, *plan.reasons),
        rows=prepared.task.rows,
        seconds=time.monotonic() - started,
    )


def fit_run(
    data: Any,
    settings: Settings,
    *,
    out: Path | None = None,
    started: float | None = None,
    registry: Registry | None = None,
    listeners: Mapping[str, Tracker] | None = None,
) -> FitOutcome:
    """The whole run. `started` is the `time.monotonic()` from which the budget counts; None: now.

    `listeners` are trackers made already; they are told before those that the settings name.
    """
    clock = Clock.make(time.monotonic() if started is None else started, settings.budget_seconds, refit=settings.refit)
    registry = registry or load_registry()
    folder = (out or _default_folder()).absolute()
    check_new_folder(folder)
    _check_names(registry, settings)
    workers, threads, memory, machine = _machine(settings)
    executor_settings = ExecutorSettings(
        workers=workers, threads=threads, preload=_preload(registry, settings), folder=None
    )
    # Workers import their libraries on one core while the table is read on another.
    with closing(registry.get("executors", settings.executor).load()(executor_settings)) as executor:
        from automl.prepare import prepare

        prepared = prepare(data, settings, registry)
        plan = make_plan(
            registry,
            prepared.task,
            settings,
            seconds=None if clock.search_end is None else clock.search_left(),
            workers=workers,
            memory_bytes=memory,
        )
        store = Store(folder)
        with closing(store):
            return _search_and_save(
                _Run(
                    settings=settings,
                    registry=registry,
                    clock=clock,
                    prepared=prepared,
                    plan=plan,
                    machine=machine,
                    memory=memory,
                    workers=workers,
                    threads=threads,
                    listeners=listeners or {},
                ),
                store,
                executor,
            )


@dataclass(frozen=True, kw_only=True)
class _Run:
    settings: Settings
    registry: Registry
    clock: Clock
    prepared: Prepared
    plan: Plan
    machine: tuple[str, ...]
    memory: int
    workers: int
    threads: int
    listeners: Mapping[str, Tracker]


def _search_and_save(run: _Run, store: Store, executor: Executor) -> FitOutcome:
    from automl.data.storage import save_table
    from automl.evaluate import DATA_FOLDER, save_splits
    from automl.resample import make_resampling

    settings, prepared, plan, folder = run.settings, run.prepared, run.plan, store.folder
    resampling = make_resampling(prepared, plan, settings)
    strategy, baselines, notes = _strategy(run)
    reasons = (*run.machine, *plan.reasons, f"validation: {resampling.reason}", *notes)
    _describe(store, run, reasons)
    save_table(folder / DATA_FOLDER, prepared.data)
    save_splits(folder, list(resampling.splits))
    trackers = TrackerGroup(
        {**run.listeners, **{name: run.registry.get("trackers", name).load()() for name in settings.trackers}},
        warn=lambda message: store.event("warning", "tracker", message),
    )
    context = RunContext(
        folder=folder,
        run_id=uuid.uuid4().hex,
        task=prepared.task,
        metric=prepared.metric,
        models={spec.name: spec for spec in plan.models},
        fidelities=run.registry.fidelities,
        splits=resampling.splits,
        target=prepared.data.target,  # type: ignore[arg-type]
        weight=prepared.data.weight,
        clock=run.clock,
        seed=settings.seed,
        threads=run.threads,
        memory_bytes=run.memory,
        trials=settings.trials,
        fit_seconds=plan.fit_seconds,
    )
    trackers.run_started(
        RunInfo(
            folder=folder,
            task=prepared.task,
            seconds=settings.budget_seconds,
            deadline=run.clock.end,
            trials=settings.trials,
            workers=run.workers,
            threads=run.threads,
            reasons=reasons,
            findings=prepared.findings,
        )
    )
    search = Search(context, strategy, baselines, executor, store, trackers)
    result = search.run()
    members, refit_notes = _members(run, search, result, executor, store)
    outcome = _save(run, store, result, members, (*reasons, *refit_notes))
    trackers.run_finished(
        RunSummary(
            folder=folder,
            trials=outcome.trials,
            failed=outcome.failed,
            best_score=outcome.score,
            metric=outcome.metric,
            seconds=outcome.seconds,
            only_baseline=outcome.only_baseline,
        )
    )
    return outcome


def _strategy(run: _Run) -> tuple[Strategy | None, list[Candidate], list[str]]:
    """The strategy over all models that search, the baselines that run before it, and notes on candidates."""
    from automl.portfolio import starting_candidates
    from automl.space import joint_space, model_space, plain_config

    task = run.prepared.task
    baselines = [
        Candidate(
            model=spec.name, config=plain_config(model_space(spec, task).get_default_configuration()), origin="baseline"
        )
        for spec in run.plan.models
        if spec.is_baseline
    ]
    models = [spec for spec in run.plan.models if not spec.is_baseline]
    if not models:
        return None, baselines, ["search: no model but the baseline can be used here"]
    space = joint_space(models, task, search_weights(models))
    queue, notes = starting_candidates(run.registry, task, models, space)
    strategy = make_strategy(run.settings.strategy, run.registry, space, seed=run.settings.seed, queue=queue)
    notes.append(f"search: {len(queue)} starting configurations, then strategy {run.settings.strategy}")
    return strategy, baselines, notes


def _members(
    run: _Run, search: Search, result: SearchResult, executor: Executor, store: Store
) -> tuple[tuple[MemberRecord, ...], list[str]]:
    """The members of the predictor: fold models, or with `refit` one model each on all rows."""
    if result.ensemble is None:
        return (), []
    trials = [result.history[number] for number in result.ensemble.weights]
    notes: list[str] = []
    refitted: set[int] = set()
    if run.settings.refit:
        from automl.refit import refit_members

        refitted, notes = refit_members(search, trials, result, executor, store)
    return tuple(_member(run, store.folder, trial, result, trial.id in refitted) for trial in trials), notes


def _member(run: _Run, folder: Path, trial: Trial, result: SearchResult, refitted: bool) -> MemberRecord:
    assert result.ensemble is not None
    spec = run.registry.models[trial.candidate.model]
    folds: Sequence[int] = (-1,) if refitted else result.folds[trial.id]
    return MemberRecord(
        trial=trial.id,
        weight=result.ensemble.weights[trial.id],
        model=spec.name,
        plugin=spec.plugin,
        distribution=spec.distribution,
        config=trial.candidate.config,
        folders=tuple(fold_folder(folder, trial.id, fold).relative_to(folder).as_posix() for fold in folds),
    )


def _save(
    run: _Run, store: Store, result: SearchResult, members: tuple[MemberRecord, ...], reasons: tuple[str, ...]
) -> FitOutcome:
    """Write the predictor, close the record, clean up."""
    from automl.store import UNCOUNTED, leaderboard_rows

    prepared, folder = run.prepared, store.folder
    only_baseline = all(run.registry.models[record.model].is_baseline for record in members)
    parts = Parts(
        task=prepared.task,
        schema=prepared.schema,
        coding=prepared.coding,
        members=members,
        constant=prepared.constant,
        only_baseline=only_baseline,
    )
    predictor_folder = write_predictor(parts, folder, versions())
    weights = {} if result.ensemble is None else dict(result.ensemble.weights)
    score = None if result.ensemble is None else prepared.metric.from_distance(result.ensemble.loss)
    trials = [trial for trial in result.history if trial.kind not in UNCOUNTED]
    store.set_weights(weights)
    for key, value in (
        ("score", score),
        ("only_baseline", only_baseline),
        ("reasons", reasons),
        ("interrupted", result.interrupted),
    ):
        store.set_meta(key, value)
    for name in ("data", "cache"):
        shutil.rmtree(folder / name, ignore_errors=True)
    seconds = run.clock.elapsed()
    store.set_meta("seconds", seconds)
    store.set_meta("status", "done")
    return FitOutcome(
        folder=folder,
        predictor=Predictor.load(predictor_folder, registry=run.registry),
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
    )


def _describe(store: Store, run: _Run, reasons: tuple[str, ...]) -> None:
    """Record what the run is about before it starts."""
    facts = {
        "task": run.prepared.task.to_dict(),
        "metric": run.prepared.task.metric,
        "settings": run.settings.to_dict(),
        "reasons": reasons,
        "findings": [finding.to_dict() for finding in run.prepared.findings],
        "columns": run.prepared.schema.to_dict(),
        "versions": versions(),
        "workers": run.workers,
        "threads": run.threads,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for key, value in facts.items():
        store.set_meta(key, value)


def versions() -> dict[str, str]:
    """Versions of what predictions depend on."""
    import platform

    found = {"python": platform.python_version()}
    for name in (
        "automl-pluggy",
        "numpy",
        "scipy",
        "scikit-learn",
        "lightgbm",
        "xgboost-cpu",
        "catboost",
        "pyarrow",
        "skops",
    ):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine(settings: Settings) -> tuple[int, int, int, tuple[str, ...]]:
    """Workers, threads of each, memory of each in bytes, and the reasons."""
    cores, memory = usable_cores(), usable_memory()
    workers, threads = divide(cores.value, settings.jobs)
    each = settings.memory_bytes or int(memory.value * MEMORY_SHARE / workers)
    words = (
        f"machine: {workers} workers x {threads} thread{'s' if threads > 1 else ''} of {cores.value} cores ({cores.reason})",
        f"memory: {each / 2**30:.1f} GiB for each worker of {memory.value / 2**30:.1f} GiB usable ({memory.reason})",
    )
    return workers, threads, each, words


def _preload(registry: Registry, settings: Settings) -> tuple[str, ...]:
    """Modules that workers will need, once each."""
    asked = settings.models or tuple(registry.models)
    specs = [registry.models[name] for name in asked if name in registry.models]
    modules = ["automl.evaluate", *(module for spec in specs if not spec.missing() for module in spec.preload)]
    return tuple(dict.fromkeys(modules))


def _check_names(registry: Registry, settings: Settings) -> None:
    """Unknown names are refused before anything is read."""
    for name in settings.models:
        registry.get("models", name)
    for name in settings.trackers:
        registry.get("trackers", name)
    registry.get("executors", settings.executor)
    strategy_parts(settings.strategy, registry)


def _default_folder() -> Path:
    now = datetime.now().strftime("%Y%m%d-%H%M%S")  # noqa: DTZ005 - the user's clock shows local time
    return Path("runs") / now
