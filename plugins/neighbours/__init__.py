"""Nearest neighbours."""

from __future__ import annotations

from automl import ModelSpec, hookimpl


@hookimpl
def register_models() -> list[ModelSpec]:
    """K nearest neighbours on prepared matrices."""
    return [
        ModelSpec(
            name="nearest_neighbours",
            summary="The k most similar training rows, equal or weighted by distance.",
            factory="automl_plugins.neighbours.nearest:NearestNeighbours",
            space="automl_plugins.neighbours.nearest:space",
            form="matrix",
            relative_cost=1.5,
            column_growth=0.5,
            class_growth=0.0,
            memory_factor=3.0,
            priority=70,
            max_rows=100_000,
            preload=("sklearn.neighbors",),
        )
    ]
