"""fit(), load(), check(): the whole story on one screen.

The only module that knows all steps: registry, data, plan, space, portfolio, strategy, search, ensemble, predictor.
"""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.arrange import Run, build_strategy, describe, run_context, run_info, why_no_stacking
from automl.beside import import_beside
from automl.choosing import choose_members
from automl.clock import Clock
from automl.data.image_input import is_images
from automl.errors import SettingsError
from automl.interrupts import held_back
from automl.machine import find_machine, modules_to_preload
from automl.outcome import Ending, FitOutcome, finish_run, member_records
from automl.predictor import Predictor
from automl.prices import limit_by_money
from automl.protocols import Executor, ExecutorSettings, RunSummary, Tracker
from automl.ready import check_names, get_ready, stretch_fidelity, with_defaults
from automl.registry import Registry, load_registry
from automl.run import Search
from automl.run_folder import DATA_FOLDER, check_new_folder
from automl.run_lock import LOCK_FILE
from automl.settings import Settings
from automl.store import Store, writing
from automl.tracking import TrackerGroup
from automl.workspace import Workspace, reserved_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from automl.data.records import Finding
    from automl.data.schema import Schema
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


def fit(data: Any, *, target: str | None = None, out: str | Path | None = None, **options: Any) -> Predictor:
    """Search for the best predictor of `target` and return it.

    `data` is a path (CSV, TSV, gz or zip of them, Parquet, Feather), a pandas, polars or Arrow table, or images
    (docs/images.md): a folder with a folder for each class, a table with a column of paths, or arrays ``X`` and ``y``;
    only folders and arrays need no `target`. `out` is the run folder; None makes ``runs/<time>`` below the current
    folder. `options` are the fields of `Settings`, with ``time="10m"`` for ``seconds``; lists may be given for tuples.

    Raises InputError (DataError, SettingsError) before anything is trained when something cannot be used.
    """
    return fit_run(
        data, make_settings(target_of(data, target), options), out=None if out is None else Path(out)
    ).predictor


def load(folder: str | Path) -> Predictor:
    """The predictor of a run folder, or a saved one. Raises PredictorError when it cannot be loaded."""
    return Predictor.load(folder)


def finish(folder: str | Path) -> Predictor:
    """The predictor of a run that was interrupted, made from what it had found by then, without training anything.

    A run that ended by itself keeps the predictor that it has. Raises RunError when there is nothing to make one of.
    """
    from automl.unfinished import finish_folder

    return finish_folder(Path(folder)).predictor


def check(data: Any, *, target: str | None = None, **options: Any) -> CheckReport:
    """Diagnose a table or images as `fit` would, without training. Raises the same errors."""
    return check_run(data, make_settings(target_of(data, target), options))


def target_of(data: Any, target: str | None) -> str:
    """The target as given, or the one that images have without a name; SettingsError where there is none."""
    from automl.data.image_input import default_target

    found = target if target is not None else default_target(data)
    if found is None:
        raise SettingsError("no target was given; name the column to predict: target=NAME, or --target NAME")
    return found


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
    for name in ("validation", "baselines", "prices", "pretrained"):
        if isinstance(values.get(name), Path):
            values[name] = str(values[name])
    return Settings(**values)


def check_run(data: Any, settings: Settings) -> CheckReport:
    """`check` with settings."""
    started = time.monotonic()
    registry = load_registry()
    settings = with_defaults(settings, registry)
    check_names(registry, settings)
    with Workspace() as work:
        ready = get_ready(data, settings, registry, find_machine(settings), None, work)
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
    started = time.monotonic() if started is None else started
    registry = registry or load_registry()
    if out is None:
        with reserved_folder() as reserved:
            return fit_run(data, settings, out=reserved, started=started, registry=registry, listeners=listeners)
    folder = out.absolute()
    check_new_folder(folder)
    settings = with_defaults(settings, registry)
    check_names(registry, settings)
    registry = stretch_fidelity(registry, settings)
    machine = find_machine(settings)
    settings, money = limit_by_money(settings, machine.workers * machine.threads)
    with Workspace(prefix="automl-workers-") as logs, Workspace(folder) as work:
        executor_settings = ExecutorSettings(
            workers=machine.workers,
            threads=machine.threads,
            preload=modules_to_preload(registry, settings, images=is_images(data, settings.image_column)),
            folder=logs.folder(),
        )
        assert settings.executor is not None
        # Workers import their libraries on one core while the table is read on another.
        import_beside()
        with closing(registry.get("executors", settings.executor).load()(executor_settings)) as executor:
            ready = get_ready(data, settings, registry, machine, _clock(started, settings), work)
            if money is not None and ready.plan.accelerators:
                settings, money = limit_by_money(settings, money.cores, ready.plan.accelerators)
            run = Run(
                settings=settings,
                registry=registry,
                clock=_clock(started, settings),
                ready=ready,
                machine=machine,
                listeners=listeners or {},
                money=money,
            )
            # The run folder is filled only now: bad input leaves nothing behind.
            store = Store(folder)
            try:
                with closing(store):
                    try:
                        return _search_and_save(run, store, executor)
                    finally:
                        _keep_logs(executor, logs.folder(), store)
            except BaseException:
                store.discard_if_empty()
                raise


def _clock(started: float, settings: Settings) -> Clock:
    return Clock.make(
        started,
        settings.budget_seconds,
        refit=settings.wants_refit,
        limits=settings.max_latency_ms is not None or settings.max_size_mb is not None,
    )


def _search_and_save(run: Run, store: Store, executor: Executor) -> FitOutcome:
    from automl.data.storage import save_data
    from automl.evaluate import save_splits

    prepared, resampling, folder = run.ready.prepared, run.ready.resampling, store.folder
    course = build_strategy(run)
    context = run_context(run, folder, resampling.splits, course.name)
    goals = context.goals.reason()
    reasons = (*run.ready.reasons, *course.notes, *([f"predictor: {goals}"] if goals else []))
    if not context.stacking:
        reasons = (*reasons, f"stacking: none: {why_no_stacking(run, course.name)}")
    describe(store, run, reasons)
    with writing(folder, found=False):
        save_data(folder / DATA_FOLDER, prepared.data)
        save_splits(folder, list(resampling.splits))
    with closing(_trackers(run, store)) as trackers:
        trackers.run_started(run_info(run, folder, reasons))
        search = Search(context, course.strategy, course.baselines, executor, store, trackers)
        found = search.run()
        reasons = (*reasons, *found.notes, f"search: ended, {found.ended}")
        chosen = choose_members(run, search, found, store)
        result, reasons = chosen.result, (*reasons, *chosen.reasons)
        if run.money is not None:
            reasons = (*reasons, f"cost: {run.money.spent(run.clock.elapsed())}")
        with held_back(stopped=result.interrupted):
            ending = Ending(
                learned=prepared,
                result=result,
                members=member_records(result, run.registry, folder, chosen.refitted),
                reasons=reasons,
                score=None if result.ensemble is None else prepared.metric.from_distance(result.ensemble.loss),
                limits_kept=chosen.kept,
            )
            outcome = finish_run(store, ending, registry=run.registry, clock=run.clock)
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
    return replace(outcome, faults=store.faults())


def _trackers(run: Run, store: Store) -> TrackerGroup:
    """The listeners; one that cannot even be made is left out with one warning."""
    makers: dict[str, Callable[[], Tracker]] = {name: partial(_same, made) for name, made in run.listeners.items()}
    for name in run.settings.trackers:
        makers[name] = run.registry.get("trackers", name).load()
    return TrackerGroup(makers, warn=lambda message: store.event("warning", "tracker", message))


def _same(made: Tracker) -> Tracker:
    return made


def _keep_logs(executor: Executor, logs: Path, store: Store) -> None:
    """What the workers had to say belongs to the run: their notes become events, their log a file of the run."""
    for note in getattr(executor, "notes", ()):
        store.event("warning", "executor", str(note))
    for path in logs.iterdir():
        if path.is_file() and path.stat().st_size and path.name != LOCK_FILE:
            shutil.copyfile(path, store.folder / path.name)
