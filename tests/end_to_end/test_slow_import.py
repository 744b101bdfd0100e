"""A stranger's model whose libraries take seconds to import is not lost to the limit of its first job."""

import sys

import pytest

import automl
from automl import ModelSpec, hookimpl

pytestmark = pytest.mark.slow

MODULE = """
import time
time.sleep(6)
import numpy as np

class Mean:
    def __init__(self, config, task, seed):
        pass
    def fit(self, train, valid, effort):
        self.mean = float(train.target.mean())
    def predict(self, data):
        return np.full(len(data), self.mean)
    def save(self, folder):
        (folder / "mean.txt").write_text(repr(self.mean))
    @classmethod
    def load(cls, folder, config, task, seed):
        model = cls(config, task, seed)
        model.mean = float((folder / "mean.txt").read_text())
        return model
"""

SPACE = """
from ConfigSpace import ConfigurationSpace

def space(task):
    return ConfigurationSpace()
"""


class Plugin:
    @hookimpl
    def register_models(self):
        return [
            ModelSpec(
                name="slow_start",
                summary="The mean, after a long import.",
                factory="slow_start_model:Mean",
                space="slow_start_space:space",
            )
        ]


def test_first_import_of_a_model_does_not_count_against_its_limit(tmp_path, monkeypatch):
    (tmp_path / "slow_start_model.py").write_text(MODULE)
    (tmp_path / "slow_start_space.py").write_text(SPACE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    automl.register_plugin(Plugin(), "slow")
    try:
        columns = {"a": [float(i % 7) for i in range(200)], "y": [float(i % 11) for i in range(200)]}
        predictor = automl.fit(columns, target="y", models=("slow_start",), time=30, trials=2, out=tmp_path / "run")
    finally:
        automl.unregister_plugin("slow")
        for name in ("slow_start_model", "slow_start_space"):
            sys.modules.pop(name, None)

    rows = [row for row in predictor.leaderboard() if row["model"] == "slow_start"]
    assert ["done"] == [row["status"] for row in rows]
