"""SMAC as a sampler."""

from __future__ import annotations

from automl import SamplerSpec, hookimpl


@hookimpl
def register_samplers() -> list[SamplerSpec]:
    """SMAC 2.4 as proposer; budgets, promotion and workers are the engine's own."""
    return [
        SamplerSpec(
            name="smac",
            summary="Bayesian optimisation with SMAC's random forest (Lindauer et al. 2022); extra [smac].",
            factory="automl_plugins.smac.sampler:SmacSampler",
            requires=("smac",),
            install="automl-pluggy[smac]",
        )
    ]
