"""fit(), load(), check(): the whole story on one screen.

The only module that knows all steps: registry, data, plan, space, portfolio, strategy, search, ensemble, predictor.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from contextlib import closing
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.beside import import_beside
from automl.clock import Clock
from automl.errors import SettingsError, UnknownNameError
from automl.fidelity import ENGINE_FIDELITIES
from automl.finish import FitOutcome, finish_run, member_records
from automl.fold_jobs import RunContext, choose_fidelity
from automl.history import Candidate
from automl.machine import Machine, find_machine, modules_to_preload, versions
from automl.plan import Plan, make_plan, search_weights
from automl.predictor import Predictor
from automl.protocols import Executor, ExecutorSettings, RunInfo, RunSummary, Tracker
from automl.registry import Registry, load_registry
from automl.run import Search
from automl.settings import Settings
from automl.store import Store, check_new_folder
from automl.strategy import Strategy, make_strategy, strategy_parts
from automl.tracking import TrackerGroup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.data.records import Finding, Resampling, Split
    from automl.data.schema import Schema
    from automl.portfolio import Starts
    from automl.prepare import Prepared
    from automl.space import JointSpace
    from automl.task import Task


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
            values["seconds"] = value
            continue
        if name not in known:
            near = difflib.get_close_matches(name, [*known, "time"], n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"options are time, {', '.join(known)}"
            raise SettingsError(f"option {name!r} is not known; {hint}")
        if str(known[name].type).startswith("tuple"):
            values[name] = (value,) if isinstance(value, str) else tuple(value)
        else:
            values[name] = value
    for name in ("validation", "baselines"):
        if isinstance(values.get(name), Path):
            values[name] = str(values[name])
    return Settings(**values)


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """All that is decided before anything is trained."""

    prepared: Prepared
    plan: Plan
    resampling: Resampling
    reasons: tuple[str, ...]


def _get_ready(data: Any, settings: Settings, registry: Registry, machine: Machine, clock: Clock | None) -> _Ready:
    """Read and check the data and decide what to do; the errors of bad input are raised here."""
    from automl.prepare import prepare
    from automl.resample import check_judged, make_resampling

    prepared = prepare(data, settings, registry)
    seconds = settings.budget_seconds
    if clock is not None and clock.search_end is not None:
        seconds = clock.search_left()
    plan = make_plan(
        registry,
        prepared.task,
        settings,
        seconds=seconds,
        workers=machine.workers,
        memory_bytes=machine.memory_bytes,
    )
    resampling = make_resampling(prepared, plan, settings)
    check_judged(prepared, resampling)
    reasons = (*machine.reasons, *plan.reasons, f"validation: {resampling.reason}")
    return _Ready(prepared=prepared, plan=plan, resampling=resampling, reasons=reasons)


def check_run(data: Any, settings: Settings) -> CheckReport:
    """`check` with settings."""
    started = time.monotonic()
    registry = load_registry()
    _check_names(registry, settings)
    ready = _get_ready(data, settings, registry, find_machine(settings), None)
    return CheckReport(
        task=ready.prepared.task,
        schema=ready.prepared.schema,
        findings=ready.prepared.findings,
        reasons=ready.reasons,
        rows=ready.prepared.task.rows,
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
    machine = find_machine(settings)
    with tempfile.TemporaryDirectory(prefix="automl-workers-") as logs:
        executor_settings = ExecutorSettings(
            workers=machine.workers,
            threads=machine.threads,
            preload=modules_to_preload(registry, settings),
            folder=Path(logs),
        )
        # Workers import their libraries on one core while the table is read on another.
        import_beside()
        with closing(registry.get("executors", settings.executor).load()(executor_settings)) as executor:
            run = _Run(
                settings=settings,
                registry=registry,
                clock=clock,
                ready=_get_ready(data, settings, registry, machine, clock),
                machine=machine,
                listeners=listeners or {},
            )
            # The run folder appears only now: bad input leaves nothing behind.
            with closing(Store(folder)) as store:
                try:
                    return _search_and_save(run, store, executor)
                finally:
                    _keep_logs(executor, Path(logs), store)


@dataclass(frozen=True, kw_only=True)
class _Run:
    settings: Settings
    registry: Registry
    clock: Clock
    ready: _Ready
    machine: Machine
    listeners: Mapping[str, Tracker]


def _search_and_save(run: _Run, store: Store, executor: Executor) -> FitOutcome:
    from automl.data.storage import save_table
    from automl.evaluate import DATA_FOLDER, save_splits

    settings, prepared, resampling, folder = run.settings, run.ready.prepared, run.ready.resampling, store.folder
    strategy, baselines, notes = _strategy(run)
    reasons = (*run.ready.reasons, *notes)
    _describe(store, run, reasons)
    save_table(folder / DATA_FOLDER, prepared.data)
    save_splits(folder, list(resampling.splits))
    trackers = _trackers(run, store)
    trackers.run_started(_run_info(run, folder, reasons))
    search = Search(_context(run, folder, resampling.splits), strategy, baselines, executor, store, trackers)
    result = search.run()
    refitted: set[int] = set()
    if settings.refit and result.ensemble is not None and not result.interrupted:
        from automl.refit import refit_members

        trials = [result.history[number] for number in result.ensemble.weights]
        refitted, notes, interrupted = refit_members(search, trials, result, executor, store)
        result = replace(result, interrupted=interrupted)
        reasons = (*reasons, *notes)
    members = member_records(result, run.registry, folder, refitted)
    outcome = finish_run(store, prepared, result, members, registry=run.registry, clock=run.clock, reasons=reasons)
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


def _trackers(run: _Run, store: Store) -> TrackerGroup:
    """The listeners; one that cannot even be made is left out with one warning."""
    made = dict(run.listeners)
    for name in run.settings.trackers:
        factory = run.registry.get("trackers", name).load()
        try:
            made[name] = factory()
        except Exception as error:  # noqa: BLE001 - whatever a listener does, the run goes on
            store.event("warning", "tracker", f"tracker {name!r} is left out: {type(error).__name__}: {error}")
    return TrackerGroup(made, warn=lambda message: store.event("warning", "tracker", message))


def _context(run: _Run, folder: Path, splits: Sequence[Split]) -> RunContext:
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
        job_seconds=run.settings.job_seconds,
        fit_seconds=run.ready.plan.fit_seconds,
        partial=strategy_parts(run.settings.strategy, run.registry)[1].partial,
        fidelity=_wanted_fidelity(run.settings, run.registry),
    )


def _run_info(run: _Run, folder: Path, reasons: tuple[str, ...]) -> RunInfo:
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


def _strategy(run: _Run) -> tuple[Strategy | None, list[Candidate], list[str]]:
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
    space = joint_space(models, task, search_weights(models))
    starts = _starts(run.ready, run.settings, run.registry, run.machine, space)
    strategy = make_strategy(
        run.settings.strategy,
        run.registry,
        space,
        seed=run.settings.seed,
        queue=starts.queue,
        firsts=starts.defaults,
    )
    notes = [*starts.notes]
    notes.append(f"search: {len(starts.queue)} starting configurations, then strategy {run.settings.strategy}")
    if strategy_parts(run.settings.strategy, run.registry)[1].partial:
        wanted = _wanted_fidelity(run.settings, run.registry)
        told = [(spec.name, *choose_fidelity(spec, run.registry.fidelities, wanted)) for spec in models]
        notes.append("fidelity: " + ", ".join(f"{name} {chosen.name} ({why})" for name, chosen, why in told))
    return strategy, baselines, notes


def _starts(ready: _Ready, settings: Settings, registry: Registry, machine: Machine, space: JointSpace) -> Starts:
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


def _keep_logs(executor: Executor, logs: Path, store: Store) -> None:
    """What the workers had to say belongs to the run: their notes become events, their log a file of the run."""
    for note in getattr(executor, "notes", ()):
        store.event("warning", "executor", str(note))
    for path in logs.iterdir():
        if path.is_file() and path.stat().st_size:
            shutil.copyfile(path, store.folder / path.name)


def _describe(store: Store, run: _Run, reasons: tuple[str, ...]) -> None:
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
        "versions": versions(run.registry),
        "workers": run.machine.workers,
        "threads": run.machine.threads,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for key, value in facts.items():
        store.set_meta(key, value)


def _check_names(registry: Registry, settings: Settings) -> None:
    """Unknown names are refused before anything is read."""
    for name in settings.models:
        registry.get("models", name)
    for name in settings.trackers:
        registry.get("trackers", name)
    registry.get("executors", settings.executor)
    if not isinstance(settings.baselines, bool | None):
        from automl.portfolio import check_given, given_portfolio

        check_given(given_portfolio(settings.baselines), registry)
    strategy_parts(settings.strategy, registry)
    known = {one.name for one in ENGINE_FIDELITIES} | set(registry.fidelities)
    for spec in registry.models.values():
        known |= {one if isinstance(one, str) else one.name for one in spec.fidelities}
    if settings.fidelity is not None and settings.fidelity not in known:
        raise UnknownNameError(f"no fidelity is called {settings.fidelity!r}; known are {', '.join(sorted(known))}")


def _default_folder() -> Path:
    now = datetime.now().strftime("%Y%m%d-%H%M%S")  # noqa: DTZ005 - the user's clock shows local time
    folder, number = Path("runs") / now, 2
    while folder.exists():
        folder, number = Path("runs") / f"{now}-{number}", number + 1
    return folder
