"""Networks on disk: tensors as safetensors, numbers as JSON. Nothing that runs code when it is read."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from automl_plugins.torch_common.schedules import Anneal
from automl_plugins.torch_common.training import Progress

from automl import PredictorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

WEIGHTS = "weights.safetensors"
TRAINING = "training.safetensors"
TRAINING_FACTS = "training.json"


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors of any device; equal memory is written once for each name."""
    from safetensors.torch import save_file

    save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, str(path))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read them onto the CPU; PredictorError when the file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found: dict[str, Tensor] = load_file(str(path))
    except (OSError, SafetensorError, ValueError) as error:
        raise PredictorError(f"{path} is missing or damaged ({error}); copy it again or fit again") from error
    return found


def save_weights(folder: Path, network: nn.Module) -> None:
    """The network's weights and buffers."""
    save_tensors(folder / WEIGHTS, network.state_dict())


def load_weights(folder: Path, network: nn.Module) -> None:
    """Put the saved weights into a network of the same shape; PredictorError when they do not fit."""
    put_weights(network, load_tensors(folder / WEIGHTS), folder / WEIGHTS)


def put_weights(network: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """The same from tensors that are read already; `source` is for the message."""
    try:
        network.load_state_dict(dict(tensors))
    except RuntimeError as error:
        told = str(error).strip().splitlines()
        raise PredictorError(
            f"the weights in {source} are of another network ({told[-1].strip()}); fit again"
        ) from error


def save_training(folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress) -> None:
    """What an exact continuation needs beside the best weights: last weights, optimiser, progress."""
    tensors: dict[str, Tensor] = {f"last.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in progress.best.items()}
    for place, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                tensors[f"optimiser.{place}.{name}"] = torch.as_tensor(value)
    save_tensors(folder / TRAINING, tensors)
    facts: dict[str, Any] = {
        name: getattr(progress, name) for name in ("epochs", "batch_size", "best_loss", "best_epochs", "ended")
    }
    facts["anneal"] = None if progress.anneal is None else asdict(progress.anneal)
    (folder / TRAINING_FACTS).write_text(json.dumps(facts))


def _lay_out(optimiser: torch.optim.Optimizer) -> None:
    """Lay its state out in memory as the parameters are (channels last, say), which fused kernels rely on."""
    for parameter, state in optimiser.state.items():
        for name, value in state.items():
            if value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def has_training(folder: Path) -> bool:
    """Whether training can go on from this folder."""
    return (folder / TRAINING).is_file()


def load_training(folder: Path, network: nn.Module, optimiser: torch.optim.Optimizer) -> Progress:
    """Give network and optimiser the state that `save_training` wrote, and return the progress.

    Raises PredictorError when files are missing, damaged or of another network.
    """
    tensors = load_tensors(folder / TRAINING)
    parts: dict[str, dict[str, Tensor]] = {"last": {}, "best": {}, "optimiser": {}}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    put_weights(network, parts["last"], folder / TRAINING)
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in parts["optimiser"].items():
        place, _, rest = name.partition(".")
        state.setdefault(int(place), {})[rest] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    _lay_out(optimiser)
    try:
        facts = json.loads((folder / TRAINING_FACTS).read_text())
        anneal = None if facts["anneal"] is None else Anneal(**facts["anneal"])
        plain = {name: facts[name] for name in ("epochs", "batch_size", "best_loss", "best_epochs", "ended")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PredictorError(f"{folder / TRAINING_FACTS} is missing or damaged ({error}); fit again") from error
    return Progress(**plain, anneal=anneal, best=parts["best"])
