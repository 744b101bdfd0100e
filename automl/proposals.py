"""What a search tries next: baselines, then what the strategy says, until that ends, fails or is told to stop."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from automl.answers import checked_step
from automl.asking import ANSWER_SECONDS, LONG_SECONDS, Asking
from automl.errors import PluginError
from automl.finals import finalist, finals_are_due
from automl.history import UNCOUNTED, History
from automl.in_order import InOrder
from automl.protocols import Done, Wait
from automl.search_result import TIME_OVER
from automl.strategy import Start, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from automl.fold_jobs import RunContext
    from automl.history import Candidate, Trial

LONG_SHARE = 0.25
"""Of the search time; an answer that takes longer is told, too."""
SKIPS_IN_A_ROW = 25
"""Suggestions that are passed over, one after another, as too slow for the time that is left, before waiting."""
SKIPS_IN_ALL = 500
"""Suggestions passed over in such rows after which nobody is asked any more."""


def counts(trial: Trial, *, is_baseline: bool) -> bool:
    """Whether a trial counts against the user's number of trials; the second layer's are reserved, not counted."""
    return not (is_baseline or trial.candidate.base) and trial.kind not in UNCOUNTED


class Proposals:
    """Asks for trials in order. `warn` is told when the strategy fails: a plugin's fault ends the search, not the run."""

    def __init__(
        self,
        context: RunContext,
        strategy: Strategy | None,
        baselines: Sequence[Candidate],
        warn: Callable[[str], None],
    ) -> None:
        self.exhausted = strategy is None
        """Whether the strategy is not asked any more."""
        self.ended = ""
        """Why the search ended before its time, in words."""
        self.reserved = 0
        """Trials of the run that are kept for a second layer."""
        self.layered = False
        """Whether the history holds trials of a second layer."""
        self.passed_over = 0
        """Suggestions that were too slow for the time that was left, in rows of `SKIPS_IN_A_ROW`, the last of which the clock may cut."""
        self._stopped = False
        self._unanswered = ""
        self._context = context
        self._strategy = strategy
        self._baselines = deque(baselines)
        self._warn = warn
        learns = strategy is not None and strategy.learns
        self._in_order = InOrder() if learns and context.clock.end is None else None
        """Without a clock the same trials come out with any number of workers."""
        self._asking = Asking(strategy.ask) if strategy is not None and context.clock.end is not None else None
        """With one, an answer is not waited for while others run."""

    def take_up(self, history: History, shown: int) -> None:
        """Go on after these trials of a run that was interrupted; `shown` as in `Store.trial_started`."""
        begun = {trial.candidate.id for trial in history if trial.kind not in UNCOUNTED}
        self._baselines = deque(one for one in self._baselines if one.id not in begun)
        self.layered = any(trial.candidate.base for trial in history)
        if self._in_order is not None:
            self._in_order.take_up(self._first_layer(history), shown)

    @property
    def shown(self) -> int:
        """The last trial whose result the strategy has been shown, where it is shown them in order."""
        return 0 if self._in_order is None else self._in_order.shown

    def is_baseline(self, trial: Trial) -> bool:
        """Whether this trial is of a model that only tells what is worse than nothing."""
        return self._context.models[trial.candidate.model].is_baseline

    def next_baseline(self) -> Start | None:
        """The next baseline; they come first and whatever time is left."""
        return Start(candidate=self._baselines.popleft()) if self._baselines else None

    def next(self, history: History) -> Start | None:
        """What the strategy wants to begin; None: nothing now, or nothing any more (`exhausted`).

        Under a clock the time that a strategy of partial budgets leaves is for the finals (`automl.finals`).
        """
        if self._strategy is None or self.trials_used_up(history):
            return None
        first = self._first_layer(history)
        if not self.exhausted:
            match self._ask(self._strategy, first, idle=not history.running()):
                case Start() as start:
                    return start
                case Done():
                    self.exhausted = True
        if self.exhausted and not self._stopped and (default := self._strategy.next_first(first)) is not None:
            return Start(candidate=default)  # whatever its plugins do, defaults are tried
        if self.exhausted and not self.ended and self._context.partial and self._context.clock.search_end is not None:
            return finalist(first)
        return None

    def _first_layer(self, history: History) -> History:
        """What a configuration is worth above others tells nothing of what it is worth alone."""
        return History(trial for trial in history if not trial.candidate.base) if self.layered else history

    def pass_over(self, count: int) -> None:
        """So many suggestions in a row were too slow."""
        self.passed_over += count
        self.exhausted = self.exhausted or self.passed_over >= SKIPS_IN_ALL

    def stop(self, reason: str) -> None:
        """Propose nothing any more."""
        self.ended = reason
        self.exhausted = self._stopped = True
        self._baselines.clear()

    def why_over(self, history: History) -> str:
        """Why nothing comes any more, in words."""
        if self.ended:
            return self.ended
        if self._unanswered and not any(not self.is_baseline(trial) for trial in history):
            return self._unanswered
        if self._context.clock.search_left() <= 0:
            return TIME_OVER
        if self.trials_used_up(history):
            return f"{self._context.trials} trials were made"
        if self._context.clock.end is not None and (self.passed_over or not self.exhausted):
            return TIME_OVER  # what was left to try would not have ended in what is left of it
        return "nothing was left to try" if self._strategy is not None else "no model but the baseline can be used"

    def _ask(self, strategy: Strategy, history: History, *, idle: bool) -> Start | Wait | Done:
        if self._context.partial and finals_are_due(self._context.clock):
            start = finalist(history)
            if start is not None:
                return start
        try:
            if self._asking is not None:
                step = self._answer(self._asking, history, idle=idle)
                if idle and self._asking.stale and isinstance(step, Wait):  # for what has come back since
                    step = self._answer(self._asking, history, idle=True)
                if step is None:
                    return Wait()
            else:
                step = strategy.ask(history) if self._in_order is None else self._in_order.ask(history, strategy.ask)
            return checked_step(step, history, strategy.of_scheduler)
        except PluginError as error:
            return self._give_up(str(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's fault, whatever it is, must not cost what was found
            return self._give_up(f"{type(error).__name__}: {error}")

    def _answer(self, asking: Asking, history: History, *, idle: bool) -> Start | Wait | Done | None:
        """The answer to the question that is open, or to this one; None: not yet. While something runs, a question that is
        open already has had its time.
        """
        patience = 0.0 if asking.open_seconds() else ANSWER_SECONDS
        return asking.ask(history, seconds=self._context.clock.search_left() if idle else patience)

    @property
    def answer_is_late(self) -> bool:
        """Whether the strategy has just been left alone with a question: the history that it was shown must not grow."""
        return self._asking is not None and self._asking.late

    def close(self) -> None:
        """The search is over."""
        if self._asking is not None:
            clock = self._context.clock
            whole = LONG_SECONDS if clock.search_end is None else clock.search_end - clock.started
            if (seconds := self._asking.open_seconds()) > min(LONG_SECONDS, LONG_SHARE * whole):
                self._unanswered = f"the search strategy had not answered for {seconds:.0f} s when the search ended"
                self._warn(self._unanswered)
            self._asking.close()

    def _give_up(self, fault: str) -> Done:
        """The strategy is not asked any more; what runs is finished, what was found counts."""
        self.ended = f"the search strategy failed: {fault}"
        self._warn(self.ended)
        return Done()

    def trials_used_up(self, history: History) -> bool:
        """Whether as many trials began as the user allows, without those that are kept for the second layer."""
        if self._context.trials is None:
            return False
        used = sum(counts(trial, is_baseline=self.is_baseline(trial)) for trial in history)
        return used >= self._context.trials - self.reserved
