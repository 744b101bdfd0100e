"""The checks of `gpu_check.py`: what networks do on a CUDA GPU, against what they do on a CPU.

Each takes the machine and one of the names it is run for, a network mostly, and returns figures, with "ok" among them.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from network_costs import image_task, table_task
from networks import default_model, error_of, load_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TABLE_NETWORKS, IMAGE_NETWORKS = ("mlp", "realmlp", "tabm", "ft_transformer"), ("cnn", "resnet", "efficientnet")
NETWORKS = TABLE_NETWORKS + IMAGE_NETWORKS
TABLES, IMAGES = ("satimage", "computers"), "img_digits8"
AGREEING = tuple(f"{network} {name}" for network in TABLE_NETWORKS for name in TABLES) + tuple(
    f"{network} {IMAGES}" for network in IMAGE_NETWORKS
)
EPOCHS, SEEDS = 6, (0, 1)
MOST_THREADS = 8
NOISE = 0.1
"""Share by which errors on two devices may differ, or twice what two seeds differ by on one device."""
SAME = 1e-3
"""Most that predictions of one model may differ between devices; values are in standard deviations of the target."""
CLOSE = 0.05
"""The same of two trainings, which go apart by what bf16 adds up. They may also differ by twice what the same one differs
by when it is done again: sums on a GPU come in any order.
"""
DEADLINE_SECONDS, OVERRUN_SECONDS = 5.0, 1.0
SHRUNK: dict[str, tuple[int, dict[str, int]]] = {
    "efficientnet": (128, {"side": 96}),
    "tabm": (1024, {"width": 1024, "members": 32}),
}
"""Batch that is too large, and the rest of the configuration."""


@dataclass(frozen=True)
class Case:
    """A task with its rows."""

    task: Any
    train: Any
    valid: Any
    test: Any
    truth: Any

    @property
    def unit(self) -> float:
        """In which differences of predictions are told."""
        return 1.0 if self.task.is_classification else float(np.std(self.truth))


@dataclass(frozen=True)
class Machine:
    """What the checks have."""

    data: Path
    device: str
    """``cpu`` or ``cuda:0``."""
    work: Path
    """An empty folder."""

    @property
    def is_gpu(self) -> bool:
        """Whether there is something to compare with the CPU."""
        return self.device != "cpu"


# -- tasks and fits ---------------------------------------------------------------------------------


@cache
def threads() -> int:
    """So many threads are used on the CPU; more than there are cores would make it look slow."""
    from automl.resources import usable_cores

    return min(MOST_THREADS, usable_cores().value)


@cache
def case_of(data: Path, name: str) -> Case:
    """One of the data sets, every sixth training row held out for early stopping."""
    task, train, test, truth = load_arrays(data / name) if name == IMAGES else load_set(data / name, 0)
    held = np.arange(len(train)) % 6 == 0
    return Case(task, train.take(np.flatnonzero(~held)), train.take(np.flatnonzero(held)), test, truth)


def load_arrays(folder: Path) -> tuple[Any, Any, Any, Any]:
    """Images as task, training rows, test rows and the test rows' codes."""
    from automl import ImageData

    (train, labels), (test, truth) = (
        (part["X"], part["y"]) for part in (np.load(folder / "train.npz"), np.load(folder / "test.npz"))
    )
    classes = np.unique(labels)
    task, _ = image_task(len(train), train.shape[1], 1)
    rows = ImageData.of(train[..., None], np.searchsorted(classes, labels))
    return task, rows, ImageData.of(test[..., None], None), np.searchsorted(classes, truth)


def usual_case(machine: Machine, network: str) -> Case:
    """Few rows, of which something can be learned."""
    return case_of(machine.data, IMAGES if network in IMAGE_NETWORKS else TABLES[0])


def large_case(network: str, *, images: int = 1_000, side: int = 64, rows: int = 40_000) -> Case:
    """Random rows, as many as a GPU is for."""
    task, data = image_task(images, side, 3) if network in IMAGE_NETWORKS else table_task(rows, 30, 0)
    return Case(task, data, data.take(np.arange(min(len(data), 200))), data, data.target)


def fit(
    case: Case, network: str, device: str, epochs: float, *, full: float = 0.0, seed: int = 0, seconds: float = 0.0,
    checkpoint: Path | None = None, **config: Any,
) -> tuple[Any, dict[str, float], float]:  # fmt: skip
    """Model, its facts, and the seconds it took."""
    import torch

    from automl import Effort

    model = default_model(network, case.task, seed, config)
    started = monotonic()
    effort = Effort(
        fidelity={"epochs": float(epochs)}, full={"epochs": float(full or epochs)}, threads=threads(), device=device,
        checkpoint=checkpoint, deadline=started + seconds if seconds else None,
    )  # fmt: skip
    facts = dict(model.fit(case.train, case.valid, effort))
    if device != "cpu":
        torch.cuda.synchronize(device)
    return model, facts, monotonic() - started


def apart(case: Case, one: Any, other: Any) -> float:
    """The largest difference of two predictions."""
    return float(np.abs(np.asarray(one) - np.asarray(other)).max() / case.unit)


@contextmanager
def layer_types(found: set[str], *, training: bool) -> Iterator[None]:
    """Note which number types dense layers and convolutions put out, in training or else in prediction."""
    from torch import nn
    from torch.nn.modules.module import register_module_forward_hook

    def note(module: Any, inputs: Any, output: Any) -> None:
        if isinstance(module, nn.Linear | nn.Conv2d) and module.training is training:
            found.add(str(output.dtype).removeprefix("torch."))

    handle = register_module_forward_hook(note)
    try:
        yield
    finally:
        handle.remove()


def with_peaks(device: str, work: Callable[[], Any]) -> tuple[Any, int, int]:
    """What `work` returns, and the most bytes on the GPU that tensors took and that torch held for them meanwhile."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    found = work()
    return found, torch.cuda.max_memory_allocated(device), torch.cuda.max_memory_reserved(device)


# -- the checks -------------------------------------------------------------------------------------


def agree(machine: Machine, pair: str) -> dict[str, Any]:
    """Held-out errors on both devices, and seconds of an epoch on few rows."""
    network, name = pair.split()
    case, errors, seconds = case_of(machine.data, name), {}, {}
    fit(case, network, machine.device, 1)
    for device in ("cpu", machine.device):
        fits = [fit(case, network, device, EPOCHS, seed=seed) for seed in SEEDS]
        errors[device] = [error_of(case.task, case.truth, model.predict(case.test)) for model, _, _ in fits]
        seconds[device] = min(taken for _, _, taken in fits) / EPOCHS
    cpu, gpu = (np.array(errors[device]) for device in ("cpu", machine.device))
    allowed = max(NOISE * cpu.mean(), 2 * np.ptp(cpu), 2 * np.ptp(gpu))
    ok = bool(np.isfinite(gpu).all() and abs(cpu.mean() - gpu.mean()) <= allowed)
    return {"ok": ok, "errors": errors, "epoch_seconds": seconds}


def speed(machine: Machine, network: str) -> dict[str, Any]:
    """Seconds of an epoch on many rows: the difference between a short and a longer training."""
    case, seconds = large_case(network), {}
    fit(case, network, machine.device, 1)
    for device, more in (("cpu", 1), (machine.device, 4)):
        short, longer = (fit(case, network, device, epochs, full=50)[2] for epochs in (1, 1 + more))
        seconds[device] = (longer - short) / more
    return {"ok": True, "epoch_seconds": seconds}


def precision(machine: Machine, network: str) -> dict[str, Any]:
    """Number types that layers put out, and the memory that training in bf16 saves. What is predicted must be computed in
    single precision.
    """
    from automl_plugins.torch_common import steps

    case, types, peaks = large_case(network), {"training": set(), "predicting": set()}, {}
    is_finite = True
    for kind, context in (("bf16", steps.mixed_precision), ("float32", nullcontext)):
        noted = layer_types(types["training"], training=True) if kind == "bf16" else nullcontext()
        with noted, patch.object(steps, "mixed_precision", context):
            model, peak, _ = with_peaks(machine.device, lambda: fit(case, network, machine.device, 1)[0])
        with layer_types(types["predicting"], training=False):
            is_finite &= bool(np.isfinite(model.predict(case.valid)).all())
        peaks[kind] = round(peak / 2**20)
        del model  # its memory is none of the next one's
    told = {when: sorted(kinds) for when, kinds in types.items()}
    # RealMLP's layers are its own, and none of these types.
    is_right = told["training"] in (["bfloat16"], []) and "bfloat16" not in told["predicting"]
    return {"ok": is_finite and is_right, "types": told, "peak_mib": peaks}


def resume(machine: Machine, network: str) -> dict[str, Any]:
    """3 and 5 more epochs against 8, and 8 once more against 8."""
    case, folder = usual_case(machine, network), machine.work / "resume" / network
    folder.mkdir(parents=True)
    whole, again = (fit(case, network, machine.device, 8)[0].predict(case.test) for _ in range(2))
    fit(case, network, machine.device, 3, full=8)[0].save(folder)
    parts = fit(case, network, machine.device, 8, checkpoint=folder)[0].predict(case.test)
    there, repeated = apart(case, whole, parts), apart(case, whole, again)
    errors = [error_of(case.task, case.truth, one) for one in (whole, parts)]
    return {"ok": there <= max(CLOSE, 2 * repeated), "resumed": there, "repeated": repeated, "errors": errors}


def memory(machine: Machine, network: str) -> dict[str, Any]:
    """A limit between what half of the batch takes and what all of it takes: training must go on with half of it."""
    import torch

    batch, config = SHRUNK[network]
    case = large_case(network, images=2_048, side=96, rows=8_192)

    def train(size: int) -> tuple[Any, dict[str, float], float]:
        # Of 2 epochs: a model keeps how far it came only where another fit could go on; not all facts tell the batch.
        return fit(case, network, machine.device, 1, full=2, batch_size=size, **config)

    train(batch // 2)  # what libraries allocate once counts for none
    _, whole, _ = with_peaks(machine.device, lambda: train(batch))
    _, _, half = with_peaks(machine.device, lambda: train(batch // 2))
    total = torch.cuda.get_device_properties(machine.device).total_memory
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((whole + half) / 2 / total, machine.device)
    try:
        model, facts, _ = train(batch)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, machine.device)
    used = batch_of(model)
    peaks_mib = {"tensors of the batch": round(whole / 2**20), "all for half of it": round(half / 2**20)}
    return {"ok": used == batch // 2, "batch_size": used, "facts": facts, "peak_mib": peaks_mib}


def batch_of(model: Any) -> int:
    """Rows of a batch when training ended; networks on images do not tell it in their facts."""
    kept = model._training
    return (kept[2] if isinstance(kept, tuple) else kept.progress).batch_size


def deadline(machine: Machine, network: str) -> dict[str, Any]:
    """Seconds by which a training that would take minutes runs over its five."""
    case = large_case(network, images=4_000, side=96)
    _, facts, seconds = fit(case, network, machine.device, 1_000, seconds=DEADLINE_SECONDS)
    overrun = seconds - DEADLINE_SECONDS
    return {"ok": overrun <= OVERRUN_SECONDS, "overrun": overrun, "epochs": facts["epochs"]}
