"""The floor: what can be predicted without looking at the features."""

from __future__ import annotations

from automl import ModelSpec, hookimpl


@hookimpl
def register_models() -> list[ModelSpec]:
    """The constant prediction."""
    return [
        ModelSpec(
            name="dummy",
            summary="Class shares, or the mean (the median for absolute errors).",
            factory="automl_plugins.dummy.constant:Constant",
            space="automl_plugins.dummy.constant:space",
            modality="any",
            form="table",
            relative_cost=0.01,
            memory_factor=0.1,
            priority=0,
            is_baseline=True,
        )
    ]
