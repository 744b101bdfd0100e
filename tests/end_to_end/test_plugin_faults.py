"""Samplers, schedulers and executors of strangers that fail in the middle of a run: what was found is kept."""

import re
import sqlite3
import threading
import time
import types
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from automl_plugins.executors.inline import Inline
from automl_plugins.samplers.random_search import RandomSearch
from ConfigSpace import ConfigurationSpace, Integer

import automl
from automl.api import fit_run, make_settings
from automl.asking import ANSWER_SECONDS
from automl.cli import main
from automl.cli.output import Session
from automl.history import Candidate
from automl.protocols import Done, Promote, Sample
from automl.specs import ExecutorSpec, ModelSpec, SamplerSpec, SchedulerSpec


def table(rows=300):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=list("abcd"))
    return frame.assign(y=frame["a"] + 0.1 * rng.normal(size=rows))


class Answers:
    """A sampler whose answer is the class's own."""

    answer: object = None

    def __init__(self, space, seed):
        pass

    def suggest(self, history):
        return self.answer


class Raises(Answers):
    def suggest(self, history):
        raise ValueError("no idea at all")


class Leaves(Answers):
    def suggest(self, history):
        raise SystemExit(3)


class Unknown(Answers):
    answer = Candidate(model="nothere", config={}, origin="test")


class Five(Answers):
    answer = 5


class Listed(Answers):
    answer = Candidate(model="linear", config={"alpha": [1, 2]}, origin="test")


class Word(Answers):
    answer = Candidate(model="linear", config="alpha", origin="test")


class Silent(Answers):
    """Never answers, as a sampler whose server is gone."""

    gone = threading.Event()

    def suggest(self, history):
        self.gone.wait()


class Slow(RandomSearch):
    """Thinks for longer than the search waits."""

    def suggest(self, history):
        before = [(trial.id, trial.status) for trial in history]
        time.sleep(2 * ANSWER_SECONDS)
        assert before == [(trial.id, trial.status) for trial in history]
        return super().suggest(history)


class Dear(RandomSearch):
    """Thinks for a while, and suggests what there is no time for."""

    asked: ClassVar[list[float]] = []

    def suggest(self, history):
        time.sleep(0.3)
        self.asked.append(time.monotonic())
        return super().suggest(history)


class Steps:
    """A scheduler that does what its class says after the first trials."""

    step: object = None

    def __init__(self, seed):
        pass

    def next(self, history):
        return Sample() if len(history) < 3 else self.step


class Over(Steps):
    """A scheduler for which the search is over at once."""

    def next(self, history):
        return Done()


class Go(Steps):
    step = "go"


class Large(Steps):
    step = Sample(budget="much")


class Nobody(Steps):
    step = Promote(trial=77, budget=1.0)


class Again(Steps):
    step = Promote(trial=1, budget=1.0)


class Junk:
    """An executor that hands out five results as they should be, then something else."""

    workers = 1

    def __init__(self, settings):
        self._inside, self._results = Inline(settings), 0

    def __getattr__(self, name):
        return getattr(self._inside, name)

    def wait(self, seconds=None):
        result = self._inside.wait(seconds)
        self._results += result is not None
        return result if self._results <= 5 else self.spoil(result)

    def spoil(self, result):
        return "a result"


class Broken(Junk):
    def spoil(self, result):
        raise OSError("the cluster is gone")


class Hollow(Junk):
    def spoil(self, result):
        return replace(result, value=None)


def space(task):
    return ConfigurationSpace(space=[Integer("size", (1, 100))])


class Failing:
    """A model that can never be fitted."""

    def __init__(self, config, task, seed):
        pass

    def fit(self, train, valid, effort):
        raise ValueError("it cannot be")


def plugin_of(name):
    """A plugin with the class of this name, in whichever of its roles it works."""
    factory, words = f"test_plugin_faults:{name.title()}", {"name": name, "summary": "Fails."}

    @automl.hookimpl
    def register_samplers():
        return [SamplerSpec(**words, factory=factory)]

    @automl.hookimpl
    def register_schedulers():
        return [SchedulerSpec(**words, factory=factory)]

    @automl.hookimpl
    def register_executors():
        return [ExecutorSpec(**words, factory=factory)]

    @automl.hookimpl
    def register_models():
        return [ModelSpec(**words, factory=factory, space="test_plugin_faults:space")]

    return types.SimpleNamespace(
        register_models=register_models,
        register_samplers=register_samplers,
        register_schedulers=register_schedulers,
        register_executors=register_executors,
    )


@pytest.mark.parametrize(
    ("role", "name", "fault"),
    [
        ("strategy", "raises", "ValueError: no idea at all"),
        ("strategy", "leaves", "SystemExit: 3"),
        ("strategy", "unknown", "the model 'nothere'"),
        ("strategy", "five", "it suggested 5"),
        ("strategy", "listed", "alpha=[1, 2], a list"),
        ("strategy", "word", "the configuration 'alpha'"),
        ("strategy", "random+go", "scheduler 'go' (plugin 'go') answered 'go'"),
        ("strategy", "random+large", "scheduler 'large' (plugin 'large') gave the budget 'much'"),
        ("strategy", "random+nobody", "scheduler 'nobody' (plugin 'nobody') promoted trial 77"),
        ("strategy", "random+again", "scheduler 'again' (plugin 'again') goes on with trial 1 at budget 1"),
        ("executor", "junk", "answered 'a result'"),
        ("executor", "broken", "OSError: the cluster is gone"),
        ("executor", "hollow", "came back with None"),
    ],
)
def test_a_plugin_that_fails_ends_the_search_not_the_run(tmp_path, monkeypatch, role, name, fault):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    plugin = name.rpartition("+")[2]
    automl.register_plugin(plugin_of(plugin), plugin)
    try:
        options = {"trials": 9, "models": ["linear"], "folds": 2, "executor": "inline", role: name}
        outcome = fit_run(table(), make_settings("y", options), out=tmp_path / "run")
    finally:
        automl.unregister_plugin(plugin)

    assert not outcome.only_baseline
    assert outcome.predictor.predict(table(5)).shape == (5,)
    assert any(f"the {'search strategy' if role == 'strategy' else role} failed" in one for one in outcome.reasons)
    assert len(outcome.faults) == 1
    assert fault in outcome.faults[0]
    with closing(sqlite3.connect(tmp_path / "run" / "run.db")) as database, database:
        events = database.execute("SELECT message FROM events WHERE code = ?", (role,)).fetchall()
    assert events == [outcome.faults]


def run_with(name, folder, **options):
    automl.register_plugin(plugin_of(name), name)
    try:
        words = {"models": ["linear"], "folds": 2, "strategy": name, "jobs": 1, **options}
        return fit_run(table(), make_settings("y", words), out=folder)
    finally:
        automl.unregister_plugin(name)


@pytest.mark.slow
def test_a_strategy_that_never_answers_ends_with_the_time_of_the_search(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    outcome = run_with("silent", tmp_path / "run", time=12.0)
    Silent.gone.set()

    assert outcome.seconds < 12.0 * 1.02 + 3.0
    assert not outcome.only_baseline
    (fault,) = outcome.faults
    assert re.fullmatch(r"the search strategy had not answered for \d+ s when the search ended", fault)


@pytest.mark.slow
def test_a_strategy_that_thinks_long_is_shown_a_history_that_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    outcome = run_with("slow", tmp_path / "run", time=12.0)

    assert () == outcome.faults
    assert any("slow" in str(row["origin"]) or row["origin"] == "random" for row in outcome.leaderboard)


@pytest.mark.slow
def test_no_suggestion_is_asked_for_behind_the_end_of_the_search(tmp_path, monkeypatch):
    """Where all are passed over as too slow, there are rows of questions between two looks at what is back."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setattr(
        "automl.admission.Admission.why_skip",
        lambda self, start, *_: "" if start.candidate.origin == "default" else "too slow",
    )
    from test_plugin_faults import Dear as Asked  # the one that the plugin makes

    Asked.asked.clear()
    started = time.monotonic()
    outcome = run_with("dear", tmp_path / "run", time=6.0)

    assert not outcome.only_baseline
    assert Asked.asked
    assert max(Asked.asked) < started + 6.0 + 0.5


def test_defaults_are_tried_whatever_a_scheduler_says(tmp_path, monkeypatch, capsys):
    """This one is done at once."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    table().to_csv(tmp_path / "train.csv", index=False)
    automl.register_plugin(plugin_of("over"), "over")
    try:
        asked = ["fit", str(tmp_path / "train.csv"), "--target", "y", "--strategy", "random+over", "--time", "20"]
        asked += ["--models", "linear", "--out", str(tmp_path / "run")]
        assert 0 == main.run(asked, Session(started=time.monotonic(), json_stream=None))
    finally:
        automl.unregister_plugin("over")

    found = capsys.readouterr()
    assert re.search("1 +linear .* default", found.out)
    assert "trials      1 in" in found.out
    assert not found.err


def test_a_plugins_fault_is_told_on_standard_error(tmp_path, monkeypatch, capfd):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    table().to_csv(tmp_path / "table.csv", index=False)
    automl.register_plugin(plugin_of("five"), "five")
    try:
        words = ["--trials", "9", "--models", "linear", "--folds", "2", "--executor", "inline", "--strategy", "five"]
        path, run = str(tmp_path / "table.csv"), str(tmp_path / "run")
        code = main.run(["fit", path, "--target", "y", "-q", *words, "--out", run], Session(started=time.monotonic()))
    finally:
        automl.unregister_plugin("five")

    assert code == 0
    assert "the search strategy failed: sampler 'five' (plugin 'five'): it suggested 5" in capfd.readouterr().err


def test_why_all_trials_of_a_model_failed_is_told(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    table().to_csv("table.csv", index=False)
    words = [
        "--models",
        "lightgbm",
        "--space",
        "lightgbm.num_leaves=0",
        "--trials",
        "2",
        "--folds",
        "2",
        "--out",
        "run",
    ]
    code = main.run(["fit", "table.csv", "--target", "y", *words], Session(started=time.monotonic()))
    told = capfd.readouterr().err

    assert code == 2
    assert "cannot take num_leaves=0; it must be at least 2" in told
    assert not Path("run").exists()

    monkeypatch.syspath_prepend(Path(__file__).parent)
    automl.register_plugin(plugin_of("failing"), "failing")
    try:
        words = ["--models", "failing", "--trials", "3", "--folds", "2", "--executor", "inline", "-q", "--out", "run"]
        code = main.run(["fit", "table.csv", "--target", "y", *words], Session(started=time.monotonic()))
    finally:
        automl.unregister_plugin("failing")

    assert code == 3
    assert "all 3 trials of failing failed with error: ValueError: it cannot be" in capfd.readouterr().err
