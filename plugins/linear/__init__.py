"""Linear models: logistic (softmax) regression, ridge, lasso and elastic net; with a kernel and on all words of a text, too."""

from __future__ import annotations

from automl import ModelSpec, hookimpl


@hookimpl
def register_models() -> list[ModelSpec]:
    """Two for prepared matrices, one for text."""
    return [
        ModelSpec(
            name="linear",
            summary="Logistic (softmax) regression; ridge, lasso or elastic net for numbers.",
            factory="automl_plugins.linear.dense:Linear",
            space="automl_plugins.linear.dense:space",
            form="matrix",
            relative_cost=0.5,
            column_growth=0.5,
            memory_factor=3.0,
            priority=25,
            preload=("scipy.optimize",),
        ),
        ModelSpec(
            name="kernel_machine",
            summary="Logistic (softmax) regression or ridge on features of a Gaussian or Laplace kernel (Nyström).",
            factory="automl_plugins.linear.kernel:KernelMachine",
            space="automl_plugins.linear.kernel:space",
            form="matrix",
            relative_cost=3.0,
            column_growth=0.3,
            memory_factor=10.0,
            priority=27,
            max_rows=50_000,
            preload=("scipy.optimize",),
        ),
        ModelSpec(
            name="text_linear",
            summary="The same on TF-IDF of all words, beside numbers and categories.",
            factory="automl_plugins.linear.text:TextLinear",
            space="automl_plugins.linear.text:space",
            form="table",
            relative_cost=0.2,
            memory_factor=4.0,
            priority=15,
            needs_text=True,
            preload=("scipy.optimize", "scipy.sparse"),
        ),
    ]
