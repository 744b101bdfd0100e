"""Networks on images: trained from scratch, with compound scaling as a fidelity, or on top of pretrained weights."""

from __future__ import annotations

from dataclasses import replace

from automl import Fidelity, ModelSpec, hookimpl

DEVICES = ("cpu", "cuda", "mps")
FIND_DEVICE = "automl_plugins.torch_common.devices:find_device"
"""Written out: importing that module is for those who train."""
FIND_WEIGHTS = "automl_plugins.torch_image.weights:find_weights"
CPU_SHARE = 0.25
"""Of the run, that a trial of a dear network may take on a CPU: one that the clock cuts off is worse than a cheaper one that
came to its end (12 s of one core on 100 small photographs: fine-tuning cut off 0.36, features 0.85, small networks 0.63).
"""
EPOCHS = "passes over the training rows"
PRELOAD = ("torch", "torch._dynamo", "safetensors.torch")
"""The second is what optimisers import when the first of them is made, which takes a second."""


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
    """Three networks trained from scratch, and two ways to use pretrained weights.

    Costs are those that `benchmarks/network_costs.py` measured on one thread of a busy CPU, medians of inputs from 8 x 8 to
    96 x 96: `cnn` 55, `resnet` 30, `efficientnet` 100, `pretrained_features` 29, `finetune` 289 at 8 x 8. They differ fivefold
    by the input; a run corrects them by what its first trials took.
    """
    return [
        _pretrained(
            "pretrained_features",
            "Features of a pretrained network, and a model for tables on top.",
            "features:PretrainedFeatures",
            "heads:space",
            priority=10,
            cost=25.0,
        ),
        replace(
            _pretrained(
                "finetune",
                "A pretrained network trained further, all of it or its last blocks.",
                "finetune:FineTuned",
                "spaces:finetune",
                priority=25,
                cost=300.0,
            ),
            cpu_share=CPU_SHARE,
            fidelities=(Fidelity(name="epochs", unit=EPOCHS, low=1, high=10, resumable=True), "resolution"),
        ),
        _network("cnn", "Small convolutional network.", "CNN", priority=20, cost=40.0),
        _network("resnet", "ResNet (He et al. 2016) of basic blocks.", "ResNet", priority=30, cost=40.0),
        replace(
            _network(
                "efficientnet",
                "EfficientNet (Tan and Le 2019) with compound scaling.",
                "EfficientNet",
                priority=40,
                cost=100.0,
            ),
            cpu_share=CPU_SHARE,
        ),
    ]


def _network(name: str, summary: str, model: str, *, priority: int, cost: float) -> ModelSpec:
    """A network trained from scratch; its module has its name."""
    epochs = Fidelity(name="epochs", unit=EPOCHS, low=1, high=25, resumable=True)
    return ModelSpec(
        name=name,
        summary=summary,
        factory=f"automl_plugins.torch_image.{name}:{model}Model",
        space=f"automl_plugins.torch_image.spaces:{name}",
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
        preload=PRELOAD,
    )


def _pretrained(name: str, summary: str, factory: str, space: str, *, priority: int, cost: float) -> ModelSpec:
    """A model that uses pretrained weights."""
    return ModelSpec(
        name=name,
        summary=summary,
        factory=f"automl_plugins.torch_image.{factory}",
        space=f"automl_plugins.torch_image.{space}",
        requires=("torch", "safetensors"),
        versions_of=("torch",),
        install="automl-pluggy[torch]",
        modality="images",
        form="images",
        devices=DEVICES,
        find_device=FIND_DEVICE,
        find_weights=FIND_WEIGHTS,
        relative_cost=cost,
        memory_factor=4.0,
        priority=priority,
        preload=PRELOAD,
    )
