"""From a run that is arranged to its outcome: search, members, predictor."""

from __future__ import annotations

import shutil
import warnings
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from automl.arrange import Arranged, run_info
from automl.choosing import choose_members
from automl.clock import Clock
from automl.errors import NO_ROOM, AutomlError, PluginError
from automl.interrupts import held_back
from automl.machine import Machine, modules_to_preload
from automl.outcome import Ending, FitOutcome, finish_run, member_records
from automl.protocols import Executor, ExecutorSettings, RunSummary, Tracker
from automl.run import Search
from automl.run_lock import LOCK_FILE
from automl.search_result import ENDED
from automl.store import short_of_room
from automl.tracking import TrackerGroup
from automl.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from automl.course import Run
    from automl.past import Past
    from automl.registry import Registry
    from automl.settings import Settings
    from automl.specs import ExecutorSpec
    from automl.store import Store


def search_and_save(arranged: Arranged, store: Store, executor: Executor, past: Past | None = None) -> FitOutcome:
    """Search, choose the members, write the predictor. `past`: what was done before the run was interrupted."""
    run, context, folder, reasons = arranged.run, arranged.context, store.folder, arranged.reasons
    prepared = run.ready.prepared
    with closing(_trackers(run, store)) as trackers:
        trackers.run_started(run_info(run, folder, reasons))
        course = arranged.course
        search = Search(context, course.strategy, course.baselines, executor, store, trackers)
        if past is not None:
            search.take_up(past)
        with short_of_room(folder):
            found = search.run()
        reasons = (*reasons, *found.notes, f"{ENDED}{found.ended}")
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


@contextmanager
def working(
    settings: Settings, registry: Registry, machine: Machine, *, images: bool
) -> Iterator[tuple[Executor, Path]]:
    """The executor at work, and the folder in which its workers leave their logs."""
    with Workspace(prefix="automl-workers-") as logs:
        executor_settings = ExecutorSettings(
            workers=machine.workers,
            threads=machine.threads,
            preload=modules_to_preload(registry, settings, images=images),
            folder=logs.folder(),
        )
        assert settings.executor is not None
        spec = registry.get("executors", settings.executor)
        executor = _make_executor(spec, executor_settings)
        try:
            yield executor, logs.folder()
        finally:
            _close_executor(spec, executor)


def _make_executor(spec: ExecutorSpec, settings: ExecutorSettings) -> Executor:
    """PluginError, which names it, for an executor that cannot be made."""
    try:
        made: Executor = spec.load()(settings)
    except AutomlError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"executor {spec.name!r} of plugin {spec.plugin!r} cannot be made: {type(error).__name__}: {error}; choose "
            "another with --executor"
        ) from error
    return made


def _close_executor(spec: ExecutorSpec, executor: Executor) -> None:
    """What an executor does wrong at its end costs a warning: the run is complete, or has an error of its own."""
    try:
        executor.close()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's fault, whatever it is
        warnings.warn(
            f"executor {spec.name!r} of plugin {spec.plugin!r} failed when it was closed: {type(error).__name__}: {error}; "
            "the run is not affected, but something of it may go on running",
            RuntimeWarning,
            stacklevel=2,
        )


def run_clock(started: float, settings: Settings) -> Clock:
    """The clock of a run whose budget counts from `started` (`time.monotonic()`)."""
    return Clock.make(
        started,
        settings.budget_seconds,
        refit=settings.wants_refit,
        limits=settings.max_latency_ms is not None or settings.max_size_mb is not None,
    )


def keep_logs(executor: Executor, logs: Path, store: Store) -> None:
    """What the workers had to say belongs to the run: their notes become events, their log a file of the run."""
    for note in getattr(executor, "notes", ()):
        store.event("warning", "executor", str(note))
    for path in logs.iterdir():
        if path.is_file() and path.stat().st_size and path.name != LOCK_FILE:
            # A run that was interrupted has the log of its first sitting already.
            try:
                with path.open("rb") as source, (store.folder / path.name).open("ab") as target:
                    shutil.copyfileobj(source, target)
            except OSError as error:
                # Where the disk is full, a log that cannot be kept must not stand in for the error that says so, and what the
                # run found. Other faults cost no run either, but they are told.
                if error.errno not in NO_ROOM:
                    store.event(
                        "warning", "executor", f"{path.name} of the workers cannot be kept in the run's folder: {error}"
                    )
