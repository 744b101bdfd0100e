"""Networks that pretrained weights belong to, recognised by the names and shapes of the weights."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from automl_plugins.torch_image import efficientnet, resnet
from automl_plugins.torch_image.counting import on_meta
from automl_plugins.torch_image.pixels import Normalisation
from torch import nn

from automl import SettingsError

if TYPE_CHECKING:
    from torch import Tensor

IMAGENET = Normalisation(mean=(0.485, 0.456, 0.406), spread=(0.229, 0.224, 0.225))
LITE = Normalisation(mean=(127 / 255,) * 3, spread=(128 / 255,) * 3)
"""(pixel - 127) / 128, as EfficientNet-Lite was trained."""

RENAMED = {
    "_conv_stem": "stem",
    "_conv_head": "head",
    "_fc": "classifier",
    "_expand_conv": "expand",
    "_depthwise_conv": "depthwise",
    "_se_reduce": "squeeze.reduce",
    "_se_expand": "squeeze.expand",
    "_project_conv": "project",
}
"""Names of the usual torch port of EfficientNet, and ours. Its ``_bn0`` to ``_bn2`` depend on where they stand."""
NORMS = {"_bn0": "stem_norm", "_bn1": "head_norm"}
BLOCK_NORMS = {"_bn0": "expand_norm", "_bn1": "depthwise_norm", "_bn2": "project_norm"}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network that can be built again without its weights; plain values, for JSON."""

    kind: str
    """``efficientnet``, ``resnet`` or ``timm``."""
    name: str
    """``b0``, ``lite0``, ...; the model's name in timm; of a ResNet the blocks of its stages, ``2-2-2-2``."""
    width: int = 64
    """Channels of a ResNet's first stage."""

    @property
    def told(self) -> str:
        """For people."""
        return {"efficientnet": f"EfficientNet-{self.name}", "resnet": f"ResNet {self.name}"}.get(
            self.kind, f"{self.name} of timm"
        )

    @property
    def normalisation(self) -> Normalisation:
        """How pixels became inputs when the weights were learned."""
        if self.kind == "timm":
            import timm

            facts = timm.models.get_pretrained_cfg(self.name)
            return Normalisation(mean=tuple(facts.mean), spread=tuple(facts.std))
        return LITE if self.name.startswith("lite") else IMAGENET

    def build(self, outputs: int | None = None) -> Any:
        """The network with `features`, `feature_count` and `parts`; with its own classifier only when `outputs` says
        for how many classes.
        """
        if self.kind == "timm":
            return TimmBody(self.name)
        if self.kind == "efficientnet":
            made: Any = efficientnet.EfficientNet(efficientnet.Settings.published(self.name, outputs=outputs or 1))
            if outputs is None:
                made.classifier = nn.Identity()
            return made
        repeats = tuple(int(part) for part in self.name.split("-"))
        made = resnet.ResNet(resnet.Settings(outputs=outputs or 1, width=self.width, repeats=repeats))
        if outputs is None:
            made.fc = nn.Identity()
        return made


class TimmBody(nn.Module):
    """Any model of timm without its classifier, and without weights."""

    def __init__(self, name: str) -> None:
        super().__init__()
        import timm

        self.network = timm.create_model(name, pretrained=False, num_classes=0)

    @property
    def feature_count(self) -> int:
        """Of `features`."""
        return int(self.network.num_features)

    def features(self, images: Tensor) -> Tensor:
        """(rows, 3, side, side) -> (rows, features)."""
        return self.network(images)  # type: ignore[no-any-return]

    def parts(self) -> list[list[nn.Module]]:
        """Its children, those of a sequence one by one, from the output to the input."""
        found: list[nn.Module] = []
        for child in self.network.children():
            found += list(child) if isinstance(child, nn.Sequential | nn.ModuleList) else [child]
        return [[part] for part in reversed(found)]

    def load_state_dict(self, state: Any, *args: Any, **kwargs: Any) -> Any:
        """Those of timm, with or without the prefix that they have here."""
        prefixed = {key if key.startswith("network.") else f"network.{key}": value for key, value in state.items()}
        return super().load_state_dict(prefixed, *args, **kwargs)


def identify(state: dict[str, Tensor], source: str) -> tuple[Architecture, dict[str, Tensor]]:
    """The network that a state belongs to, and the state under our names, its classifier included.

    Raises SettingsError when it is none of those known here.
    """
    state = {_renamed(key): value for key, value in state.items()}
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    if "stem.weight" in shapes and "classifier.weight" in shapes:
        for name in efficientnet.PUBLISHED:
            if shapes["stem.weight"][0] == efficientnet.Settings.published(name).stem and _fits(name, shapes):
                return Architecture(kind="efficientnet", name=name), state
    elif "conv1.weight" in shapes and "layer1.0.conv2.weight" in shapes and "layer1.0.conv3.weight" not in shapes:
        counts = [sum(bool(re.fullmatch(rf"layer{n}\.\d+\.conv1\.weight", key)) for key in shapes) for n in range(1, 5)]
        found = Architecture(
            kind="resnet", name="-".join(str(count) for count in counts if count), width=shapes["conv1.weight"][0]
        )
        if "fc.weight" in shapes and _shapes(found.build(shapes["fc.weight"][0])) == _without_counters(shapes):
            return found, state
    raise SettingsError(
        f"the pretrained weights in {source} are of no network known here: EfficientNet B0 to B7 and Lite0 to Lite4 under "
        "the names of the usual torch port, ResNet-18 and -34 under torchvision's, both for colour images and with "
        f"their classifier; it has {', '.join(list(shapes)[:3])}, ... With timm installed, --pretrained timm:NAME knows more"
    )


def body_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state without its classifier."""
    return {key: value for key, value in state.items() if key.partition(".")[0] not in ("classifier", "fc")}


def _fits(name: str, shapes: dict[str, tuple[int, ...]]) -> bool:
    outputs = shapes["classifier.weight"][0]
    settings = efficientnet.Settings.published(name, outputs=outputs)
    return _shapes(on_meta(lambda: efficientnet.EfficientNet(settings))) == _without_counters(shapes)


def _shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return _without_counters({key: tuple(value.shape) for key, value in network.state_dict().items()})


def _without_counters(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {key: shape for key, shape in shapes.items() if not key.endswith("num_batches_tracked")}


def _renamed(key: str) -> str:
    if not key.startswith("_"):
        return key
    norms = BLOCK_NORMS if key.startswith("_blocks.") else NORMS
    parts = ["blocks" if part == "_blocks" else norms.get(part, RENAMED.get(part, part)) for part in key.split(".")]
    return ".".join(parts)


def load_body(name: str) -> tuple[Architecture, Any]:
    """A pretrained network without its classifier, in evaluation mode, by what `find_weights` returned."""
    from automl_plugins.torch_image.weights import load_weights

    architecture, state = load_weights(name)
    with torch.random.fork_rng(devices=[]):
        body = architecture.build()
    body.load_state_dict(body_state(state))
    return architecture, body.eval()


def load_network(name: str) -> tuple[Architecture, Any]:
    """A pretrained network with the classifier that it was trained with, in evaluation mode."""
    from automl_plugins.torch_image.weights import load_weights

    architecture, state = load_weights(name)
    last = state.get("classifier.weight", state.get("fc.weight"))
    assert last is not None
    with torch.random.fork_rng(devices=[]):
        network = architecture.build(len(last))
    network.load_state_dict(state)
    return architecture, network.eval()
