"""Networks on images: trained from scratch, with compound scaling as a fidelity, or on top of pretrained weights."""

from __future__ import annotations

from automl import Fidelity, ModelSpec, hookimpl

DEVICES = ("cpu", "cuda", "mps")
FIND_DEVICE = "automl_plugins.torch_common.devices:find_device"
"""Written out: importing that module is for those who train."""


@hookimpl
def register_fidelities() -> list[Fidelity]:
    """Compound scaling, and the resolution alone."""
    return [
        Fidelity(name="phi", unit="steps of compound scaling", low=-8, high=0, growth="exponential"),
        Fidelity(
            name="resolution",
            unit="share of the input's side",
            low=0.4,
            high=1.0,
            growth="quadratic",
            whole=False,
        ),
    ]


@hookimpl
def register_models() -> list[ModelSpec]:
    """Three networks trained from scratch."""
    return [
        _network("cnn", "Small convolutional network.", "cnn", "CNN", priority=20, cost=30.0),
        _network("resnet", "ResNet (He et al. 2016) of basic blocks.", "resnet", "ResNet", priority=30, cost=60.0),
        _network(
            "efficientnet",
            "EfficientNet (Tan and Le 2019) with compound scaling.",
            "efficientnet",
            "EfficientNet",
            priority=40,
            cost=150.0,
        ),
    ]


def _network(name: str, summary: str, module: str, model: str, *, priority: int, cost: float) -> ModelSpec:
    epochs = Fidelity(name="epochs", unit="passes over the training rows", low=1, high=40, resumable=True)
    return ModelSpec(
        name=name,
        summary=summary,
        factory=f"automl_plugins.torch_image.{module}:{model}Model",
        space=f"automl_plugins.torch_image.{module}:space",
        requires=("torch", "safetensors"),
        versions_of=("torch",),
        install="automl-pluggy[torch]",
        modality="images",
        form="images",
        fidelities=(epochs, "phi", "resolution"),
        devices=DEVICES,
        find_device=FIND_DEVICE,
        relative_cost=cost,
        memory_factor=4.0,
        priority=priority,
        preload=("torch",),
    )
