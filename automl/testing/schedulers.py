"""The checks of a scheduler, on simulated runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.history import Candidate, History
from automl.protocols import Decision, Done, Promote, RunFacts, Sample, Wait
from automl.registry import load_registry
from automl.specs import SchedulerSpec, load_object
from automl.strategy_names import checked_options
from automl.testing.rules import require, rule
from automl.testing.search import Simulation, toy_space

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIALS = 150
"""Trials after which a run counts as endless, which is allowed."""


def check_scheduler(scheduler: str | SchedulerSpec, options: Mapping[str, float | int | str] | None = None) -> None:
    """Run all checks on a scheduler, a registered name or a spec; AssertionError tells the first rule it breaks.

    Budgets are in (0, 1]; only trials that are done are promoted, to a larger budget, and to each budget once;
    it waits only while something runs, and so never stops a run for good; it is a function of the history, so
    that a run can be rebuilt from its record, also from one that lacks the trials that a kill cut off; trials
    may fail, all of them too, and several run at once. Where it has a method ``without_samples(history)``, asked
    when there is no new configuration left, its answers keep the same rules and come to an end.

    Args:
        scheduler: a registered name, or a spec.
        options: what a strategy would hand to the factory; None: none, and what its spec's `choose` answers is tried, too.
    """
    spec = load_registry().get("schedulers", scheduler) if isinstance(scheduler, str) else scheduler
    require(isinstance(spec, SchedulerSpec), f"check_scheduler takes a name or a SchedulerSpec, not {spec!r}")
    if options is None:
        _check_choice(spec)
    given = dict(options or {})
    for workers, failing in ((1, 0.0), (4, 0.0), (3, 0.3), (2, 1.0)):
        _check_run(spec, given, Simulation(seed=workers, workers=workers, failing=failing))
    _check_run(spec, given, Simulation(seed=9, workers=2, loss=lambda _candidate, _budget: 0.5))
    _check_run(spec, given, Simulation(seed=9, workers=2), exhausted_after=7)


def _check_choice(spec: SchedulerSpec) -> None:
    """The options that it chooses for runs of several sizes are such that it can be made with them and begins."""
    if not spec.choose:
        return
    for folds, least in ((1, 1.0), (2, 0.5), (5, 0.2), (8, 0.125), (5, 0.001)):
        facts = RunFacts(
            rows=1000,
            features=10,
            models=("toy",),
            starting=1,
            folds=folds,
            fit_seconds=1.0,
            workers=2,
            seconds=60.0,
            least_budget=least,
        )
        owner = f"scheduler {spec.name!r}"
        with rule(owner, f"must choose its options for {folds} folds and a least budget of {least:g}"):
            chosen = load_object(spec.choose, owner=owner)(facts)
            chosen = checked_options(chosen, owner)
        _check_run(spec, chosen, Simulation(seed=folds, workers=2))


def _make(spec: SchedulerSpec, options: Mapping[str, Any]) -> Any:
    owner = f"scheduler {spec.name!r}"
    with rule(owner, f"must be made by factory(seed, **{dict(options)!r})"):
        made = spec.load()(4, **options)
    require(callable(getattr(made, "next", None)), f"{owner}: {spec.factory} has no method next(history)")
    return made


def _check_run(
    spec: SchedulerSpec, options: Mapping[str, Any], run: Simulation, *, exhausted_after: int | None = None
) -> None:
    """Ask until it is done, or for `TRIALS` trials; from `exhausted_after` on, there is nothing new to start.

    The first trial runs at the whole budget, whatever the scheduler said: so do strategies.
    """
    scheduler = _make(spec, options)
    # Samplers do not repeat themselves, while parts of the toy space are so small that chance does.
    drawn = toy_space().sample(2 * TRIALS, seed=run.seed)
    candidates = list({candidate.id: candidate for candidate in drawn}.values())
    require(len(candidates) >= TRIALS, f"the toy space gave only {len(candidates)} configurations")
    while len(run.history) < TRIALS:
        decision = _decide(spec, options, scheduler, run.history)
        if isinstance(decision, Done):
            break
        if isinstance(decision, Promote):
            run.start(run.history[decision.trial].candidate, decision.budget, decision.trial)
        elif isinstance(decision, Sample):
            budget = decision.budget if run.history else 1.0
            started = len(run.history)
            if exhausted_after is None or started < exhausted_after:
                run.start(candidates[started], budget)
            elif not _go_on(spec, options, scheduler, run):
                break
        else:
            run.finish_one()
        while run.busy:
            run.finish_one()


def _go_on(spec: SchedulerSpec, options: Mapping[str, Any], scheduler: Any, run: Simulation) -> bool:
    """What strategies do without a new configuration: ask for promotions, else wait while trials are running."""
    if callable(getattr(scheduler, "without_samples", None)):
        decision = _decide(spec, options, scheduler, run.history, method="without_samples")
        if isinstance(decision, Promote):
            run.start(run.history[decision.trial].candidate, decision.budget, decision.trial)
            return True
    if not run.history.running():
        return False
    run.finish_one()
    return True


def _decide(
    spec: SchedulerSpec, options: Mapping[str, Any], scheduler: Any, history: History, *, method: str = "next"
) -> Decision:
    """One checked decision."""
    owner = f"scheduler {spec.name!r}"
    counts = f"{len(history.finished())} done, {len(history.running())} running, {len(history.failed())} failed"
    with rule(owner, f"must decide after trials that are {counts}"):
        decision: Decision = getattr(scheduler, method)(history)
        again = getattr(scheduler, method)(history)
        fresh = getattr(_make(spec, options), method)(History(list(history)))
    require(
        isinstance(decision, Sample | Promote | Wait | Done),
        f"{owner} answered {decision!r}; it must be Sample, Promote, Wait or Done",
    )
    require(
        method == "next" or not isinstance(decision, Sample),
        f"{owner} answered {decision} in without_samples; there is no new configuration: Promote, Wait or Done",
    )
    for other, words in ((again, "asked twice"), (fresh, "made anew")):
        _require_same(owner, words, history, decision, other)
    if len(history) % 5 == 0:  # reading a record again takes time
        _check_shorter_record(spec, options, scheduler, history, method)
    if not len(history):
        require(isinstance(decision, Sample), f"{owner} answered {decision} to an empty history; it must Sample")
    if isinstance(decision, Wait):
        require(
            history.running(),
            f"scheduler {spec.name!r} waits although nothing is running, after {len(history)} trials: it would wait "
            "for ever. Sample, Promote or Done",
        )
    if isinstance(decision, Sample | Promote):
        require(0 < decision.budget <= 1, f"{owner} answered {decision}; a budget is in (0, 1]")
    if isinstance(decision, Promote):
        _check_promotion(owner, decision, history)
    return decision


def _check_shorter_record(
    spec: SchedulerSpec, options: Mapping[str, Any], scheduler: Any, history: History, method: str
) -> None:
    """What is kept from one question to the next must not show: not in a record without the trials that a kill
    cut off, and not in the longer one after it.
    """
    owner = f"scheduler {spec.name!r}"
    cut_off = History([trial for trial in history if trial.status != "running"])
    with rule(owner, "must decide on a record without the trials that were running"):
        before = getattr(scheduler, method)(history)
        shorter = getattr(scheduler, method)(cut_off)
        fresh = getattr(_make(spec, options), method)(cut_off)
        after = getattr(scheduler, method)(history)
    _require_same(owner, "asked after a longer record", cut_off, fresh, shorter)
    _require_same(owner, "asked after a shorter record", history, before, after)


def _require_same(owner: str, words: str, history: History, first: Decision, other: Decision) -> None:
    require(
        first == other,
        f"{owner}, {words} with the same history of {len(history)} trials, answers {other} after {first}; "
        "it must be a function of the history",
    )


def _check_promotion(owner: str, decision: Promote, history: History) -> None:
    known = {trial.id: trial for trial in history}
    require(decision.trial in known, f"{owner} answered {decision}; there is no trial {decision.trial}")
    trial = known[decision.trial]
    require(trial.status == "done", f"{owner} answered {decision}; trial {trial.id} is {trial.status}, not done")
    require(
        decision.budget > trial.budget,
        f"{owner} answered {decision}; trial {trial.id} had a budget of {trial.budget:g} already",
    )
    twins = _same_candidate(trial.candidate, decision.budget, history)
    require(
        not twins,
        f"{owner} answered {decision}; trial {twins and twins[0]} runs that configuration at this budget already",
    )


def _same_candidate(candidate: Candidate, budget: float, history: History) -> list[int]:
    return [trial.id for trial in history if trial.candidate.id == candidate.id and trial.budget >= budget]
