"""Candidates, trials and the history that samplers, schedulers and strategies read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from automl.protocols import Config

Status = Literal["running", "done", "failed"]


def config_id(model: str, config: Config) -> str:
    """A short stable name of a configuration: the same values give the same id, in any order."""
    text = json.dumps([model, sorted(config.items())], default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A configuration and where it came from."""

    model: str
    config: Config
    origin: str = ""
    """``default``, ``random``, ``baseline:file#3``, ..."""

    @cached_property
    def id(self) -> str:
        """Stable id of the configuration; the origin does not count."""
        return config_id(self.model, self.config)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One candidate at one budget."""

    id: int
    """Counts from 1 in the order of asking."""
    candidate: Candidate
    budget: float = 1.0
    status: Status = "running"
    loss: float | None = None
    """What is minimised: the distance of the score from a perfect one; None until done."""
    score: float | None = None
    """The metric as the user reads it."""
    fold_losses: tuple[float, ...] = ()
    seconds: float = 0.0
    """Worker seconds of all its jobs together."""
    parent: int | None = None
    """The trial at a lower budget that this one continues."""
    kind: str = ""
    """Kind of failure: ``error``, ``timeout``, ``memory``, ``died``, ``metric``, ``cancelled``."""
    message: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the model reported, averaged over the folds (``rounds``, ...)."""

    @property
    def is_full(self) -> bool:
        """Whether it had the whole budget."""
        return self.budget >= 1.0


class History:
    """All trials of a run in the order of asking, with the views that strategies need.

    Immutable: `with_trial` returns a new history that shares what did not change.
    """

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self._trials: dict[int, Trial] = {trial.id: trial for trial in trials}

    def __len__(self) -> int:
        return len(self._trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._trials.values())

    def __getitem__(self, trial_id: int) -> Trial:
        return self._trials[trial_id]

    def with_trial(self, trial: Trial) -> History:
        """This history with `trial` added, or replaced when its id is there already."""
        new = History()
        new._trials = {**self._trials, trial.id: trial}
        return new

    @property
    def next_id(self) -> int:
        """Id of the next trial."""
        return max(self._trials, default=0) + 1

    def finished(self) -> list[Trial]:
        """Trials that are done, in the order of asking."""
        return [trial for trial in self if trial.status == "done"]

    def running(self) -> list[Trial]:
        """Trials that are not finished yet."""
        return [trial for trial in self if trial.status == "running"]

    def failed(self) -> list[Trial]:
        """Trials that failed."""
        return [trial for trial in self if trial.status == "failed"]

    def full(self) -> list[Trial]:
        """Trials that are done at the whole budget."""
        return [trial for trial in self.finished() if trial.is_full]

    def incumbent(self) -> Trial | None:
        """The best full-budget trial so far, the earlier one on a tie."""
        full = [trial for trial in self.full() if trial.loss is not None]
        return min(full, key=lambda trial: (trial.loss, trial.id), default=None)

    def at_best_budget(self, at_least: int) -> list[Trial]:
        """Done trials of the highest budget that has `at_least` of them, else of the fullest one."""
        by_budget: dict[float, list[Trial]] = {}
        for trial in self.finished():
            by_budget.setdefault(trial.budget, []).append(trial)
        enough = [budget for budget, trials in by_budget.items() if len(trials) >= at_least]
        if enough:
            return by_budget[max(enough)]
        return max(by_budget.values(), key=len, default=[])

    def config_ids(self) -> set[str]:
        """Ids of every configuration asked so far."""
        return {trial.candidate.id for trial in self}


def finished_trial(trial: Trial, **changes: Any) -> Trial:
    """`trial` with results filled in."""
    return replace(trial, **changes)
