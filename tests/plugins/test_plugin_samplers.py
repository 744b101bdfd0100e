"""Random, grid, local, evolution and kernel densities."""

import math
from dataclasses import replace

import numpy as np
import pytest
from automl_plugins.samplers.axes import Axes, ModelAxes
from automl_plugins.samplers.densities import Density
from automl_plugins.samplers.evolution import POPULATION, Evolution
from automl_plugins.samplers.gp import GaussianProcesses
from automl_plugins.samplers.grid import GridSearch
from automl_plugins.samplers.kde import KernelDensities
from automl_plugins.samplers.local import LocalSearch
from automl_plugins.samplers.random_search import RandomSearch
from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenGreaterThanClause,
    ForbiddenLessThanRelation,
    GreaterThanCondition,
    Integer,
    NotEqualsCondition,
    OrdinalHyperparameter,
)

from automl import Candidate, History, JointSpace, Trial
from automl.testing import check_plugin_is_light, check_sampler
from automl.testing.search import Simulation

NAMES = ["random", "grid", "local", "kde", "evolution", "gp"]
CLASSES = [RandomSearch, GridSearch, LocalSearch, KernelDensities, Evolution, GaussianProcesses]


@pytest.mark.parametrize("name", NAMES)
def test_conformance(name):
    check_sampler(name)


def test_entry_module_is_light():
    check_plugin_is_light("automl_plugins.samplers")


def awkward():
    """Everything that ConfigSpace offers in one model."""
    made = ConfigurationSpace()
    kind = Categorical("kind", ["x", "y", None, 0.5], default="x")
    count = Integer("count", (1, 100), log=True, default=10)
    rank = OrdinalHyperparameter("rank", [1, 4, 9], default_value=4)
    child = Float("child", (1e-6, 1e-1), log=True, default=1e-3)
    grandchild = Integer("grandchild", (0, 3), default=1)
    other = Categorical("other", [True, False], default=True)
    low, high = Integer("low", (1, 3), default=1), Integer("high", (1, 3), default=3)
    made.add(kind, count, rank, child, grandchild, other, low, high, Constant("constant", 3))
    made.add(EqualsCondition(child, kind, "x"), NotEqualsCondition(other, kind, "x"))
    made.add(AndConjunction(EqualsCondition(grandchild, kind, "x"), GreaterThanCondition(grandchild, child, 1e-4)))
    made.add(ForbiddenAndConjunction(ForbiddenEqualsClause(kind, "y"), ForbiddenEqualsClause(rank, 9)))
    made.add(ForbiddenLessThanRelation(high, low))
    return made


def mixed():
    """Three models; the third has a single hyperparameter."""
    tuned = ConfigurationSpace()
    kind = Categorical("kind", ["p", "q", "r"], default="p")
    momentum = Float("momentum", (0.0, 1.0), default=0.1)
    tuned.add(Float("rate", (1e-4, 1.0), log=True, default=0.5), kind, momentum)
    tuned.add(Integer("leaves", (2, 256), log=True, default=2))
    tuned.add(OrdinalHyperparameter("depth", [1, 2, 4, 8, 16], default_value=1))
    tuned.add(EqualsCondition(momentum, kind, "q"))
    plain = ConfigurationSpace(space=[Float("x", (0.0, 1.0), default=0.1), Categorical("z", ["s", "t"], default="s")])
    single = ConfigurationSpace(space=[Float("strength", (1e-5, 1e3), log=True, default=1.0)])
    return JointSpace({"plain": plain, "single": single, "tuned": tuned})


def mixed_loss(candidate, budget):
    """Least, 0.1, in the middle of model ``tuned``."""
    config = candidate.config
    if candidate.model == "plain":
        return 0.3 + (config["x"] - 0.3) ** 2 + 0.1 * (config["z"] == "s")
    if candidate.model == "single":
        return 0.4 + abs(math.log10(config["strength"])) / 10
    away = (math.log10(config["rate"]) + 2.2) ** 2 / 4 + {"p": 0.5, "q": 0.0, "r": 0.3}[config["kind"]]
    away += abs(config["momentum"] - 0.8) if config["kind"] == "q" else 0.3
    return 0.1 + 0.2 * (away + abs(math.log2(config["leaves"]) - 5) / 8 + abs(math.log2(config["depth"]) - 2) / 8)


def drive(made, trials, seed=0, workers=1, failing=0.0, budgets=(1.0,), loss=mixed_loss):
    run = Simulation(seed=seed, workers=workers, failing=failing, loss=loss)
    for number in range(trials):
        run.start(made.suggest(run.history), budgets[number % len(budgets)])
        while run.busy:
            run.finish_one()
    while run.history.running():
        run.finish_one()
    return run.history


def mean_best(sampler, seeds=10, trials=60, workers=1):
    return float(
        np.mean([drive(sampler(mixed(), seed), trials, seed, workers).incumbent().loss for seed in range(seeds)])
    )


# -- rows -----------------------------------------------------------------------------------------


def test_draws_are_distributed_as_those_of_configspace():
    space = awkward()
    rows = ModelAxes("m", space).draw(4000, 1)
    space.seed(2)
    theirs = np.array([one.get_array() for one in space.sample_configuration(4000)])

    assert (4000, len(space)) == rows.shape
    np.testing.assert_allclose(np.isnan(rows).mean(axis=0), np.isnan(theirs).mean(axis=0), atol=0.04)
    np.testing.assert_allclose(np.nanmean(rows, axis=0), np.nanmean(theirs, axis=0), atol=0.06)
    np.testing.assert_allclose(np.nanstd(rows, axis=0), np.nanstd(theirs, axis=0), atol=0.06)


def test_draws_end_where_nearly_everything_is_forbidden():
    space = ConfigurationSpace()
    number = Integer("number", (0, 10**9), default=0)
    space.add(number, ForbiddenGreaterThanClause(number, 0))
    rows = ModelAxes("m", space).draw(3, 1)

    assert [[0.0]] * 3 == rows.tolist()


def test_a_spread_design_has_one_row_in_each_part_of_every_range():
    space = ConfigurationSpace()
    space.add(Float("rate", (1e-6, 1e-1), log=True), Integer("depth", (1, 100)), Categorical("kind", ["a", "b"]))
    axes = Axes(JointSpace({"one": space, "two": space}))
    asked: set[str] = set()
    found = [axes.spread(number, 10, 3, asked, "x") for number in range(10)]
    rows = np.array([axes.encode(one) for one in found])
    for column in (0, 2):  # quantiles of 256 draws are a little beside those of the range
        assert np.allclose(np.sort(rows[:, column]), (np.arange(10) + 0.5) / 10, atol=0.13)
    assert sorted(one.config["kind"] for one in found).count("a") in (4, 5, 6)
    assert [one.model for one in found].count("one") == 5
    assert [one.id for one in found] == [axes.spread(number, 10, 3, asked, "x").id for number in range(10)]
    assert found[0].id != axes.spread(0, 10, 4, asked, "x").id
    assert axes.spread(0, 10, 3, {found[0].id}, "x") is None


@pytest.mark.parametrize("number", range(6))
def test_a_spread_design_is_legal_in_conditional_spaces(number):
    axes = Axes(JointSpace({"awkward": awkward()}))
    found = axes.spread(number, 6, 0, set(), "x")
    assert found is None or axes.encode(found) is not None


def test_rows_go_there_and_back():
    space = JointSpace({"m": awkward()})
    axes = Axes(space).of["m"]
    for candidate in space.sample(300, seed=1):
        row = axes.encode(candidate)

        assert candidate == axes.decode(row, "random")
        assert np.array_equal(axes.repaired(row), row, equal_nan=True)


def test_rows_are_the_same_once_the_joint_space_is_built():
    space = JointSpace({"m": awkward()})
    candidates = space.sample(50, seed=1)
    before = [Axes(space).encode(candidate) for candidate in candidates]
    assert len(space.configspace) == 10

    for row, candidate in zip(before, candidates, strict=True):
        assert np.array_equal(row, Axes(space).encode(candidate), equal_nan=True)


def test_repaired_rows_are_legal():
    space = JointSpace({"m": awkward()})
    axes = Axes(space).of["m"]
    rows = axes.draw(300, 3)
    mixed_up = np.where(np.random.default_rng(0).random(rows.shape) < 0.5, rows, rows[::-1])
    found = [axes.decode(row, "x") for row in axes.repaired(mixed_up)]

    assert all(space.is_legal(candidate) for candidate in found if candidate is not None)
    assert sum(candidate is not None for candidate in found) > 100


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"kind": "x"},
        {"kind": "y", "count": 10, "rank": 9, "other": True, "low": 1, "high": 3, "constant": 3},
        {"kind": "y", "count": 10, "rank": 4, "child": 1e-3, "other": True, "low": 1, "high": 3, "constant": 3},
        {"kind": "y", "count": 101, "rank": 4, "other": True, "low": 1, "high": 3, "constant": 3},
        {"kind": "y", "count": 10, "rank": 4, "other": True, "low": 1, "high": 3, "constant": 3, "more": 1},
    ],
)
def test_what_lies_outside_has_no_row(config):
    space = JointSpace({"m": awkward()})
    candidate = Candidate(model="m", config=config)

    assert not space.is_legal(candidate)
    assert Axes(space).encode(candidate) is None


def test_what_was_asked_is_read_again_for_another_history():
    axes = Axes(mixed())
    first, second = drive(RandomSearch(mixed(), 1), 12), drive(RandomSearch(mixed(), 2), 20)
    longer = first.with_trial(replace(second[3], id=13))

    for history in (first, longer, second, first, History(), longer):
        assert history.config_ids() == axes.asked(history)


# -- random ---------------------------------------------------------------------------------------


def test_random_is_the_same_for_any_number_of_workers():
    one, four = (drive(RandomSearch(mixed(), 3), 40, workers=workers) for workers in (1, 4))

    assert [trial.candidate for trial in one] == [trial.candidate for trial in four]


def test_promotions_do_not_move_the_random_stream():
    history = drive(RandomSearch(mixed(), 3), 10)
    promoted = replace(history[4], id=11, parent=4)

    expected = RandomSearch(mixed(), 3).suggest(history)
    assert expected == RandomSearch(mixed(), 3).suggest(history.with_trial(promoted))


# -- grid -----------------------------------------------------------------------------------------


def exhaust(space, seed=0):
    history, found = History(), []
    sampler = GridSearch(space, seed)
    while (candidate := sampler.suggest(history)) is not None:
        found.append(candidate)
        history = history.with_trial(Trial(id=history.next_id, candidate=candidate))
    return found


def test_grid_has_exactly_the_right_points():
    found = exhaust(JointSpace({"m": awkward()}))
    # kind x: ranks 3, of five children two (1e-6 and 1.8e-5) have no grandchild and three have four;
    # the others: 2 of `other`, and 3 ranks, 2 for kind y. Six pairs have high >= low. Five counts.
    expected = (3 * (2 + 3 * 4) + (3 + 3 + 2) * 2) * 6 * 5

    assert expected == len(found)
    assert expected == len({candidate.id for candidate in found})


def test_grid_points_are_even_in_their_own_scale():
    space = ConfigurationSpace(
        space=[Float("rate", (1e-6, 1e-2), log=True, default=1e-3), Integer("few", (3, 5), default=3)]
    )
    found = exhaust(JointSpace({"m": space}))

    assert [3, 4, 5] == sorted({candidate.config["few"] for candidate in found})
    assert sorted({candidate.config["rate"] for candidate in found}) == pytest.approx([1e-6, 1e-5, 1e-4, 1e-3, 1e-2])


def test_a_stopped_grid_has_seen_all_models_and_most_values():
    found = [trial.candidate for trial in drive(GridSearch(JointSpace({"m": awkward()}), 1), 40, loss=lambda c, b: 0.5)]
    joint = drive(GridSearch(mixed(), 0), 9)

    assert {"x", "y", None, 0.5} == {candidate.config["kind"] for candidate in found}
    assert 5 == len({candidate.config["count"] for candidate in found})
    assert 3 == sum(trial.candidate.model == "single" for trial in joint)


def test_a_huge_grid_costs_nothing():
    numbers = [Float(f"f{number}", (0.0, 1.0), default=0.5) for number in range(40)]
    sampler = GridSearch(JointSpace({"m": ConfigurationSpace(space=numbers)}), 0)

    assert sampler.suggest(History()) is not None


# -- local ----------------------------------------------------------------------------------------


def differing(first, second):
    """Names of hyperparameters that both have with different values."""
    if first.model != second.model:
        return {"model"}
    return {name for name in {*first.config} & {*second.config} if first.config[name] != second.config[name]}


@pytest.mark.parametrize("seed", range(3))
def test_local_changes_exactly_one_hyperparameter_of_the_incumbent(seed):
    space = JointSpace({"m": awkward()})
    run = Simulation(seed=seed, workers=2, loss=lambda candidate, budget: candidate.config["count"] / 100)
    sampler = LocalSearch(space, seed)
    run.start(space.default("m"), 1.0)
    run.finish_one()
    for _ in range(20):
        found = sampler.suggest(run.history)
        incumbent = run.history.incumbent().candidate

        assert 1 == len(differing(found, incumbent))
        run.start(found, 1.0)
        run.finish_one()
    assert run.history.incumbent().candidate.config["count"] < 5


def test_local_gives_new_children_their_defaults():
    space = JointSpace({"m": awkward()})
    start = replace(space.default("m"), config={**space.default("m").config, "kind": "y", "other": False})
    start = replace(start, config={k: v for k, v in start.config.items() if k not in {"child", "grandchild"}})
    history = History([Trial(id=1, candidate=start, status="done", loss=0.1)])
    sampler = LocalSearch(space, 0)
    children = []
    for number in range(2, 30):
        found = sampler.suggest(history)
        if found.config["kind"] == "x":
            children.append((found.config["child"], found.config.get("grandchild")))
        history = history.with_trial(Trial(id=number, candidate=found, status="done", loss=0.5))

    assert (1e-3, 1) == children[0]


def test_local_moves_on_when_the_neighbourhood_is_used_up():
    history = drive(
        LocalSearch(mixed(), 0), 80, loss=lambda candidate, budget: 0.1 if candidate.model == "single" else 0.5
    )
    models = [trial.candidate.model for trial in history]

    assert {"plain", "single", "tuned"} == set(models[15:])


# -- evolution ------------------------------------------------------------------------------------


def test_evolution_mutates_one_place_of_a_living_parent():
    sampler = Evolution(mixed(), 1)
    history = drive(sampler, 60)
    for trial in list(history)[POPULATION + 5 :]:
        living = [other.candidate for other in list(history)[max(0, trial.id - 1 - POPULATION) : trial.id - 1]]

        assert 1 == min(len(differing(trial.candidate, parent)) for parent in living if parent != trial.candidate)


def test_evolution_lets_the_old_die():
    history = drive(Evolution(mixed(), 0), POPULATION)
    # One of the first, so good that it wins each tournament while it lives.
    history = history.with_trial(replace(history[1], loss=0.0))
    for number in range(POPULATION + 1, 2 * POPULATION + 1):
        young = replace(history[(number % 10) + 2], id=number)
        history = history.with_trial(young)
    living = Evolution(mixed(), 0)._population(history)

    assert POPULATION == len(living)
    assert all(trial.id > POPULATION for trial in living)


# -- kernel densities -----------------------------------------------------------------------------


def test_densities_integrate_to_one():
    axes = Axes(JointSpace({"m": awkward()})).of["m"]
    rows = axes.draw(12, 1)
    kind, child = axes.names.index("kind"), axes.names.index("child")
    only = [kind, child]
    grid = np.linspace(0.0, 1.0, 1001)
    points = np.full((4 * len(grid), len(axes)), np.nan)
    points[:, kind] = np.repeat(np.arange(4.0), len(grid))
    points[:, child] = np.tile(grid, 4)
    values = np.exp(Density(axes, rows).log(points)).reshape(4, -1)

    assert 2 == len(only)
    assert np.trapezoid(values, grid, axis=1).sum() == pytest.approx(1.0, abs=2e-3)


def test_draws_are_dense_where_the_density_is():
    axes = Axes(mixed()).of["tuned"]
    rows = np.tile(axes.default, (10, 1)) + 0.0
    drawn = Density(axes, rows).sample(2000, np.random.default_rng(0))
    rate, leaves = axes.names.index("rate"), axes.names.index("leaves")

    assert np.mean(np.abs(drawn[:, rate] - rows[0, rate]) < 0.02) > 0.8
    assert np.mean(drawn[:, leaves] < 0.05) > 0.8


def strength_space():
    return JointSpace({"single": mixed().subspaces["single"]})


def two_budgets(shift):
    """40 results at a quarter of the budget, where 1e-4 is best, half of them at the whole one, where 1e2 is best."""
    trials = []
    for number in range(1, 41):
        strength = 10.0 ** (number / 5 - 5)
        low = Trial(id=number, candidate=Candidate(model="single", config={"strength": strength}), budget=0.25)
        trials.append(replace(low, status="done", loss=shift * (1.0 + abs(number - 5.0))))
    for number in range(41, 61):
        full = replace(trials[2 * (number - 41)], id=number, budget=1.0, parent=2 * (number - 41) + 1)
        trials.append(replace(full, loss=1.0 + abs(2 * (number - 41) - 35.0)))
    return History(trials)


@pytest.mark.parametrize("made", [KernelDensities, GaussianProcesses])
def test_what_is_known_at_the_whole_budget_counts_most(made):
    found = []
    for seed in range(8):
        history = two_budgets(shift=1.0)
        found.append(made(strength_space(), seed).suggest(history).config["strength"])

    assert np.median(found) > 1.0


def test_kde_suggests_elsewhere_while_trials_run():
    sampler = KernelDensities(mixed(), 4)
    history = drive(sampler, 50)
    for _ in range(12):
        history = history.with_trial(Trial(id=history.next_id, candidate=sampler.suggest(history)))
    rows = [(t.candidate.model, tuple(t.candidate.config.items())) for t in history.running()]

    assert 12 == len(set(rows))


def test_failed_regions_are_avoided():
    def loss(candidate, budget):
        return 0.5 + 0.001 * candidate.config["x"]

    space = JointSpace({"m": ConfigurationSpace(space=[Float("x", (0.0, 1.0), default=0.5)])})
    sampler, history = KernelDensities(space, 0), History()
    for number in range(1, 81):
        found = sampler.suggest(history)
        trial = Trial(id=number, candidate=found)
        broken = found.config["x"] < 0.5
        done = (
            replace(trial, status="failed", kind="error")
            if broken
            else replace(trial, status="done", loss=loss(found, 1.0))
        )
        history = history.with_trial(done)

    assert sum(trial.status == "failed" for trial in list(history)[30:]) < 18


# -- all ------------------------------------------------------------------------------------------


def test_learners_beat_random_search():
    random = mean_best(RandomSearch)
    learners = {made.__name__: mean_best(made) for made in (KernelDensities, Evolution, GaussianProcesses)}

    assert all(found < random - 0.02 for found in learners.values()), (random, learners)


@pytest.mark.slow
def test_kernel_densities_learn_with_four_workers():
    assert mean_best(KernelDensities, workers=4) < mean_best(RandomSearch) - 0.02


@pytest.mark.parametrize("made", CLASSES)
def test_candidates_from_elsewhere_do_no_harm(made):
    """A queue brings configurations of other models, and some that lie outside of their model's space."""
    strangers = [
        Candidate(model="unknown", config={"a": 1}, origin="baseline"),
        Candidate(model="plain", config={"x": 7.0, "z": "s"}, origin="baseline"),
        Candidate(model="tuned", config={}, origin="baseline"),
    ]
    history = History(
        [
            Trial(id=number, candidate=strangers[number % 3], status="done", loss=0.01, budget=1.0)
            for number in range(1, 10)
        ]
    )
    space = mixed()
    sampler = made(space, 0)
    for _ in range(60):
        found = sampler.suggest(history)

        assert space.is_legal(found)
        trial = Trial(id=history.next_id, candidate=found, status="done", loss=mixed_loss(found, 1.0))
        history = history.with_trial(trial)


@pytest.mark.parametrize("made", CLASSES)
def test_a_model_without_hyperparameters_is_one_configuration(made):
    other = ConfigurationSpace(space=[Float("x", (0.0, 1.0))])
    space = JointSpace({"bare": ConfigurationSpace(), "m": other})
    count = 6 if made is GridSearch else 30  # five values and the bare model
    history = drive(made(space, 2), count, loss=lambda c, b: c.config.get("x", 0.5))
    bare = [trial for trial in history if trial.candidate.model == "bare"]

    assert count == len(history.config_ids())
    assert len(bare) <= 1


@pytest.mark.parametrize("made", CLASSES)
def test_all_spaces_are_searched_legally(made):
    space = JointSpace({"m": awkward()})
    history = drive(
        made(space, 2), 80, workers=3, failing=0.2, budgets=(0.25, 1.0), loss=lambda c, b: c.config["count"]
    )

    assert 80 == len(history.config_ids())
    assert all(space.is_legal(trial.candidate) for trial in history)
