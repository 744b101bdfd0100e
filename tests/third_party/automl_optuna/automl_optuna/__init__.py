"""Optuna's TPE as a sampler: ``automl fit ... --strategy tpe``, or under any scheduler: ``--strategy tpe+hyperband``."""

from automl import SamplerSpec, hookimpl


@hookimpl
def register_samplers():
    """What the plugin offers."""
    summary = "Tree-structured Parzen estimator of Optuna (Bergstra et al. 2011; Akiba et al. 2019)."
    return [SamplerSpec(name="tpe", summary=summary, factory="automl_optuna.sampler:TPE", requires=("optuna",))]
