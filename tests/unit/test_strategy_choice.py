"""Strategies that choose another one, by the facts of a run."""

import pytest

from automl import Fidelity, ModelSpec, PluginError, RunFacts, StrategySpec
from automl.fold_jobs import least_budget
from automl.registry import load_registry
from automl.specs import SamplerSpec, SchedulerSpec
from automl.strategy_names import choose_options, choose_strategy, strategy_parts


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


@pytest.mark.parametrize(
    ("folds", "expected"),
    [(1, [1.0]), (2, [1 / 3, 1.0]), (3, [1 / 3, 1.0]), (5, [1 / 9, 1 / 3, 1.0]), (8, [1 / 9, 1 / 3, 1.0])],
)
def test_rungs_begin_at_the_smallest_training(folds, expected):
    """Each of them has more folds than the one below."""
    told = facts(folds=folds, least_budget=1 / folds)
    for name in ("hyperband", "asha", "random+successive_halving"):
        options = choose_options(name, load_registry(), told)
        made = strategy_parts(name, load_registry())[1].load()(0, **options)
        budgets = made._budgets if name == "asha" else [rung.budget for rung in made.plans[0]]
        assert pytest.approx(expected) == list(budgets)
    had = [-(-folds * budget // 1) for budget in expected]
    assert sorted(set(had)) == had


def test_other_rungs():
    assert {"min_budget": pytest.approx(1 / 27)} == choose_options("asha", load_registry(), facts(least_budget=0.001))
    assert {"min_budget": 0.2} == choose_options("random+screen", load_registry(), facts(least_budget=0.2))
    assert {} == choose_options("random+screen", load_registry(), facts(least_budget=1.0))
    assert [{"steps": 2}, {"steps": 3}, {"steps": 5}] == [
        choose_options("random+race", load_registry(), facts(folds=folds)) for folds in (1, 3, 8)
    ]
    assert {} == choose_options("random", load_registry(), facts())


def test_the_least_budget_is_that_of_the_most_divisible_model():
    def spec(name, *fidelities):
        return ModelSpec(
            name=name, summary="", factory="x:y", space="x:z", problem_types=("binary",), fidelities=fidelities
        )

    epochs = Fidelity(name="epochs", unit="epochs", low=2, high=20)
    models = [spec("net", epochs), spec("tree", Fidelity(name="rounds", unit="rounds", low=10, high=1000))]

    assert pytest.approx(0.0105) == least_budget(models, {}, None, 5)
    assert pytest.approx(0.125) == least_budget(models[:1], {}, None, 5)
    assert 0.02 == least_budget([spec("plain")], {}, None, 5)
    assert 0.2 == least_budget(models, {}, "folds", 5)
    assert 0.02 == least_budget(models, {}, "rows", 5)


@pytest.mark.parametrize("growth", ["linear", "quadratic", "exponential"])
@pytest.mark.parametrize(("low", "high"), [(1, 10), (2, 20), (2, 30), (10, 11), (3, 3), (1, 1000)])
def test_the_largest_share_of_the_least_value(low, high, growth):
    fidelity = Fidelity(name="epochs", unit="epochs", low=low, high=high, growth=growth)
    share = fidelity.least_share

    assert (low, min(low + 1, high)) == (fidelity.value(share), fidelity.value(min(share * 1.001, 1.0)))
    rungs = [3.0**-step for step in (3, 2, 1, 0)]
    least = choose_options("asha", load_registry(), facts(least_budget=share))["min_budget"]
    bought = [fidelity.value(rung) for rung in rungs if rung >= least * 0.99]
    assert sorted(set(bought)) == bought, "each rung buys more than the one below"


class Chooser(Registry):
    def __init__(self, answer):
        super().__init__("strangers")
        scheduler = self.real.schedulers["race"]
        self.mine = SchedulerSpec(name="race", summary="", factory=scheduler.factory, choose=f"{__name__}:{answer}")

    def get(self, kind, name):
        return self.mine if kind == "schedulers" else self.real.get(kind, name)


def fails(told):
    raise ValueError("no idea")


def listed(told):
    return {"steps": [1, 2]}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("words", "chose the options 'random'.*a mapping of names to numbers or texts"),
        ("listed", "chose the options .*\\[1, 2\\]"),
        ("fails", "scheduler 'race'.* cannot choose its options: ValueError: no idea"),
    ],
)
def test_options_that_cannot_be_used_are_told(answer, message):
    with pytest.raises(PluginError, match=message):
        choose_options("random+race", Chooser(answer), facts())
