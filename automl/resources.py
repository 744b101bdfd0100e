"""What this process may really use: cores and memory under affinity masks, cgroups and batch systems."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit with where it comes from. `value` is cores, or bytes."""

    value: int
    reason: str


def usable_cores(*, root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> Limit:
    """The least of: cores of the machine, affinity mask, cgroup quota, SLURM_CPUS_PER_TASK."""
    variables = os.environ if environment is None else environment
    limits = [Limit(value=os.cpu_count() or 1, reason="the machine has them")]
    if hasattr(os, "sched_getaffinity"):
        limits.append(Limit(value=len(os.sched_getaffinity(0)), reason="affinity mask"))
    quota = _cgroup_cores(root)
    if quota is not None:
        limits.append(Limit(value=max(1, int(quota)), reason=f"cgroup quota of {quota:.1f} cores"))
    slurm = variables.get("SLURM_CPUS_PER_TASK", "")
    if slurm.isdigit() and int(slurm) > 0:
        limits.append(Limit(value=int(slurm), reason="SLURM_CPUS_PER_TASK"))
    return min(limits, key=lambda limit: limit.value)


def usable_memory(*, root: Path = Path("/")) -> Limit:
    """Bytes that can still be used: the least of what the machine has free and what cgroups leave."""
    limits = [Limit(value=_available(root), reason="free on this machine")]
    left = _cgroup_memory(root)
    if left is not None:
        limits.append(Limit(value=left, reason="cgroup memory limit"))
    if sys.platform != "win32":
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft != resource.RLIM_INFINITY:
            limits.append(Limit(value=soft, reason="limit on address space"))
    return min(limits, key=lambda limit: limit.value)


def divide(cores: int, jobs: int | None) -> tuple[int, int]:
    """Workers and threads of each: one thread per job, as jobs can fill the cores, never more than `cores`."""
    return max(1, min(cores, jobs or cores)), 1


def _available(root: Path) -> int:
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # no /proc here: ask the C library below
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (ValueError, OSError, AttributeError):
        return 4 << 30  # nothing tells; a cautious guess


def _cgroup_folders(root: Path, controller: str) -> list[Path]:
    """Folders of this process's cgroup and its parents, for version 2 and for one version 1 controller."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / (controller if controllers else "")
        relative = Path(path.lstrip("/"))
        folders += [base / part for part in (relative, *relative.parents)]
    return folders


def _read_number(path: Path) -> int | None:
    try:
        text = path.read_text().split()[0]
    except (OSError, IndexError):
        return None
    return int(text) if text.lstrip("-").isdigit() else None


def _cgroup_cores(root: Path) -> float | None:
    found = []
    for folder in _cgroup_folders(root, "cpu"):
        try:
            quota, period = (folder / "cpu.max").read_text().split()[:2]
            if quota != "max":
                found.append(int(quota) / int(period))
        except (OSError, ValueError):
            quota_old, period_old = (
                _read_number(folder / "cpu.cfs_quota_us"),
                _read_number(folder / "cpu.cfs_period_us"),
            )
            if quota_old is not None and quota_old > 0 and period_old:
                found.append(quota_old / period_old)
    return min(found, default=None)


def _cgroup_memory(root: Path) -> int | None:
    """Bytes that the tightest cgroup leaves; file cache that can be given up counts as free."""
    found = []
    for folder in _cgroup_folders(root, "memory"):
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit = _read_number(folder / limit_name)
            if limit is None or limit <= 0 or limit > 1 << 60:
                continue
            used = _read_number(folder / used_name) or 0
            cache = 0
            try:
                for line in (folder / "memory.stat").read_text().splitlines():
                    name, _, value = line.partition(" ")
                    if name in ("inactive_file", "total_inactive_file"):
                        cache = max(cache, int(value))
            except (OSError, ValueError):
                cache = 0
            found.append(max(limit - used + cache, 0))
    return min(found, default=None)
