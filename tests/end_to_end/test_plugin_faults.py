"""Samplers, schedulers and metrics of strangers that fail in the middle of a run: what was found is kept."""

import sqlite3
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl.api import fit_run, make_settings
from automl.history import Candidate
from automl.specs import SamplerSpec


def table(rows=300):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=list("abcd"))
    return frame.assign(y=frame["a"] + 0.1 * rng.normal(size=rows))


class Raises:
    def __init__(self, space, seed):
        pass

    def suggest(self, history):
        raise ValueError("no idea at all")


class Unknown:
    def __init__(self, space, seed):
        pass

    def suggest(self, history):
        return Candidate(model="nothere", config={}, origin="test")


def sampler_plugin(name):
    @automl.hookimpl
    def register_samplers():
        return [SamplerSpec(name=name, factory=f"test_plugin_faults:{name.title()}", summary="Fails.")]

    return types.SimpleNamespace(register_samplers=register_samplers)


@pytest.mark.parametrize(
    ("name", "fault"),
    [("raises", "ValueError: no idea at all"), ("unknown", "the model 'nothere'")],
)
def test_a_sampler_that_fails_ends_the_search_not_the_run(tmp_path, monkeypatch, name, fault):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    automl.register_plugin(sampler_plugin(name), name)
    try:
        options = {"trials": 9, "models": ["linear"], "folds": 2, "strategy": name, "executor": "inline"}
        outcome = fit_run(table(), make_settings("y", options), out=tmp_path / "run")
    finally:
        automl.unregister_plugin(name)

    assert not outcome.only_baseline
    assert outcome.predictor.predict(table(5)).shape == (5,)
    assert any("the search strategy failed" in reason and fault in reason for reason in outcome.reasons)
    with sqlite3.connect(tmp_path / "run" / "run.db") as database:
        events = database.execute("SELECT message FROM events WHERE code = 'strategy'").fetchall()
    assert len(events) == 1
    assert fault in events[0][0]
