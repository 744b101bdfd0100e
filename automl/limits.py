"""The end of a search with goals besides accuracy: a cheaper ensemble, and hard limits that the finished predictor keeps."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.ensemble import Ensemble
from automl.goals import UNLIMITED, Cost, Goals, total_cost
from automl.latency import folder_megabytes
from automl.measure import measure
from automl.outcome import make_parts, member_records
from automl.predictor import Predictor
from automl.predictor_file import write_predictor

if TYPE_CHECKING:
    from automl.course import Run
    from automl.run import Search
    from automl.search_result import SearchResult

ATTEMPTS = 6
MARGIN = 0.85
"""Share of a limit that a smaller predictor aims at, because no two measurements agree."""
FRESH_SECONDS = 1.5
"""Seconds that must be left to start a new process that imports, loads and predicts."""
TIGHTER_SECONDS = 1.5
"""Seconds that must be left to choose another ensemble; with less, a baseline is what remains."""
BAGGING_GAIN = 0.02
"""Share of the loss by which averaging the models of all folds is better than one of them, about; the out-of-fold loss
knows only single models."""


def choose_within(search: Search, result: SearchResult) -> tuple[SearchResult, list[str]]:
    """The result with the ensemble that the run's goals allow, by the estimates of its trials, with a note.

    A run that refits keeps the folds of every member, for those whose refit fails.
    """
    goals = search.context.goals
    ensemble = result.ensemble
    if ensemble is None or not (goals.capped or goals.price):
        return result, []
    before = _cost(search, result)
    chosen = _smaller(search, goals, goals.cap)
    after = _cost(search, chosen)
    chosen = replace(chosen, interrupted=result.interrupted, ended=result.ended, notes=result.notes)
    if goals.kept:  # they are about to be trained once on all rows
        chosen = replace(chosen, folds=result.folds)
    weights = {} if chosen.ensemble is None else chosen.ensemble.weights
    if chosen.ensemble == ensemble and after == before:
        return chosen, []
    told = f"predictor: {len(weights)} members in place of {len(ensemble.weights)}, for the time they take to predict"
    models = sum(len(chosen.folds[number]) for number in weights)
    speed = f"; {models} models, {before.row_ms / after.row_ms:.3g} times as quick" if after.row_ms else ""
    return chosen, [told + speed]


def keep_limits(
    run: Run, search: Search, result: SearchResult, refitted: set[int]
) -> tuple[SearchResult, list[str], bool]:
    """The result with as much of the ensemble as the limits of `run` allow, notes, and whether they are kept.

    Where measuring fails, the result comes back as it is: what was found is worth more than what it costs.
    """
    try:
        return _keep_limits(run, search, result, refitted)
    except Exception as error:  # noqa: BLE001 - members are plugins' and may fail in any way
        told = f"limits: not kept: measuring the predictor failed ({type(error).__name__}: {error}); it is as found"
        return result, [told], False


def _keep_limits(
    run: Run, search: Search, result: SearchResult, refitted: set[int]
) -> tuple[SearchResult, list[str], bool]:
    """The members' own costs are estimates, and what reading a row costs comes on top of them, so that a predictor is
    written and timed, first here, at last in a new process, and what was measured corrects the estimate.
    """
    goals = search.context.goals
    limit = Cost(row_ms=goals.max_latency_ms or float("inf"), megabytes=goals.max_size_mb or float("inf"))
    sample = run.ready.prepared.sample
    assert sample is not None
    base_ms = _base_ms(run, search, result, sample) if goals.max_latency_ms is not None else 0.0
    cap = Cost(
        row_ms=min(goals.cap.row_ms, MARGIN * max(limit.row_ms - base_ms, 0.0)),
        megabytes=MARGIN * limit.megabytes,
    )
    measured, interrupted = Cost(row_ms=0.0, megabytes=0.0), result.interrupted
    result = _smaller(search, goals, cap) if result.ensemble is not None else result
    for attempt in range(ATTEMPTS):
        predictor = _write(run, search, result, refitted)
        measured = measure(predictor, sample, goals.rows)
        if measured.within(limit):
            note, measured = _confirm(run, predictor, sample, goals.rows, measured)
            if measured.within(limit):
                note = f"limits: kept: {_told(measured, goals)}{note}"
                return replace(result, interrupted=interrupted), [note], True
        smallest = _baseline(search, result)
        if result.ensemble is None or smallest is None or result.ensemble == smallest.ensemble:
            break
        before = result
        if run.clock.left() > TIGHTER_SECONDS and attempt < ATTEMPTS - 2:
            cap = _tightened(_cost(search, result), measured, limit, base_ms, cap)
            result = _smaller(search, goals, cap)
        if result is before or (result.ensemble == before.ensemble and result.folds == before.folds):
            result = smallest
    note = f"limits: not kept: {_told(measured, goals)}, and nothing smaller was found"
    return replace(result, interrupted=interrupted), [note], False


def _smaller(search: Search, goals: Goals, cap: Cost) -> SearchResult:
    """The best ensemble within `cap`: many members of few models each, or few members of many, whatever is better."""
    most = max(len(folds) for folds in search.folds.values())
    best: tuple[float, SearchResult] | None = None
    for kept in (1,) if goals.kept else sorted({most, (most + 1) // 2, 1}, reverse=True):
        found = search.reselect(replace(goals, cap=cap, kept=kept))
        found = replace(found, folds={number: folds[:kept] for number, folds in found.folds.items()})
        loss = float("inf") if found.ensemble is None else found.ensemble.loss
        expected = loss * (1.0 - BAGGING_GAIN * (1.0 - 1.0 / kept))
        fits = _cost(search, found).within(cap)
        if (fits and (best is None or expected < best[0])) or (best is None and kept == 1):
            best = expected, found
        if fits and cap == UNLIMITED:  # every member with all its models is never worse
            break
    assert best is not None
    return best[1]


def _cost(search: Search, result: SearchResult) -> Cost:
    """The estimate for the members of a result."""
    if result.ensemble is None:
        return Cost(row_ms=0.0, megabytes=0.0)
    total = Cost(row_ms=0.0, megabytes=0.0)
    for number in result.ensemble.weights:
        share = len(result.folds[number]) / max(len(search.folds[number]), 1)
        total += total_cost([number], search.costs, share=share)
    return total


def _tightened(estimate: Cost, measured: Cost, limit: Cost, base_ms: float, cap: Cost) -> Cost:
    """A cap on estimates under which the measured cost should keep the limit."""
    row_ms, megabytes = cap.row_ms, cap.megabytes
    if measured.row_ms > limit.row_ms:
        room, used = max(limit.row_ms - base_ms, 0.0), max(measured.row_ms - base_ms, 1e-9)
        row_ms = min(row_ms, estimate.row_ms * min(room / used, 1.0) * MARGIN)
    if measured.megabytes > limit.megabytes:
        megabytes = min(megabytes, estimate.megabytes * limit.megabytes / measured.megabytes * MARGIN)
    return Cost(row_ms=row_ms, megabytes=megabytes)


def _baseline(search: Search, result: SearchResult) -> SearchResult | None:
    """The cheapest there is: a baseline alone."""
    models = search.context.models
    full = [trial for trial in result.history.full() if models[trial.candidate.model].is_baseline]
    best = min(full, key=lambda trial: (trial.loss, trial.id), default=None)
    if best is None or best.loss is None:
        return None
    return replace(
        result,
        ensemble=Ensemble(weights={best.id: 1.0}, loss=best.loss),
        folds={**result.folds, best.id: result.folds[best.id][:1]},
        limited=True,
    )


def _write(run: Run, search: Search, result: SearchResult, refitted: set[int]) -> Predictor:
    folder = search.context.folder
    members = member_records(result, run.registry, folder, refitted)
    parts = make_parts(run.ready.prepared, result, members, run.registry)
    return Predictor.load(write_predictor(parts, folder, {}), registry=run.registry)


def _base_ms(run: Run, search: Search, result: SearchResult, sample: Any) -> float:
    """Milliseconds per row of a predictor without members: reading and encoding."""
    parts = make_parts(run.ready.prepared, result, (), run.registry)
    return measure(Predictor(parts, search.context.folder, run.registry), sample, search.context.goals.rows).row_ms


def _confirm(run: Run, predictor: Predictor, sample: Any, rows: int, here: Cost) -> tuple[str, Cost]:
    """The cost in a new process, with a note on why there was none; the size needs no process."""
    from pyarrow import feather

    if run.settings.max_latency_ms is None:
        return "", replace(here, megabytes=folder_megabytes(predictor.folder))
    left = run.clock.left() - 0.3
    if left < FRESH_SECONDS:
        return " (measured in the run's own process: no time was left for a new one)", here
    with tempfile.TemporaryDirectory(prefix="automl-measure-") as work:
        path = Path(work) / "sample.feather"
        feather.write_feather(sample, path)
        command = [sys.executable, "-m", "automl.measure", str(predictor.folder), str(path), str(rows)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=min(left, 60.0), check=True)
        except subprocess.TimeoutExpired:
            return " (measured in the run's own process: a new one took too long)", here
        except subprocess.CalledProcessError as error:
            why = (error.stderr.strip().splitlines() or ["no message"])[-1]
            return f" (measured in the run's own process: a new one failed: {why})", here
    plain = json.loads(done.stdout.splitlines()[-1])
    return " (measured in a new process)", Cost(row_ms=plain["row_ms"], megabytes=plain["megabytes"])


def _told(measured: Cost, goals: Goals) -> str:
    told = []
    if goals.max_latency_ms is not None:
        told.append(
            f"{measured.row_ms:.3g} ms per row of {goals.max_latency_ms:g} allowed, in batches of {goals.rows:,}"
        )
    if goals.max_size_mb is not None:
        told.append(f"{measured.megabytes:.3g} MB of {goals.max_size_mb:g} allowed")
    return ", ".join(told)
