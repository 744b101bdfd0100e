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


def kill(folder, monkeypatch, *, method, at, **options):
    """A run that was killed when it wrote for the `at`-th time with this method of its store."""
    original, numbers = getattr(Store, method), iter(range(1, 1000))

    def write(self, *values, **named):
        if next(numbers) == at:
            raise Stopped
        return original(self, *values, **named)

    usual = {"models": ["linear", "nearest_neighbours"], "folds": 2, "trials": 9, "executor": "inline", "seed": 1}
    with monkeypatch.context() as patch:
        patch.setattr(Store, method, write)
        with pytest.raises(Stopped):
            fit_run(table(), make_settings("win", {**usual, **options}), out=folder)
    return folder


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """A run that was killed when it began its seventh trial; both models had some that were done."""
    return kill(tmp_path / "run", monkeypatch, method="trial_started", at=7)


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
    if way is finish_folder:  # with the one that was cut off
        assert (f"{len(lost) + 1} trials of linear from before are left out: {told}",) == outcome.faults
    else:
        assert f"{len(lost)} trials of linear from before are left out: {told}" == outcome.faults[0]
        assert f"1 trial of linear from before is fitted again: {told}" == outcome.faults[1]
    assert any(outcome.faults[0] in reason for reason in outcome.reasons)
    assert len(automl.load(killed).predict(table(5).drop(columns="win"))) == 5


def test_a_trial_that_was_cut_off_is_no_way_out_where_no_model_can_be_loaded(tmp_path, monkeypatch, newer):
    """It was taken as the only one that there was, and the predictor could not be loaded."""
    folder = kill(tmp_path / "run", monkeypatch, method="job_finished", at=4, models=["linear"])

    outcome = finish_folder(folder, newer.registry)

    assert members(outcome) == {"dummy"}
    assert len(automl.load(folder).predict(table(5).drop(columns="win"))) == 5


@pytest.fixture
def reads_its_own(newer, monkeypatch):
    """The class of `newer` reads what it wrote itself."""

    class Linear(load_registry().models["linear"].load()):
        def save(self, folder):
            super().save(folder)
            (folder / "newer.txt").write_text("yes")

        @classmethod
        def load(cls, folder, config, task, seed):
            if not (folder / "newer.txt").is_file():
                raise KeyError("lam")
            return super().load(folder, config, task, seed)

    monkeypatch.setattr(sys.modules["newer_linear"], "Linear", Linear)
    return newer


@pytest.mark.parametrize(("torn", "count"), [(False, "1 trial of linear from before is"), (True, "2 trials of linear")])
def test_trials_that_go_on_are_fitted_by_the_plugin_of_now(tmp_path, monkeypatch, reads_its_own, torn, count):
    """The folds of before joined the rest, of a trial that was cut off and of one that has lost a fold."""
    folder = kill(
        tmp_path / "run", monkeypatch, method="job_finished", at=6 if torn else 4, models=["linear"], trials=2
    )
    if torn:
        next(path for path in (folder / "trials" / "0002" / "fold-1" / "model").iterdir()).write_bytes(b"")

    outcome = resume_folder(folder, registry=reads_its_own.registry)

    (told,) = outcome.faults
    assert told.startswith(count)
    assert "fitted again: model 'linear' (plugin 'lines') cannot load what it saved: KeyError: 'lam'" in told
    assert (folder / "trials" / "0002" / "fold-0" / "model" / "newer.txt").is_file()
    assert members(outcome) == {"linear"}


def test_folds_that_a_larger_budget_goes_on_from_are_fitted_by_the_plugin_of_now(tmp_path, monkeypatch, reads_its_own):
    """Where folds are the fidelity, those of the smaller budget are members of what is promoted."""
    options = {"strategy": "random+race", "models": ["linear"], "folds": 4, "trials": 20}
    folder = tmp_path / "run"
    kill(folder, monkeypatch, method="job_finished", at=14, **options)

    resume_folder(folder, registry=reads_its_own.registry)

    with open_run(folder) as reader:
        promoted = [
            one.id for one in reader.trials() if one.parent is not None and one.is_full and one.status == "done"
        ]
    kept = [path for number in promoted for path in (folder / "trials" / f"{number:04d}").glob("*/model")]
    assert kept
    assert all((path / "newer.txt").is_file() for path in kept)


def test_damaged_files_are_no_fault_of_the_plugin(killed, reads_its_own, monkeypatch):
    """Of a damaged trial its whole folds are looked at, and where there are none, the damage is what is told."""
    monkeypatch.setattr(sys.modules["newer_linear"].Linear, "load", load_registry().models["linear"].load().load)
    lost = done(killed)
    for number in lost:
        for path in (killed / "trials" / f"{number:04d}").glob("*/member.json"):
            path.write_bytes(b"")

    outcome = finish_folder(killed, reads_its_own.registry)

    assert not any("cannot load" in reason for reason in outcome.reasons)
    assert all(
        f"finish: trial {number} is left out: files of its models are damaged" in outcome.reasons for number in lost
    )


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
    assert len(lost) + 1 == len(newer.calls), "with the one that was cut off"


def test_versions_of_all_sittings_are_compared(tmp_path, monkeypatch, reads_its_own):
    """Begun with 1.0, taken up and killed with 2.0, finished with 1.0: what 2.0 wrote is of another version, too."""
    folder = kill(tmp_path / "run", monkeypatch, method="job_finished", at=4, models=["linear"], folds=3, trials=4)
    newer, numbers, original = reads_its_own.registry.models["linear"], iter(range(1, 1000)), Store.job_finished

    def write(self, *values, **named):
        if next(numbers) == 6:
            raise Stopped
        return original(self, *values, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "job_finished", write)
        patch.setattr("automl.resuming.versions", lambda _: {"lines-of-ours": "2.0"})
        with pytest.raises(Stopped):
            resume_folder(folder, registry=reads_its_own.registry)
    monkeypatch.setattr("automl.outdated.versions", lambda _: {"lines-of-ours": "1.0"})
    seen = []
    monkeypatch.setattr(
        newer.load(), "load", classmethod(lambda _cls, folder, _config, _task, _seed: seen.append(folder.parent.name))
    )

    finish_folder(folder, reads_its_own.registry)

    assert ["fold-0", "fold-2", "fold-0", "fold-1"] == seen, "the first and the last fold of each trial"


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
