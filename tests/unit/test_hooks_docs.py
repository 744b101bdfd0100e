"""docs/hooks.md has a heading per hook with its true signature, and its examples work."""

import importlib
import inspect
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import automl
from automl import (
    Candidate,
    Done,
    Effort,
    Executor,
    ExecutorSettings,
    History,
    Job,
    JointSpace,
    MatrixData,
    Model,
    Promote,
    RunInfo,
    Sample,
    Sampler,
    Scheduler,
    Task,
    Trial,
    Wait,
    hookspecs,
)
from automl.fidelity import Fidelity
from automl.plugin_loading import hook_types, kind_of
from automl.registry import Registry
from automl.testing import check_model

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text()
SECTIONS = dict(re.findall(r"^## (register_\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def blocks(text):
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_every_hook_has_a_heading_in_the_order_of_the_code():
    assert list(hook_types()) == list(SECTIONS)


@pytest.mark.parametrize("hook", hook_types())
def test_signature_on_the_page_is_the_true_one(hook):
    signature = str(inspect.signature(getattr(hookspecs, hook))).replace("'", "")

    assert f"def {hook}{signature}: ...\n" == blocks(SECTIONS[hook])[0]


@pytest.fixture
def example(request, tmp_path, monkeypatch):
    """Writes the files of a hook's example, registers the plugin and returns what it offers, loaded."""

    def load(hook):
        for block in blocks(SECTIONS[hook])[1:]:
            path = tmp_path / re.match(r"# (my_plugin/\w+\.py)\n", block).group(1)
            path.parent.mkdir(exist_ok=True)
            path.write_text(block)
        monkeypatch.syspath_prepend(str(tmp_path))
        found = Registry().register(importlib.import_module("my_plugin"), "mine")
        specs = [spec for spec in getattr(found, kind_of(hook)).values() if getattr(spec, "plugin", "mine") == "mine"]
        (spec,) = [spec for spec in specs if spec.name not in ("rows", "folds")]
        return spec

    yield load
    for name in [name for name in sys.modules if name.split(".")[0] == "my_plugin"]:
        del sys.modules[name]


def task(problem_type="binary"):
    classes = {"binary": ("a", "b"), "regression": ()}[problem_type]
    return Task(target="y", problem_type=problem_type, metric="m", rows=6, features=1, classes=classes)


def toy_space():
    from ConfigSpace import ConfigurationSpace, Float

    return JointSpace({name: ConfigurationSpace(space=[Float("shrink", (0.0, 1.0))]) for name in ("average", "other")})


def trial(number, **fields):
    candidate = Candidate(model=fields.pop("model", "average"), config={"shrink": number / 10})
    return Trial(id=number, candidate=candidate, **({"status": "done", "loss": float(number)} | fields))


@pytest.mark.parametrize("problem_type", ["binary", "regression"])
def test_example_of_register_models(example, tmp_path, problem_type):
    spec = example("register_models")
    kind = spec.load()
    assert issubclass(kind, Model)
    config = dict(importlib.import_module("my_plugin.average").space(task()).get_default_configuration())
    target = np.array([0, 0, 0, 1, 0, 1]) if problem_type == "binary" else np.arange(6.0) ** 2
    data = MatrixData(names=("a",), values=np.zeros((6, 1), dtype=np.float32), target=target)

    model = kind(config, task(problem_type), 0)
    model.fit(data, None, Effort())
    model.save(tmp_path)
    predicted = kind.load(tmp_path, config, task(problem_type), 0).predict(data)

    expected = [0.9 * 4 / 6 + 0.05, 0.9 * 2 / 6 + 0.05] if problem_type == "binary" else 0.9 * 55 / 6 + 0.1 * 6.5
    assert ((6, 2) if problem_type == "binary" else (6,)) == predicted.shape
    assert np.allclose(expected, predicted)


def test_the_example_of_a_model_passes_the_conformance_checks(example):
    example("register_models")
    automl.register_plugin(importlib.import_module("my_plugin"), "mine")
    try:
        check_model("average")
    finally:
        automl.unregister_plugin("mine")


def test_example_of_register_fidelities(example):
    fidelity = example("register_fidelities")

    assert isinstance(fidelity, Fidelity)
    assert 512 == fidelity.value(0.25)


def test_the_example_of_a_resumable_model_passes_the_conformance_checks_and_goes_on(example, tmp_path):
    """In two parts it comes to the same weights as at once."""
    example("register_fidelities")
    mine = importlib.import_module("my_plugin")
    automl.register_plugin(mine, "mine")
    try:
        check_model("descent")
    finally:
        automl.unregister_plugin("mine")
    kind = importlib.import_module("my_plugin.descent").Descent
    values = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    data = MatrixData(names=("a", "b", "c"), values=values, target=values[:, 0].astype(np.float64))
    first, second, whole = (kind({"rate": 0.5}, task("regression"), 0) for _ in range(3))

    assert {"steps": 10} == first.fit(data, None, Effort(fidelity={"steps": 10.0}))
    first.save(tmp_path)
    assert {"steps": 30} == second.fit(data, None, Effort(fidelity={"steps": 30.0}, checkpoint=tmp_path))
    whole.fit(data, None, Effort(full={"steps": 30.0}))
    assert np.array_equal(whole.weights, second.weights)
    whole.fit(replace(data, target=-data.target), None, Effort(fidelity={"steps": 10.0}, checkpoint=tmp_path))
    assert np.array_equal(whole.weights, first.weights), "nothing is left to train up to where the checkpoint was"


def test_example_of_register_samplers(example):
    sampler = example("register_samplers").load()(toy_space(), 1)
    history = History([trial(1, model="other")])

    suggested = {sampler.suggest(history.with_trial(trial(2 + extra, loss=9.0))).model for extra in range(5)}

    assert isinstance(sampler, Sampler)
    assert {"other"} == suggested
    assert sampler.suggest(History()) == sampler.suggest(History())


def test_example_of_register_schedulers(example):
    scheduler = example("register_schedulers").load()(0, configurations=4)
    assert isinstance(scheduler, Scheduler)
    assert Sample(budget=1.0) == scheduler.next(History())
    history = History([trial(1), trial(2, budget=0.25), trial(3, budget=0.25)])

    assert Sample(budget=0.25) == scheduler.next(history)
    history = history.with_trial(trial(4, budget=0.25, status="running", loss=None))
    assert Wait() == scheduler.next(history)
    history = history.with_trial(trial(4, budget=0.25, loss=0.5))
    assert Promote(trial=4, budget=1.0) == scheduler.next(history)
    history = history.with_trial(trial(5, parent=4))
    assert Promote(trial=2, budget=1.0) == scheduler.next(history)
    assert Done() == scheduler.next(history.with_trial(trial(6, parent=2)))


def test_example_of_register_strategies(example):
    spec = example("register_strategies")

    assert ("random", "full") == (spec.sampler, spec.scheduler)


def test_example_of_register_executors(example):
    executor = example("register_executors").load()(ExecutorSettings(workers=1))
    assert isinstance(executor, Executor)

    executor.submit(Job(id=1, call="math:sqrt", argument=4.0))
    executor.submit(Job(id=2, call="math:sqrt", argument=-1.0))
    executor.submit(Job(id=3, call="math:sqrt", argument=4.0))
    executor.cancel(3)
    results = [executor.wait() for _ in range(4)]
    executor.close()

    assert [(3, "cancelled", None), (1, "done", 2.0), (2, "error", None)] == [
        (result.id, result.kind, result.value) for result in results[:3]
    ]
    assert results[3] is None


def test_example_of_register_metrics(example):
    assert 3.0 == example("register_metrics").load()(np.array([1.0, 2.0]), np.array([0.0, 5.0]), None)


def test_example_of_register_portfolios(example):
    (candidate,) = example("register_portfolios").load()(task())

    assert Candidate(model="average", config={"shrink": 0.2}, origin="mine#1") == candidate


def test_example_of_register_trackers(example, tmp_path):
    tracker = example("register_trackers").load()()
    tracker.run_started(
        RunInfo(folder=tmp_path, task=task(), seconds=None, deadline=None, trials=1, workers=1, threads=1)
    )
    tracker.trial_started(trial(1))
    tracker.trial_finished(trial(1, score=0.5), 0.5)
    tracker.run_finished(None)

    assert "1 average done 0.5 0.5\n" == (tmp_path / "lines.txt").read_text()


def test_example_of_register_commands(example):
    from click.testing import CliRunner

    done = CliRunner().invoke(example("register_commands").load(), ["there"])

    assert (0, "hello, there\n") == (done.exit_code, done.output)


def test_example_of_register_report_sections(example, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "a<b").touch()

    assert "<h2>Files</h2><ul><li>a&lt;b</li></ul>" == example("register_report_sections").load()(folder)


def test_every_example_has_a_test():
    assert [hook for hook in hook_types() if f"test_example_of_{hook}" not in globals()] == []
