"""What a search had done before its run was interrupted, as its record and its files say."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from automl.errors import RunError
from automl.evaluate import FoldResult
from automl.fold_data import CACHE_FOLDER, REFIT_FOLD
from automl.history import CANCELLED, LOST, Trial, config_id
from automl.kept_folds import is_whole, torn_folds, whole_folds
from automl.patience import PATIENCE_OVER
from automl.run_folder import ENCODERS_FOLDER, TRIALS_FOLDER, fold_folder, trial_folder
from automl.search_record import COSTS
from automl.store import KEPT, SETTLED_FOLDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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
    seconds: Mapping[int, float]
    """Trial -> worker seconds of these folds."""
    whole: frozenset[int]
    """Trials whose fitted models are all there; those of trials without prospect are removed."""
    shown: int
    """As in `Store.trial_started`."""
    folds: int | None
    """How many of the planned folds count, where the run had settled that."""
    notes: tuple[str, ...] = ()
    """Why these, in words."""
    last_id: int = 0
    """The largest number of a trial in the record, those left out here among them."""
    more_trials: int | None = None
    """Trials that the user asked for on top; None: the run's own number holds."""
    outdated: Mapping[int, str] = field(default_factory=dict)
    """Trials whose models the installed plugins cannot load, and why."""

    def without_outdated(self, found: Mapping[int, str]) -> Past:
        """The same where the models of the trials in `found` cannot be loaded. Results of full trials that are done tell which
        these are; of others the folds are fitted again.
        """
        kept = {
            trial.id for trial in self.trials if trial.id not in found or (trial.status == "done" and trial.is_full)
        }
        return replace(
            self,
            outdated=found,
            results={number: folds for number, folds in self.results.items() if number in kept},
            seconds={number: one for number, one in self.seconds.items() if number in kept},
        )

    @property
    def left_out(self) -> dict[int, str]:
        """Outdated trials that count no more."""
        full = {trial.id for trial in self.trials if trial.status == "done" and trial.is_full}
        return {number: why for number, why in self.outdated.items() if number in full}

    @property
    def fitted_again(self) -> dict[int, str]:
        """Outdated trials that were cut off."""
        running = {trial.id for trial in self.trials if trial.status == "running"}
        return {number: why for number, why in self.outdated.items() if number in running}


def read_past(reader: RunReader, costs: Mapping[str, float], planned: int, *, more_time: bool = False) -> Past:
    """What the record says; `costs` by id of the configurations that were stored with one (`Candidate.cost`), `planned`: how
    many folds the run has. With `more_time` than it had, what there was no time for is left out, so that it is tried now.
    """
    settled = reader.meta.get(SETTLED_FOLDS)
    count = planned if settled is None else int(settled)
    results: dict[int, dict[int, FoldResult]] = {}
    seconds: dict[int, dict[int, float]] = {}
    for job in reader.jobs():
        if job["kind"] in ("done", KEPT) and 0 <= job["fold"] < count:
            results.setdefault(job["trial"], {})[job["fold"]] = _result(job)
            seconds.setdefault(job["trial"], {})[job["fold"]] = job["seconds"]
    recorded = reader.trials()
    for trial in recorded:
        if trial.status == "done":  # those of smaller budgets may be continued
            found = results.get(trial.id, {})
            for fold in torn_folds(reader.folder, trial.id, found):  # fitted again
                del found[fold], seconds[trial.id][fold]
    trials = tuple(
        _as_it_was(_priced(trial, costs), len(results.get(trial.id, ())), count)
        for trial in recorded
        if not (more_time and trial.is_skipped)
    )
    whole = set()
    for trial in trials:
        found = results.get(trial.id, {})
        if trial.status == "running":
            torn = [fold for fold in found if not is_whole(fold_folder(reader.folder, trial.id, fold), read=True)]
            for fold in torn:  # fitted again
                del found[fold], seconds[trial.id][fold]
        elif (
            trial.status == "done"
            and trial.is_full
            and found
            and len(whole_folds(reader.folder, trial.id, found)) == len(found)
        ):
            whole.add(trial.id)
    return Past(
        trials=trials,
        results=results,
        seconds={number: sum(of_folds.values()) for number, of_folds in seconds.items()},
        whole=frozenset(whole),
        shown=reader.shown(),
        folds=None if settled is None else int(settled),
        notes=tuple(event["message"] for event in reader.events() if event["code"] == "folds"),
        last_id=max((trial.id for trial in recorded), default=0),
    )


def _priced(trial: Trial, costs: Mapping[str, float]) -> Trial:
    cost = costs.get(config_id(trial.candidate.model, trial.candidate.config))
    return trial if cost is None else replace(trial, candidate=replace(trial.candidate, cost=cost))


def _as_it_was(trial: Trial, folds: int, planned: int) -> Trial:
    """The trial before the search was told to end: one that was cut off then, or counted with the folds that it had, goes on."""
    cut_off = trial.kind == CANCELLED and trial.message != PATIENCE_OVER
    short = trial.status == "done" and trial.is_full and folds < planned
    if not (cut_off or short):
        return trial
    return trial.as_begun()


def _result(job: Mapping[str, Any]) -> FoldResult:
    seconds = {name: job[name] or 0.0 for name in PARTS}
    costs = {name: value for name in COSTS if (value := job["costs"].get(name)) is not None}
    facts = {name: value for name, value in job["facts"].items() if value is not None}
    return FoldResult(loss=job["loss"], facts=facts, **seconds, **costs)


def clear_leftovers(folder: Path, past: Past) -> None:
    """Take away what jobs left that were cut off, folds that are not gone on from, and members on all rows: these are made again."""
    for trial in () if (folder / TRIALS_FOLDER).is_symlink() else past.trials:
        parent = trial_folder(folder, trial.id)
        if parent.is_symlink():  # nothing outside of the run's folder is touched, whatever its record says
            continue
        if trial.status == "running" or (trial.status == "done" and not trial.is_full):
            kept = {fold_folder(folder, trial.id, fold) for fold in past.results.get(trial.id, {})}
            gone = [path for path in parent.iterdir() if path not in kept] if parent.is_dir() else []
        else:
            gone = [fold_folder(folder, trial.id, REFIT_FOLD)]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
    for name in (CACHE_FOLDER, ENCODERS_FOLDER):
        if (folder / name).is_symlink():
            continue
        for path in (folder / name).glob("*.*"):  # encoders under the name that they have while they are written
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def take_up_scores(judging: Judging, record: SearchRecord, past: Past) -> None:
    """Let the full trials of before join the ensemble, but for those without prospect, whose models are gone. One whose
    predictions are gone or damaged, or whose model cannot be loaded, counts as failed, and so does what stands on it.
    """
    for trial in record.history.full():
        if past.whole and trial.id not in past.whole:
            continue
        try:
            if trial.id not in past.whole:
                raise RunError("its files are gone")
            if why := past.outdated.get(trial.id):
                raise RunError(why)
            _check_base(trial, judging)
            judging.score(trial, past.results[trial.id])
        except (RunError, OSError, ValueError, EOFError, IndexError, KeyError) as error:
            _lose(trial, error, record, past)
    for trial in record.history.running():
        try:
            _check_base(trial, judging)
        except RunError as error:
            _lose(trial, error, record, past)


def _check_base(trial: Trial, judging: Judging) -> None:
    """RunError where others that the trial stands on are not there, as where their files are damaged."""
    gone = [str(number) for number in trial.candidate.base if number not in judging.costs]
    if gone:
        which = f"trial {gone[0]} is" if len(gone) == 1 else f"trials {', '.join(gone)} are"
        raise RunError(f"it stands on predictions of others, of which {which} not there any more")


def _lose(trial: Trial, error: Exception, record: SearchRecord, past: Past) -> None:
    how = "left out" if trial.id in past.left_out else "lost when the run was interrupted"
    message = f"{how}: {error}"
    record.settle(replace(trial, status="failed", kind=LOST, loss=None, score=None, message=message))
    record.warn("resume", f"trial {trial.id} {message}")
