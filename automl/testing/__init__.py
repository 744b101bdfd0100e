"""Checks that plugins run on what they add, with the toys they need.

For pytest: ``check_model("knn")`` raises an AssertionError that tells which rule is broken.
Public names are loaded when they are first used, so that ``import automl.testing`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "check_model": "automl.testing.models",
    "model_checks": "automl.testing.models",
    "check_sampler": "automl.testing.samplers",
    "check_scheduler": "automl.testing.schedulers",
    "check_metric": "automl.testing.metrics",
    "check_portfolio": "automl.testing.portfolios",
    "check_plugin_is_light": "automl.testing.imports",
    "check_no_pickle": "automl.testing.files",
    "toy_task": "automl.testing.data",
    "toy_table": "automl.testing.data",
    "toy_matrix": "automl.testing.data",
    "toy_image_data": "automl.testing.image_data",
    "toy_image_task": "automl.testing.image_data",
    "toy_space": "automl.testing.search",
    "FakeClock": "automl.testing.clock",
}

__all__ = [
    "FakeClock",
    "check_metric",
    "check_model",
    "check_no_pickle",
    "check_plugin_is_light",
    "check_portfolio",
    "check_sampler",
    "check_scheduler",
    "model_checks",
    "toy_image_data",
    "toy_image_task",
    "toy_matrix",
    "toy_space",
    "toy_table",
    "toy_task",
]

if TYPE_CHECKING:
    from automl.testing.clock import FakeClock
    from automl.testing.data import toy_matrix, toy_table, toy_task
    from automl.testing.files import check_no_pickle
    from automl.testing.image_data import toy_image_data, toy_image_task
    from automl.testing.imports import check_plugin_is_light
    from automl.testing.metrics import check_metric
    from automl.testing.models import check_model, model_checks
    from automl.testing.portfolios import check_portfolio
    from automl.testing.samplers import check_sampler
    from automl.testing.schedulers import check_scheduler
    from automl.testing.search import toy_space


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'automl.testing' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
