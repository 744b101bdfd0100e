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


LATE = """
import time
import slow_start_model

class Late(slow_start_model.Mean):
    def fit(self, train, valid, effort):
        began = time.monotonic()
        import slow_start_late
        self.mean = float(train.target.mean())
        return {"waited": time.monotonic() - began}
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
            ),
            ModelSpec(
                name="late_import",
                summary="The mean, whose fit imports more.",
                factory="slow_start_fit:Late",
                space="slow_start_space:space",
                preload=("slow_start_late", "slow_start_not_there", "slow_start_broken"),
            ),
        ]


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Registered, its modules where workers find them."""
    modules = {"model": MODULE, "space": SPACE, "fit": LATE, "late": "import time\ntime.sleep(1.5)\n"}
    modules["broken"] = "raise OSError('libfoo.so: cannot open shared object file')\n"
    for name, text in modules.items():
        (tmp_path / f"slow_start_{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    automl.register_plugin(Plugin(), "slow")
    yield
    automl.unregister_plugin("slow")
    for name in modules:
        sys.modules.pop(f"slow_start_{name}", None)


COLUMNS = {"a": [float(i % 7) for i in range(200)], "y": [float(i % 11) for i in range(200)]}


def test_first_import_of_a_model_does_not_count_against_its_limit(tmp_path, plugin):
    predictor = automl.fit(COLUMNS, target="y", models=("slow_start",), time=30, trials=2, out=tmp_path / "run")

    rows = [row for row in predictor.leaderboard() if row["model"] == "slow_start"]
    assert ["done"] == [row["status"] for row in rows]


def test_what_a_fit_imports_is_there_before_its_time_begins(tmp_path, plugin):
    """As with torch, whose optimisers import half of it when the first one is made: the first fold's time went into that,
    and the model was left as hopeless. One that is not there or broken is the model's own affair.
    """
    automl.fit(COLUMNS, target="y", models=("late_import",), executor="inline", trials=1, folds=2, out=tmp_path / "run")

    with automl.open_run(tmp_path / "run") as run:
        trial = next(trial for trial in run.trials() if trial.candidate.model == "late_import")
    assert trial.status == "done"
    assert trial.facts["waited"] < 0.5
