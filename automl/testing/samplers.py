"""The checks of a sampler, on a simulated run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl.history import Candidate, History
from automl.registry import load_registry
from automl.specs import SamplerSpec
from automl.testing.rules import require, rule
from automl.testing.search import Simulation, toy_space

if TYPE_CHECKING:
    from automl.space import JointSpace

SUGGESTIONS = 24
BUDGETS = (1.0, 0.25, 0.5, 1.0, 0.25, 0.25)
"""Trials of a run come at several budgets, the first at the whole one."""


def check_sampler(sampler: str | SamplerSpec) -> None:
    """Run all checks on a sampler, a registered name or a spec; AssertionError tells the first rule it breaks.

    Suggestions are legal, new and plain; a function of the seed and the history only, so that a run can be
    rebuilt from its record; several trials may be running, fail, have partial budgets, or be candidates that
    the sampler did not suggest; a space that is exhausted ends with None.
    """
    spec = load_registry().get("samplers", sampler) if isinstance(sampler, str) else sampler
    require(isinstance(spec, SamplerSpec), f"check_sampler takes a name or a SamplerSpec, not {spec!r}")
    for workers, failing in ((1, 0.0), (3, 0.0), (4, 0.4), (2, 1.0)):
        _check_run(spec, Simulation(seed=1, workers=workers, failing=failing))
    _check_repeatable(spec)
    _check_seeds(spec)
    _check_exhausted(spec, "tiny", 3)
    _check_exhausted(spec, "fixed", 1)


def _make(spec: SamplerSpec, space: JointSpace, seed: int) -> Any:
    owner = f"sampler {spec.name!r}"
    with rule(owner, "must be made by factory(space, seed)"):
        made = spec.load()(space, seed)
    require(callable(getattr(made, "suggest", None)), f"{owner}: {spec.factory} has no method suggest(history)")
    return made


def _suggest(spec: SamplerSpec, sampler: Any, space: JointSpace, history: History) -> Candidate | None:
    """One checked suggestion."""
    owner = f"sampler {spec.name!r}"
    counts = f"{len(history.finished())} done, {len(history.running())} running, {len(history.failed())} failed"
    with rule(owner, f"must suggest after trials that are {counts}"):
        found: Candidate | None = sampler.suggest(history)
    if found is None:
        return None
    require(isinstance(found, Candidate), f"{owner} suggested a {type(found).__name__}; it must be a Candidate or None")
    for name, value in found.config.items():
        plain = value is None or type(value) in (str, bool, int, float)
        require(plain, f"{owner}: {name}={value!r} is a {type(value).__name__}; use JointSpace.to_candidate")
    require(space.is_legal(found), f"{owner} suggested {found.model} {dict(found.config)!r}, which is not in the space")
    require(found.origin, f"{owner} left Candidate.origin empty; write the sampler's name there")
    require(
        found.id not in history.config_ids(),
        f"{owner} suggested {found.model} {dict(found.config)!r} again; suggest new configurations, also new "
        "compared with those still running, or None when the space is exhausted",
    )
    return found


def _check_run(spec: SamplerSpec, run: Simulation) -> None:
    """A run with foreign candidates at first, then the sampler's own."""
    space = toy_space()
    sampler = _make(spec, space, 3)
    for name in space.models:
        run.start(space.default(name), 1.0)
    run.finish_one()
    for turn in range(SUGGESTIONS):
        candidate = _suggest(spec, sampler, space, run.history)
        require(candidate is not None, f"sampler {spec.name!r} gave None although the space is endless")
        assert candidate is not None
        run.start(candidate, BUDGETS[turn % len(BUDGETS)])
        while run.busy:
            run.finish_one()


def _check_repeatable(spec: SamplerSpec) -> None:
    """A sampler that is asked again, and a fresh one that only has the record, suggest the same."""
    space = toy_space()
    run = Simulation(seed=2, workers=3, failing=0.2)
    sampler = _make(spec, space, 5)
    for turn in range(SUGGESTIONS):
        first = _suggest(spec, sampler, space, run.history)
        if turn % 5 == 0:
            again = _suggest(spec, sampler, space, run.history)
            fresh = _suggest(spec, _make(spec, toy_space(), 5), space, run.history)
            copied = _suggest(spec, _make(spec, toy_space(), 5), space, History(list(run.history)))
            for other, words in ((again, "asked twice"), (fresh, "made anew"), (copied, "made anew")):
                require(
                    first == other,
                    f"sampler {spec.name!r}, {words} with the same seed and history of {len(run.history)} trials, "
                    f"suggests {other} after {first}; keep nothing in the sampler that the history does not show",
                )
        assert first is not None
        run.start(first, 1.0)
        while run.busy:
            run.finish_one()


def _check_seeds(spec: SamplerSpec) -> None:
    """Another seed searches elsewhere, at once or after a few suggestions."""
    streams = []
    for seed in (0, 1):
        space, run = toy_space(), Simulation(seed=0)
        sampler = _make(spec, space, seed)
        for _ in range(10):
            candidate = _suggest(spec, sampler, space, run.history)
            assert candidate is not None
            run.start(candidate, 1.0)
            run.finish_one()
        streams.append([trial.candidate.id for trial in run.history])
    require(streams[0] != streams[1], f"sampler {spec.name!r} suggests the same for seeds 0 and 1; use the seed")


def _check_exhausted(spec: SamplerSpec, kind: Any, size: int) -> None:
    """A space of few configurations ends with None; a running trial counts as asked."""
    space, run = toy_space(kind), Simulation(workers=2)
    sampler = _make(spec, space, 0)
    for _ in range(size):
        candidate = _suggest(spec, sampler, space, run.history)
        if candidate is None:
            break
        run.start(candidate, 1.0)
        while run.busy:
            run.finish_one()
    require(
        len(run.history) == size, f"sampler {spec.name!r} gave None after {len(run.history)} of {size} configurations"
    )
    after = _suggest(spec, sampler, space, run.history)
    require(after is None, f"sampler {spec.name!r} suggested {after} although all {size} configurations were asked")
