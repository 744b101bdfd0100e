"""Training each member once on all rows, so that a predictor holds one model per member instead of one per fold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from automl.admission import LONGEST_JOB_SECONDS
from automl.fold_data import REFIT_FOLD
from automl.fold_jobs import JOB_CALL, make_fold_job
from automl.protocols import Job
from automl.run_folder import fold_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.history import Trial
    from automl.run import Search
    from automl.search_result import SearchResult
    from automl.store import Store


def refit_members(
    search: Search, trials: Sequence[Trial], result: SearchResult, store: Store
) -> tuple[set[int], list[str], bool]:
    """Refit these trials on all rows; returns the ids that succeeded, notes on those that did not, and whether the
    user stopped it.

    A member trains for as long as its folds did on average (``rounds``, ``trees`` or ``epochs`` among its facts).
    Members that fail or for which time runs out keep their fold models: the predictor is complete either way.
    """
    context, executor = search.context, search.executor
    names: dict[int, Trial] = {}
    for number, trial in enumerate(sorted(trials, key=lambda one: -_weight(result, one)), start=1_000_000):
        spec = context.models[trial.candidate.model]
        own = {fidelity if isinstance(fidelity, str) else fidelity.name for fidelity in spec.fidelities}
        base = make_fold_job(context, trial, 0, None)
        values = {name: value for name, value in trial.facts.items() if name in own}
        job = replace(
            base,
            fold=REFIT_FOLD,
            folder=fold_folder(context.folder, trial.id, REFIT_FOLD),
            fidelity=values,
            facts={name: float(value) for name, value in trial.facts.items()},
            full={**base.full, **values},  # schedules end where this training ends
            end=None if context.clock.end is None else context.clock.end - 0.5,
            checkpoint=None,
            latency_rows=0,
        )
        names[number] = trial
        executor.submit(
            Job(
                id=number,
                call=JOB_CALL,
                argument=job,
                seconds=max(min(context.job_seconds or LONGEST_JOB_SECONDS, context.clock.left()), 0.1),
                memory_bytes=context.memory_bytes,
            )
        )
    done: set[int] = set()
    notes: list[str] = []
    interrupted = False
    while names and not executor.fault:
        left = context.clock.left() - 0.3
        if left <= 0:
            break
        try:
            outcome = executor.wait(min(left, 0.5))
        except KeyboardInterrupt:
            interrupted = True
            break
        if outcome is None or outcome.id not in names:
            continue
        trial = names.pop(outcome.id)
        store.job_finished(
            trial.id,
            REFIT_FOLD,
            kind=outcome.kind,
            seconds=outcome.seconds,
            message=outcome.message,
            traceback=outcome.traceback,
        )
        if outcome.kind == "done":
            done.add(trial.id)
        else:
            notes.append(f"refit: trial {trial.id} keeps its fold models ({outcome.kind}: {outcome.message})")
    why = executor.fault or ("stopped by the user" if interrupted else "no time was left")
    for number, trial in names.items():
        executor.cancel(number)
        notes.append(f"refit: trial {trial.id} keeps its fold models ({why})")
    return done, notes, interrupted


def _weight(result: SearchResult, trial: Trial) -> float:
    return 0.0 if result.ensemble is None else result.ensemble.weights.get(trial.id, 0.0)
