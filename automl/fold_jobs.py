"""What stays the same during a run, and the jobs made from it."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from automl.evaluate import FoldJob
from automl.fidelity import ENGINE_FIDELITIES, FOLDS, ROWS
from automl.fold_data import CACHE_FOLDER
from automl.goals import Goals
from automl.member import MODEL_FOLDER
from automl.run_folder import fold_folder, link_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.clock import Clock
    from automl.data.records import Split
    from automl.fidelity import Fidelity
    from automl.history import Trial
    from automl.metrics import Metric
    from automl.specs import ModelSpec
    from automl.task import Task

JOB_CALL = "automl.evaluate:run_fold"


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """Everything that stays the same during a run."""

    folder: Path
    run_id: str
    task: Task
    metric: Metric
    models: Mapping[str, ModelSpec]
    fidelities: Mapping[str, Fidelity]
    splits: Sequence[Split]
    target: NDArray[np.generic]
    weight: NDArray[np.float64] | None
    clock: Clock
    seed: int
    groups: NDArray[np.int64] | None = None
    """Group of each row where the user declared groups or time."""
    threads: int = 1
    devices: Mapping[str, str] = field(default_factory=dict)
    """Model -> the device that it trains on; a model that is absent uses the CPU."""
    memory_bytes: int | None = None
    trials: int | None = None
    patience: int | None = None
    """Full trials without anything better after which the search ends; None: it goes on."""
    job_seconds: float | None = None
    """The user's limit of a job; None: none of his own."""
    preloaded: frozenset[str] = frozenset()
    """Modules that workers have from the start."""
    fit_seconds: float = 1.0
    least_folds: int | None = None
    """Folds to which the engine may go down when fits turn out dear; None: their number is fixed."""
    partial: bool = False
    """Whether the scheduler gives less than the whole budget."""
    early_discard: bool = False
    """Whether trials whose first folds promise nothing are left, where there is a time budget."""
    stacking: bool = False
    """Whether a second layer is tried at the end (`automl.stacking`)."""
    fidelity: str | None = None
    """The fidelity that partial budgets scale where a model has it; None: each model's default."""
    goals: Goals = field(default_factory=Goals)


def derive_seed(seed: int, *parts: object) -> int:
    """A seed that depends on nothing but its arguments, the same on every machine."""
    return zlib.crc32(repr((seed, *parts)).encode()) & 0x7FFFFFFF


@dataclass(frozen=True, kw_only=True)
class Partial:
    """What a budget means for one model: how much of which fidelity, on how many rows and folds."""

    fidelity: str
    values: Mapping[str, float]
    """For the model's `Effort`; empty when it trains fully."""
    rows_share: float
    folds: int
    job_share: float
    """Share of a full job's cost that each of its jobs has, before anything is continued."""
    resumable: bool
    """Whether a job may continue the model of the same fold at a lower budget."""
    whole: bool
    """Whether this is the whole training, whatever the budget: there may be a single fold, or too few epochs to divide."""


def choose_fidelity(
    spec: ModelSpec, registered: Mapping[str, Fidelity], wanted: str | None, by: str = "as asked"
) -> tuple[Fidelity, str]:
    """The fidelity that scales this model, and why: the one `wanted` where the model has it, which is said as `by`, else
    the model's default, else rows.
    """
    own = [registered[one] if isinstance(one, str) else one for one in spec.fidelities]
    named = {one.name: one for one in (*ENGINE_FIDELITIES, *own)}
    if wanted in named:
        return named[wanted], by
    missing = "" if wanted is None else f"it has no {wanted}; "
    if own:
        return own[0], f"{missing}its default"
    return ROWS, f"{missing}it has no fidelity of its own"


def partial_training(context: RunContext, model: str, budget: float) -> Partial:
    """What `budget`, a share of the full cost, means for a model in this run."""
    chosen, _ = choose_fidelity(context.models[model], context.fidelities, context.fidelity)
    total = len(context.splits)
    own = chosen.name not in {one.name for one in ENGINE_FIDELITIES}
    partial = own and chosen.value(budget) < chosen.high
    rows_share = ROWS.value(budget) if chosen.name == ROWS.name else 1.0
    folds = max(1, math.ceil(total * budget - 1e-9)) if chosen.name == FOLDS.name else total
    whole = not partial and rows_share >= 1.0 and folds == total
    return Partial(
        fidelity=chosen.name,
        values={chosen.name: chosen.value(budget)} if partial else {},
        rows_share=rows_share,
        folds=folds,
        job_share=1.0 if whole or chosen.name == FOLDS.name else chosen.share(chosen.value(budget)),
        resumable=own and chosen.resumable,
        whole=whole,
    )


def least_budget(
    specs: Iterable[ModelSpec], registered: Mapping[str, Fidelity], wanted: str | None, folds: int
) -> float:
    """The largest share of the full cost that buys the smallest training, of the model that can be trained least."""
    least = []
    for spec in specs:
        chosen, _ = choose_fidelity(spec, registered, wanted)
        least.append(1.0 / folds if chosen.name == FOLDS.name else chosen.least_share)
    return min(least, default=1.0)


def full_training(context: RunContext, spec: ModelSpec) -> dict[str, float]:
    """Values of the model's own fidelities at full training."""
    own = [context.fidelities[one] if isinstance(one, str) else one for one in spec.fidelities]
    engine = {one.name for one in ENGINE_FIDELITIES}
    return {one.name: one.high for one in own if one.name not in engine}


def make_fold_job(context: RunContext, trial: Trial, fold: int, soft: float | None) -> FoldJob:
    """What a worker is told to fit one fold of a trial."""
    spec = context.models[trial.candidate.model]
    partial = partial_training(context, spec.name, trial.budget)
    checkpoint = None
    if trial.parent is not None and partial.resumable:
        before = fold_folder(context.folder, trial.parent, fold) / MODEL_FOLDER
        checkpoint = (
            before if before.is_dir() else None
        )  # of an earlier sitting, and damaged or of another version since
    return FoldJob(
        run_folder=context.folder,
        run_id=context.run_id,
        task=context.task,
        factory=spec.factory,
        imports=spec.preload,
        form=spec.form,
        raw_target=spec.raw_target,
        config=trial.candidate.config,
        metric=context.metric,
        fold=fold,
        seed=derive_seed(context.seed, trial.candidate.id, fold),
        fidelity=partial.values,
        full=full_training(context, spec),
        rows_share=partial.rows_share,
        soft_seconds=soft,
        end=context.clock.search_end,
        threads=context.threads,
        device=context.devices.get(spec.name, "cpu"),
        checkpoint=checkpoint,
        columns=columns_file(context.folder, trial.candidate.base) if trial.candidate.base else None,
        latency_rows=context.goals.rows if fold == 0 and _joins(trial, partial) else 0,
        folder=fold_folder(context.folder, trial.id, fold),
    )


def _joins(trial: Trial, partial: Partial) -> bool:
    """Whether the fold may be a member's, whose predictions are timed: that of one fold stands for all of a trial, and is
    kept where folds are the fidelity.
    """
    return trial.is_full or partial.fidelity == FOLDS.name


def columns_file(folder: Path, base: Iterable[int]) -> Path:
    """Where the predictions of some trials stand while others are trained on them."""
    return folder / CACHE_FOLDER / f"on-{'-'.join(map(str, base))}.npy"


def keep_folds(context: RunContext, parent: int, trial: int, folds: Iterable[int]) -> None:
    """Give a trial the finished folds of the trial that it continues, as hard links where they work."""
    for fold in folds:
        link_tree(fold_folder(context.folder, parent, fold), fold_folder(context.folder, trial, fold))
