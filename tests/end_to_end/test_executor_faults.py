"""Executors of strangers that fail before the first job and after the last one."""

import time
import types

import numpy as np
import pandas as pd
import pytest
from automl_plugins.executors.inline import Inline

import automl
from automl import ExecutorSpec, PluginError
from automl.api import fit_run, make_settings


class Unmade:
    """An executor whose cluster is away."""

    def __init__(self, settings):
        raise OSError("no cluster")


class Unclosed(Inline):
    """An executor that does its work, and cannot be closed."""

    def close(self):
        super().close()
        raise OSError("the queue is gone")


class Silent:
    """An executor that sleeps for as long as it is told, and never has an answer."""

    workers = 1
    waited: list[float] = []  # noqa: RUF012 - the test reads it

    def __init__(self, settings):
        pass

    def submit(self, job):
        pass

    def wait(self, seconds=None):
        self.waited.append(seconds)
        time.sleep(max(seconds, 0.0))

    def cancel(self, job_id):
        pass

    def close(self):
        pass


@pytest.fixture
def strangers():
    @automl.hookimpl
    def register_executors():
        return [
            ExecutorSpec(name=kind.__name__.lower(), summary="Odd.", factory=f"{__name__}:{kind.__name__}")
            for kind in (Unmade, Unclosed, Silent)
        ]

    automl.register_plugin(types.SimpleNamespace(register_executors=register_executors), "strangers")
    yield
    automl.unregister_plugin("strangers")


def run(folder, executor, **options):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=list("ab"))
    frame["y"] = np.where(frame["a"] > 0, "yes", "no")
    settings = make_settings("y", {"models": ["linear"], "trials": 2, "folds": 2, "executor": executor, **options})
    return fit_run(frame, settings, out=folder)


@pytest.mark.usefixtures("strangers")
def test_an_executor_that_cannot_be_made_is_named(tmp_path):
    with pytest.raises(
        PluginError, match="executor 'unmade' of plugin 'strangers' cannot be made: OSError: no cluster"
    ):
        run(tmp_path / "run", "unmade")


@pytest.mark.usefixtures("strangers")
def test_an_executor_that_cannot_be_closed_does_not_cost_the_run(tmp_path):
    with pytest.warns(RuntimeWarning, match="'unclosed' of plugin 'strangers' failed when it was closed: OSError"):
        outcome = run(tmp_path / "run", "unclosed")

    assert outcome.score > 0.9


@pytest.mark.usefixtures("strangers")
def test_no_executor_waits_for_less_than_nothing(tmp_path):
    Silent.waited.clear()
    run(tmp_path / "run", "silent", seconds=2.0, trials=None)

    assert len(Silent.waited) > 2
    assert min(Silent.waited) >= 0.0
