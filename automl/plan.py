"""What to do with this task on this machine: which models, how to validate, in which order, and why.

The plan is made once, from sizes and seconds, and every decision carries its reason in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automl.devices import CPU, choose_devices, device_reasons
from automl.errors import SettingsError
from automl.fold_plan import choose_folds, fit_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.devices import Device
    from automl.registry import Registry
    from automl.settings import Settings
    from automl.specs import ModelSpec
    from automl.task import Task

MUCH_CHEAPER = 0.25
"""A model goes before the usual first one, where time is short, when it costs at most this share of it."""
LONG_FOLDS = 5
"""Folds by which models for long runs are judged at most: where time is short more of them are cut down anyway."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be done, and why."""

    models: tuple[ModelSpec, ...]
    """Usable models in the order of their first trials; baselines first."""
    skipped: Mapping[str, str]
    """Model name -> why it cannot be used here."""
    devices: Mapping[str, str]
    """Model name -> the device that it trains on."""
    holdout: bool
    folds: int
    repeats: int
    resampling_reason: str
    fit_seconds: float
    """Estimated seconds of one default fit of relative cost 1 on one fold."""
    reasons: tuple[str, ...]

    @property
    def accelerators(self) -> int:
        """How many devices besides the CPU models train on."""
        return len({device for device in self.devices.values() if device != CPU})


def usable_models(
    registry: Registry, task: Task, settings: Settings, memory_bytes: int | None
) -> tuple[tuple[ModelSpec, ...], dict[str, str]]:
    """Models that can work on this task here, in the order of their first trials, and the others with reasons.

    `memory_bytes` is what each worker has; None: not asked.

    Raises UnknownNameError for a model that no plugin offers and SettingsError when none of those asked for is usable.
    """
    asked = [registry.get("models", name) for name in settings.models]
    skipped: dict[str, str] = {}
    usable: list[ModelSpec] = []
    for spec in asked or list(registry.models.values()):
        reason = _why_not(spec, registry, task, memory_bytes)
        if reason:
            skipped[spec.name] = reason
        else:
            usable.append(spec)
    baselines = [spec for spec in registry.models.values() if spec.is_baseline and spec not in usable]
    if asked:
        usable += [spec for spec in baselines if not _why_not(spec, registry, task, memory_bytes)]
    if asked and not any(spec in usable for spec in asked):
        told = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise SettingsError(f"none of the models asked for can be used here: {told}")
    usable.sort(key=lambda spec: (not spec.is_baseline, spec.priority, spec.name))
    return tuple(usable), skipped


def _why_not(spec: ModelSpec, registry: Registry, task: Task, memory_bytes: int | None) -> str:
    if task.problem_type not in spec.problem_types:
        return f"does not do {task.problem_type} (it does {', '.join(spec.problem_types)})"
    if spec.modality not in (task.modality, "any"):
        kinds = {"table": "tables"}
        return f"is for {kinds.get(spec.modality, spec.modality)}, not for {kinds.get(task.modality, task.modality)}"
    if spec.needs_text and not task.texts:
        return "is for tables with text columns"
    if task.monotone and not spec.is_baseline and task.problem_type not in spec.monotone:
        return f"cannot keep predictions monotone in {', '.join(map(repr, task.monotone))}"
    unusable = registry.unusable(spec)
    if unusable:
        return unusable
    if spec.find_weights and not task.pretrained:
        return "needs pretrained weights, of which there are none (see the task)"
    if spec.max_rows is not None and task.rows > spec.max_rows:
        return f"is too slow above {spec.max_rows:,} rows ({task.rows:,} here)"
    if spec.max_classes is not None and task.class_count > spec.max_classes:
        return f"is too slow above {spec.max_classes} classes ({task.class_count} here)"
    if task.modality == "images":  # they are read from disk batch by batch, however many there are
        return ""
    need = int(task.rows * max(task.features, 1) * 8 * spec.memory_factor)
    if memory_bytes is not None and need > memory_bytes and not spec.is_baseline:
        return f"would need about {need / 2**30:.1f} GiB of {memory_bytes / 2**30:.1f} GiB for each worker"
    return ""


def _too_slow(
    spec: ModelSpec, device: Device | None, trial_seconds: float, core_seconds: float | None, trials: int | None
) -> str:
    """Why a model for long runs should not be tried in this one; empty when it should.

    `trial_seconds` are those of one of its trials, `core_seconds` those of all workers.
    """
    if spec.cpu_share is None or (device is not None and device.name != CPU):
        return ""
    if core_seconds is not None and trial_seconds > spec.cpu_share * core_seconds:
        return (
            f"one trial takes about {trial_seconds:.0f} of the {core_seconds:.0f} s of all CPUs, "
            f"more than pays; --models {spec.name} uses it all the same"
        )
    if trials is not None and spec.cpu_share * trials < 1.0:
        return (
            f"pays on a CPU from {math.ceil(1 / spec.cpu_share)} trials on; --models {spec.name} uses it all the same"
        )
    return ""


def cheap_first(
    models: tuple[ModelSpec, ...], costs: Mapping[str, float], core_seconds: float | None
) -> tuple[tuple[ModelSpec, ...], list[str]]:
    """The models in the order of their first trials when the usual first one would take more than all the time, and
    why: those that are much cheaper, as linear models are on very wide tables, go before it.

    `costs` are seconds of a trial, `core_seconds` those of all workers; None: no time budget.
    """
    baselines = [spec for spec in models if spec.is_baseline]
    others = [spec for spec in models if not spec.is_baseline]
    if core_seconds is None or not others or costs[others[0].name] <= core_seconds:
        return models, []
    first = others[0]
    cheap = [spec for spec in others if costs[spec.name] <= MUCH_CHEAPER * costs[first.name]]
    if not cheap:
        return models, []
    cheap.sort(key=lambda spec: costs[spec.name])
    reason = (
        f"models: much cheaper ones go first, a trial of {first.name} may take {costs[first.name]:.0f} of the "
        f"{max(core_seconds, 0.0):.0f} s of all CPUs"
    )
    return (*baselines, *cheap, *(spec for spec in others if spec not in cheap)), [reason]


def make_plan(
    registry: Registry,
    task: Task,
    settings: Settings,
    *,
    seconds: float | None,
    workers: int,
    memory_bytes: int,
) -> Plan:
    """Decide from the task's size, the machine and the seconds that are left; None: no time limit.

    Without a time limit the same trials come out again whatever else the machine is doing, so that the memory of each
    worker leaves models out only when the user set it.
    """
    asked = settings.memory_bytes is not None or seconds is not None
    models, skipped = usable_models(registry, task, settings, memory_bytes if asked else None)
    holdout, folds, repeats, why = choose_folds(task, settings, seconds, workers)
    devices = choose_devices(models, settings, registry, skipped)
    costs = {
        spec.name: fit_seconds(task) * folds * repeats * spec.cost_at(task.features, task.outputs) for spec in models
    }
    core_seconds = None if seconds is None else seconds * workers
    if not settings.models:
        asked_for = settings.folds is not None or settings.repeats is not None
        share = 1.0 if asked_for else min(LONG_FOLDS / (folds * repeats), 1.0)
        slow = {
            spec.name: why_not
            for spec in models
            if (
                why_not := _too_slow(
                    spec, devices.get(spec.name), share * costs[spec.name], core_seconds, settings.trials
                )
            )
        }
        skipped |= slow
        models = tuple(spec for spec in models if spec.name not in slow)
    models, hurry = cheap_first(models, costs, core_seconds)
    names = ", ".join(spec.name for spec in models)
    reasons = [f"task: {reason}" for reason in task.reasons] + [f"models, in this order: {names}"]
    reasons += hurry
    reasons += device_reasons(devices, models)
    reasons += [
        f"not used: {name}: {reason}"
        for name, reason in skipped.items()
        if _worth_telling(name, registry, task, settings)
    ]
    return Plan(
        models=models,
        skipped=skipped,
        devices={name: device.name for name, device in devices.items()},
        holdout=holdout,
        folds=folds,
        repeats=repeats,
        resampling_reason=why,
        fit_seconds=fit_seconds(task),
        reasons=tuple(reasons),
    )


def _worth_telling(name: str, registry: Registry, task: Task, settings: Settings) -> bool:
    """Whether a user might wonder why a model is not used: not of tables among images, unless he asked for it."""
    return name in settings.models or registry.models[name].modality in (task.modality, "any")


def search_weights(models: Sequence[ModelSpec]) -> dict[str, float]:
    """How often random search draws each model: cheap ones more often, by the root of their relative cost."""
    return {spec.name: max(spec.relative_cost, 0.5) ** -0.5 for spec in models if not spec.is_baseline}
