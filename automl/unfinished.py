"""A run that was interrupted: its predictor is made from its record, without training anything.

What a search finds is written down as it comes: trials with their fitted models and out-of-fold predictions, the weights
of the ensemble, and from the start all that a predictor knows of the table. So a run whose process was killed has
everything but the predictor's folder.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from automl.clock import Clock
from automl.data.records import Finding
from automl.data.storage import open_judged_by, read_splits
from automl.ensemble import Ensemble
from automl.errors import RunError
from automl.evaluate import FoldResult
from automl.goals import Goals
from automl.history import CANCELLED, LOST, UNCOUNTED, History, Trial, counted
from automl.kept_folds import mend_encoders, torn_folds, whole_folds
from automl.live_ensemble import LiveEnsemble
from automl.metrics import load_metric
from automl.outcome import Ending, FitOutcome, finish_run, member_records
from automl.outdated import outdated, told_outdated
from automl.predictor import Predictor
from automl.predictor_file import PREDICTOR_FILE
from automl.registry import Registry, load_registry
from automl.run_folder import DATA_FOLDER, PREDICTOR_FOLDER
from automl.run_reader import RunReader, leaderboard_rows, open_run
from automl.run_record import RunRecord, read_record
from automl.search_result import ENDED, SearchResult
from automl.settings import Settings
from automl.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

MADE_LATER = "search: the run was interrupted; the predictor was made later from what it had found"
TORN = "files of its models are damaged"
GOAL_SETTINGS = ("seconds", "trials", "preset", "max_latency_ms", "max_size_mb", "latency_rows", "refit")
"""Settings that say what the predictor must be like."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Trials and the ensemble of them."""

    trials: tuple[Trial, ...]
    ensemble: Ensemble | None
    folds: Mapping[int, tuple[int, ...]]
    score: float | None
    notes: tuple[str, ...]


def finish_folder(folder: Path, registry: Registry | None = None) -> FitOutcome:
    """Make the predictor of the run in `folder` from what it had found when it was interrupted.

    A run that has ended keeps the predictor that it has, so that finishing twice changes nothing. Raises RunError when
    a process still works in the folder, when the record is damaged, or when the run had not come as far as its search.
    """
    folder = folder.absolute()
    registry = registry or load_registry()
    with open_run(folder) as reader:
        folder = reader.folder  # the predictor's folder in it may have been given
        if reader.meta.get("status") == "done" and (folder / PREDICTOR_FOLDER / PREDICTOR_FILE).is_file():
            return ended_run(reader, registry)
    with closing(Store.reopen(folder)) as store:
        mend_encoders(folder)
        record = read_record(folder)
        lost = outdated(record, registry, (trial for trial in record.trials if trial.is_full), left=None)
        faults = told_outdated(record, lost)
        found = _found(record, store, registry, lost)
        result = SearchResult(
            history=History(found.trials), ensemble=found.ensemble, folds=found.folds, interrupted=True
        )
        if record.settings.get("max_latency_ms") or record.settings.get("max_size_mb"):
            found = replace(
                found, notes=(*found.notes, "limits: kept by estimate only, the predictor was not measured")
            )
        ending = Ending(
            learned=record,
            result=result,
            members=member_records(result, registry, folder, ()),
            reasons=tuple(
                dict.fromkeys((*record.reasons, MADE_LATER, *(f"finish: {one}" for one in faults), *found.notes))
            ),
            score=found.score,
        )
        clock = Clock.make(time.monotonic() - record.seconds, None)
        return replace(finish_run(store, ending, registry=registry, clock=clock), faults=tuple(faults))


def ended_run(reader: RunReader, registry: Registry) -> FitOutcome:
    """What a run that has ended said at its end."""
    meta, trials = reader.meta, [trial for trial in reader.trials() if trial.kind not in UNCOUNTED]
    return FitOutcome(
        folder=reader.folder,
        predictor=Predictor.load(reader.folder, registry=registry),
        leaderboard=leaderboard_rows(trials, reader.weights()),
        findings=tuple(Finding(**one) for one in meta["findings"]),
        reasons=tuple(meta["reasons"]),
        seconds=meta["seconds"],
        trials=counted(trials),
        failed=sum(trial.status == "failed" for trial in trials),
        only_baseline=meta["only_baseline"],
        metric=meta["metric"],
        score=meta["score"],
        interrupted=meta["interrupted"],
        limits_kept=meta["limits_kept"],
        only_baseline_fits=meta.get("only_baseline_fits", False),
        notice=f"the run in {reader.folder} had ended{_why_ended(meta['reasons'])}: nothing was left to do, and nothing was changed",
    )


def _why_ended(reasons: Sequence[str]) -> str:
    """Why a run ended, in brackets; empty where that is not known."""
    if MADE_LATER in reasons:
        return " (it was interrupted, and its predictor was made of what it had found)"
    told = [reason.removeprefix(ENDED) for reason in reasons if reason.startswith(ENDED)]
    return f" ({told[-1]})" if told else ""


# -- choosing -------------------------------------------------------------------------------------


def _found(record: RunRecord, store: Store, registry: Registry, lost: Collection[int]) -> _Found:
    """Without the `lost` ones: trials, those cut off among them marked as such, and the best ensemble."""
    notes: list[str] = []
    usable = {}
    done = [trial.id for trial in record.trials if trial.status == "done" and trial.is_full]
    torn = {number for number in done if torn_folds(record.folder, number, record.folds.get(number, ()))}
    recorded = record.trials
    # As trials that were cut off: what is whole of them counts where nothing else was done.
    record = replace(record, trials=tuple(trial.as_begun() if trial.id in torn else trial for trial in recorded))
    for trial in record.trials:
        if trial.candidate.model not in registry.models:
            if trial.status == "done":
                notes.append(f"finish: trial {trial.id} is left out: model {trial.candidate.model} is not installed")
        elif (
            trial.id not in lost
            and trial.is_full
            and trial.status in ("done", "running")
            and (folds := whole_folds(record.folder, trial.id, record.folds.get(trial.id, ())))
        ):
            usable[trial.id] = folds
    # Nothing stands on what is not there.
    base_of = {trial.id: trial.candidate.base for trial in record.trials}
    usable = {number: folds for number, folds in usable.items() if set(base_of[number]) <= set(usable) - torn}
    whole = {number: folds for number, folds in usable.items() if number not in torn}
    chosen = _judge_again(record, usable, registry, notes) or _as_recorded(record, whole, notes)
    left_out = torn - set(chosen.folds) - set(lost)
    notes += [f"finish: trial {number} is left out: {TORN}" for number in sorted(left_out)]
    trials = []
    for trial in chosen.trials:
        if trial.status == "running":
            kind, message = (LOST, TORN) if trial.id in torn else (CANCELLED, "the run was interrupted")
            trial = replace(trial, status="failed", kind=kind, message=message)  # noqa: PLW2901
        if trial not in recorded:
            store.trial_finished(trial)
        trials.append(trial)
    folds_of = dict(chosen.folds)
    if record.settings.get("preset") == "fast":  # one fold model each, as where refitting failed
        folds_of = {number: folds[:1] for number, folds in folds_of.items()}
    return replace(chosen, trials=tuple(trials), folds=folds_of, notes=tuple(notes))


def _judge_again(
    record: RunRecord, usable: Mapping[int, tuple[int, ...]], registry: Registry, notes: list[str]
) -> _Found | None:
    """Weigh the trials by their out-of-fold predictions; None where these cannot be judged here.

    A metric of the user's own would be imported by a name that stands in the record, and reading a record runs no code.
    """
    name = record.task.metric
    if record.slow_metric or (":" in name and name not in registry.metrics):
        return None
    live = _live(record, registry)
    if live is None:
        return None
    trials = {trial.id: trial for trial in record.trials}
    for number, folds in usable.items():
        if trials[number].status == "done":
            _score(live, record, trials, folds, number, notes)
    baselines = {number for number in trials if _is_baseline(registry, trials[number])}
    if not any(number not in baselines for number in live.folds):
        # No model was done: the one with most folds counts as it is.
        open_ones = [
            number
            for number in usable
            if trials[number].status == "running" and number not in baselines and not trials[number].candidate.base
        ]
        for number in sorted(open_ones, key=lambda one: (-len(usable[one]), one)):
            if _score(live, record, trials, usable[number], number, notes):
                notes.append(f"finish: trial {number} counts with the {len(usable[number])} folds that were done")
                break
    full = [trials[number] for number in sorted(live.folds)]
    live.forget(_goals(record))
    live.update(
        [trial for trial in full if trial.id not in baselines],
        [trial for trial in full if trial.id in baselines],
        final=True,
    )
    if live.stacking:
        notes.append(f"stacking: {live.stacking}")
    score = None if live.current is None else load_metric(name, registry).from_distance(live.current.loss)
    return _Found(trials=tuple(trials.values()), ensemble=live.current, folds=dict(live.folds), score=score, notes=())


def _is_baseline(registry: Registry, trial: Trial) -> bool:
    spec = registry.models.get(trial.candidate.model)
    return spec is not None and spec.is_baseline


def _live(record: RunRecord, registry: Registry) -> LiveEnsemble | None:
    """An ensemble without members yet; None when the table, or its weights, are gone or damaged."""
    try:
        arrays = open_judged_by(record.folder / DATA_FOLDER)
        target = arrays["target"]
        splits = read_splits(record.folder)[: record.settled_folds]
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    metric = load_metric(record.task.metric, registry)
    clock = Clock.make(time.monotonic(), None)
    return LiveEnsemble(
        record.folder,
        metric=metric,
        splits=splits,
        target=target,
        weight=arrays.get("weight"),
        clock=clock,
        groups=arrays.get("groups"),
    )


def _score(
    live: LiveEnsemble,
    record: RunRecord,
    trials: dict[int, Trial],
    folds: tuple[int, ...],
    number: int,
    notes: list[str],
) -> bool:
    """Let a trial join; a note when its predictions cannot be used."""
    trial = trials[number]
    part = 1.0 / len(folds)
    results = {
        fold: FoldResult(
            loss=record.folds[number][fold],
            facts={},
            fit_seconds=0.0,
            predict_seconds=0.0,
            prepare_seconds=0.0,
            row_ms=None if trial.row_ms is None else trial.row_ms * part,
            megabytes=(trial.megabytes or 0.0) * part,
        )
        for fold in folds
    }
    try:
        score = live.score(number, results)
    except (RunError, OSError, ValueError, EOFError, IndexError) as error:
        notes.append(f"finish: trial {number} is left out: {error}")
        return False
    if trial.status == "running":
        trials[number] = replace(
            trial,
            status="done",
            score=score,
            loss=live.metric.distance(score),
            fold_losses=tuple(one.loss for one in results.values() if one.loss is not None),
            seconds=record.trial_seconds[number],
        )
    return True


def _goals(record: RunRecord) -> Goals:
    known = {name: record.settings[name] for name in GOAL_SETTINGS if record.settings.get(name) is not None}
    return Goals.of(Settings(target=record.task.target, **known), images=record.task.modality == "images")


def _as_recorded(record: RunRecord, usable: Mapping[int, tuple[int, ...]], notes: list[str]) -> _Found:
    """The ensemble that was written down last; without one the best trial alone."""
    done = [trial for trial in record.trials if trial.id in usable and trial.status == "done"]
    weights = {number: weight for number, weight in record.weights.items() if number in usable}
    ensemble, score = None, None
    if weights and len(weights) == len(record.weights):
        score = record.score
        ensemble = Ensemble(weights=weights, loss=float("nan"), factors=record.factors, calibration=record.calibration)
    elif done:
        best = min(done, key=lambda trial: (float("inf") if trial.loss is None else trial.loss, trial.id))
        notes.append(f"finish: trial {best.id} stands alone; the predictions of others cannot be judged here")
        ensemble, score = Ensemble(weights={best.id: 1.0}, loss=best.loss or 0.0, factors=()), best.score
    return _Found(trials=record.trials, ensemble=ensemble, folds=dict(usable), score=score, notes=())
