"""A strategy: stored candidates first, then a sampler, under a scheduler that hands out the budget."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from automl.errors import PluginError
from automl.fair_queue import next_in_turn
from automl.plugin_calls import named
from automl.protocols import Done, Promote, Sample, Sampler, Scheduler, Wait
from automl.suggested import CandidateCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.history import Candidate, History
    from automl.space import JointSpace


MOST_REPEATS = 20
"""Suggestions in a row that were all tried before; one more means that the sampler goes round in a circle."""


EARLY_TRIALS = 300
"""Among so many are the defaults, which come before all that is suggested."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Start this candidate at this budget, continuing trial `parent` when there is one."""

    candidate: Candidate
    budget: float = 1.0
    parent: int | None = None


class Strategy:
    """Queue, sampler and scheduler behind one question: what next?

    The answer is a function of the history (and the seeds), so that a run can be rebuilt from its record.
    """

    def __init__(
        self,
        sampler: Sampler,
        scheduler: Scheduler,
        queue: Sequence[Candidate] = (),
        *,
        learns: bool = True,
        in_order: int | None = None,
        space: JointSpace | None = None,
        owners: tuple[str, str] = ("the sampler", "the scheduler"),
    ) -> None:
        """`in_order`: so many of `queue` come in their order, the others as results say (`automl.fair_queue`); None: all.
        `space`: what the sampler searches, so that what it suggests can be looked at. `owners`: what messages call sampler
        and scheduler.
        """
        self.learns = learns
        """Whether answers depend on results, not only on how many trials began."""
        self._sampler, self._of_sampler = sampler, owners[0]
        self._scheduler, self.of_scheduler = scheduler, owners[1]
        self._check = CandidateCheck(space)
        self._queue = tuple(queue)
        self._firsts = frozenset({one.model: one.id for one in reversed(self._queue)}.values())
        self._in_order = frozenset(candidate.id for candidate in self._queue[:in_order])

    def ask(self, history: History) -> Start | Wait | Done:
        """The next step. The first candidate of each kind of model in the queue, its default, gets the whole budget, so that
        the answer is never worse than an ensemble of good defaults: only full trials can join it.
        """
        match named(self.of_scheduler, lambda: self._scheduler.next(history)):
            case Sample(budget=budget):
                if (too_dear := self._too_dear(history, budget)) is not None:
                    return Start(candidate=too_dear, budget=budget)
                queued = self._next_queued(history)
                if queued is not None:
                    whole = queued.id in self._firsts or not self._knows_full(history)
                    return Start(candidate=queued, budget=1.0 if whole else budget)
                answer = named(self._of_sampler, lambda: self._sampler.suggest(history))
                suggested = self._checked(answer)
                if suggested is not None and not _goes_round(history, suggested, budget):
                    return Start(candidate=suggested, budget=budget)
                return self._without_samples(history)
            case Promote(trial=trial, budget=budget):
                return _promotion(history, trial, budget, self.of_scheduler)
            case Wait():
                if not history.running():
                    raise PluginError(f"{self.of_scheduler} waits although nothing is running: it would wait for ever")
                return Wait()
            case Done():
                return Done()
            case other:
                raise PluginError(f"{self.of_scheduler} answered {other!r}; it must be Sample, Promote, Wait or Done")

    def _checked(self, answer: Any) -> Candidate | None:
        """What the sampler suggested; None: nothing. PluginError, which names it, for what cannot be trained."""
        if answer is None:
            return None
        try:
            return self._check.checked(answer)
        except PluginError as error:
            raise PluginError(f"{self._of_sampler}: {error}") from error

    def next_first(self, history: History) -> Candidate | None:
        """The next default of a kind of model that was not tried, for when sampler and scheduler are at an end."""
        return next((one for one in self._queue if one.id in self._firsts and not history.was_asked(one.id)), None)

    def _without_samples(self, history: History) -> Start | Wait | Done:
        """What is left when the sampler has no configuration any more: promotions, if the scheduler knows of any."""
        ask = getattr(self._scheduler, "without_samples", None)
        match named(self.of_scheduler, lambda: ask(history)) if ask is not None else None:
            case Promote(trial=trial, budget=budget):
                return _promotion(history, trial, budget, self.of_scheduler)
            case _:
                return Wait() if history.running() else Done()

    def _knows_full(self, history: History) -> bool:
        """Whether a candidate of the queue has, or is getting, the whole budget; or there was no time for that for a default, so
        that others need not be tried in vain.
        """
        queue = {candidate.id for candidate in self._queue}
        if any(trial.is_full and trial.candidate.id in queue for trial in (*history.running(), *history.full())):
            return True
        return any(trial.is_skipped and trial.candidate.id in self._firsts for trial in islice(history, EARLY_TRIALS))

    def _too_dear(self, history: History, budget: float) -> Candidate | None:
        """A default that there was no time for at the whole budget, and that may have a smaller one; None: there is none."""
        if budget == 1.0:
            return None
        early = [trial for trial in islice(history, EARLY_TRIALS) if trial.candidate.id in self._firsts]
        small = {trial.candidate.id for trial in early if trial.budget < 1.0}
        skipped = (trial.candidate for trial in early if trial.is_skipped and trial.candidate.id not in small)
        return next(skipped, None)

    def _next_queued(self, history: History) -> Candidate | None:
        waiting = [candidate for candidate in self._queue if not history.was_asked(candidate.id)]
        if waiting and waiting[0].id not in self._in_order:
            return next_in_turn(history, waiting)
        return waiting[0] if waiting else None


def _goes_round(history: History, suggested: Candidate, budget: float) -> bool:
    """Whether a sampler has nothing new any more: this one and MOST_REPEATS suggestions before it were all tried before
    with as much training. A few repeats are no fault: in a small space a sampler may come back to its best.
    """
    if not history.was_asked(suggested.id):
        return False
    largest: dict[str, float] = {}
    repeats = 0
    begun = [(trial.candidate.id, 1.0 if trial.trained_fully else trial.budget, trial.parent) for trial in history]
    for name, share, parent in (*begun, (suggested.id, budget, None)):
        if parent is None:
            repeats = repeats + 1 if largest.get(name, 0.0) >= share else 0
        largest[name] = max(largest.get(name, 0.0), share)
    return repeats > MOST_REPEATS


def _promotion(history: History, trial: int, budget: float, owner: str) -> Start:
    """The candidate of a trial once more; PluginError when there is no such trial."""
    try:
        return Start(candidate=history[trial].candidate, budget=budget, parent=trial)
    except (KeyError, TypeError) as error:
        raise PluginError(f"{owner} promoted trial {trial!r}, which there is not") from error
