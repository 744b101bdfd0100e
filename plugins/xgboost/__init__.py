"""XGBoost, when it is installed."""

from __future__ import annotations

from automl import Fidelity, ModelSpec, hookimpl


@hookimpl
def register_models() -> list[ModelSpec]:
    """Boosted trees by XGBoost."""
    return [
        ModelSpec(
            name="xgboost",
            summary="Gradient boosted trees by XGBoost (Chen and Guestrin 2016).",
            factory="automl_plugins.xgboost.model:XGBoost",
            space="automl_plugins.xgboost.model:space",
            requires=("xgboost",),
            versions_of=("xgboost-cpu", "xgboost"),
            install="automl-pluggy[xgboost]",
            form="table",
            fidelities=(Fidelity(name="rounds", unit="boosting rounds", low=10, high=2000, resumable=True),),
            relative_cost=1.6,
            least_share=0.2,
            monotone=("binary", "regression"),
            memory_factor=3.0,
            priority=40,
            preload=("xgboost",),
        )
    ]
