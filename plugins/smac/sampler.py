"""SMAC as a sampler that thinks while the workers work."""

from __future__ import annotations

import math
import re
import threading
import weakref
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from automl_plugins.samplers.axes import Axes, generator
from automl_plugins.samplers.local import loss_order
from automl_plugins.samplers.results import Results

from automl import History, JointSpace, PluginError, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from automl_plugins.smac.surrogate import Surrogate

    from automl import Candidate

    Calls = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]

INITIAL = 10  # finished trials, the stored candidates' included, before there is anything to learn
RANDOM_SHARE = 0.2  # as in SMAC: a forest is sure of itself where it has few points, and would stay with one model
SPARE = 7  # ranked configurations beside those that a training serves; what was asked meanwhile is skipped
SUGGESTIONS_FOR_ONE_MORE = 16  # a training serves one more suggestion for each so many that were made; SMAC's serves 8
MOST_RESULTS = 1000  # training on more takes longer than a short job
WARM_UP_SECONDS = 1.0  # the import takes seconds of a core: it waits until the first jobs are out
ONE_AT_A_TIME = threading.Lock()  # scikit-learn changes the process's warning filters while it fits
ORIGIN = re.compile(r"smac(?: \(running: ([0-9 ]+)\))?")


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What a suggestion is made from, all of it read from the record."""

    after: int
    """Id of the trial whose asking closed the books."""
    done: tuple[int, ...]
    failed: tuple[int, ...]
    pending: tuple[int, ...]
    """Ids of trials that were running then, that one included."""
    serves: int
    """How many suggestions are made from it, those that turn out random included."""


class Beside:
    """Calls one after another in a thread that no one waits for when the process ends, unlike those of an executor."""

    def __init__(self, name: str) -> None:
        self._calls: Calls = SimpleQueue()
        threading.Thread(target=_call_in_turn, args=(self._calls,), name=name, daemon=True).start()
        weakref.finalize(self, self._calls.put, None)  # the thread ends when nobody can ask it any more

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """What will come of a call."""
        future: Future[Any] = Future()
        self._calls.put((future, partial(call, *arguments)))
        return future


def _call_in_turn(calls: Calls) -> None:
    while (asked := calls.get()) is not None:
        future, call = asked
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            future.set_exception(error)
        del asked, future, call  # what was asked belongs to whoever asked


class SmacSampler:
    """SMAC 2.4 as proposer (Lindauer et al. 2022; Hutter et al. 2011): its forest, its expected improvement.

    Suggestions do not wait for training and still are a function of the record: **a suggestion is made from the
    results that were in when the suggestion before it was made** (after some dozens of them, one of the last few before
    it: a single result changes less and less). As soon as one is handed out, all that the next one needs is known, so
    it is prepared in a thread beside the running jobs. Which trials were running then is
    written into the origin of the suggestion (``smac (running: 3 5)``), so that a run that is rebuilt from its
    record makes the same suggestions. What was running counts as finished with the predicted loss, and nothing that
    was asked is proposed again.

    Results of all budgets count, on one scale (see `Results`). Until INITIAL configurations have one, suggestions are a
    Latin hypercube, then random. smac is imported in the thread too, after the first jobs are out.
    """

    def __init__(self, space: JointSpace, seed: int) -> None:
        self._seed = seed
        self._axes = Axes(space)
        # The thread has spaces of its own: drawing from a ConfigurationSpace changes its random state.
        self._copy = JointSpace(deepcopy(space.subspaces), space.weights)
        self._axes_of_thread = Axes(self._copy)
        self._surrogate: Surrogate | None = None
        self._prepared: tuple[Knowledge, Future[list[Candidate]]] | None = None
        self._asked = threading.Event()
        self._thread = Beside("smac")
        self._thread.submit(_warm_up, self._asked)

    def suggest(self, history: History) -> Candidate | None:
        """The candidate with the highest expected improvement; None when the space is exhausted."""
        self._asked.set()
        found = self._choose(history)
        if found is None:
            return None
        running = " ".join(str(trial.id) for trial in history.running())
        found = replace(found, origin=f"smac (running: {running})" if running else "smac")
        self._prepare(history.with_trial(Trial(id=history.next_id, candidate=found)))
        return found

    def _choose(self, history: History) -> Candidate | None:
        asked = history.config_ids()
        knowledge = self._knowledge(history)
        if knowledge is not None:
            if self._prepared is None or self._prepared[0] != knowledge:
                self._prepared = (knowledge, self._thread.submit(self._rank, knowledge, history))
            for candidate in self._prepared[1].result():
                if candidate.id not in asked:
                    return candidate
        made = len(own_suggestions(history))
        found = self._axes.spread(made, INITIAL, self._seed, asked, "smac") if made < INITIAL else None
        return found or self._axes.random(generator(self._seed, history.next_id), asked, "smac")

    def _prepare(self, history: History) -> None:
        """Start on the next suggestion, given the record as it is once this one has been started."""
        knowledge = self._knowledge(history)
        if knowledge is not None and (self._prepared is None or self._prepared[0] != knowledge):
            self._prepared = (knowledge, self._thread.submit(self._rank, knowledge, history))

    def _knowledge(self, history: History) -> Knowledge | None:
        """What the next suggestion may use; None when it is to be random."""
        own = own_suggestions(history)
        if not own or generator(self._seed, own[-1].id).random() < RANDOM_SHARE:
            return None
        closed = last_training(len(own))
        previous = own[closed - 1]
        match = ORIGIN.fullmatch(previous.candidate.origin)
        pending = {previous.id, *map(int, ((match and match[1]) or "").split())}
        known = [trial for trial in history if trial.id < previous.id and trial.id not in pending]
        inside = [trial for trial in self._axes.inside(known) if trial.status == "done"]
        if len({trial.candidate.id for trial in inside}) < INITIAL:
            return None
        done = {trial.id: trial for trial in sorted(inside, key=loss_order)[: MOST_RESULTS // 4]}
        done.update({trial.id: trial for trial in inside[-(MOST_RESULTS - len(done)) :]})
        finished = {trial.candidate.id for trial in known if trial.status == "done"}
        failed = [
            trial
            for trial in known
            if trial.status == "failed" and not trial.is_cut_off and trial.candidate.id not in finished
        ]
        return Knowledge(
            after=previous.id,
            done=tuple(sorted(done)),
            failed=tuple(trial.id for trial in self._axes.inside(failed[-MOST_RESULTS // 4 :])),
            pending=tuple(sorted(number for number in pending if _has(history, number))),
            serves=1 + closed // SUGGESTIONS_FOR_ONE_MORE,
        )

    def _rank(self, knowledge: Knowledge, history: History) -> list[Candidate]:
        """Train and search; runs in the thread."""
        if self._surrogate is None:
            try:
                from automl_plugins.smac.surrogate import Surrogate

                self._surrogate = Surrogate(self._copy)
            except ImportError as error:
                raise PluginError(
                    f"sampler 'smac' cannot import smac: {error}; install it with: pip install 'automl-pluggy[smac]'"
                ) from error
        results = Results(self._axes_of_thread.encode)
        results.follow([history[number] for number in knowledge.done])
        losses = [
            (trial.candidate, math.exp(value)) for value, trial in results.best(self._axes.models, len(knowledge.done))
        ]
        losses += [(history[number].candidate, float("inf")) for number in knowledge.failed]
        known = {candidate.id for candidate, _ in losses}
        pending = [history[number].candidate for number in knowledge.pending]
        with ONE_AT_A_TIME:
            return self._surrogate.ranked(
                losses,
                [candidate for candidate in pending if candidate.id not in known],
                count=knowledge.serves + SPARE,
                seed=int(generator(self._seed, knowledge.after, 1).integers(2**31)),
            )


def own_suggestions(history: History) -> list[Trial]:
    """The trials that this sampler suggested; promotions carry the origin of what they continue."""
    return [trial for trial in history if trial.parent is None and ORIGIN.fullmatch(trial.candidate.origin)]


def last_training(count: int) -> int:
    """After how many of `count` suggestions the books were closed last: each time at first, later ever more seldom."""
    closed = 0
    while closed + 1 + closed // SUGGESTIONS_FOR_ONE_MORE <= count:
        closed += 1 + closed // SUGGESTIONS_FOR_ONE_MORE
    return closed


def _has(history: History, number: int) -> bool:
    try:
        history[number]
    except KeyError:
        return False
    return True


def _warm_up(asked: threading.Event) -> None:
    """Import what the first training needs; a failure is told when something needs it."""
    asked.wait(WARM_UP_SECONDS)
    if not threading.main_thread().is_alive():  # the run is over already
        return
    try:
        import smac.acquisition.function
        import smac.model.random_forest  # noqa: F401
    except ImportError:
        return
