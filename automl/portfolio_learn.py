"""Mining a portfolio from finished runs: a team's experience becomes what its next searches start from."""

from __future__ import annotations

import statistics
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.errors import PortfolioError
from automl.meta_features import MetaFeatures
from automl.portfolio_record import Portfolio, StoredCandidate, StoredTask
from automl.run_reader import open_run
from automl.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from automl.history import Candidate, Trial

ENGINE_BASELINE = "baseline"
"""Origin of the dummy, which is no candidate."""
MOST = 30
"""Candidates of a portfolio unless another number is asked for; auto-sklearn 2 (arXiv 2007.04074) stores 32."""
LEAST_GAIN = 1e-9
COSTS = (0.01, 100.0)
TASK_CANDIDATES = 8
SOURCE = "runs"


@dataclass(frozen=True, kw_only=True)
class RunResults:
    """What one finished run says about configurations."""

    name: str
    problem_type: str
    modality: str
    features: MetaFeatures
    errors: Mapping[str, float]
    """Configuration id -> normalised error: 0 the best of the run, 1 its median or worse."""
    costs: Mapping[str, float]
    """Configuration id -> seconds in multiples of the default of its model, where the run trained both at once: those of a
    promoted trial may be the last step's alone."""
    candidates: Mapping[str, Candidate]


def read_results(folder: Path) -> RunResults:
    """The full trials of a run; RunError when it is none, PortfolioError when nothing can be learned from it."""
    with closing(open_run(folder)) as reader:
        trials = [trial for trial in reader.trials() if _counts(trial)]
        meta = reader.meta
    if not trials or "task" not in meta:
        raise PortfolioError(f"nothing can be learned from {folder}: no configuration was trained in full there")
    task = Task.from_dict(meta["task"])
    best = {trial.candidate.id: trial for trial in sorted(trials, key=lambda trial: -_loss(trial))}
    losses = [_loss(trial) for trial in best.values()]
    least, middle = min(losses), statistics.median(losses)
    at_once = [trial for trial in trials if trial.parent is None]
    defaults = {trial.candidate.model: trial.seconds for trial in at_once if trial.candidate.origin == "default"}
    features = meta.get("meta_features")
    return RunResults(
        name=folder.resolve().name,
        problem_type=task.problem_type,
        modality=task.modality,
        features=MetaFeatures.of(task) if features is None else MetaFeatures.from_dict(features),
        errors={key: _normalised(_loss(trial), least, middle) for key, trial in best.items()},
        costs={
            trial.candidate.id: min(max(trial.seconds / defaults[trial.candidate.model], COSTS[0]), COSTS[1])
            for trial in at_once
            if defaults.get(trial.candidate.model, 0.0) > 0
        },
        candidates={key: trial.candidate for key, trial in best.items()},
    )


def _counts(trial: Trial) -> bool:
    full = trial.is_full and trial.status == "done" and trial.loss is not None
    return full and trial.candidate.origin != ENGINE_BASELINE and not trial.candidate.base


def _loss(trial: Trial) -> float:
    assert trial.loss is not None
    return trial.loss


def _normalised(loss: float, best: float, middle: float) -> float:
    if middle <= best:
        return 0.0 if loss <= best else 1.0
    return min((loss - best) / (middle - best), 1.0)


def greedy_order(runs: Sequence[RunResults], most: int) -> list[str]:
    """Configuration ids: the next is always the one that lowers the mean normalised error over the runs most.

    Where a run did not try a configuration, it lowers nothing. When none lowers the error any more, the ones taken so
    far are set aside and the selection begins again with the rest, so that second bests follow. Greedy selection of
    portfolios: Feurer et al. 2022, auto-sklearn 2.0, section 3.1 (arXiv 2007.04074). Of equal ones the cheaper wins.
    """
    left = {key for run in runs for key, error in run.errors.items() if error < 1.0}
    order: list[str] = []
    current = [1.0] * len(runs)
    while left and len(order) < most:
        gains = {
            key: sum(max(now - run.errors.get(key, 1.0), 0.0) for now, run in zip(current, runs, strict=True))
            for key in left
        }
        chosen = min(left, key=lambda key: (-round(gains[key], 9), _cost(key, runs), key))
        if gains[chosen] <= LEAST_GAIN:
            if all(now >= 1.0 for now in current):
                break
            current = [1.0] * len(runs)
            continue
        order.append(chosen)
        left.remove(chosen)
        current = [min(now, run.errors.get(chosen, 1.0)) for now, run in zip(current, runs, strict=True)]
    return order


def _cost(key: str, runs: Iterable[RunResults]) -> float:
    known = [run.costs[key] for run in runs if key in run.costs]
    return round(statistics.median(known), 2) if known else 1.0


def learn_portfolio(folders: Sequence[Path], *, name: str, day: str, most: int = MOST, summary: str = "") -> Portfolio:
    """A portfolio from these runs, with their tasks, so that a later search can look up the nearest.

    Raises PortfolioError when the runs are of different kinds of task, or when nothing can be learned.
    """
    runs = [read_results(folder) for folder in {folder.resolve(): folder for folder in folders}.values()]
    _check_alike(runs)
    order = greedy_order(runs, most)
    if not order:
        raise PortfolioError(
            "nothing can be learned from these runs: in none of them was one configuration better than another"
        )
    numbers = {key: number for number, key in enumerate(order, 1)}
    return Portfolio(
        name=name,
        day=day,
        summary=summary or f"Learned from {len(runs)} run{'s' if len(runs) > 1 else ''}.",
        problem_types=tuple(sorted({run.problem_type for run in runs})),
        modality=runs[0].modality,
        order="greedy: the next is the one that lowers the mean normalised error over the runs most",
        sources={SOURCE: {"where": ", ".join(run.name for run in runs), "licence": "your own", "how_chosen": "greedy"}},
        candidates=tuple(_stored(key, number, runs) for key, number in numbers.items()),
        tasks=tuple(_task(run, numbers) for run in runs),
    )


def _check_alike(runs: Sequence[RunResults]) -> None:
    kinds: dict[Any, str] = {}
    for run in runs:
        kinds.setdefault((run.modality, run.problem_type == "regression"), run.name)
    if len(kinds) > 1:
        (one, first), (other, second) = list(kinds.items())[:2]
        words = [
            f"{name} is of {'numbers' if kind[1] else 'classes'} ({kind[0]})"
            for kind, name in ((one, first), (other, second))
        ]
        raise PortfolioError(f"these runs cannot be learned from together: {' and '.join(words)}; make a file for each")


def _stored(key: str, number: int, runs: Sequence[RunResults]) -> StoredCandidate:
    tried = [run for run in runs if key in run.errors]
    candidate = tried[0].candidates[key]
    return StoredCandidate(
        number=number,
        model=candidate.model,
        config=dict(candidate.config),
        cost=_cost(key, runs),
        source=SOURCE,
        name=candidate.origin,
        rank=number,
        mined_on=tuple(run.name for run in tried),
    )


def _task(run: RunResults, numbers: Mapping[str, int]) -> StoredTask:
    """The run's task with those of its configurations that were taken, best first."""
    taken = sorted((error, numbers[key]) for key, error in run.errors.items() if key in numbers)
    return StoredTask(
        features=run.features, order=tuple(number for _, number in taken[:TASK_CANDIDATES]), name=run.name
    )
