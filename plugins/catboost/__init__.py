"""CatBoost, when it is installed."""

from __future__ import annotations

from automl import Fidelity, ModelSpec, hookimpl


@hookimpl
def register_models() -> list[ModelSpec]:
    """Boosted trees by CatBoost."""
    return [
        ModelSpec(
            name="catboost",
            summary="Gradient boosted symmetric trees with ordered target statistics (Prokhorenkova et al. 2018).",
            factory="automl_plugins.catboost.model:CatBoost",
            space="automl_plugins.catboost.model:space",
            requires=("catboost",),
            versions_of=("catboost",),
            install="automl-pluggy[catboost]",
            form="table",
            fidelities=(Fidelity(name="rounds", unit="boosting rounds", low=10, high=2000, resumable=True),),
            relative_cost=4.0,
            monotone=("binary", "regression"),
            memory_factor=3.0,
            priority=20,
            preload=("catboost",),
        )
    ]
