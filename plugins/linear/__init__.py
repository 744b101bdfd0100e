"""Linear models: logistic regression, ridge and elastic net; on hashed text too."""

from __future__ import annotations

from automl import ModelSpec, hookimpl


@hookimpl
def register_models() -> list[ModelSpec]:
    """One for prepared matrices, one for text."""
    return [
        ModelSpec(
            name="linear",
            summary="Logistic (softmax) regression; ridge or elastic net for numbers.",
            factory="automl_plugins.linear.dense:Linear",
            space="automl_plugins.linear.dense:space",
            form="matrix",
            relative_cost=0.8,
            memory_factor=4.0,
            priority=25,
            max_rows=500_000,
            preload=("sklearn.linear_model", "scipy.optimize"),
        ),
        ModelSpec(
            name="text_linear",
            summary="The same on TF-IDF of all words, beside numbers and categories.",
            factory="automl_plugins.linear.sparse:TextLinear",
            space="automl_plugins.linear.sparse:space",
            form="table",
            relative_cost=1.5,
            memory_factor=4.0,
            priority=15,
            needs_text=True,
            preload=("sklearn.linear_model", "scipy.sparse"),
        ),
    ]
