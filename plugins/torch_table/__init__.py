"""Networks for tables in torch, where it is installed: MLPs, an ensemble of MLPs in one, a transformer over columns."""

from __future__ import annotations

from automl import Fidelity, ModelSpec, hookimpl

DEVICES = ("cpu", "cuda", "mps")
FIND_DEVICE = "automl_plugins.torch_common.devices:find_device"
REQUIRES = ("torch", "safetensors")
INSTALL = "automl-pluggy[torch]"
PRELOAD = ("torch", "torch._dynamo", "safetensors.torch")
"""The second is what optimisers import when the first of them is made, which takes a second."""
EPOCHS = {"mlp": 100, "realmlp": 256, "tabm": 100, "ft_transformer": 100}
"""Epochs of full training; early stopping usually ends it sooner."""


@hookimpl
def register_models() -> list[ModelSpec]:
    """Four networks; epochs are their fidelity.

    Costs were measured on one thread of a CPU with 8,000 rows and 20 numbers, where a second trains 19,000 rows of
    `realmlp` and 3,500 of `tabm`, and lie between those of small tables and of such. `benchmarks/network_costs.py` finds 11 to 27
    for `mlp` and 26 to 91 for `realmlp` on a busy CPU.
    """
    return [
        _network(
            "mlp",
            "Mlp",
            "Multi-layer perceptron with embeddings of numbers and categories, trained until it stops improving.",
            relative_cost=7.0,
            cpu_share=0.3,
            priority=55,
        ),
        _network(
            "realmlp",
            "RealMlp",
            "Multi-layer perceptron with tuned defaults (RealMLP, Holzmüller et al. 2024).",
            relative_cost=40.0,
            cpu_share=0.1,
            priority=60,
        ),
        _network(
            "tabm",
            "TabM",
            "Many perceptrons that share most of their weights (TabM, Gorishniy et al. 2025).",
            relative_cost=100.0,
            cpu_share=0.05,
            priority=65,
        ),
        _network(
            "ft_transformer",
            "FtTransformer",
            "Transformer whose tokens are the columns (Gorishniy et al. 2021).",
            relative_cost=200.0,
            cpu_share=0.05,
            priority=70,
        ),
    ]


def _network(
    name: str, model: str, summary: str, *, relative_cost: float, cpu_share: float, priority: int
) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        factory=f"automl_plugins.torch_table.{name}:{model}",
        space=f"automl_plugins.torch_table.spaces:{name}",
        requires=REQUIRES,
        install=INSTALL,
        versions_of=REQUIRES,
        form="table",
        fidelities=(Fidelity(name="epochs", unit="epochs", low=2, high=EPOCHS[name], resumable=True),),
        devices=DEVICES,
        find_device=FIND_DEVICE,
        relative_cost=relative_cost,
        cpu_share=cpu_share,
        memory_factor=4.0,
        priority=priority,
        preload=PRELOAD,
    )
