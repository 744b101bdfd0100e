"""What stays the same during a run, and the jobs made from it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automl.evaluate import FoldJob
from automl.member import MODEL_FOLDER
from automl.store import fold_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
    threads: int = 1
    memory_bytes: int | None = None
    trials: int | None = None
    fit_seconds: float = 1.0


def derive_seed(seed: int, *parts: object) -> int:
    """A seed that depends on nothing but its arguments, the same on every machine."""
    return zlib.crc32(repr((seed, *parts)).encode()) & 0x7FFFFFFF


def make_fold_job(context: RunContext, trial: Trial, fold: int, soft: float | None) -> FoldJob:
    """What a worker is told to fit one fold of a trial."""
    spec = context.models[trial.candidate.model]
    fidelity, rows_share = budget_values(spec, context.fidelities, trial.budget)
    checkpoint = None
    if trial.parent is not None and rows_share >= 1.0:
        checkpoint = fold_folder(context.folder, trial.parent, fold) / MODEL_FOLDER
    return FoldJob(
        run_folder=context.folder,
        run_id=context.run_id,
        task=context.task,
        factory=spec.factory,
        form=spec.form,
        config=trial.candidate.config,
        metric=context.metric,
        fold=fold,
        seed=derive_seed(context.seed, trial.candidate.id, fold),
        fidelity=fidelity,
        rows_share=rows_share,
        soft_seconds=soft,
        end=context.clock.search_end,
        threads=context.threads,
        checkpoint=checkpoint,
        folder=fold_folder(context.folder, trial.id, fold),
    )


def budget_values(spec: ModelSpec, fidelities: Mapping[str, Fidelity], budget: float) -> tuple[dict[str, float], float]:
    """Values of the model's default fidelity for a budget, and the share of rows (1 unless rows are scaled)."""
    if budget >= 1.0:
        return {}, 1.0
    if not spec.fidelities:
        return {}, budget
    first = spec.fidelities[0]
    fidelity = fidelities[first] if isinstance(first, str) else first
    if fidelity.name == "rows":
        return {}, fidelity.value(budget)
    return {fidelity.name: fidelity.value(budget)}, 1.0
