"""What a search had done before its run was interrupted, as its record and its files say."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automl.errors import RunError
from automl.evaluate import FoldResult
from automl.fold_data import CACHE_FOLDER, ENCODERS_FOLDER, REFIT_FOLD
from automl.member import MEMBER_FILE, MODEL_FOLDER
from automl.run_folder import fold_folder, trial_folder
from automl.search_record import COSTS
from automl.store import KEPT, SETTLED_FOLDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from automl.history import Trial
    from automl.judging import Judging
    from automl.run_reader import RunReader
    from automl.search_record import SearchRecord

PARTS = ("prepare_seconds", "fit_seconds", "predict_seconds")


@dataclass(frozen=True, kw_only=True)
class Past:
    """Trials and the folds of them that are still there."""

    trials: tuple[Trial, ...]
    results: Mapping[int, Mapping[int, FoldResult]]
    """Trial -> fold -> what came of it."""
    whole: frozenset[int]
    """Trials whose fitted models are all there; those of trials without prospect are removed."""
    shown: int
    """As in `Store.trial_started`."""
    folds: int | None
    """How many of the planned folds count, where the run had settled that."""


def read_past(reader: RunReader, costs: Mapping[str, float]) -> Past:
    """What the record says; `costs` by id of the candidates that were stored with one (`Candidate.cost`)."""
    settled = reader.meta.get(SETTLED_FOLDS)
    trials = tuple(_priced(trial, costs) for trial in reader.trials())
    running = {trial.id for trial in trials if trial.status == "running"}
    results: dict[int, dict[int, FoldResult]] = {}
    torn: set[int] = set()
    for job in reader.jobs():
        trial, fold = job["trial"], job["fold"]
        if job["kind"] not in ("done", KEPT) or fold < 0 or (settled is not None and fold >= settled):
            continue
        there = _is_whole(fold_folder(reader.folder, trial, fold))
        if not there:
            torn.add(trial)
        if there or trial not in running:
            results.setdefault(trial, {})[fold] = _result(job)
    return Past(
        trials=trials,
        results=results,
        whole=frozenset(results) - torn,
        shown=reader.shown(),
        folds=None if settled is None else int(settled),
    )


def _priced(trial: Trial, costs: Mapping[str, float]) -> Trial:
    cost = costs.get(trial.candidate.id)
    return trial if cost is None else replace(trial, candidate=replace(trial.candidate, cost=cost))


def _is_whole(folder: Path) -> bool:
    return (folder / MEMBER_FILE).is_file() and (folder / MODEL_FOLDER).is_dir()


def _result(job: Mapping[str, Any]) -> FoldResult:
    seconds = {name: job[name] or 0.0 for name in PARTS}
    costs = {name: value for name in COSTS if (value := job["costs"].get(name)) is not None}
    facts = {name: value for name, value in job["facts"].items() if value is not None}
    return FoldResult(loss=job["loss"], facts=facts, **seconds, **costs)


def clear_leftovers(folder: Path, past: Past) -> None:
    """Take away what jobs left that were cut off, and members on all rows: these are made again."""
    for trial in past.trials:
        parent = trial_folder(folder, trial.id)
        if trial.status == "running":
            kept = {fold_folder(folder, trial.id, fold) for fold in past.results.get(trial.id, {})}
            gone = [path for path in parent.iterdir() if path not in kept] if parent.is_dir() else []
        else:
            gone = [fold_folder(folder, trial.id, REFIT_FOLD)]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
    for name in (CACHE_FOLDER, ENCODERS_FOLDER):
        for path in (folder / name).glob("*.*"):  # encoders under the name that they have while they are written
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)


def take_up_scores(judging: Judging, record: SearchRecord, past: Past) -> None:
    """Let the full trials of before join the ensemble, but for those without prospect, whose models are gone. One whose
    predictions are gone or damaged counts as failed.
    """
    for trial in record.history.full():
        if past.whole and trial.id not in past.whole:
            continue
        try:
            if trial.id not in past.whole:
                raise RunError("its files are gone")
            judging.score(trial, past.results[trial.id])
        except (RunError, OSError, ValueError, EOFError, IndexError, KeyError) as error:
            message = f"lost when the run was interrupted: {error}"
            record.settle(replace(trial, status="failed", kind="lost", loss=None, score=None, message=message))
            record.warn("resume", f"trial {trial.id} {message}")
