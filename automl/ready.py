"""All that is decided before anything is trained: data, task, models, resampling; bad input is refused here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.errors import UnknownNameError
from automl.fidelity import ENGINE_FIDELITIES
from automl.plan import Plan, make_plan
from automl.strategy import strategy_parts

if TYPE_CHECKING:
    from automl.clock import Clock
    from automl.data.records import Resampling
    from automl.machine import Machine
    from automl.prepare import Prepared
    from automl.registry import Registry
    from automl.settings import Settings


def check_names(registry: Registry, settings: Settings) -> None:
    """Unknown names are refused before anything is read."""
    for name in settings.models:
        registry.get("models", name)
    for name in settings.trackers:
        registry.get("trackers", name)
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
    known = {one.name for one in ENGINE_FIDELITIES} | set(registry.fidelities)
    for spec in registry.models.values():
        known |= {one if isinstance(one, str) else one.name for one in spec.fidelities}
    if settings.fidelity is not None and settings.fidelity not in known:
        raise UnknownNameError(f"no fidelity is called {settings.fidelity!r}; known are {', '.join(sorted(known))}")


@dataclass(frozen=True, kw_only=True)
class Ready:
    """All that is decided before anything is trained."""

    prepared: Prepared
    plan: Plan
    resampling: Resampling
    reasons: tuple[str, ...]


def get_ready(data: Any, settings: Settings, registry: Registry, machine: Machine, clock: Clock | None) -> Ready:
    """Read and check the data and decide what to do; the errors of bad input are raised here."""
    from automl.prepare import prepare
    from automl.resample import check_judged, make_resampling

    prepared = prepare(data, settings, registry)
    seconds = settings.budget_seconds
    if clock is not None and clock.search_end is not None:
        seconds = clock.search_left()
    plan = make_plan(
        registry,
        prepared.task,
        settings,
        seconds=seconds,
        workers=machine.workers,
        memory_bytes=machine.memory_bytes,
    )
    resampling = make_resampling(prepared, plan, settings)
    check_judged(prepared, resampling)
    changed = _check_changes(settings, plan, prepared) if settings.space else []
    reasons = (*machine.reasons, *plan.reasons, f"validation: {resampling.reason}", *changed)
    return Ready(prepared=prepared, plan=plan, resampling=resampling, reasons=reasons)


def _check_changes(settings: Settings, plan: Plan, prepared: Prepared) -> list[str]:
    """What the user changed in the models' spaces, in words; SettingsError for what cannot be changed so."""
    from automl.changed_space import change_space
    from automl.space import changes_of, model_space

    used = {spec.name: spec for spec in plan.models}
    notes = []
    for name in dict.fromkeys(change.model for change in settings.space):
        changes = changes_of(name, settings.space)
        told = ", ".join(str(change) for change in changes)
        if name not in used:
            notes.append(f"space: {told}: {name} is not used here")
            continue
        space = change_space(model_space(used[name], prepared.task), changes)
        defaults = dict(space.get_default_configuration())
        begins = ", ".join(f"{one.name}={defaults[one.name]}" for one in changes if one.name in defaults)
        notes.append(f"space: {told}" + (f"; begins with {begins}" if begins else ""))
    return notes
