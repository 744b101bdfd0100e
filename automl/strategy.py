"""A strategy: stored candidates first, then a sampler, under a scheduler that hands out the budget."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from automl.errors import AutomlError, PluginError, UnknownNameError
from automl.fair_queue import next_in_turn
from automl.plugin_calls import call_plugin, named, patience
from automl.protocols import Done, Promote, Sample, Sampler, Scheduler, Wait
from automl.specs import SamplerSpec, SchedulerSpec, load_object
from automl.suggested import CandidateCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.history import Candidate, History
    from automl.protocols import RunFacts
    from automl.registry import Registry
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
        self._scheduler, self._of_scheduler = scheduler, owners[1]
        self._check = CandidateCheck(space)
        self._queue = tuple(queue)
        self._firsts = frozenset({one.model: one.id for one in reversed(self._queue)}.values())
        self._in_order = frozenset(candidate.id for candidate in self._queue[:in_order])

    def ask(self, history: History) -> Start | Wait | Done:
        """The next step. The first candidate of each kind of model in the queue, its default, gets the whole budget, so that
        the answer is never worse than an ensemble of good defaults: only full trials can join it.
        """
        match named(self._of_scheduler, lambda: self._scheduler.next(history)):
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
                return _promotion(history, trial, budget)
            case Wait():
                if not history.running():
                    raise PluginError(f"{self._of_scheduler} waits although nothing is running: it would wait for ever")
                return Wait()
            case Done():
                return Done()
            case other:
                raise PluginError(f"{self._of_scheduler} answered {other!r}; it must be Sample, Promote, Wait or Done")

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
        match named(self._of_scheduler, lambda: ask(history)) if ask is not None else None:
            case Promote(trial=trial, budget=budget):
                return _promotion(history, trial, budget)
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


def _promotion(history: History, trial: int, budget: float) -> Start:
    """The candidate of a trial once more; PluginError when there is no such trial."""
    try:
        return Start(candidate=history[trial].candidate, budget=budget, parent=trial)
    except (KeyError, TypeError) as error:
        raise PluginError(f"the scheduler promoted trial {trial!r}, which there is not") from error


def strategy_parts(name: str, registry: Registry) -> tuple[SamplerSpec, SchedulerSpec, dict[str, float | int | str]]:
    """Sampler, scheduler and its options of a strategy: a registered one, ``SAMPLER+SCHEDULER``, or a sampler
    alone (under the default scheduler).

    Raises UnknownNameError, with near names, when a part is not registered, and when there is no default scheduler.
    """
    options: dict[str, float | int | str] = {}
    if name in registry.strategies:
        spec = registry.strategies[name]
        sampler_name, scheduler_name, options = spec.sampler, spec.scheduler, dict(spec.options)
    else:
        sampler_name, plus, scheduler_name = (part.strip() for part in name.partition("+"))
        if plus and sampler_name in registry.schedulers and scheduler_name in registry.samplers:
            raise UnknownNameError(
                f"strategy {name!r} is the wrong way round, it is SAMPLER+SCHEDULER; write {scheduler_name}+{sampler_name}"
            )
        if plus:
            _check_pair(name, sampler_name, scheduler_name, registry)
        if not plus and sampler_name not in registry.samplers:
            raise UnknownNameError(_unknown_strategy(name, registry))
        if not plus:
            scheduler = registry.default("schedulers")
            if scheduler is None:
                raise UnknownNameError(
                    f"strategy {name!r} names no scheduler and no plugin offers a default one; write {name}+SCHEDULER "
                    f"with one of {', '.join(registry.schedulers) or 'none that is installed'}"
                )
            scheduler_name = scheduler.name
    sampler, scheduler = registry.get("samplers", sampler_name), registry.get("schedulers", scheduler_name)
    assert isinstance(sampler, SamplerSpec)
    assert isinstance(scheduler, SchedulerSpec)
    return sampler, scheduler, options


def _check_pair(name: str, sampler: str, scheduler: str, registry: Registry) -> None:
    """Put into words what only looks like a pair."""
    samplers, schedulers = ", ".join(registry.samplers), ", ".join(registry.schedulers)
    if not sampler:
        raise UnknownNameError(f"strategy {name!r} has no sampler in front of the +; use one of {samplers}")
    if not scheduler:
        raise UnknownNameError(f"strategy {name!r} has no scheduler behind the +; use one of {schedulers}")
    for part, kind, known, others in (
        (sampler, "sampler", registry.samplers, samplers),
        (scheduler, "scheduler", registry.schedulers, schedulers),
    ):
        if part in known:
            continue
        if part in registry.strategies:
            raise UnknownNameError(
                f"strategy {name!r}: {part!r} is a strategy of its own and no {kind}; use one of {others}"
            )
        if part in registry.samplers or part in registry.schedulers:
            is_kind = "sampler" if part in registry.samplers else "scheduler"
            raise UnknownNameError(f"strategy {name!r}: {part!r} is a {is_kind} and no {kind}; use one of {others}")


def _unknown_strategy(name: str, registry: Registry) -> str:
    """What to do instead, in words."""
    if name in registry.schedulers:
        return (
            f"{name!r} is a scheduler and no strategy; write SAMPLER+{name} with one of {', '.join(registry.samplers)}"
        )
    known = sorted({*registry.strategies, *registry.samplers})
    near = difflib.get_close_matches(name.lower(), known, n=2)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"strategy {name!r} is not known; {hint}use one of {', '.join(known)}, or SAMPLER+SCHEDULER"


def choose_strategy(name: str, registry: Registry, facts: RunFacts) -> tuple[str, str]:
    """The strategy to use for a run, and why: `name` itself, unless it is one that chooses.

    Raises PluginError when it cannot choose, or when what was chosen cannot be used.
    """
    spec = registry.strategies.get(name)
    if spec is None or not spec.choose:
        return name, ""
    owner = f"strategy {name!r} (plugin {spec.plugin!r})"
    answer = _asked(spec.choose, owner, facts, "cannot choose:")
    if not (isinstance(answer, tuple) and len(answer) == 2 and all(isinstance(part, str) for part in answer)):
        raise PluginError(f"{owner} chose {answer!r}; it must return the name of a strategy and a reason")
    chosen, reason = answer
    try:
        strategy_parts(chosen, registry)
    except UnknownNameError as error:
        raise PluginError(f"{owner} chose {chosen!r}: {error}") from error
    if chosen in registry.strategies and registry.strategies[chosen].choose:
        raise PluginError(f"{owner} chose {chosen!r}, which chooses for itself; name a pair of sampler and scheduler")
    return chosen, reason


def choose_options(name: str, registry: Registry, facts: RunFacts) -> dict[str, float | int | str]:
    """The options that the scheduler of the strategy called `name` wants for a run; empty where it does not choose.

    Raises PluginError when what it chose is no options.
    """
    _, scheduler, _ = strategy_parts(name, registry)
    if not scheduler.choose:
        return {}
    owner = f"scheduler {scheduler.name!r} (plugin {scheduler.plugin!r})"
    return checked_options(_asked(scheduler.choose, owner, facts, "cannot choose its options:"), owner)


def _asked(choose: str, owner: str, facts: RunFacts, failed: str) -> Any:
    """What the function called `choose` answers; PluginError when it fails or never answers."""
    return call_plugin(
        owner,
        lambda: load_object(choose, owner=owner)(facts),
        seconds=patience(facts.seconds),
        failed=failed,
        passing=(AutomlError,),
    )


def checked_options(answer: Any, owner: str) -> dict[str, float | int | str]:
    """What a scheduler chose, when its factory can be called with it; PluginError otherwise."""
    if not isinstance(answer, Mapping) or not all(
        isinstance(key, str) and isinstance(value, float | int | str) for key, value in answer.items()
    ):
        raise PluginError(
            f"{owner} chose the options {answer!r}; it must return a mapping of names to numbers or texts"
        )
    return dict(answer)


def make_strategy(
    name: str,
    registry: Registry,
    space: JointSpace,
    *,
    seed: int,
    queue: Sequence[Candidate] = (),
    in_order: int | None = None,
    suited: Mapping[str, float | int | str] | None = None,
    seconds: float | None = None,
) -> Strategy:
    """The strategy called `name` over a space, with `queue` in front of its sampler; see `strategy_parts` and `Strategy`.
    `suited`: options of its scheduler that suit the run (`choose_options`), behind its own. `seconds` are left of the run,
    None: any number; PluginError when sampler or scheduler cannot be made, or not in a share of these.
    """
    sampler, scheduler, own = strategy_parts(name, registry)
    options = {**(suited or {}), **own}
    told = ", ".join(f"{name}={value!r}" for name, value in options.items()) or "no options"
    make = partial(call_plugin, seconds=patience(seconds), passing=(AutomlError,))
    of_sampler = f"sampler {sampler.name!r} (plugin {sampler.plugin!r})"
    of_scheduler = f"scheduler {scheduler.name!r} (plugin {scheduler.plugin!r})"
    made = make(
        of_scheduler,
        lambda: scheduler.load()(seed, **options),
        failed=f"cannot be made with {told}:",
    )
    drawn = make(
        of_sampler,
        lambda: sampler.load()(space, seed),
        failed="cannot be made:",
    )
    learns = sampler.learns or scheduler.partial
    return Strategy(
        drawn, made, queue, learns=learns, in_order=in_order, space=space, owners=(of_sampler, of_scheduler)
    )
