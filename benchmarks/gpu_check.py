"""Whether networks do on a CUDA GPU what they do on a CPU, and what they gain there.

    python benchmarks/gpu_check.py --data FOLDER --out FILE.json [--device cuda:0] [--only agree,resume]

FOLDER holds `satimage`, `computers`, `img_digits8` and `img_photo_patches` as `datasets.py export open FOLDER` writes them. Each check ends
in a line that says ok or what failed; figures are printed above it and written to FILE.json. With `--device cpu` what
needs no GPU runs: it shows that the program itself works. The checks:

agree      errors on held-out rows on both devices, and seconds of an epoch on few rows
precision  number types of layers in training and prediction, memory in bf16 and in single precision
resume     3 and 5 more epochs against 8 at once
away       saved where it was trained, loaded where there is no GPU
memory     whether half of the batch is used where all of it does not fit
deadline   seconds by which a training of five seconds is late
commands   runs of the command line: tables on the device and on the CPU, images, photographs from pretrained weights, two
           at the same time, and a device that is not there
speed      seconds of an epoch on many rows
compiling  samples per second with and without `torch.compile`, and what compiling takes
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import gpu_checks
from gpu_checks import EPOCHS, IMAGE_NETWORKS, IMAGES, NETWORKS, SAME, TABLES, Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMPILED = {"efficientnet": (256, 224), "resnet": (128, 32), "mlp": (256, 30), "ft_transformer": (256, 30)}
"""Batch, and side of the images or columns of the table."""
PHOTOS = "img_photo_patches"
RUN_SECONDS, MOST_SECONDS = 40, 120
"""Given to a run of the command line, and after which it counts as hanging."""


# -- checks in processes of their own ---------------------------------------------------------------


def away(machine: Machine, network: str) -> dict[str, Any]:
    """Saved where it was trained, loaded by a process that sees no GPU."""
    case, folder = gpu_checks.usual_case(machine, network), machine.work / "away" / network
    folder.mkdir(parents=True)
    model, _, _ = gpu_checks.fit(case, network, machine.device, EPOCHS)
    model.save(folder)
    command = [sys.executable, __file__, "--data", str(machine.data), "--predict", str(folder)]
    subprocess.run(command, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}, check=True)
    there = gpu_checks.apart(case, model.predict(case.test), np.load(folder.with_suffix(".npy")))
    return {"ok": there <= SAME, "apart": there}


def predict_away(data: Path, folder: Path) -> None:
    """The other side of it; the folder is called as the network."""
    import torch

    from automl.registry import load_registry
    from automl.space import model_space

    assert not torch.cuda.is_available()
    case, spec = gpu_checks.usual_case(Machine(data, "cpu", folder), folder.name), load_registry().models[folder.name]
    config = dict(model_space(spec, case.task).get_default_configuration())
    np.save(folder.with_suffix(".npy"), spec.load().load(folder, config, case.task, 0).predict(case.test))


def commands(machine: Machine, name: str) -> dict[str, Any]:
    """Whole runs through the command line, two at the same time on one GPU, or one on a device that is not there."""
    computers = machine.data / TABLES[1]
    target = json.loads((computers / "meta.json").read_text())["target"]
    table = [str(computers / "train.csv"), "--target", target, "--models"]
    if name == "missing":
        code, told, seconds = fit_command([*table, "mlp", "--device", "cuda:7"], machine.work / name)
        is_right = code != 0 and "'cuda:7' was asked for" in told and "Traceback" not in told
        return {"ok": is_right, "seconds": seconds, "told": told.splitlines()}
    kind, device = ("cuda", "cuda:0") if machine.is_gpu else ("cpu", "cpu")
    runs = {
        "table": [*table, "mlp,realmlp,tabm", "--device", kind],
        "images": [str(machine.data / IMAGES / "train.npz"), "--device", "auto", "--jobs", "2"],
        "photos": [
            str(machine.data / PHOTOS / "train.npz"),
            "--models",
            "pretrained_features,finetune",
            "--device",
            kind,
        ],
        "table on the CPU": [*table, "mlp,realmlp,tabm", "--device", "cpu"],
    }
    chosen = {one: runs[one] for one in (("table", "images") if name == "together" else (name,))}
    with ThreadPoolExecutor(len(chosen)) as starters:
        ended = starters.map(fit_command, chosen.values(), [machine.work / name / one for one in chosen])
        found = dict(zip(chosen, ended, strict=True))
    on = " on cpu: " if name == "table on the CPU" else f" on {device}: "
    # A trial that fails does not end a run.
    ok = all(code == 0 and on in told and "trials failed" not in told for code, told, _ in found.values())
    return {"ok": ok} | {
        one: {"seconds": seconds, "told": [line for line in told.splitlines() if line.strip()]}
        for one, (_, told, seconds) in found.items()
    }


def fit_command(options: Sequence[str], out: Path) -> tuple[int, str, float]:
    """Exit code, what was printed and the seconds of `automl fit`; -v, as devices and trials are not told otherwise."""
    started = monotonic()
    program = [sys.executable, "-m", "automl.cli.main", "fit"]
    ended = subprocess.run(
        [*program, *options, "-v", "--time", f"{RUN_SECONDS}s", "--out", str(out)],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=MOST_SECONDS, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout, monotonic() - started


# -- a check of what could be gained ----------------------------------------------------------------


def compiling(machine: Machine, network: str) -> dict[str, Any]:
    """Samples per second of a bare loop over our network, as it is and compiled, and the steps from which that pays."""
    import torch

    batch, size = COMPILED[network]
    module = network_for(network, size).to(machine.device)
    if network in IMAGE_NETWORKS:
        images = torch.rand(batch, 3, size, size, device=machine.device)
        inputs = [images.contiguous(memory_format=torch.channels_last)]
        module = module.to(memory_format=torch.channels_last)
    else:
        arrays = torch.randn(batch, size), torch.zeros(batch, 0), torch.zeros(batch, 0, dtype=torch.int64)
        inputs = [one.to(machine.device) for one in arrays]
    plain, _ = step_seconds(module, inputs, machine.device)
    module.compile()
    compiled, first = step_seconds(module, inputs, machine.device)
    pays = first / (plain - compiled) if plain > compiled else None
    rates = {"plain": batch / plain, "compiled": batch / compiled}
    return {"ok": True, "samples_per_second": rates, "compile_seconds": first, "pays_from_steps": pays}


def network_for(network: str, size: int) -> Any:
    """A network for colour images of this side, or for so many numbers; EfficientNet as published."""
    if network == "efficientnet":
        from automl_plugins.torch_image.efficientnet import EfficientNet, Settings

        return EfficientNet(Settings.published("b0", outputs=10))
    case = gpu_checks.large_case(network, images=64, side=size, rows=2_000)
    return gpu_checks.fit(case, network, "cpu", 1)[0]._network


def step_seconds(module: Any, inputs: list[Any], device: str) -> tuple[float, float]:
    """Seconds of a step of training, and of the first one."""
    import torch
    from automl_plugins.torch_common.devices import mixed_precision

    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-4, fused=True)
    module.train()
    times = []
    for count in (1, 10, 40):
        started = perf_counter()
        for _ in range(count):
            with mixed_precision(device):
                loss = module(*inputs).float().square().mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        torch.cuda.synchronize(device)
        times.append((perf_counter() - started) / count)
    return times[2], times[0]


# -- the command line -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """A check, and what it is run for, one after another."""

    run: Callable[[Machine, str], dict[str, Any]]
    names: Sequence[str] = NETWORKS
    needs_gpu: bool = False


CHECKS = {
    "agree": Check(gpu_checks.agree, gpu_checks.AGREEING),
    "precision": Check(gpu_checks.precision, needs_gpu=True),
    "resume": Check(gpu_checks.resume),
    "away": Check(away),
    "memory": Check(gpu_checks.memory, tuple(gpu_checks.SHRUNK), needs_gpu=True),
    "deadline": Check(gpu_checks.deadline),
    "commands": Check(commands, ("images", "photos", "table", "table on the CPU", "together", "missing")),
    "speed": Check(gpu_checks.speed),
    "compiling": Check(compiling, tuple(COMPILED), needs_gpu=True),
}


def run_check(check: Check, machine: Machine) -> dict[str, Any]:
    """Figures by name, printed as they come; one that fails does not keep the others from being run."""
    figures = {}
    for name in check.names:
        try:
            figures[name] = rounded(check.run(machine, name))
        except Exception:
            figures[name] = {"ok": False, "error": traceback.format_exc().splitlines()}
        print(f"    {name}: {json.dumps(figures[name])}", flush=True)
    return figures


def rounded(value: Any) -> Any:
    """Four digits of every number, for reading."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def device_of(asked: str) -> str:
    """The device with its number; ends the program where it is not there."""
    from automl_plugins.torch_common.devices import find_device

    from automl import SettingsError

    try:
        device, _ = find_device(asked)
    except SettingsError as error:
        raise SystemExit(str(error)) from error
    if device != "cpu" and not device.startswith("cuda"):
        raise SystemExit(f"these checks are for CUDA GPUs, not for {device!r}; use --device cuda:0, or cpu")
    return device


def about(device: str) -> dict[str, Any]:
    """What the figures depend on."""
    import torch

    name = platform.processor() or platform.machine()
    if device != "cpu":
        name = torch.cuda.get_device_name(device)
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "python": platform.python_version()}
    return {"device": name, "threads": gpu_checks.threads()} | versions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--only", default=",".join(CHECKS), help="these checks, comma-separated")
    parser.add_argument("--predict", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    if chosen.predict:
        predict_away(chosen.data, chosen.predict)
        return
    names = chosen.only.split(",")
    if unknown := [name for name in names if name not in CHECKS]:
        parser.error(f"no check is called {', '.join(unknown)}; there is {', '.join(CHECKS)}")
    device = device_of(chosen.device)
    told: dict[str, Any] = {"machine": about(device)}
    print(json.dumps(told["machine"]), flush=True)
    with tempfile.TemporaryDirectory() as work:
        machine = Machine(chosen.data.resolve(), device, Path(work))
        for name in names:
            if CHECKS[name].needs_gpu and not machine.is_gpu:
                print(f"{name}: not run, it needs a GPU")
                continue
            started = monotonic()
            told[name] = run_check(CHECKS[name], machine)
            failed = [key for key, one in told[name].items() if not one["ok"]]
            came = f"FAILED {', '.join(failed)}" if failed else "ok"
            print(f"{name}: {came} ({monotonic() - started:.0f} s)", flush=True)
            if chosen.out:
                chosen.out.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
