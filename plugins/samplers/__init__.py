"""Samplers: ways to choose the next configuration."""

from __future__ import annotations

from automl import SamplerSpec, hookimpl


@hookimpl
def register_samplers() -> list[SamplerSpec]:
    """Random search."""
    return [
        SamplerSpec(
            name="random",
            summary="Independent random configurations (Bergstra and Bengio 2012).",
            factory="automl_plugins.samplers.random_search:RandomSearch",
        )
    ]
