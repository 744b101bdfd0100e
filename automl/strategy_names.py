"""Strategies by name: the pair of sampler and scheduler that a name stands for, what chooses for itself, and making them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from automl.errors import AutomlError, PluginError, UnknownNameError
from automl.plugin_calls import call_plugin, patience
from automl.specs import SamplerSpec, SchedulerSpec, load_object
from automl.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl.history import Candidate
    from automl.protocols import RunFacts
    from automl.registry import Registry
    from automl.space import JointSpace


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
