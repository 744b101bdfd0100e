"""What the run may use of this machine, and the versions of what it runs on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from automl.resources import divide, usable_cores, usable_memory

if TYPE_CHECKING:
    from automl.registry import Registry
    from automl.settings import Settings

MEMORY_SHARE = 0.8
"""Share of the usable memory that the workers may have together."""
PRELOAD_SHARE = 0.2
"""Share of the time budget that importing libraries for the workers may take."""
IMPORT_SECONDS = 1.0
"""What importing the libraries of one model takes, roughly."""
DISTRIBUTIONS = ("automl-pluggy", "numpy", "scipy", "scikit-learn", "pyarrow")
"""What the engine itself depends on; plugins name their own (`Spec.versions_of`)."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Workers and what each of them may use; workers x threads never exceeds the cores."""

    workers: int
    threads: int
    """Threads of each worker."""
    memory_bytes: int
    """Limit of each worker's resident memory."""
    reasons: tuple[str, ...]


def find_machine(settings: Settings) -> Machine:
    """Divide the cores and the memory that this process may really use."""
    cores, memory = usable_cores(), usable_memory()
    workers, threads = divide(cores.value, settings.jobs)
    each = settings.memory_bytes or int(memory.value * MEMORY_SHARE / workers)
    many = "s" if threads > 1 else ""
    return Machine(
        workers=workers,
        threads=threads,
        memory_bytes=each,
        reasons=(
            f"machine: {workers} workers x {threads} thread{many} of {cores.value} cores ({cores.reason})",
            f"memory: {each / 2**30:.1f} GiB for each worker of {memory.value / 2**30:.1f} GiB usable ({memory.reason})",
        ),
    )


def modules_to_preload(registry: Registry, settings: Settings, *, images: bool = False) -> tuple[str, ...]:
    """Modules that workers will need, once each, those of the models that are tried first in front.

    No job can start before all are imported, so a short budget preloads only for its first models; workers of the
    others import theirs when they are used. So do those of models for long runs only, unless they were asked for.
    """
    asked = settings.models or tuple(registry.models)
    other = "table" if images else "images"
    specs = [registry.models[name] for name in asked if name in registry.models]
    specs = [spec for spec in specs if spec.modality != other and (settings.models or spec.cpu_share is None)]
    usable = sorted(
        (spec for spec in specs if not spec.missing()),
        key=lambda spec: (not spec.is_baseline, spec.priority, spec.name),
    )
    modules, seconds, spent = ["automl.evaluate"], settings.budget_seconds, 0.0
    for spec in usable:
        new = [module for module in spec.preload if module not in modules]
        spent += IMPORT_SECONDS * bool(new)
        if seconds is not None and spent > max(PRELOAD_SHARE * seconds, IMPORT_SECONDS):
            break
        modules += new
    return tuple(modules)


def versions(registry: Registry) -> dict[str, str]:
    """Versions of what predictions depend on, by distribution: the engine's libraries, plugins of models and theirs."""
    import platform

    found = {"python": platform.python_version()}
    of_plugins = [name for spec in registry.models.values() for name in (spec.distribution, *spec.versions_of) if name]
    for name in dict.fromkeys([*DISTRIBUTIONS, *of_plugins]):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
