"""A pretrained network with a fresh head, trained further: all of it or its last blocks, at a smaller learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automl_plugins.torch_common.optimisers import usual_groups
from automl_plugins.torch_image.bodies import Architecture, body_state
from automl_plugins.torch_image.model import ImageNetwork, Shape
from automl_plugins.torch_image.weights import load_weights
from torch import nn

if TYPE_CHECKING:
    from automl_plugins.torch_image.pixels import Images, Normalisation
    from automl_plugins.torch_image.scaling import Scale
    from torch import Tensor

    from automl import Effort, ImageData, Task

FULL_EPOCHS = 10
UNFREEZING_SHARE = 0.5
"""Gradual unfreezing (Howard and Ruder 2018) frees the last block first and the stem after this share of training."""


class Tuned(nn.Module):
    """A body, and a fresh classifier on its features."""

    def __init__(self, body: Any, outputs: int, *, dropout: float, frozen_statistics: bool) -> None:
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(body.feature_count, outputs)
        self._frozen_statistics = frozen_statistics
        self._free = -1
        nn.init.zeros_(self.classifier.weight)  # begins at even odds, so that the first steps do not spoil the body
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        """(rows, 3, side, side) -> (rows, outputs)."""
        return self.classifier(self.dropout(self.body.features(images)))  # type: ignore[no-any-return]

    def train(self, mode: bool = True) -> Tuned:
        """Statistics of batch normalisation stay those of the pretraining where they are frozen, or their block is."""
        super().train(mode)
        for module in self.body.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                is_frozen = self._frozen_statistics or not _is_tuned(module)
                module.train(mode and not is_frozen)
        return self

    def free(self, count: int) -> None:
        """Let only the last `count` parts of the body be trained."""
        if count == self._free:
            return
        self._free = count
        for number, part in enumerate(self.body.parts()):
            for module in part:
                module.requires_grad_(requires_grad=number < count)
        self.train(self.training)


def _is_tuned(module: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in module.parameters())


class FineTuned(ImageNetwork):
    """A pretrained network trained further on the task's images."""

    full_epochs = FULL_EPOCHS

    def __init__(self, config: Any, task: Task, seed: int) -> None:
        super().__init__(config, task, seed)
        self._architecture: Architecture | None = None
        self._state: dict[str, Tensor] = {}

    def _fit(self, train: ImageData, valid: ImageData | None, effort: Effort) -> dict[str, float]:
        self._architecture, state = load_weights(str(self._config["weights"]))
        self._state = body_state(state)
        try:
            return super()._fit(train, valid, effort)
        finally:
            self._state = {}

    def build(self, shape: Shape, scale: Scale) -> Tuned:
        """The network; pretrained networks are as large as they are, whatever the scale."""
        del scale
        assert self._architecture is not None
        return Tuned(
            self._architecture.build(),
            shape.outputs,
            dropout=float(self._config["dropout"]),
            frozen_statistics=bool(self._config["frozen_statistics"]),
        )

    @property
    def gains_by_compiling(self) -> bool:
        """As what it goes on from."""
        return self._architecture is not None and self._architecture.kind == "efficientnet"

    def prepare(self, network: nn.Module) -> None:
        """The pretrained weights."""
        assert isinstance(network, Tuned)
        network.body.load_state_dict(self._state)

    def normalise(self, images: Images) -> Normalisation:
        """As the weights expect, whatever these images are."""
        assert self._architecture is not None
        return self._architecture.normalisation

    def channels(self, data: ImageData) -> int:
        """Pretrained networks have seen colours; grey images are repeated."""
        return 3

    def groups(self, network: nn.Module) -> list[dict[str, Any]]:
        """The head at its rate, the parts of the body that are tuned at theirs, which is never larger."""
        assert isinstance(network, Tuned)
        network.free(self._tuned_parts(network))
        rate = float(self._config["learning_rate"])
        factor = min(float(self._config["body_rate"]), rate) / rate
        body = [dict(group, factor=factor) for group in usual_groups(network.body)]
        for group in body:
            group["params"] = [parameter for parameter in group["params"] if parameter.requires_grad]
        return [*usual_groups(network.classifier), *body]

    def follow(self, network: nn.Module, share: float) -> None:
        """Free part after part where that was asked for."""
        if self._config["unfreezing"] != "gradual":
            return
        assert isinstance(network, Tuned)
        most = self._tuned_parts(network)
        network.free(min(most, int(share / UNFREEZING_SHARE * most)))

    def _tuned_parts(self, network: Tuned) -> int:
        count = len(network.body.parts())
        return count if self._config["tuned"] == "all" else min(int(self._config["blocks"]), count)

    def kept(self) -> dict[str, Any]:
        """The architecture."""
        assert self._architecture is not None
        return vars(self._architecture)

    def recall(self, kept: dict[str, Any]) -> None:
        """The architecture."""
        self._architecture = Architecture(**kept)
