"""Tree models on the CPU: LightGBM, forests, histogram gradient boosting."""

from __future__ import annotations

from automl import Fidelity, ModelSpec, hookimpl


@hookimpl
def register_models() -> list[ModelSpec]:
    """Boosted trees and forests; rounds and trees are their fidelities."""
    rounds = Fidelity(name="rounds", unit="boosting rounds", low=10, high=2000, resumable=True)
    trees = Fidelity(name="trees", unit="trees", low=10, high=200, resumable=True)
    return [
        ModelSpec(
            name="lightgbm",
            summary="Gradient boosted trees, leaf-wise, with native categories and missing values (Ke et al. 2017).",
            factory="automl_plugins.trees.lightgbm_model:LightGBM",
            space="automl_plugins.trees.lightgbm_model:space",
            requires=("lightgbm",),
            versions_of=("lightgbm",),
            form="table",
            fidelities=(rounds,),
            relative_cost=1.0,
            least_share=0.2,
            monotone=("binary", "regression"),
            memory_factor=2.0,
            priority=10,
            preload=("lightgbm",),
        ),
        ModelSpec(
            name="extra_trees",
            summary="Forest of trees with random cuts (Geurts et al. 2006).",
            factory="automl_plugins.trees.forests:ExtraTrees",
            space="automl_plugins.trees.forests:extra_trees_space",
            form="table",
            fidelities=(trees,),
            relative_cost=1.0,
            column_growth=0.5,
            least_share=0.2,
            monotone=("binary", "regression"),
            memory_factor=4.0,
            priority=30,
            preload=("sklearn.ensemble",),
        ),
        ModelSpec(
            name="random_forest",
            summary="Forest of trees on bootstrap samples (Breiman 2001).",
            factory="automl_plugins.trees.forests:RandomForest",
            space="automl_plugins.trees.forests:random_forest_space",
            form="table",
            fidelities=(trees,),
            relative_cost=2.0,
            column_growth=0.5,
            least_share=0.2,
            monotone=("binary", "regression"),
            memory_factor=4.0,
            priority=50,
            preload=("sklearn.ensemble",),
        ),
        ModelSpec(
            name="hist_gradient_boosting",
            summary="scikit-learn's histogram gradient boosting.",
            factory="automl_plugins.trees.hist_boosting:HistGradientBoosting",
            space="automl_plugins.trees.hist_boosting:space",
            form="table",
            fidelities=(Fidelity(name="rounds", unit="boosting rounds", low=10, high=500),),
            relative_cost=2.5,
            monotone=("binary", "regression"),
            memory_factor=3.0,
            priority=60,
            preload=("sklearn.ensemble",),
        ),
    ]
