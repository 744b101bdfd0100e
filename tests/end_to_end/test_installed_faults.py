"""Plugins that are merely installed, and raise or never answer before the search begins: the run goes on without them."""

import itertools
import re
import threading
import time
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Constant, Integer, OrdinalHyperparameter

import automl
from automl import (
    Candidate,
    ModelSpec,
    PluginError,
    PortfolioSpec,
    SamplerSpec,
    SchedulerSpec,
    SettingsError,
    StrategySpec,
)
from automl.api import check_run, fit_run, make_settings
from automl.protocols import RunFacts
from automl.registry import load_registry
from automl.space import model_space
from automl.strategy_names import choose_options, choose_strategy, make_strategy
from automl.suggestions import suggest_run
from automl.testing import check_portfolio, toy_space, toy_task

HERE = "test_installed_faults"
GONE = threading.Event()
"""Set when a test is over, so that what hung in it ends."""
FACTS = RunFacts(
    rows=100, features=3, models=("linear",), starting=1, folds=2, fit_seconds=1.0, workers=1, seconds=None, trials=None
)


def table(rows=60):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    return frame.assign(y=frame["a"] + 0.1 * rng.normal(size=rows))


# -- what the plugins bring -----------------------------------------------------------------------------


def space(task):
    return ConfigurationSpace(space=[Integer("size", (1, 100))])


def tuples(task):
    return ConfigurationSpace(space=[Categorical("pair", [(1, 2), (3, 4)])])


def steps(task):
    return ConfigurationSpace(space=[OrdinalHyperparameter("pair", [(1, 2), (3, 4)])])


def constant(task):
    return ConfigurationSpace(space=[Constant("pair", (1, 2))])


def hang(*_, **__):
    GONE.wait()


def fail(*_, **__):
    raise OSError("the driver is gone")


def nothing(*_, **__):
    return None


def endless(task):
    for number in itertools.count():
        yield Candidate(model="linear", config={"alpha": 1.0 + 1e-6 * number}, origin="endless")


def words(task):
    return ["one"]


def word(task):
    return "one"


@pytest.fixture
def install(monkeypatch):
    """Let this process use a plugin called ``strange`` that brings these specs; calls are waited for a second."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    registry = load_registry()
    for name in ("linear", "dummy", "extra_trees"):  # imported before they are waited for so shortly
        model_space(registry.models[name], toy_task("regression"))
    monkeypatch.setattr("automl.plugin_calls.CALL_SECONDS", 1.0)
    GONE.clear()

    def add(**specs):
        def offering(kind, offered):
            @automl.hookimpl
            def hook():
                return offered

            hook.__name__ = f"register_{kind}"
            return hook

        plugin = types.SimpleNamespace(**{f"register_{kind}": offering(kind, given) for kind, given in specs.items()})
        automl.register_plugin(plugin, "strange")

    yield add
    automl.unregister_plugin("strange")
    GONE.set()


def model(name, **fields):
    given = {"factory": f"{HERE}:None", "space": f"{HERE}:space", **fields}
    return ModelSpec(name=name, summary="Fails.", **given)


def on_gpu(name, function):
    return model(name, devices=("cpu", "cuda"), find_device=f"{HERE}:{function}")


def reasons(**options):
    return check_run(table(), make_settings("y", options)).reasons


def told_of(name, found):
    return [reason for reason in found if reason.startswith(f"not used: {name}: ")]


# -- models ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["tuples", "steps", "constant"])
def test_a_space_with_values_that_cannot_be_written_down_costs_the_model(install, function):
    install(models=[model("odd", space=f"{HERE}:{function}")])
    message = "space of model 'odd' (plugin 'strange'): 'pair': hyperparameter value (1, 2) is a tuple; use str"

    (told,) = told_of("odd", reasons())
    assert message in told
    with pytest.raises(PluginError, match=re.escape(message)):
        reasons(models=["odd", "linear"])


def test_a_space_that_never_comes_is_waited_for_once(install):
    """Not again for another model of the same plugin; what the user named is an error."""
    install(models=[model("odd", space=f"{HERE}:hang"), model("odder", space=f"{HERE}:hang"), model("fine")])
    started = time.monotonic()
    found = reasons()

    assert time.monotonic() - started < 10.0
    for name in ("odd", "odder"):
        (told,) = told_of(name, found)
        assert "space of model 'odd' (plugin 'strange') had not answered after 1 s and was given up" in told
    with pytest.raises(PluginError, match="space of model 'odder'.*had not answered"):
        reasons(models=["odder", "linear"])


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("fail", "raised OSError: the driver is gone"),
        ("nothing", "returned None; it must return a device and why, two texts"),
        ("hang", "had not answered after 1 s and was given up"),
    ],
)
def test_a_device_that_cannot_be_found_costs_the_model(install, function, message):
    install(models=[on_gpu("odd", function), on_gpu("odder", function)])
    whole = f"model 'odd' of plugin 'strange': {HERE}:{function} {message}"
    found = reasons()

    for name in ("odd", "odder"):
        (told,) = told_of(name, found)
        assert whole in told
    assert not any("models, in this order" in reason and "odd" in reason for reason in found)
    with pytest.raises(PluginError, match=re.escape(whole)):
        reasons(models=["odd", "linear"])
    assert not told_of("odd", reasons(device="cpu"))


def test_a_device_that_the_user_asked_for_and_nobody_can_find_is_an_error(install, monkeypatch):
    install(models=[on_gpu("odd", "fail")])
    registry = load_registry()
    others = [name for name, spec in registry.models.items() if "cuda" in spec.devices and name != "odd"]
    monkeypatch.setattr(type(registry), "unusable", lambda self, spec: "is not here" if spec.name in others else None)

    with pytest.raises(PluginError, match="'odd' of plugin 'strange'.*the driver is gone"):
        reasons(device="cuda")


def test_weights_that_cannot_be_found_are_none(install, monkeypatch):
    install(models=[model("odd", find_weights=f"{HERE}:fail")])

    assert any("pretrained weights: none: model 'odd' of plugin 'strange'" in reason for reason in reasons())
    assert told_of("odd", reasons())
    with pytest.raises(PluginError, match="'odd' of plugin 'strange'.*the driver is gone"):
        reasons(pretrained="some")
    with pytest.raises((PluginError, SettingsError), match="the driver is gone"):
        reasons(models=["odd", "linear"])


# -- portfolios -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("fail", "raised OSError: the driver is gone"),
        ("nothing", "returned NoneType; it must return Candidate objects"),
        ("word", "returned str; it must return Candidate objects"),
        ("words", "gave str; it must give Candidate objects"),
        ("hang", "had not answered after 1 s"),
    ],
)
def test_a_portfolio_that_fails_is_left_out_and_told(install, function, message):
    install(portfolios=[PortfolioSpec(name="odd", summary="Fails.", factory=f"{HERE}:{function}")])
    found = suggest_run(table(), make_settings("y", {"models": ["linear", "extra_trees"]}))

    assert any(
        note.startswith(f"baselines: odd left out: portfolio 'odd' of plugin 'strange' {message}")
        for note in found.notes
    )
    assert len(found.candidates) > 2, "those of other portfolios are there"


def test_a_portfolio_without_end_is_cut(install, monkeypatch):
    monkeypatch.setattr("automl.portfolio.MOST_CANDIDATES", 20)
    install(portfolios=[PortfolioSpec(name="odd", summary="Fails.", factory=f"{HERE}:endless")])
    found = suggest_run(table(), make_settings("y", {"models": ["linear"]}))

    assert any(
        "of plugin 'strange' has more than 20 candidates; the others are left out" in note for note in found.notes
    )


def test_a_run_tells_of_the_portfolio_that_it_goes_without(install, tmp_path):
    install(portfolios=[PortfolioSpec(name="odd", summary="Fails.", factory=f"{HERE}:hang")])
    options = {"models": ["linear"], "trials": 3, "folds": 2, "executor": "inline"}
    outcome = fit_run(table(), make_settings("y", options), out=tmp_path / "run")

    assert any("portfolio 'odd' of plugin 'strange' had not answered" in reason for reason in outcome.reasons)
    assert not outcome.only_baseline


def test_the_portfolio_of_the_page_on_hooks_passes_the_conformance_checks(monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text()
    part = page.split("## register_portfolios\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```python\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    offers, stored = (types.ModuleType(name) for name in ("offers", "my_plugin.stored"))
    for module, text in zip((offers, stored), blocks[-2:], strict=True):
        exec(text, vars(module))  # noqa: S102 - our own page
    shrink = types.ModuleType("shrink_space")
    shrink.space = lambda task: ConfigurationSpace({"shrink": (0.0, 1.0)})
    for module in (stored, shrink):
        monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    monkeypatch.setitem(__import__("sys").modules, "my_plugin", types.ModuleType("my_plugin"))

    @automl.hookimpl
    def register_models():
        return [model("average", space="shrink_space:space")]

    automl.register_plugin(types.SimpleNamespace(register_models=register_models), "averages")
    try:
        for spec in offers.register_portfolios():
            check_portfolio(spec)
    finally:
        automl.unregister_plugin("averages")


# -- strategies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("fail", "cannot choose: OSError: the driver is gone"),
        ("hang", "had not answered after 1 s"),
        ("nothing", "chose None; it must return the name of a strategy and a reason"),
    ],
)
def test_a_strategy_that_cannot_choose_is_named(install, function, message):
    chosen = {"sampler": "random", "scheduler": "full", "choose": f"{HERE}:{function}"}
    install(strategies=[StrategySpec(name="odd", summary="Fails.", **chosen)])

    with pytest.raises(PluginError, match=re.escape(f"strategy 'odd' (plugin 'strange') {message}")):
        choose_strategy("odd", load_registry(), FACTS)


@pytest.mark.parametrize(
    ("function", "made", "chose"),
    [
        (
            "fail",
            "cannot be made: OSError: the driver is gone",
            "cannot choose its options: OSError: the driver is gone",
        ),
        ("hang", "had not answered after 1 s", "had not answered after 1 s"),
    ],
)
def test_samplers_and_schedulers_that_cannot_be_made_are_named(install, function, made, chose):
    words = {"name": "odd", "summary": "Fails.", "factory": f"{HERE}:{function}"}
    install(samplers=[SamplerSpec(**words)], schedulers=[SchedulerSpec(**words, choose=f"{HERE}:{function}")])
    registry, options = load_registry(), made.replace("made:", "made with no options:")

    with pytest.raises(PluginError, match=re.escape(f"sampler 'odd' (plugin 'strange') {made}")):
        make_strategy("odd+full", registry, toy_space(), seed=0, seconds=None)
    with pytest.raises(PluginError, match=re.escape(f"scheduler 'odd' (plugin 'strange') {options}")):
        make_strategy("random+odd", registry, toy_space(), seed=0)
    with pytest.raises(PluginError, match=re.escape(f"scheduler 'odd' (plugin 'strange') {chose}")):
        choose_options("random+odd", registry, FACTS)
