"""k nearest neighbours for automl. This module is imported at every start, so it stays light."""

from automl import ModelSpec, hookimpl


@hookimpl
def register_models():
    return [
        ModelSpec(
            name="knn",
            summary="k nearest neighbours.",
            factory="automl_knn.model:Knn",
            space="automl_knn.model:space",
        )
    ]
