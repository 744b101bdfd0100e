"""What this process may really use: cores and memory under affinity masks, cgroups and batch systems."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_UNLIMITED_BYTES = 1 << 60
"""Version 1 cgroups write a huge number where there is no limit."""
_GUESSED_BYTES = 4 << 30
"""Where nothing tells how much memory there is; cautious."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit with where it comes from. `value` is cores, or bytes."""

    value: int
    reason: str


def usable_cores(
    *,
    root: Path = Path("/"),
    environment: Mapping[str, str] | None = None,
    machine: int | None = None,
    affinity: int | None = None,
) -> Limit:
    """The least of: cores of the machine, affinity mask, cgroup quota, SLURM_CPUS_PER_TASK; at least one.

    `root` is the folder that holds ``proc`` and ``sys``; `machine` and `affinity` are numbers of cores. All are given
    by tests only.
    """
    variables = os.environ if environment is None else environment
    limits = [Limit(value=machine or os.cpu_count() or 1, reason="the machine has them")]
    if affinity is None and hasattr(os, "sched_getaffinity"):
        affinity = len(os.sched_getaffinity(0))
    if affinity is not None:
        limits.append(Limit(value=affinity, reason="affinity mask"))
    quota = min(_cgroup_quotas(root), default=None)
    if quota is not None:
        limits.append(Limit(value=max(1, int(quota)), reason=f"cgroup quota of {quota:.1f} cores"))
    slurm = variables.get("SLURM_CPUS_PER_TASK", "")
    if slurm.isdecimal() and int(slurm) > 0:
        limits.append(Limit(value=int(slurm), reason="SLURM_CPUS_PER_TASK"))
    return min(limits, key=lambda limit: limit.value)


def usable_memory(*, root: Path = Path("/"), address_space: int | None = None) -> Limit:
    """Bytes that can still be used: the least of what the machine, cgroups and RLIMIT_AS leave.

    `root` and `address_space` (the limit in bytes) are given by tests only.
    """
    limits = [Limit(value=_available(root), reason="free on this machine")]
    left = min(_cgroup_memory(root), default=None)
    if left is not None:
        limits.append(Limit(value=left, reason="cgroup memory limit"))
    if address_space is None:
        address_space = _address_space_limit()
    if address_space is not None:
        limits.append(
            Limit(value=max(address_space - _address_space_used(root), 0), reason="limit on address space (ulimit -v)")
        )
    return min(limits, key=lambda limit: limit.value)


def divide(cores: int, jobs: int | None) -> tuple[int, int]:
    """Workers and threads of each: one thread per job, as jobs can fill the cores, never more than `cores`."""
    return max(1, min(cores, jobs or cores)), 1


# -- the machine ----------------------------------------------------------------------------------


def _available(root: Path) -> int:
    available = _field(root / "proc/meminfo", "MemAvailable:")
    if available is not None:
        return available * 1024
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (ValueError, OSError, AttributeError):
        return _GUESSED_BYTES


def _address_space_limit() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def _address_space_used(root: Path) -> int:
    used = _field(root / "proc/self/status", "VmSize:")
    return 0 if used is None else used * 1024


# -- cgroups, both versions -----------------------------------------------------------------------


def _cgroup_folders(root: Path, controller: str) -> Iterator[Path]:
    """Folders of this process's cgroup and all its parents, for version 2 and for one version 1 controller.

    Inside a container the path that the kernel tells may not exist below the mount; then only the top counts.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    top = root / "sys/fs/cgroup"
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            mounts = [top, top / "unified"]
        elif controller in controllers.split(","):
            mounts = [top / controller, top / controllers]
        else:
            continue
        relative = Path(path.lstrip("/"))
        for mount in mounts:
            for part in (relative, *relative.parents):
                yield mount / part


def _cgroup_quotas(root: Path) -> Iterator[float]:
    """Cores that each cgroup around this process allows."""
    for folder in _cgroup_folders(root, "cpu"):
        quota, period = _numbers(folder / "cpu.max")
        if quota is None:
            quota, period = _numbers(folder / "cpu.cfs_quota_us")[0], _numbers(folder / "cpu.cfs_period_us")[0]
        if quota is not None and quota > 0 and period:
            yield quota / period


def _cgroup_memory(root: Path) -> Iterator[int]:
    """Bytes that each cgroup leaves; file cache counts as free, as the kernel gives it up first."""
    names = (
        ("memory.max", "memory.current", ("inactive_file", "active_file")),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
    )
    for folder in _cgroup_folders(root, "memory"):
        for limit_name, used_name, cache_names in names:
            limit = _numbers(folder / limit_name)[0]
            if limit is None or not 0 < limit < _UNLIMITED_BYTES:
                continue
            used = _numbers(folder / used_name)[0] or 0
            cache = sum(_field(folder / "memory.stat", name) or 0 for name in cache_names)
            yield max(limit - max(used - cache, 0), 0)


def _numbers(path: Path) -> tuple[int | None, int | None]:
    """The first two words of a file as numbers; None where there is none (no file, ``max``)."""
    try:
        words = path.read_text().split()
    except OSError:
        return None, None
    found = [int(word) if word.lstrip("-").isdecimal() else None for word in words[:2]]
    first, second = [*found, None, None][:2]
    return first, second


def _field(path: Path, name: str) -> int | None:
    """The number behind `name` in a file of lines such as ``MemAvailable:  123 kB``."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdecimal():
            return int(words[1])
    return None
