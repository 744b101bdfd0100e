"""Samplers: ways to choose the next configuration."""

from __future__ import annotations

from automl import SamplerSpec, hookimpl


@hookimpl
def register_samplers() -> list[SamplerSpec]:
    """Random, grid and local search, kernel densities and evolution; SMAC has a plugin of its own."""
    return [
        SamplerSpec(
            name="random",
            summary="Independent random configurations (Bergstra and Bengio 2012).",
            factory="automl_plugins.samplers.random_search:RandomSearch",
            default=True,
            learns=False,
        ),
        SamplerSpec(
            name="grid",
            summary="Every point of a grid of five values per number, all choices; ends when exhausted.",
            factory="automl_plugins.samplers.grid:GridSearch",
            learns=False,
        ),
        SamplerSpec(
            name="local",
            summary="One hyperparameter of the best configuration changed at a time (Hutter et al. 2009, ParamILS).",
            factory="automl_plugins.samplers.local:LocalSearch",
        ),
        SamplerSpec(
            name="kde",
            summary="Good against bad kernel densities, the model part of BOHB (Falkner et al. 2018).",
            factory="automl_plugins.samplers.kde:KernelDensities",
        ),
        SamplerSpec(
            name="evolution",
            summary="Regularised evolution: tournaments, one mutation, death by age (Real et al. 2019).",
            factory="automl_plugins.samplers.evolution:Evolution",
        ),
        SamplerSpec(
            name="gp",
            summary="Gaussian processes and expected improvement (Snoek et al. 2012), on results of all budgets.",
            factory="automl_plugins.samplers.gp:GaussianProcesses",
        ),
    ]
