"""Going on with a run that was interrupted: the same search, as if nobody had stopped it.

The record of a run holds all that was decided before its first trial (table, folds, plan, stored candidates, settings), and
each trial and fold as they came. Strategies answer from the history alone, so that a run by trials makes the same trials
whether it was interrupted or not. A run under a time budget has what was left of it.
"""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automl.arrange import Arranged, run_context
from automl.course import Run, recall_course
from automl.errors import RunError, SettingsError, UnknownNameError
from automl.history import Candidate, counted
from automl.kept_folds import mend_encoders
from automl.machine import find_machine, versions
from automl.metrics import load_metric
from automl.outdated import outdated, told_outdated
from automl.past import Past, clear_leftovers, read_past
from automl.proposals import counts
from automl.ready import stretch_fidelity
from automl.recalling import readable, recall_money, recall_ready, recall_settings
from automl.registry import Registry, load_registry
from automl.run_folder import DATA_FOLDER, PREDICTOR_FOLDER
from automl.run_reader import RunReader, open_run
from automl.run_record import RunRecord, read_record
from automl.searching import keep_logs, run_clock, search_and_save, working
from automl.settings import Settings, parse_seconds
from automl.sittings import Sittings
from automl.store import Store
from automl.strategy_names import strategy_parts
from automl.unfinished import ended_run, finish_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from automl.clock import Clock
    from automl.machine import Machine
    from automl.outcome import FitOutcome
    from automl.prices import Money
    from automl.protocols import Tracker

LEAST_SECONDS = 1.0
"""With less than this left for the search, the predictor is made of what there is."""

FROM_ENDED = "from what this one found by: automl baselines learn RUN, then fit --baselines FILE"
MORE_OF_ENDED = (
    f"--time and --trials give more to a run that was interrupted only; to search on, start another run, {FROM_ENDED}"
)


@dataclass(frozen=True, kw_only=True)
class More:
    """What the rest of a run may take, where that is not what was left of its own budget."""

    time: str | float | None = None
    """Seconds from now for everything."""
    trials: int | None = None
    """Trials from now."""
    metric: str | None = None
    """The metric once more, where it is a function of the user's own: reading a record runs no code."""


def resume_folder(
    folder: Path,
    more: More | None = None,
    *,
    started: float | None = None,
    registry: Registry | None = None,
    listeners: Mapping[str, Tracker] | None = None,
) -> FitOutcome:
    """Go on with the run in `folder`; see `automl.resume`. `started` and `listeners` as in `automl.api.fit_run`."""
    started = time.monotonic() if started is None else started
    more, folder, registry = more or More(), folder.absolute(), registry or load_registry()
    seconds = None if more.time is None else parse_seconds(more.time)
    with open_run(folder) as reader:
        folder = reader.folder  # the predictor's folder in it may have been given
        if reader.meta.get("status") == "done":
            _check_given_metric(str(reader.meta["metric"]), more.metric, registry)
            if seconds is not None or more.trials is not None:
                raise RunError(
                    f"the run in {folder} has ended, and its table is no longer there: it can be given no more time; start "
                    f"another run, {FROM_ENDED}"
                )
            ended = ended_run(reader, registry)
            return replace(ended, interrupted=False, notice=f"{ended.notice}; {MORE_OF_ENDED}")
    with closing(Store.reopen(folder)) as store:
        mend_encoders(folder)
        record = read_record(folder)
        if not record.trials:
            raise RunError(
                f"the run in {folder} was interrupted before its first trial: there is nothing to go on with; start it "
                "again, in this folder if you like"
            )
        with readable(folder), open_run(folder) as reader:
            sitting = _sit_down(reader, record, more, seconds, registry)
        if sitting is not None:
            return _go_on(sitting, store, started, listeners or {})
    over = "search was over" if (folder / PREDICTOR_FOLDER).exists() else "time was used up"
    told = f"the run in {folder} was not searched on, as its {over}: the predictor was made of what it had found"
    # Nobody has stopped this command, whatever stopped the run.
    return replace(finish_folder(folder, registry), interrupted=False, notice=told)


@dataclass(frozen=True, kw_only=True)
class _Sitting:
    """What is needed to go on."""

    record: RunRecord
    meta: Mapping[str, Any]
    past: Past
    settings: Settings
    registry: Registry
    """With the fidelity stretched as the run wants it."""
    used: float
    """Seconds that the run had worked."""
    anew: bool
    """Whether the rest was given time of its own."""
    money: Money | None
    sittings: Sittings


def _sit_down(
    reader: RunReader, record: RunRecord, more: More, seconds: float | None, registry: Registry
) -> _Sitting | None:
    """All that the record says; None where the search was over but for its predictor, or has no time left."""
    folder, meta = record.folder, reader.meta
    _check_metric(record, more.metric, registry)
    if not ((folder / PREDICTOR_FOLDER).exists() or (folder / DATA_FOLDER).is_dir()):
        raise RunError(
            f"the table of the run in {folder} is gone: it has no {DATA_FOLDER}, and the search cannot go on without; make the "
            f"predictor of what was found: automl finish {folder}"
        )
    if (folder / PREDICTOR_FOLDER).exists():
        if seconds is not None or more.trials is not None:
            raise RunError(
                f"the search of the run in {folder} was over: it can be given no more; leave --time and --trials out"
            )
        return None
    settings = recall_settings(record.settings, meta["space"])
    sittings = Sittings.of(meta["sittings"])
    cut_off = reader.last_sign() or 0.0
    used = sittings.worked(cut_off)
    budget = settings.budget_seconds
    costs = {one.id: one.cost for one in (Candidate(**plain) for plain in meta["course"]["queue"])}
    past = replace(
        read_past(reader, costs, int(meta["planned_folds"]), more_time=seconds is not None), more_trials=more.trials
    )
    money = recall_money(meta["money"])
    if seconds is not None:  # what may be spent was asked for before, and holds
        most = math.inf if money is None else money.seconds
        budget = min(used + seconds, most)
    if more.trials is not None:
        settings = replace(settings, trials=_used_trials(past, registry) + checked_trials(more.trials))
    settings = replace(settings, seconds=budget)
    clock = _clock(settings, used, time.monotonic(), anew=seconds is not None)
    # Members on all rows are made after the search, in time that is kept for them.
    if max(clock.search_left(), clock.left() - LEAST_SECONDS if settings.wants_refit else 0.0) < LEAST_SECONDS:
        return None
    _check_strategy(record, str(meta["course"]["name"]), registry)
    left = None if settings.seconds is None else clock.left()
    past = past.without_outdated(outdated(record, registry, past.trials, left=left))
    return _Sitting(
        record=record,
        meta=meta,
        past=past,
        settings=settings,
        registry=stretch_fidelity(registry, settings),
        used=used,
        anew=seconds is not None,
        money=money,
        sittings=sittings.again(cut_off=cut_off, now=time.time()),
    )


def _clock(settings: Settings, used: float, started: float, *, anew: bool) -> Clock:
    """The clock of the rest: that of the whole run, or, where the rest was given time of its own, `anew`, one that divides this."""
    if not anew or settings.seconds is None:
        return run_clock(started - used, settings)
    return replace(run_clock(started, replace(settings, seconds=max(settings.seconds - used, 0.1))), before=used)


def _check_metric(record: RunRecord, given: str | None, registry: Registry) -> None:
    """The metric of the run is there, and nothing is imported for it that the user did not name himself."""
    name = record.task.metric
    _check_given_metric(name, given, registry)
    if ":" in name and name not in registry.metrics and given is None:
        raise SettingsError(
            f"the run is judged by a function of your own, {name!r}, and reading a record runs no code; name it again: "
            f"--metric {name} (metric=)"
        )


def _check_strategy(record: RunRecord, name: str, registry: Registry) -> None:
    """The plugins that the run was searching with are there."""
    try:
        strategy_parts(name, registry)
    except UnknownNameError as error:
        raise RunError(
            f"the run in {record.folder} searches with strategy {name!r}, which no installed plugin offers any more ({error}); "
            f"install the plugin again, or make the predictor of what was found: automl finish {record.folder}"
        ) from error


def _check_given_metric(name: str, given: str | None, registry: Registry) -> None:
    """The metric that was given is the run's, by whichever of its names."""
    if given is None or given == name:
        return
    if ":" in given or load_metric(given, registry).name != name:
        raise SettingsError(f"metric {given!r} was given, but the run is judged by {name!r}; leave it out")


def checked_trials(trials: int) -> int:
    """A whole number above zero; SettingsError for anything else."""
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise SettingsError(f"trials={trials!r} must be a whole number of at least 1")
    return trials


def _used_trials(past: Past, registry: Registry) -> int:
    """Trials that count against the user's number of trials."""
    baselines = {name for name, spec in registry.models.items() if spec.is_baseline}
    return sum(counts(trial, is_baseline=trial.candidate.model in baselines) for trial in past.trials)


def _go_on(sitting: _Sitting, store: Store, started: float, listeners: Mapping[str, Tracker]) -> FitOutcome:
    """The rest of the run."""
    folder, settings, past = store.folder, sitting.settings, sitting.past
    machine = find_machine(settings)
    clock = _clock(settings, sitting.used, started, anew=sitting.anew)
    with readable(folder):
        ready = recall_ready(sitting.record, sitting.meta, settings, sitting.registry)
    run = Run(
        settings=settings,
        registry=sitting.registry,
        clock=clock,
        ready=ready,
        machine=machine,
        listeners=listeners,
        money=sitting.money,
    )
    images = ready.prepared.task.modality == "images"
    with working(settings, sitting.registry, machine, images=images) as (executor, logs):
        with readable(folder):
            course = recall_course(run, sitting.meta["course"])
        splits = ready.resampling.splits[: past.folds]
        arranged = Arranged(
            run=run,
            course=course,
            context=run_context(run, folder, splits, course.name),
            reasons=(*sitting.record.reasons, *_reasons(sitting, machine)),
        )
        clear_leftovers(folder, past)
        for told in _told_outdated(sitting):
            store.event("warning", "outdated", told)
        store.set_facts(
            {
                "sittings": sitting.sittings.plain(),
                "later_versions": [*sitting.record.later_versions, versions(sitting.registry)],
                "settings": settings.to_dict(),
                "reasons": arranged.reasons,
                "workers": machine.workers,
                "threads": machine.threads,
            }
        )
        try:
            return search_and_save(arranged, store, executor, past)
        finally:
            keep_logs(executor, logs, store)


def _reasons(sitting: _Sitting, machine: Machine) -> list[str]:
    """What is different now, in words."""
    trials = counted(sitting.past.trials)
    notes = [f"search: taken up again after {trials} trials and {sitting.used:.0f} s of work"]
    if (machine.workers, machine.threads) != (sitting.meta["workers"], sitting.meta["threads"]):
        notes += machine.reasons
    before, now = sitting.meta["versions"], versions(sitting.registry)
    changed = [
        f"{name} {now[name]} ({before[name]} before)"
        for name in sorted(now)
        if before.get(name, now[name]) != now[name]
    ]
    if changed:
        notes.append(f"search: goes on with other versions: {', '.join(changed)}")
    notes += [f"search: {told}" for told in _told_outdated(sitting)]
    return notes


def _told_outdated(sitting: _Sitting) -> list[str]:
    """What becomes of trials whose models the plugins of now cannot load."""
    past = sitting.past
    return [
        *told_outdated(sitting.record, past.left_out),
        *told_outdated(sitting.record, past.fitted_again, "fitted again"),
    ]
