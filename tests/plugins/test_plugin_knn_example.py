"""The example plugin of the tutorial keeps the rules that it teaches."""

import importlib
import sys
from pathlib import Path

import pytest

import automl
from automl.testing import check_model, check_plugin_is_light

PLUGIN = Path(__file__).parents[1] / "third_party" / "automl_knn"


@pytest.fixture
def knn(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN))
    automl.register_plugin(importlib.import_module("automl_knn"), "knn")
    yield
    automl.unregister_plugin("knn")
    for name in ("automl_knn.model", "automl_knn"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_example_model_passes_all_checks(knn):
    check_model("knn")


def test_entry_module_of_the_example_is_light(knn):
    check_plugin_is_light("automl_knn")
