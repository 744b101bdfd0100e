"""Which device networks train on, and what a process does to its threads for them. Imports torch only where it must."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, nullcontext
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import torch

KINDS = ("cpu", "cuda", "mps")
"""Devices for `ModelSpec.devices` of a network."""
FIND_DEVICE = "automl_plugins.torch_common.devices:find_device"
"""For `ModelSpec.find_device` of a network."""
BF16_CAPABILITY = 8
"""Compute capability (Ampere) from which NVIDIA's GPUs have bf16."""
GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""A Linux machine whose GPU can be used has one of these: NVIDIA, the same under Windows' subsystem, AMD."""


def find_device(asked: str) -> tuple[str, str]:
    """The device for ``auto`` or one asked for, and why in words.

    Raises SettingsError, saying what there is instead, when the device asked for is not there.
    """
    if asked == "auto":
        return _best()
    kind, _, number = asked.partition(":")
    if asked == "cpu":
        return "cpu", "as asked"
    if kind == "mps":
        _check_mps(asked)
        return "mps", "as asked"
    if kind != "cuda" or (number and not number.isdecimal()):
        raise SettingsError(f"device {asked!r} is not known; use auto, cpu, cuda, cuda:1 or mps")
    return _cuda(asked, int(number or 0))


def _cuda(asked: str, number: int) -> tuple[str, str]:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not count:
        build = f"torch {torch.__version__} is a build for the CPU only" if torch.version.cuda is None else (
            f"torch {torch.__version__} finds no GPU and driver here"
        )  # fmt: skip
        raise SettingsError(f"device {asked!r} was asked for, but {build}; use --device cpu, or auto")
    if number >= count:
        there = ", ".join(f"cuda:{place} ({torch.cuda.get_device_name(place)})" for place in range(count))
        raise SettingsError(f"device {asked!r} was asked for, but there is only {there}")
    return f"cuda:{number}", f"{torch.cuda.get_device_name(number)}, as asked"


def _check_mps(asked: str) -> None:
    import torch

    if not torch.backends.mps.is_available():
        raise SettingsError(f"device {asked!r} was asked for, but this is no Mac with Metal; use --device cpu, or auto")
    if asked not in ("mps", "mps:0"):
        raise SettingsError(f"device {asked!r} was asked for, but there is only mps")


def _best() -> tuple[str, str]:
    why = _why_no_gpu()
    if why:
        return "cpu", why
    import torch

    if torch.cuda.is_available() and torch.cuda.device_count():
        return "cuda:0", f"{torch.cuda.get_device_name(0)}, the first GPU that torch finds"
    if torch.backends.mps.is_available():
        return "mps", "the GPU of this Mac"
    return "cpu", "torch finds no GPU it can use"


def _why_no_gpu() -> str:
    """Why there can be no GPU, found out without importing torch, which takes seconds; empty when there may be one."""
    if not sys.platform.startswith("linux"):
        return ""
    try:
        if metadata.version("torch").endswith("+cpu"):
            return "the installed torch is a build for the CPU only"
    except metadata.PackageNotFoundError:
        return ""
    return "" if any(Path(file).exists() for file in GPU_FILES) else "this machine has no GPU"


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch use so many threads on the CPU, and as many as before afterwards.

    Under load more threads than cores make small networks many times slower.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(max(threads, 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Lent:
    """A setting of the whole process that some need otherwise: the first of those who need it at the same time, in threads
    of their own, changes it, and the last one puts it back.
    """

    def __init__(self, wanted: Any, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        self._wanted, self._read, self._write = wanted, read, write
        self._lock = threading.Lock()
        self._users, self._before = 0, wanted

    @contextmanager
    def lent(self) -> Iterator[None]:
        with self._lock:
            if not self._users:
                self._before = self._read()
            self._write(self._wanted)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._write(self._before)


def _count_threads() -> int:
    import torch

    return torch.get_num_threads()


def _use_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _has_tf32() -> bool:
    import torch

    return bool(torch.backends.cudnn.allow_tf32)


def _allow_tf32(is_allowed: bool) -> None:
    import torch

    torch.backends.cudnn.allow_tf32 = is_allowed


_threads = _Lent(1, _count_threads, _use_threads)
_tf32 = _Lent(False, _has_tf32, _allow_tf32)


def one_thread() -> AbstractContextManager[None]:
    """Let torch use one thread on the CPU while models predict, also several at the same time in threads of their own;
    the last one to end gives back as many as before.
    """
    return _threads.lent()


def full_precision(device: str) -> AbstractContextManager[None]:
    """Let a GPU compute convolutions in single precision, where torch usually leaves out 13 of their 23 bits (TF32): what a
    model predicts must not depend on where it was trained or is used. Elsewhere this changes nothing.
    """
    return _tf32.lent() if device.startswith("cuda") else nullcontext()


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Run with torch's random numbers seeded on the CPU and `device`, and give the caller's back afterwards: fits do not
    disturb each other.
    """
    import torch

    kind = device.partition(":")[0]
    with torch.random.fork_rng(devices=[torch.device(device)] if kind == "cuda" else []):
        before = torch.mps.get_rng_state() if kind == "mps" else None
        draw_from(seed, device)
        try:
            yield
        finally:
            if before is not None:
                torch.mps.set_rng_state(before)


def draw_from(seed: int, device: str) -> None:
    """Seed torch's random numbers on the CPU and `device`; other devices may be in use by others."""
    import torch

    seed = int(seed)
    torch.default_generator.manual_seed(seed)
    if device.startswith("cuda"):
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.startswith("mps"):
        torch.mps.manual_seed(seed)


@contextmanager
def mixed_precision(device: str) -> Iterator[None]:
    """bf16 where a GPU has it; single precision elsewhere: on CPUs without bf16 units it is many times slower."""
    import torch

    if device.startswith("cuda") and _has_bf16(device):
        with torch.autocast("cuda", dtype=torch.bfloat16):
            yield
    else:
        yield


def _has_bf16(device: str) -> bool:
    """Whether this GPU computes in bf16 itself: NVIDIA's do from compute capability 8 on, and torch emulates it on older ones."""
    import torch

    if torch.version.hip is not None:
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cuda.get_device_capability(device)[0] >= BF16_CAPABILITY)


def to_device(tensor: torch.Tensor, device: str) -> torch.Tensor:
    """The tensor there; on its way to a GPU it is pinned, so that the copy runs beside other work."""
    if device == "cpu":
        return tensor
    if device.startswith("cuda") and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def synchronise(device: str) -> None:
    """Wait for what a GPU still computes, so that a clock read next tells the time of what was asked for before it."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device.startswith("mps"):
        torch.mps.synchronize()


def free_memory(device: str) -> None:
    """Give back what torch holds of a GPU's memory and no tensor uses.

    To be called when the error is handled, not while it is: its traceback keeps the tensors of all its frames alive.
    """
    import gc

    import torch

    gc.collect()  # frames and errors may refer to each other
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device.startswith("mps"):
        torch.mps.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch ran out of memory, on whatever device: only GPUs have a type of their own for that."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
