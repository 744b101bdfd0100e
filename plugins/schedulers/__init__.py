"""Schedulers and named strategies: ways to hand out budget."""

from __future__ import annotations

from automl import SchedulerSpec, StrategySpec, hookimpl


@hookimpl
def register_schedulers() -> list[SchedulerSpec]:
    """Full training only."""
    return [
        SchedulerSpec(
            name="full",
            summary="Every configuration gets the whole budget.",
            factory="automl_plugins.schedulers.full:Full",
        )
    ]


@hookimpl
def register_strategies() -> list[StrategySpec]:
    """Random search at full budget."""
    return [
        StrategySpec(
            name="random",
            summary="Default configurations, then random search at full budget.",
            sampler="random",
            scheduler="full",
        )
    ]
