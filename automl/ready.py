"""All that is decided before anything is trained: data, task, models, resampling; bad input is refused here."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automl.data.records import TableData
from automl.devices import DeviceFaultsError
from automl.errors import PluginError, SettingsError, UnknownNameError
from automl.fidelity import ENGINE_FIDELITIES
from automl.plan import Plan, make_plan
from automl.plugin_calls import NoAnswerError, patience, two_texts
from automl.specs import load_object
from automl.strategy_names import strategy_parts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ConfigSpace import ConfigurationSpace

    from automl.clock import Clock
    from automl.data.records import Resampling
    from automl.fidelity import Fidelity
    from automl.machine import Machine
    from automl.prepare import Prepared
    from automl.registry import Registry
    from automl.settings import Settings
    from automl.space_changes import Change
    from automl.specs import ModelSpec
    from automl.task import Task
    from automl.workspace import Workspace

MOST_DOUBLINGS = 16
"""Steps beyond its usual end by which a fidelity may be stretched whose cost doubles with each."""


def with_defaults(settings: Settings, registry: Registry) -> Settings:
    """The settings with the defaults that plugins offer; SettingsError where something must be named."""
    strategy, executor = settings.strategy, settings.executor
    if strategy is None:
        strategy = _default(registry, "strategies", "samplers", option="strategy")
    if executor is None:
        executor = _default(registry, "executors", option="executor")
    return replace(settings, strategy=strategy, executor=executor)


def _default(registry: Registry, *kinds: str, option: str) -> str:
    for kind in kinds:
        spec = registry.default(kind)
        if spec is not None:
            return str(spec.name)
    known = ", ".join(name for kind in kinds for name in getattr(registry, kind)) or "none is installed"
    raise SettingsError(f"no plugin offers a default {option}; name one with --{option} ({option}=): {known}")


def check_names(registry: Registry, settings: Settings) -> None:
    """Unknown names are refused before anything is read."""
    for name in settings.models:
        registry.get("models", name)
    for name in settings.trackers:
        registry.get("trackers", name)
    assert settings.executor is not None
    assert settings.strategy is not None
    registry.get("executors", settings.executor)
    if not isinstance(settings.baselines, bool | None):
        from automl.portfolio import check_given, given_portfolio

        check_given(given_portfolio(settings.baselines), registry)
    for change in settings.space:
        try:
            registry.get("models", change.model)
        except UnknownNameError as error:
            raise UnknownNameError(f"{change.source}: {error}") from error
    strategy_parts(settings.strategy, registry)
    known = fidelity_names(registry)
    if settings.fidelity is not None and settings.fidelity not in known:
        near = difflib.get_close_matches(settings.fidelity, sorted(known), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UnknownNameError(
            f"no fidelity is called {settings.fidelity!r}; {hint}known are {', '.join(sorted(known))}"
        )


def fidelity_names(registry: Registry) -> set[str]:
    """Every fidelity: the engine's, registered ones, and those that models bring themselves."""
    known = {one.name for one in ENGINE_FIDELITIES} | set(registry.fidelities)
    for spec in registry.models.values():
        known |= {one if isinstance(one, str) else one.name for one in spec.fidelities}
    return known


def stretch_fidelity(registry: Registry, settings: Settings) -> Registry:
    """The registry in which full training of the fidelity asked for ends where the user wants it to end.

    Raises SettingsError for rows and folds, of which nothing is more than all, and for a value that no model can have.
    """
    name, most = settings.fidelity, settings.fidelity_max
    if name is None or most is None:
        return registry
    if name in {one.name for one in ENGINE_FIDELITIES}:
        raise SettingsError(
            f"a largest number of {name} ({most:g}, by --fidelity-max, --{name}-max or fidelity_max=) makes no sense: full training "
            f"has all {name}; leave it out"
        )

    def stretched(fidelity: Fidelity) -> Fidelity:
        if fidelity.name != name:
            return fidelity
        if most < fidelity.low or (fidelity.whole and most != round(most)):
            kind = "whole number" if fidelity.whole else "number"
            raise SettingsError(f"--{name}-max {most:g} (fidelity_max) must be a {kind} of at least {fidelity.low:g}")
        if fidelity.growth == "exponential" and most > fidelity.high + MOST_DOUBLINGS:
            raise SettingsError(
                f"--{name}-max {most:g} (fidelity_max) cannot be trained: each step of {name} doubles the cost; give at most "
                f"{fidelity.high + MOST_DOUBLINGS:g}"
            )
        return replace(fidelity, high=most)

    models = {
        spec.name: replace(
            spec, fidelities=tuple(one if isinstance(one, str) else stretched(one) for one in spec.fidelities)
        )
        for spec in registry.models.values()
    }
    fidelities = {one.name: stretched(one) for one in registry.fidelities.values()}
    return replace(registry, models=models, fidelities=fidelities)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """All that is decided before anything is trained."""

    prepared: Prepared
    plan: Plan
    resampling: Resampling
    reasons: tuple[str, ...]


def get_ready(
    data: Any, settings: Settings, registry: Registry, machine: Machine, clock: Clock | None, work: Workspace
) -> Ready:
    """Read and check the data and decide what to do; the errors of bad input are raised here.

    Decoded images are left in `work`, from where they go to the run folder.
    """
    from automl.prepare_images import prepare_any
    from automl.resample import check_judged, make_resampling

    cores = machine.workers * machine.threads
    prepared = prepare_any(data, settings, registry, work=work, threads=cores, clock=clock)
    prepared = replace(prepared, task=with_weights(prepared.task, settings, registry))
    plan = _plan_with_devices(registry, prepared.task, settings, machine, clock)
    plan = _with_spaces(plan, prepared.task, settings, registry, clock)
    resampling = make_resampling(prepared, plan, settings)
    check_judged(prepared, resampling, seconds=patience(_seconds_left(settings, clock)))
    if resampling.groups is not None and isinstance(prepared.data, TableData):
        prepared = replace(prepared, data=replace(prepared.data, groups=resampling.groups))
    changed = _check_changes(settings, plan, prepared, registry) if settings.space else []
    reasons = (*machine.reasons, *plan.reasons, f"validation: {resampling.reason}", *changed)
    return Ready(prepared=prepared, plan=plan, resampling=resampling, reasons=reasons)


def _seconds_left(settings: Settings, clock: Clock | None) -> float | None:
    """Of the search; without a clock, as where nothing is trained, all of the budget. None: no budget."""
    if clock is not None and clock.search_end is not None:
        return max(clock.search_left(), 0.0)
    return settings.budget_seconds


def _plan_with_devices(
    registry: Registry, task: Task, settings: Settings, machine: Machine, clock: Clock | None
) -> Plan:
    """The plan without models whose plugin fails when it is asked for a device: the same as if it were not installed."""
    left_out: dict[str, str] = {}
    while True:
        models = {name: spec for name, spec in registry.models.items() if name not in left_out}
        try:
            plan = make_plan(
                replace(registry, models=models) if left_out else registry,
                task,
                settings,
                seconds=_seconds_left(settings, clock),
                workers=machine.workers,
                memory_bytes=machine.memory_bytes,
            )
        except DeviceFaultsError as faults:
            left_out |= faults.reasons
        else:
            return _without(plan, left_out)


def _with_spaces(plan: Plan, task: Task, settings: Settings, registry: Registry, clock: Clock | None) -> Plan:
    """The plan without models whose plugin cannot say what there is to search: a fault of one plugin must not cost the
    others. PluginError where the user asked for such a model.
    """
    left_out: dict[str, str] = {}
    silent: dict[str, str] = {}
    for spec in plan.models:
        if spec.plugin in silent and spec.name not in settings.models:  # each would take half of what is left
            left_out[spec.name] = silent[spec.plugin]
            continue
        try:
            check_searchable(spec, task, registry, seconds=patience(_seconds_left(settings, clock)))
        except PluginError as error:
            if spec.name in settings.models:
                raise
            left_out[spec.name] = str(error)
            if isinstance(error, NoAnswerError):
                silent[spec.plugin] = str(error)
    return _without(plan, left_out)


def _without(plan: Plan, left_out: Mapping[str, str]) -> Plan:
    """The plan without these models, with the reasons why."""
    if not left_out:
        return plan
    told = tuple(f"not used: {name}: {reason}" for name, reason in left_out.items())
    return replace(
        plan,
        models=tuple(spec for spec in plan.models if spec.name not in left_out),
        skipped={**plan.skipped, **left_out},
        reasons=(*plan.reasons, *told),
    )


def check_searchable(spec: ModelSpec, task: Task, registry: Registry, *, seconds: float) -> None:
    """PluginError for a model that has no space after so many seconds, or a fidelity that no plugin offers."""
    from automl.space import model_space

    model_space(spec, task, seconds=seconds)
    unknown = [one for one in spec.fidelities if isinstance(one, str) and one not in registry.fidelities]
    if unknown:
        raise PluginError(
            f"model {spec.name!r} (plugin {spec.plugin!r}) names the fidelity {unknown[0]!r}, which no plugin offers; "
            f"there are {', '.join(registry.fidelities)}"
        )


def with_weights(task: Task, settings: Settings, registry: Registry) -> Task:
    """The task with the pretrained weights that its models start from, and why those.

    Raises SettingsError for weights that are not there, or that no model of this modality would use.
    """
    able = [
        spec
        for spec in registry.models.values()
        if spec.find_weights and spec.modality == task.modality and not registry.unusable(spec)
    ]
    if not able:
        if settings.pretrained is None:
            return task
        raise SettingsError(
            f"pretrained weights {settings.pretrained!r} were given, but no usable model for {task.modality} starts from any"
        )
    name, why = _find_weights(able[0], settings)
    told = f"pretrained weights: {name or 'none'}: {why}"
    return replace(task, pretrained=name, reasons=(*task.reasons, told))


def _find_weights(spec: ModelSpec, settings: Settings) -> tuple[str, str]:
    """The weights and what they are; none, and what went wrong, where a plugin fails that the user asked for nothing."""
    owner = f"model {spec.name!r} of plugin {spec.plugin!r}"
    try:
        return two_texts(
            f"{owner}: {spec.find_weights}",
            lambda: load_object(spec.find_weights, owner=owner)(settings.pretrained or "auto"),
            wanted="the weights and what they are",
            seconds=patience(settings.budget_seconds),
            passing=(PluginError, SettingsError),
        )
    except PluginError as error:
        if settings.pretrained is not None or spec.name in settings.models:
            raise
        return "", str(error)


def _check_changes(settings: Settings, plan: Plan, prepared: Prepared, registry: Registry) -> list[str]:
    """What the user changed in the models' spaces, in words; SettingsError for what cannot be changed so."""
    from automl.changed_space import change_space
    from automl.space import changes_of, model_space

    used = {spec.name: spec for spec in plan.models}
    notes = []
    for name in dict.fromkeys(change.model for change in settings.space):
        changes = changes_of(name, settings.space)
        told = ", ".join(str(change) for change in changes)
        try:
            space = model_space(used.get(name, registry.models[name]), prepared.task)
        except PluginError:
            if name in used:
                raise
            space = None
        if space is not None:  # misspelt names are told for models that are not used, too
            space = change_space(space, changes)
        if name not in used:
            notes.append(f"space: {told}: {name} is not used here")
        elif space is not None:
            notes.append(f"space: {told}{_told_effect(space, changes)}")
    return notes


def _told_effect(space: ConfigurationSpace, changes: Sequence[Change]) -> str:
    """With which values the search begins, and which changes count only beside others."""
    defaults = dict(space.get_default_configuration())
    begins = ", ".join(f"{one.name}={defaults[one.name]}" for one in changes if one.name in defaults)
    idle = {one.name for one in changes if one.name in space and one.name not in defaults}
    beside = sorted(
        {str(one).replace(" | ", " counts only where ") for one in space.conditions if one.child.name in idle}
    )
    return "".join(f"; {words}" for words in (f"begins with {begins}" if begins else "", *beside) if words)
