"""Models and spaces of strangers that do what none should: each fails alone, with words, and the others count."""

import threading
import time
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl import Fidelity, ModelSpec, PluginError
from automl.api import check_run, fit_run, make_settings
from automl.tracking import LAST_SECONDS, QUICK_SECONDS, TrackerGroup

FINE = ("Fair", "Nothing", "Loud", "Threads", "Forks", "Moves")
"""Odd, but none of it harms."""
FAULTS = {
    "Listed": ("error", "the model's fit returned ['facts']; it must return numbers by name, or None"),
    "OddFacts": ("error", "the model's fit returned {'rounds': 'many'"),
    "Unnormed": ("error", "probabilities that are negative or do not sum to 1"),
    "Negative": ("error", "probabilities that are negative or do not sum to 1"),
    "Nan": ("error", "the model's predict returned 2 values that are not finite"),
    "Narrow": ("error", "the model's predict returned shape (45, 1); it must be (45, 2)"),
    "Short": ("error", "the model's predict returned shape (44, 2); it must be (45, 2)"),
    "Labels": ("error", "the model's predict returned shape (45,); it must be (45, 2)"),
    "Complex": (
        "error",
        "the model's predict returned an array of complex128; it must return an array of real numbers",
    ),
    "Masked": ("error", "the model's predict returned values that are masked"),
    "NoneAtAll": ("error", "the model's predict returned shape (); it must be (45, 2)"),
    "Words": ("error", "the model's predict returned an array of <U3"),
    "InPlace": ("error", "ValueError: assignment destination is read-only"),
    "Exits": ("error", "SystemExit: the job called sys.exit(3)"),
    "Interrupts": ("error", "KeyboardInterrupt"),
    "Memory": ("memory", "MemoryError"),
    "Recursion": ("error", "RecursionError"),
    "HardExit": ("died", "worker died: exit code 0"),
    "Segfault": ("died", "worker died: SIGSEGV (signal 11); see workers.log"),
    "Closes": ("died", "worker died"),
    "SavesNothing": ("error", "the model cannot be used after it was saved: FileNotFoundError"),
    "JudgesItself": ("error", "ValueError: assignment destination is read-only"),
    "LoadsAnother": ("error", "after it was saved and loaded, where it had predicted"),
    "Beside": ("error", "for it among 5: a prediction must not depend on the rows beside it"),
    "Pickles": ("error", "the model's save left what a predictor must not hold: model/more.bin holds a pickle"),
    "Links": ("error", "the model's save left what a predictor must not hold: model/link is a link"),
    "Unloadable": ("error", "the model cannot be used after it was saved: ValueError: cannot be loaded"),
    "BadError": ("error", "Error, whose text cannot be made (RuntimeError)"),
    "NoArguments": ("error", "takes 1 positional argument but 4 were given"),
    "Unpicklable": ("error", "ValueError: cannot be sent"),
    "Nowhere": ("error", "module 'clumsy_models' has no attribute 'Nowhere'"),
}


def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=list("ab"))
    return frame.assign(y=np.where(frame["a"] > 0, "yes", "no"))


@pytest.fixture
def clumsy(monkeypatch):
    """Registers models of `clumsy_models`; keywords are fields of their specs."""
    monkeypatch.syspath_prepend(Path(__file__).parent)

    def register(*names, **fields):
        @automl.hookimpl
        def register_models():
            words = {"summary": "Clumsy.", "space": "clumsy_models:space", **fields}
            return [ModelSpec(name=name.lower(), factory=f"clumsy_models:{name}", **words) for name in names]

        automl.register_plugin(types.SimpleNamespace(register_models=register_models), "clumsy")

    yield register
    automl.unregister_plugin("clumsy")


@pytest.mark.slow
def test_each_clumsy_model_fails_alone(tmp_path, clumsy):
    names = (*FINE, *FAULTS)
    clumsy(*names)
    options = {
        "models": ["linear", *(name.lower() for name in names)], "trials": len(names) + 1, "folds": 2,
        "baselines": False, "strategy": "random",
    }  # fmt: skip
    outcome = fit_run(table(), make_settings("y", options), out=tmp_path / "run")

    rows = {row["model"]: row for row in outcome.leaderboard}
    assert {*(name.lower() for name in names), "linear", "dummy"} == set(rows)
    assert dict.fromkeys(FINE, "") == {name: rows[name.lower()]["message"] for name in FINE}
    for name, (kind, message) in FAULTS.items():
        assert (name, kind) == (name, rows[name.lower()]["kind"])
        assert message in rows[name.lower()]["message"]
        assert any(f"the only trial of {name.lower()} failed" in line for line in outcome.lost_models)
    assert outcome.score > 0.9
    assert outcome.predictor.predict(table()[:3]).shape == (3,)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"space": "clumsy_models:raising_space"}, "raised RuntimeError: no space today"),
        ({"space": "clumsy_models:exiting_space"}, "raised SystemExit: 2"),
        ({"space": "clumsy_models:wrong_space"}, "returned dict; it must return a ConfigurationSpace"),
        ({"space": "clumsy_models:nowhere"}, "nowhere"),
        ({"fidelities": ("leaves",)}, "names the fidelity 'leaves', which no plugin offers"),
    ],
)
def test_a_model_without_a_space_is_left_out_unless_it_was_asked_for(clumsy, fields, message):
    clumsy("Fair", **fields)

    report = check_run(table(), make_settings("y", {}))
    told = [reason for reason in report.reasons if reason.startswith("not used: fair: ")]

    assert 1 == len(told)
    assert message in told[0]
    assert "'clumsy'" in told[0]
    with pytest.raises(PluginError, match="'clumsy'") as caught:
        check_run(table(), make_settings("y", {"models": ["linear", "fair"]}))
    assert message in str(caught.value)


@pytest.mark.parametrize("fields", [{"relative_cost": 0.0}, {"relative_cost": -1.0}, {"memory_factor": -2.0}])
def test_costs_that_make_no_sense_are_refused(fields):
    @automl.hookimpl
    def register_models():
        return [ModelSpec(name="a", summary="", factory="a:b", space="a:b", **fields)]

    ((name, value),) = fields.items()
    with pytest.raises(PluginError, match=rf"ModelSpec a: {name}={value} must be"):
        automl.register_plugin(types.SimpleNamespace(register_models=register_models), "clumsy")


def test_a_fidelity_that_costs_nothing_is_refused():
    with pytest.raises(ValueError, match="high=0 must be above 0"):
        Fidelity(name="leaves", unit="leaves", low=0, high=0)


def test_a_listener_that_ends_the_program_is_switched_off():
    class Leaves:
        def trial_started(self, trial):
            raise SystemExit(3)

    told = []
    group = TrackerGroup({"leaves": Leaves}, warn=told.append)
    group.trial_started(None)
    group.trial_started(None)

    assert ["tracker 'leaves' raised SystemExit: 3; it is switched off for this run"] == told


def test_a_listener_that_waits_for_a_server_holds_up_nothing():
    taken, answered, told = [], threading.Event(), []

    class Waits:
        def trial_started(self, trial):
            answered.wait()
            taken.append(trial)

        def run_finished(self, summary):
            taken.append(summary)

    started = time.monotonic()
    group = TrackerGroup({"waits": Waits}, warn=told.append)
    for trial in ("first", "second"):
        group.trial_started(trial)
    group.run_finished("summary")

    assert time.monotonic() - started < 2 * LAST_SECONDS
    assert [] == taken
    message = "tracker 'waits' was too slow: at the end of the run it was busy with trial_started, and 2 events waited"
    assert [message] == told
    answered.set()


def test_a_slow_listener_gets_all_events_in_order():
    taken, told = [], []

    class Slow:
        def __init__(self):
            self.thread = threading.current_thread()

        def trial_started(self, trial):
            assert threading.current_thread() is self.thread
            time.sleep(2 * QUICK_SECONDS)
            taken.append(trial)

        def run_finished(self, summary):
            taken.append(summary)

    group = TrackerGroup({"slow": Slow}, warn=told.append)
    for trial in ("first", "second", "third"):
        group.trial_started(trial)
    group.run_finished("summary")

    assert ["first", "second", "third", "summary"] == taken
    assert [] == told


def test_a_listener_that_stops_the_run_stops_it():
    class Stops:
        def trial_started(self, trial):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TrackerGroup({"stops": Stops}).trial_started(None)
