"""Candidates, trials and the history that samplers, schedulers and strategies read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import itemgetter
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
    cost: float = field(default=1.0, compare=False)
    """What a fit of it takes as a multiple of its model's default, by whoever stored it."""
    base: tuple[int, ...] = ()
    """Trials on whose predictions it is trained beside the table's own columns (`automl.stacking`); empty: on none."""

    @cached_property
    def id(self) -> str:
        """Stable id of the configuration and of what it stands on; the origin does not count."""
        own = config_id(self.model, self.config)
        return "-".join([own, *map(str, self.base)])


DISCARDED = "discarded"
"""Kind of trials that early discard left."""
SKIPPED = "skipped"
"""Kind of trials that were never begun: too slow for the time that was left."""
CANCELLED = "cancelled"
"""Kind of trials that the end of a search, or the user, cut off."""
LOST = "lost"
"""Kind of trials of an interrupted run whose files are gone, damaged, or no use to the plugins of now."""
CARRIED = "carried"
"""Kind of trials that were promoted to a budget which buys no more training in this run than they had, as a third of two
folds does: nothing was fitted, and what came of the trial before stands for it."""
UNCOUNTED = frozenset({SKIPPED, CARRIED, CANCELLED})
"""Kinds of trials that are no results: there was no time for them, or the user stopped the run, or they are copies."""


BASELINE = "baseline"
"""Origin of the candidates that every run begins with, such as a constant; they come on top of the user's number of trials."""


def counted(trials: Iterable[Trial]) -> int:
    """How many trials there were in the user's eyes: without baselines, and without those that are no results."""
    return sum(trial.candidate.origin != BASELINE and trial.kind not in UNCOUNTED for trial in trials)


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
    """Kind of failure: ``error``, ``timeout``, ``memory``, ``died``, ``metric``, ``cancelled``, ``skipped`` (never begun, as the
    time that was left was too short, or its model failed too often); ``discarded`` when it is done
    with less than the whole budget because its first folds promised nothing, ``carried`` when it is a copy (`is_copy`)."""
    message: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    """What the model reported, averaged over the folds (``rounds``, ...)."""
    row_ms: float | None = None
    """Milliseconds that the models of all folds together take to predict a row, on one core; None: not timed."""
    megabytes: float | None = None
    """Size of the fitted models of all folds together, in 10^6 bytes."""
    whole: bool = False
    """Whether its budget buys the whole training in this run, as one below 1 does where there is a single fold."""

    def as_begun(self) -> Trial:
        """The trial as it was when it began, without what came of it."""
        return Trial(id=self.id, candidate=self.candidate, budget=self.budget, parent=self.parent, whole=self.whole)

    @property
    def trained_fully(self) -> bool:
        """Whether nothing could be added to its training."""
        return self.budget >= 1.0 or self.whole

    @property
    def is_copy(self) -> bool:
        """Whether it was promoted to a budget that adds nothing, so that it repeats what came of the trial before it."""
        return self.kind == CARRIED

    @property
    def is_skipped(self) -> bool:
        """Whether it was never begun: too slow for the time that was left, or its model had failed too often."""
        return self.kind == SKIPPED

    @property
    def is_cut_off(self) -> bool:
        """Whether it ended without a result through no fault of its configuration: cut off, or never begun."""
        return self.kind in (CANCELLED, SKIPPED)

    @property
    def is_full(self) -> bool:
        """Whether it is a result of the whole training, and no copy of one."""
        return self.trained_fully and not self.is_copy

    @property
    def comparable_budget(self) -> float:
        """The budget of the trials that its loss compares with: what early discard left was trained as full trials are,
        and lacks folds only.
        """
        return 1.0 if self.kind == DISCARDED or self.trained_fully else self.budget


class _Record:
    """Trials as they came in, and the views of the last state, kept up to date with each of them."""

    def __init__(self) -> None:
        self.log: list[Trial] = []
        """Every version of every trial, in the order of coming in."""
        self.trials: dict[int, Trial] = {}
        self.asked: dict[str, int] = {}
        """Configuration id -> trials that have it."""
        self.running: dict[int, Trial] = {}
        self.done: dict[float, dict[int, Trial]] = {}
        """Comparable budget -> done trials by number, without copies."""
        self.carried: dict[int, Trial] = {}
        """Copies of done trials at larger budgets, by number."""
        self.carried_to: dict[int, float] = {}
        """Trial of which there are copies -> the largest budget of them, at which it is compared with others."""
        self.last_id = 0

    def add(self, trial: Trial) -> None:
        """Add a trial, or put it in the place of the one with its number."""
        before = self.trials.get(trial.id)
        if before is not None:
            self._forget(before)
        self.log.append(trial)
        self.trials[trial.id] = trial
        self.last_id = max(self.last_id, trial.id)
        self.asked[trial.candidate.id] = self.asked.get(trial.candidate.id, 0) + 1
        if trial.status == "running":
            self.running[trial.id] = trial
        elif trial.status == "done" and trial.is_copy:
            self.carried[trial.id] = trial
            self._carry(trial)
        elif trial.status == "done":
            self._group(trial)[trial.id] = trial

    def _group(self, trial: Trial) -> dict[int, Trial]:
        return self.done.setdefault(self.carried_to.get(trial.id, trial.comparable_budget), {})

    def _carry(self, copy: Trial) -> None:
        """What it copies is as good as trained at this budget, and compares with others there."""
        first = copy
        while first.is_copy and first.parent in self.trials:
            first = self.trials[first.parent]
        if first.status == "done" and not first.is_copy and first.id in self._group(first):
            del self._group(first)[first.id]
            budget = max(self.carried_to.get(first.id, first.comparable_budget), copy.comparable_budget)
            self.carried_to[first.id] = budget
            self._group(first)[first.id] = first

    def _forget(self, trial: Trial) -> None:
        self.running.pop(trial.id, None)
        if trial.is_copy:
            self.carried.pop(trial.id, None)
        elif trial.status == "done":
            del self._group(trial)[trial.id]
        self.asked[trial.candidate.id] -= 1
        if not self.asked[trial.candidate.id]:
            del self.asked[trial.candidate.id]


class History:
    """All trials of a run in the order of asking, with the views that strategies need.

    Immutable: `with_trial` returns a new history. Histories that follow each other share one record, so that a step
    costs the same after twenty thousand trials as after ten; an older one rebuilds its own when it is read again.
    """

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self._record = _Record()
        for trial in trials:
            self._record.add(trial)
        self._end = len(self._record.log)

    @property
    def _state(self) -> _Record:
        if self._end != len(self._record.log):  # another history went on from here
            own = _Record()
            for trial in self._record.log[: self._end]:
                own.add(trial)
            self._record = own
        return self._record

    def __len__(self) -> int:
        return len(self._state.trials)

    def __iter__(self) -> Iterator[Trial]:
        return iter(list(self._state.trials.values()))

    def __contains__(self, trial_id: object) -> bool:
        return trial_id in self._state.trials

    def __getitem__(self, trial_id: int) -> Trial:
        return self._state.trials[trial_id]

    def with_trial(self, trial: Trial) -> History:
        """This history with `trial` added, or replaced when its id is there already."""
        state = self._state
        state.add(trial)
        new = History()
        new._record, new._end = state, len(state.log)
        return new

    def as_begun(self, trial_id: int) -> Trial:
        """The trial as it was when it began, without what came of it."""
        return self[trial_id].as_begun()

    @property
    def next_id(self) -> int:
        """Id of the next trial."""
        return self._state.last_id + 1

    def finished(self) -> list[Trial]:
        """Trials that are done, in the order of asking."""
        return _in_order([*self._state.done.values(), self._state.carried])

    def running(self) -> list[Trial]:
        """Trials that are not finished yet."""
        return _in_order([self._state.running])

    def failed(self) -> list[Trial]:
        """Trials that failed."""
        return [trial for trial in self if trial.status == "failed"]

    def full(self) -> list[Trial]:
        """Trials that are done at the whole budget."""
        whole = _in_order(trials for budget, trials in self._state.done.items() if budget >= 1.0)
        return [trial for trial in whole if trial.is_full]

    def incumbent(self) -> Trial | None:
        """The best full-budget trial so far, the earlier one on a tie."""
        full = [trial for trial in self.full() if trial.loss is not None]
        return min(full, key=lambda trial: (trial.loss, trial.id), default=None)

    def at_best_budget(self, at_least: int) -> list[Trial]:
        """Done trials of the highest budget that has `at_least` of them, else of the fullest one. Those that early discard
        left count as full ones: among themselves they would be the worst of a search. Copies are left out.
        """
        done = {budget: trials for budget, trials in self._state.done.items() if trials}
        if not done:
            return []
        enough = [budget for budget, trials in done.items() if len(trials) >= at_least]
        most = max(len(trials) for trials in done.values())
        chosen = max(enough) if enough else min(budget for budget, trials in done.items() if len(trials) == most)
        return _in_order([done[chosen]])

    def config_ids(self) -> set[str]:
        """Ids of every configuration asked so far."""
        return set(self._state.asked)

    def was_asked(self, candidate_id: str) -> bool:
        """Whether a configuration of this id was asked so far; quicker than `config_ids`."""
        return candidate_id in self._state.asked


def _in_order(groups: Iterable[dict[int, Trial]]) -> list[Trial]:
    """The trials of several groups by number."""
    return [trial for _, trial in sorted((item for group in groups for item in group.items()), key=itemgetter(0))]


def finished_trial(trial: Trial, **changes: Any) -> Trial:
    """`trial` with results filled in."""
    return replace(trial, **changes)
