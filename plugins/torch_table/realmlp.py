"""RealMLP: a perceptron whose defaults were tuned on many data sets.

Holzmüller et al. 2024, "Better by default", arXiv 2407.04491, section 3 and appendix A: periodic embeddings beside the plain
number, a trained scale for each input, weights in the neural tangent parametrisation set up from the data, a parametric
activation, label smoothing, a learning rate in waves, dropout and weight decay that fade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from automl_plugins.torch_common.optimisers import Choice
from automl_plugins.torch_common.schedules import flat_then_cosine
from automl_plugins.torch_table.embeddings import make_embedding, make_inputs
from automl_plugins.torch_table.model import TableNetwork
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from automl_plugins.torch_table.columns import Shape
    from torch import Tensor

BIAS_POINTS = 5
"""Each first bias puts its unit's bend at a random mean of so many training rows."""
FIRST_BETA2 = 0.95
FACTORS = {"scale": 6.0, "bias": 0.1, "slope": 0.1, "embedding": 0.1}
"""Factors of the learning rate, by what the name of a parameter holds."""
PATIENCE_EPOCHS, PATIENCE_FACTOR = 40.0, 3.0
"""Epochs without progress after which training ends, and how many more for each that led to the best."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The network's own hyperparameters."""

    layers: int = 3
    width: int = 256
    dropout: float = 0.15
    activation: str = "selu"
    """``selu`` for classes, ``mish`` for values in the paper."""
    sigma: float = 0.1
    """Spread of the first frequencies of the periodic embeddings."""
    category_dimensions: int = 8


class NtpLinear(nn.Module):
    """A dense layer with weights of unit size: the division by the root of the inputs stands in the forward pass."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_in, width_out))
        self.bias = nn.Parameter(torch.zeros(width_out))
        self.shrink = 1.0 / math.sqrt(width_in)

    def set_up(self, x: Tensor) -> None:
        """Give every unit outputs of unit spread on the rows `x`, and a bend amid them (Steinwart 2019)."""
        spread = (self.shrink * x @ self.weight).std(dim=0, correction=0)  # (width_out,)
        self.weight /= torch.where(spread > 1e-6, spread, torch.ones_like(spread))
        width_out = len(self.bias)
        rows = torch.randint(len(x), (width_out, BIAS_POINTS))
        shares = torch.empty(width_out, BIAS_POINTS).exponential_()
        shares /= shares.sum(dim=1, keepdim=True)
        points = (shares.unsqueeze(-1) * x[rows]).sum(dim=1)  # (width_out, 5, width_in) -> (width_out, width_in)
        self.bias.copy_(-self.shrink * (points * self.weight.T).sum(dim=1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.weight, alpha=self.shrink)  # (B, width_in) -> (B, width_out)


class Layer(nn.Module):
    """Dense layer, activation with a trained slope for each unit, dropout."""

    def __init__(self, width_in: int, settings: Settings) -> None:
        super().__init__()
        self.dense = NtpLinear(width_in, settings.width)
        self.slope = nn.Parameter(torch.ones(settings.width))
        self.activation = functional.mish if settings.activation == "mish" else functional.selu
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dense(x)  # (B, width_in) -> (B, width)
        return self.dropout(torch.lerp(x, self.activation(x), self.slope.to(x.dtype)))  # bf16 on a GPU


class RealMlpNetwork(nn.Module):
    """Embeddings, scale, layers, head."""

    def __init__(self, shape: Shape, outputs: int, settings: Settings) -> None:
        super().__init__()
        embedding, dimensions = make_embedding(
            "periodic", shape.numbers, dimensions=4, bins=0, sigma=settings.sigma, waves=16
        )
        self.inputs = make_inputs(
            shape, category_dimensions=settings.category_dimensions, embedding=embedding, dimensions=dimensions
        )
        self.scale = nn.Parameter(torch.ones(self.inputs.width))
        widths = [self.inputs.width] + [settings.width] * settings.layers
        self.layers = nn.ModuleList(Layer(width, settings) for width in widths[:-1])
        self.head = NtpLinear(widths[-1], outputs)

    def set_up(self, numbers: Tensor, dense: Tensor, codes: Tensor) -> None:
        """Size the weights of each layer by what reaches it from a sample of the training rows; the head begins at 0."""
        self.eval()
        x = self.scale * self.inputs(numbers, dense, codes)
        for layer in self.layers:
            layer.dense.set_up(x)
            x = layer(x)
        self.head.weight.zero_()

    def forward(self, numbers: Tensor, dense: Tensor, codes: Tensor) -> Tensor:
        x = self.scale * self.inputs(numbers, dense, codes)  # (B, n), (B, d), (B, c) -> (B, inputs)
        for layer in self.layers:
            x = layer(x)  # (B, width)
        return self.head(x).unsqueeze(1)  # (B, 1, outputs)


class RealMlp(TableNetwork):
    """The model."""

    name = "realmlp"
    one_hot_levels = 9
    clip = None

    def make_network(self, shape: Shape, outputs: int) -> nn.Module:
        """See `RealMlpNetwork`."""
        return RealMlpNetwork(shape, outputs, self.settings(Settings))

    def choice(self) -> Choice:
        """AdamW with a short memory of squared gradients."""
        return Choice(
            learning_rate=self._get("learning_rate", 0.04),
            weight_decay=self._get("weight_decay", 0.02),
            beta2=1.0 - self._get("forgetting", 1.0 - FIRST_BETA2),
        )

    def groups(self, network: nn.Module) -> list[dict[str, Any]]:
        """Scales learn faster, biases, slopes and periodic embeddings slower; only matrices decay."""
        factors = FACTORS | {"scale": self._get("scale_factor", FACTORS["scale"])}
        made: dict[tuple[float, bool], dict[str, Any]] = {}
        for name, parameter in network.named_parameters():
            factor = next((factors[word] for word in factors if word in name), 1.0)
            decays = factor == 1.0
            group = made.setdefault((factor, decays), {"params": [], "factor": factor, "decays": decays})
            group["params"].append(parameter)
        return list(made.values())

    def patience(self, full_epochs: float) -> Callable[[float], float]:
        """The loss rises within a wave, and the long last ones gain most: as patient as the authors where they stop early."""
        del full_epochs
        return lambda best: PATIENCE_EPOCHS + PATIENCE_FACTOR * best

    def follow(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> Callable[[float], bool]:
        """Dropout and weight decay fade in the second half."""
        dropouts = [module for module in network.modules() if isinstance(module, nn.Dropout)]
        chances = [module.p for module in dropouts]
        decays = [group["weight_decay"] for group in optimiser.param_groups]
        before = 1.0

        def fade(share: float) -> bool:
            nonlocal before
            left = flat_then_cosine(share)
            if left == before:
                return False
            before = left
            for module, chance in zip(dropouts, chances, strict=True):
                module.p = chance * left
            for group, decay in zip(optimiser.param_groups, decays, strict=True):
                group["weight_decay"] = decay * left
            return True

        return fade
