"""automl: a plugin-based AutoML engine.

Public names are loaded when they are first used, so that ``import automl`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    # the main job
    "fit": "automl.api",
    "finish": "automl.api",
    "resume": "automl.api",
    "report": "automl.reporting",
    "open_run": "automl.run_reader",
    "RunReader": "automl.run_reader",
    "load": "automl.api",
    "check": "automl.api",
    "suggest": "automl.suggestions",
    "Settings": "automl.settings",
    "Predictor": "automl.predictor",
    "AutoClassifier": "automl.estimators",
    "AutoRegressor": "automl.estimators",
    "installed_models": "automl.registry",
    "register_plugin": "automl.registry",
    "unregister_plugin": "automl.registry",
    # for plugins: hooks and specs
    "hookimpl": "automl.hookspecs",
    "Fidelity": "automl.fidelity",
    "ModelSpec": "automl.specs",
    "SamplerSpec": "automl.specs",
    "SchedulerSpec": "automl.specs",
    "StrategySpec": "automl.specs",
    "ExecutorSpec": "automl.specs",
    "MetricSpec": "automl.specs",
    "PortfolioSpec": "automl.specs",
    "TrackerSpec": "automl.specs",
    "CommandSpec": "automl.specs",
    "SectionSpec": "automl.specs",
    "ALL_PROBLEM_TYPES": "automl.specs",
    "CLASSIFICATION": "automl.specs",
    "load_object": "automl.specs",
    # for plugins: protocols and records
    "Model": "automl.protocols",
    "Sampler": "automl.protocols",
    "Scheduler": "automl.protocols",
    "Executor": "automl.protocols",
    "Tracker": "automl.protocols",
    "Config": "automl.protocols",
    "Effort": "automl.protocols",
    "Sample": "automl.protocols",
    "Promote": "automl.protocols",
    "Wait": "automl.protocols",
    "Done": "automl.protocols",
    "Decision": "automl.protocols",
    "Job": "automl.protocols",
    "JobResult": "automl.protocols",
    "ExecutorSettings": "automl.protocols",
    "RunFacts": "automl.protocols",
    "RunInfo": "automl.protocols",
    "RunSummary": "automl.protocols",
    "Task": "automl.task",
    "TableData": "automl.data.records",
    "TableLayout": "automl.data.records",
    "MatrixData": "automl.data.records",
    "ImageData": "automl.data.records",
    "TargetEncoding": "automl.data.target_encoding",
    "TextFeatures": "automl.data.text_features",
    "TreeColumns": "automl.data.tree_columns",
    "read_arrays": "automl.data.arrays",
    "inner_parts": "automl.data.inner_parts",
    "boosting_patience": "automl.data.tree_columns",
    "boosting_rate": "automl.data.tree_columns",
    "categories_without_twins": "automl.data.twins",
    "categories_worth_adding": "automl.data.codes",
    "feature_relevance": "automl.data.relevance",
    "with_channels": "automl.data.image_arrays",
    "Candidate": "automl.history",
    "Trial": "automl.history",
    "History": "automl.history",
    "JointSpace": "automl.space",
    # errors
    "AutomlError": "automl.errors",
    "InputError": "automl.errors",
    "DataError": "automl.errors",
    "SettingsError": "automl.errors",
    "PluginError": "automl.errors",
    "UnknownNameError": "automl.errors",
    "MissingDependencyError": "automl.errors",
    "RunError": "automl.errors",
    "MetricError": "automl.errors",
    "PredictorError": "automl.errors",
}

# Written out, because type checkers do not follow a computed list.
__all__ = [
    "ALL_PROBLEM_TYPES",
    "CLASSIFICATION",
    "AutoClassifier",
    "AutoRegressor",
    "AutomlError",
    "Candidate",
    "CommandSpec",
    "Config",
    "DataError",
    "Decision",
    "Done",
    "Effort",
    "Executor",
    "ExecutorSettings",
    "ExecutorSpec",
    "Fidelity",
    "History",
    "ImageData",
    "InputError",
    "Job",
    "JobResult",
    "JointSpace",
    "MatrixData",
    "MetricError",
    "MetricSpec",
    "MissingDependencyError",
    "Model",
    "ModelSpec",
    "PluginError",
    "PortfolioSpec",
    "Predictor",
    "PredictorError",
    "Promote",
    "RunError",
    "RunFacts",
    "RunInfo",
    "RunReader",
    "RunSummary",
    "Sample",
    "Sampler",
    "SamplerSpec",
    "Scheduler",
    "SchedulerSpec",
    "SectionSpec",
    "Settings",
    "SettingsError",
    "StrategySpec",
    "TableData",
    "TableLayout",
    "TargetEncoding",
    "Task",
    "TextFeatures",
    "Tracker",
    "TrackerSpec",
    "TreeColumns",
    "Trial",
    "UnknownNameError",
    "Wait",
    "__version__",
    "boosting_patience",
    "boosting_rate",
    "categories_without_twins",
    "categories_worth_adding",
    "check",
    "feature_relevance",
    "finish",
    "fit",
    "hookimpl",
    "inner_parts",
    "installed_models",
    "load",
    "load_object",
    "open_run",
    "read_arrays",
    "register_plugin",
    "report",
    "resume",
    "suggest",
    "unregister_plugin",
    "with_channels",
]

if TYPE_CHECKING:
    from automl.api import check, finish, fit, load, resume
    from automl.data.arrays import read_arrays
    from automl.data.codes import categories_worth_adding
    from automl.data.image_arrays import with_channels
    from automl.data.inner_parts import inner_parts
    from automl.data.records import ImageData, MatrixData, TableData, TableLayout
    from automl.data.relevance import feature_relevance
    from automl.data.target_encoding import TargetEncoding
    from automl.data.text_features import TextFeatures
    from automl.data.tree_columns import TreeColumns, boosting_patience, boosting_rate
    from automl.data.twins import categories_without_twins
    from automl.errors import (
        AutomlError,
        DataError,
        InputError,
        MetricError,
        MissingDependencyError,
        PluginError,
        PredictorError,
        RunError,
        SettingsError,
        UnknownNameError,
    )
    from automl.estimators import AutoClassifier, AutoRegressor
    from automl.fidelity import Fidelity
    from automl.history import Candidate, History, Trial
    from automl.hookspecs import hookimpl
    from automl.predictor import Predictor
    from automl.protocols import (
        Config,
        Decision,
        Done,
        Effort,
        Executor,
        ExecutorSettings,
        Job,
        JobResult,
        Model,
        Promote,
        RunFacts,
        RunInfo,
        RunSummary,
        Sample,
        Sampler,
        Scheduler,
        Tracker,
        Wait,
    )
    from automl.registry import installed_models, register_plugin, unregister_plugin
    from automl.reporting import report
    from automl.run_reader import RunReader, open_run
    from automl.settings import Settings
    from automl.space import JointSpace
    from automl.specs import (
        ALL_PROBLEM_TYPES,
        CLASSIFICATION,
        CommandSpec,
        ExecutorSpec,
        MetricSpec,
        ModelSpec,
        PortfolioSpec,
        SamplerSpec,
        SchedulerSpec,
        SectionSpec,
        StrategySpec,
        TrackerSpec,
        load_object,
    )
    from automl.suggestions import suggest
    from automl.task import Task


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'automl' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
