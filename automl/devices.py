"""Where models train: each on the device that was asked for, or on the best that is there.

The engine knows devices by name only; whether one is there, the plugin says whose model would use it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automl.errors import PluginError, SettingsError
from automl.plugin_calls import patience, two_texts
from automl.specs import load_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.registry import Registry
    from automl.settings import Settings
    from automl.specs import ModelSpec

AUTO = "auto"
CPU = "cpu"


@dataclass(frozen=True, kw_only=True)
class Device:
    """Where a model trains, and why there."""

    name: str
    """``cpu``, or another kind with a number where there are several: ``cuda:1``."""
    why: str


class DeviceFaultsError(PluginError):
    """Plugins failed when they were asked for the devices of models that nobody named: a run can do without these models."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__("; ".join(reasons.values()))
        self.reasons = dict(reasons)
        """Model name -> what went wrong, with the name of the plugin."""


def choose_devices(
    specs: Sequence[ModelSpec], settings: Settings, registry: Registry, skipped: Mapping[str, str]
) -> dict[str, Device]:
    """The devices of those of these models that can use more than the CPU, by name.

    Models that cannot use the device asked for stay on the CPU. Raises SettingsError when the device is not there,
    or none of the models can use it; `skipped` then tells of models that could but are not usable. Raises PluginError where
    a plugin fails whose model the user named, or without which nobody uses the device asked for, else DeviceFaultsError.
    """
    asked = settings.device
    _check_kind(asked, registry)
    able = [spec for spec in specs if set(spec.devices) - {CPU}]
    if asked in (AUTO, CPU):
        wanted = able
    else:
        wanted = [spec for spec in able if _kind(asked) in spec.devices]
        if not wanted:
            raise SettingsError(_nobody(asked, registry, skipped))
    return _find_all(wanted, settings)


def _find_all(specs: Sequence[ModelSpec], settings: Settings) -> dict[str, Device]:
    """The devices of all of these; a function that fails for one of them is not waited for again for the next."""
    found: dict[str, Device] = {}
    faults: dict[str, str] = {}
    failed: dict[str, PluginError] = {}
    end = None if settings.budget_seconds is None else time.monotonic() + settings.budget_seconds
    for spec in specs:
        try:
            if spec.find_device in failed:
                raise failed[spec.find_device]
            left = None if end is None else end - time.monotonic()
            found[spec.name] = _find(spec, settings.device, patience(left))
        except PluginError as error:
            nobody_else = settings.device != AUTO and len(specs) == 1 + len(faults)
            if spec.name in settings.models or nobody_else:
                raise
            faults[spec.name], failed[spec.find_device] = str(error), error
    if faults:
        raise DeviceFaultsError(faults)
    return found


def device_reasons(chosen: Mapping[str, Device], specs: Sequence[ModelSpec]) -> list[str]:
    """A line for each device, with the models that use it and why; none where all models know the CPU only."""
    told: dict[Device, list[str]] = {}
    for spec in specs:
        if spec.name in chosen:
            told.setdefault(chosen[spec.name], []).append(spec.name)
    return [f"device: {', '.join(names)} on {device.name}: {device.why}" for device, names in told.items()]


def _find(spec: ModelSpec, asked: str, seconds: float) -> Device:
    if asked == CPU:
        return Device(name=CPU, why="as asked")
    if not spec.find_device:
        return Device(name=CPU if asked == AUTO else asked, why="as asked" if asked != AUTO else "found no other")
    owner = f"model {spec.name!r} of plugin {spec.plugin!r}"
    name, why = two_texts(
        f"{owner}: {spec.find_device}",
        lambda: load_object(spec.find_device, owner=owner)(asked),
        wanted="a device and why",
        seconds=seconds,
        # Only of a device that the user asked for may it say that it is not there.
        passing=(PluginError,) if asked == AUTO else (PluginError, SettingsError),
    )
    if _kind(name) in spec.devices:
        return Device(name=name, why=why)
    return Device(name=CPU, why=f"it cannot use {name}")


def _kind(device: str) -> str:
    return device.partition(":")[0]


def _check_kind(asked: str, registry: Registry) -> None:
    kinds = {kind for spec in registry.models.values() for kind in spec.devices}
    if asked not in (AUTO, CPU) and _kind(asked) not in kinds:
        raise SettingsError(
            f"device {asked!r} is not known; use {', '.join([AUTO, *sorted(kinds | {CPU})])}, with a number after a "
            "colon where there are several, as in cuda:1"
        )


def _nobody(asked: str, registry: Registry, skipped: Mapping[str, str]) -> str:
    able = [name for name, spec in registry.models.items() if _kind(asked) in spec.devices]
    told = [f"{name}: {skipped[name]}" for name in able if name in skipped]
    why = "; ".join(told) or f"only {', '.join(able)} could; leave --models out or name one of them"
    return f"device {asked!r} was asked for, but no model of this run can use it ({why})"
