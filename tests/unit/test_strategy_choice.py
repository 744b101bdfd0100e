"""Strategies that choose another one, by the facts of a run."""

import pytest

from automl import PluginError, RunFacts, StrategySpec
from automl.registry import load_registry
from automl.specs import SamplerSpec, SchedulerSpec
from automl.strategy import choose_strategy, strategy_parts


def facts(**changes):
    plain = {
        "rows": 1000,
        "features": 10,
        "models": ("one",),
        "starting": 20,
        "folds": 5,
        "fit_seconds": 2.0,
        "workers": 4,
        "seconds": 600.0,
    }
    return RunFacts(**(plain | changes))


def test_full_trials_are_counted_over_all_workers():
    assert 10.0 == facts().trial_seconds
    assert 240.0 == facts().full_trials
    assert float("inf") == facts(seconds=None).full_trials


@pytest.mark.parametrize(
    ("changes", "expected", "told"),
    [
        ({"seconds": 60.0}, "random", "about 24 full trials fit in 60 s, which 20 starting configurations"),
        ({}, "gp", "about 220 full trials of 10.0 s fit after 20"),
        ({"fit_seconds": 5.0}, "gp+hyperband", "long enough to look at small budgets first"),
        ({"fit_seconds": 50.0}, "random", "about 10 full trials"),
        ({"seconds": None}, "gp", "without a limit"),
        ({"seconds": None, "trials": 25}, "random", "25 trials leave 5"),
        ({"trials": 60}, "gp", "40 trials are left to learn in"),
    ],
)
def test_auto_picks_and_says_why(changes, expected, told):
    name, reason = choose_strategy("auto", load_registry(), facts(**changes))

    assert expected == name
    assert told in reason


def test_whatever_auto_picks_is_there():
    registry = load_registry()
    for seconds in (None, 1.0, 60.0, 3600.0, 1e6):
        for fit_seconds in (0.1, 1.0, 10.0, 1000.0):
            for trials in (None, 1, 1000):
                chosen = facts(seconds=seconds, fit_seconds=fit_seconds, trials=trials)
                sampler, scheduler, _ = strategy_parts(choose_strategy("auto", registry, chosen)[0], registry)

                assert isinstance(sampler, SamplerSpec)
                assert isinstance(scheduler, SchedulerSpec)


def test_others_do_not_choose():
    assert ("hyperband", "") == choose_strategy("hyperband", load_registry(), facts())
    assert ("kde+asha", "") == choose_strategy("kde+asha", load_registry(), facts())


class Registry:
    def __init__(self, answer):
        self.real = load_registry()
        made = StrategySpec(name="mine", summary="", sampler="random", scheduler="full", choose=f"{__name__}:{answer}")
        self.strategies = {**self.real.strategies, "mine": made}
        self.samplers, self.schedulers = self.real.samplers, self.real.schedulers

    def get(self, kind, name):
        return self.real.get(kind, name)


def strangers(told):
    return ("kde+asha" if told.rows > 100 else "random"), "by the rows"


def nobody(told):
    return "kde+nobody", ""


def itself(told):
    return "auto", "why not"


def words(told):
    return "random"


def test_a_strangers_strategy_chooses_too():
    assert ("kde+asha", "by the rows") == choose_strategy("mine", Registry("strangers"), facts())
    assert ("random", "by the rows") == choose_strategy("mine", Registry("strangers"), facts(rows=9))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("nobody", "'kde\\+nobody'.*nobody"),
        ("itself", "chooses for itself"),
        ("words", "name of a strategy and a reason"),
    ],
)
def test_what_cannot_be_used_is_told(answer, message):
    with pytest.raises(PluginError, match=message):
        choose_strategy("mine", Registry(answer), facts())
