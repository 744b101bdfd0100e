"""fit(), load(), check(): the whole story on one screen.

The only module that knows all steps: registry, data, plan, space, portfolio, strategy, search, ensemble, predictor.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.arrange import Arranged, describe, run_context, why_no_stacking
from automl.beside import import_beside
from automl.course import Run, build_strategy
from automl.data.image_input import is_images
from automl.errors import SettingsError
from automl.machine import find_machine
from automl.predictor import Predictor
from automl.prices import limit_by_money
from automl.ready import check_names, get_ready, stretch_fidelity, with_defaults
from automl.registry import Registry, load_registry
from automl.run_folder import DATA_FOLDER, check_new_folder
from automl.searching import keep_logs, run_clock, search_and_save, working
from automl.settings import Settings
from automl.store import Store, writing
from automl.workspace import Workspace, reserved_folder

if TYPE_CHECKING:
    from automl.data.records import Finding
    from automl.data.schema import Schema
    from automl.outcome import FitOutcome
    from automl.protocols import Tracker
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


def resume(
    folder: str | Path, *, time: str | float | None = None, trials: int | None = None, metric: str | None = None
) -> Predictor:
    """Go on with a run that was interrupted, as if it had not been, and return its predictor.

    Trials that were done are not run again; of those that were cut off, only what is missing is. `time` (as ``"10m"``) and
    `trials` are what the search may still take, in place of what is left of the run's own budget. `metric` is needed only
    where a function of the user's own judges, as ``module:function``. A run that has ended keeps its predictor.

    Raises RunError when there is nothing to go on with, when a process still works in the folder, when the record is
    damaged, or when a run that has ended is asked for more; SettingsError for values that make no sense.
    """
    from automl.resuming import More, resume_folder

    return resume_folder(Path(folder), More(time=time, trials=trials, metric=metric)).predictor


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
            values[name] = (value,) if isinstance(value, str | int) else tuple(() if value is None else value)
        else:
            values[name] = value
    for name in ("validation", "baselines", "prices", "pretrained"):
        if isinstance(values.get(name), Path):
            values[name] = str(values[name])
    for name in ("target", "group", "time_column", "split_column", "weight", "image_column"):
        values[name] = _column_name(name, values.get(name))
    for name in ("drop", "ignore"):
        values[name] = tuple(_column_name(name, one) for one in values.get(name) or ())
    for name in ("columns", "monotone"):
        if isinstance(values.get(name), Mapping):
            values[name] = {_column_name(name, key): value for key, value in values[name].items()}
    return Settings(**values)


def _column_name(option: str, value: Any) -> Any:
    """The name of a column as a text, as those of frames are made to be; other types than whole numbers are refused."""
    if value is None or isinstance(value, str):
        return value
    try:
        if isinstance(value, bool):
            raise TypeError("not a number either")
        return str(operator.index(value))
    except TypeError as error:
        raise SettingsError(
            f"{option}={value!r} must be the name of a column, such as 'price', or its number"
        ) from error


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
    images = is_images(data, settings.image_column)
    with Workspace(folder) as work:
        # Workers import their libraries on one core while the table is read on another.
        import_beside()
        with working(settings, registry, machine, images=images) as (executor, logs):
            ready = get_ready(data, settings, registry, machine, run_clock(started, settings), work)
            if money is not None and ready.plan.accelerators:
                settings, money = limit_by_money(settings, money.cores, ready.plan.accelerators)
            run = Run(
                settings=settings,
                registry=registry,
                clock=run_clock(started, settings),
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
                        return search_and_save(_arrange(run, store), store, executor)
                    finally:
                        keep_logs(executor, logs, store)
            except BaseException:
                store.discard_if_empty()
                raise


def _arrange(run: Run, store: Store) -> Arranged:
    """Decide what is searched, and write down all that the run is about."""
    from automl.data.storage import save_data, save_sample, save_splits

    prepared, resampling, folder = run.ready.prepared, run.ready.resampling, store.folder
    course = build_strategy(run)
    context = run_context(run, folder, resampling.splits, course.name)
    goals = context.goals.reason()
    reasons = (*run.ready.reasons, *course.notes, *([f"predictor: {goals}"] if goals else []))
    if not context.stacking:
        reasons = (*reasons, f"stacking: none: {why_no_stacking(run, course.name)}")
    arranged = Arranged(run=run, course=course, context=context, reasons=reasons)
    describe(store, arranged)
    with writing(folder, found=False):
        save_data(folder / DATA_FOLDER, prepared.data)
        save_splits(folder, list(resampling.splits))
        save_sample(folder / DATA_FOLDER, prepared.sample)
    return arranged
