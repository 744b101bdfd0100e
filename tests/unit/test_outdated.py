"""Runs that are taken up or finished when another version of a plugin is installed than the one that fitted their models."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import automl
from automl import PredictorError
from automl.api import fit_run, make_settings
from automl.predictor import Predictor
from automl.registry import load_registry
from automl.resuming import resume_folder
from automl.run_reader import open_run
from automl.store import Store
from automl.unfinished import finish_folder


class Stopped(BaseException):
    """Nobody catches it: what is left is what a kill leaves."""


def table(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    return frame.assign(win=np.where(frame["a"] + rng.normal(size=rows) > 0, "yes", "no"))


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """A run that was killed when it began its seventh trial; both models had some that were done."""
    original, numbers = Store.trial_started, iter(range(1, 100))

    def started(self, *values, **named):
        if next(numbers) == 7:
            raise Stopped
        return original(self, *values, **named)

    options = {"models": ["linear", "nearest_neighbours"], "folds": 2, "trials": 9, "executor": "inline"}
    with monkeypatch.context() as patch:
        patch.setattr(Store, "trial_started", started)
        with pytest.raises(Stopped):
            fit_run(table(), make_settings("win", options), out=tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def newer(monkeypatch):
    """A registry in which `linear` is a stranger's, whose class reads files that the one before did not write."""
    calls = []

    class Linear(load_registry().models["linear"].load()):
        @classmethod
        def load(cls, folder, config, task, seed):
            calls.append(folder)
            raise KeyError("lam")

    monkeypatch.setitem(sys.modules, "newer_linear", SimpleNamespace(Linear=Linear))
    registry = load_registry()
    spec = replace(
        registry.models["linear"], factory="newer_linear:Linear", plugin="lines", distribution="lines-of-ours"
    )
    return SimpleNamespace(registry=replace(registry, models={**registry.models, "linear": spec}), calls=calls)


def done(folder):
    """Numbers of the full trials of `linear`."""
    with open_run(folder) as reader:
        return {one.id for one in reader.trials() if one.candidate.model == "linear" and one.status == "done"}


def members(outcome):
    return {row["model"] for row in outcome.leaderboard if row["weight"] > 0}


@pytest.mark.parametrize("way", [finish_folder, resume_folder])
def test_models_that_cannot_be_loaded_stay_out_of_the_predictor(killed, newer, way):
    lost = done(killed)

    outcome = way(killed, registry=newer.registry)

    assert len(lost) >= 2
    assert members(outcome) == {"nearest_neighbours"}
    told = "model 'linear' (plugin 'lines') cannot load what it saved: KeyError: 'lam'"
    assert (f"{len(lost)} trials of linear from before are left out: {told}",) == outcome.faults
    assert any(outcome.faults[0] in reason for reason in outcome.reasons)
    assert len(automl.load(killed).predict(table(5).drop(columns="win"))) == 5


def test_another_version_is_named_and_all_trials_are_looked_at(killed, newer, monkeypatch):
    """Of a plugin whose version is the same, one trial that can be loaded vouches for the others."""
    lost, original = done(killed), Store.reopen

    def reopen(folder):
        store = original(folder)
        store.set_facts({"versions": {"lines-of-ours": "0.1"}})
        return store

    monkeypatch.setattr(Store, "reopen", reopen)
    monkeypatch.setattr("automl.outdated.versions", lambda _: {"lines-of-ours": "0.2"})

    outcome = finish_folder(killed, newer.registry)

    assert "KeyError: 'lam' (lines-of-ours is 0.2 now, 0.1 before)" in outcome.faults[0]
    assert len(lost) == len(newer.calls)


def test_one_model_vouches_for_those_of_the_same_version(killed, newer, monkeypatch):
    seen = []
    monkeypatch.setattr(
        newer.registry.models["linear"].load(),
        "load",
        classmethod(lambda _cls, folder, _config, _task, _seed: seen.append(folder)),
    )

    outcome = finish_folder(killed, newer.registry)

    assert (1, ()) == (len(seen), outcome.faults)


def test_a_model_that_never_comes_is_waited_for_once(killed, newer, monkeypatch):
    waiting = []

    def patience(_):
        waiting.append(1)
        return 0.05

    monkeypatch.setattr("automl.outdated.patience", patience)
    monkeypatch.setattr(
        newer.registry.models["linear"].load(), "load", classmethod(lambda *_: __import__("time").sleep(2))
    )

    outcome = finish_folder(killed, newer.registry)

    assert 1 == len(waiting)
    assert "model 'linear' (plugin 'lines') had not answered" in outcome.faults[0]
    assert members(outcome) == {"nearest_neighbours"}


@pytest.mark.parametrize("offered", [True, False])
def test_a_predictor_made_with_another_version_of_a_plugin_says_which(killed, newer, monkeypatch, offered):
    """What was fitted cannot be loaded, or the plugin does not offer the model any more."""
    folder = finish_folder(killed).predictor.save(killed.parent / "copy")
    plain = json.loads((folder / "predictor.json").read_text())
    del plain["sha256"], plain["files"]  # of the file as it was
    plain["versions"]["lines-of-ours"] = "0.1"
    for record in plain["members"]:
        record |= {"model": "linear", "plugin": "lines", "distribution": "lines-of-ours"}
    (folder / "predictor.json").write_text(json.dumps(plain))
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.2")
    models = {name: spec for name, spec in newer.registry.models.items() if offered or name != "linear"}

    with pytest.raises(
        PredictorError, match=r"0.2 is installed, it was made with 0.1: pip install 'lines-of-ours==0.1'"
    ):
        Predictor.load(folder, registry=replace(newer.registry, models=models)).open_members()
