"""Gaussian processes, and results of all budgets on one scale."""

import math
from dataclasses import replace

import numpy as np
import pytest
from automl_plugins.samplers import gp as gp_module
from automl_plugins.samplers.axes import Axes
from automl_plugins.samplers.densities import Density
from automl_plugins.samplers.gaussian_process import Features, GaussianProcess, log_improvement
from automl_plugins.samplers.gp import GaussianProcesses, Scale, fitted_trials
from automl_plugins.samplers.kde import KernelDensities
from automl_plugins.samplers.results import Results
from automl_plugins.samplers.steps import exchanged, scattered
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer, OrdinalHyperparameter
from scipy.stats import norm

from automl import Candidate, History, JointSpace, Trial
from automl.testing.search import Simulation, toy_space


def conditional():
    made = ConfigurationSpace()
    kind, child = Categorical("kind", ["p", "q", "r"]), Float("child", (0.0, 1.0), default=0.3)
    made.add(kind, child, Float("rate", (1e-4, 1.0), log=True), Integer("leaves", (2, 256), log=True))
    made.add(OrdinalHyperparameter("depth", [1, 2, 4, 8]), EqualsCondition(child, kind, "q"))
    return Axes(JointSpace({"m": made})).of["m"]


def done(number, x, loss, budget=1.0, model="m", parent=None):
    candidate = Candidate(model=model, config={"x": x})
    return Trial(id=number, candidate=candidate, budget=budget, status="done", loss=loss, parent=parent)


def read(trials):
    results = Results(lambda candidate: candidate)
    results.follow(trials)
    return results


# -- results of all budgets -----------------------------------------------------------------------


def test_results_of_small_budgets_are_moved_by_the_median_of_what_was_gained():
    low = [done(number, number, math.exp(number), budget=0.25) for number in range(1, 7)]
    high = [done(10 + number, number, math.exp(number - 2.0), parent=number) for number in (1, 2, 3)]
    results = read([*low, *high])

    assert {1.0: 0.0, 0.25: -2.0} == results.shifts()
    assert [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0] == [value for value, _ in results.best(["m"], 10)]
    assert [11, 12, 13, 4, 5, 6] == [trial.id for _, trial in results.best(["m"], 10)]
    assert [11, 12] == [trial.id for _, trial in results.best(["m"], 2)]


def test_moves_add_up_from_budget_to_budget():
    trials = [done(n, n, math.exp(3.0), budget=1 / 9) for n in (1, 2, 3)]
    trials += [done(10 + n, n, math.exp(2.0), budget=1 / 3, parent=n) for n in (1, 2)]
    trials += [done(20 + n, n, math.exp(0.5), parent=10 + n) for n in (1, 2)]

    assert {1.0: 0.0, 1 / 3: -1.5, 1 / 9: -2.5} == read(trials).shifts()


def test_moves_add_up_over_a_budget_beyond_which_all_have_gone():
    trials = [done(n, n, math.exp(3.0), budget=1 / 9) for n in (1, 2, 3)]
    trials += [done(11, 1, math.exp(2.0), budget=1 / 3, parent=1), done(21, 1, math.exp(0.5), parent=11)]
    results = Results(lambda candidate: candidate)
    for count in range(len(trials) + 1):
        results.follow(trials[:count])

    assert {1.0: 0.0, 1 / 3: -1.5, 1 / 9: -2.5} == read(trials).shifts() == results.shifts()


def carried(number, x, loss, budget, parent):
    return replace(done(number, x, loss, budget=budget, parent=parent), kind="carried")


def test_what_was_carried_is_a_result_at_the_larger_budget_and_not_at_the_smaller():
    trials = [done(1, 1, math.exp(3.0), budget=0.1), carried(2, 1, math.exp(3.0), 0.3, 1), done(3, 2, 1.0, budget=0.3)]
    trials += [done(4, 2, math.exp(-1.0), parent=3), carried(5, 1, math.exp(3.0), 0.5, 2)]

    assert {1.0: 0.0, 0.3: -1.0} == read(trials[:4]).shifts()
    assert {1.0: 0.0, 0.5: 0.0, 0.3: -1.0} == read(trials).shifts()
    assert [4, 1] == [trial.id for _, trial in read(trials).best(["m"], 10)]


def test_what_was_carried_reads_the_same_in_any_order():
    """Configurations that were sampled more than once, promoted, carried and not finished yet, in an order of finishing at
    random.
    """
    rng = np.random.default_rng(0)
    for _ in range(60):
        trials = []
        for number in range(1, 15):
            parents = [one for one in trials if one.budget < 0.5]
            if parents and rng.random() < 0.5:
                parent = parents[rng.integers(len(parents))]
                kind, budget = ("carried" if rng.random() < 0.5 else ""), parent.budget * 2
                loss = parent.loss if kind else float(rng.random())
                candidate, parent = parent.candidate, parent.id
            else:
                kind, budget, loss, parent = "", 0.125, float(rng.random()), None
                candidate = Candidate(model="m", config={"x": int(rng.integers(3))})
            made = Trial(id=number, candidate=candidate, budget=budget, status="done", loss=loss, parent=parent)
            trials.append(replace(made, kind=kind))
        states = [one.as_begun() for one in trials]
        step_by_step = read(states)
        for index in rng.permutation(len(trials)):
            states[index] = trials[index]
            step_by_step.follow(states)

        assert read(trials).shifts() == step_by_step.shifts()
        assert read(trials).best(["m"], 9) == step_by_step.best(["m"], 9)


def test_a_record_that_went_another_way_is_read_anew():
    first = [done(1, 1, 0.5), done(2, 2, 0.4), done(3, 3, 0.3)]
    results = read(first)
    results.follow([first[0], replace(first[1], loss=0.1)])

    assert [2, 1] == [trial.id for _, trial in results.best(["m"], 5)]


def test_views_are_the_same_whether_a_record_is_read_at_once_or_bit_by_bit():
    run, at_last = Simulation(seed=4, workers=3, failing=0.2), Results(lambda candidate: candidate)
    for number, candidate in enumerate(toy_space().sample(60, seed=2)):
        run.start(candidate, (0.25, 0.5, 1.0)[number % 3])
        while run.busy:
            at_last.follow(run.history)
            run.finish_one()
    at_last.follow(run.history)
    fresh = read(run.history)
    for model in toy_space().models:
        assert fresh.best([model], 9) == at_last.best([model], 9)
        assert fresh.some(model, 9) == at_last.some(model, 9)
        assert fresh.running(model) == at_last.running(model)
        assert sorted(one.id for one in fresh.failed(model, 50)) == sorted(one.id for one in at_last.failed(model, 50))


def test_some_are_the_same_ones_from_one_call_to_the_next():
    trials = [done(number, number, 1.0 + number % 7) for number in range(1, 400)]
    before, after = (read(trials[:count]).some("m", 64) for count in (300, 399))

    assert 32 <= len(before) <= 64
    assert {trial.id for _, trial in before} <= {trial.id for _, trial in after}


def test_what_lies_outside_is_not_handed_out():
    results = Results(lambda candidate: candidate if candidate.config["x"] > 2 else None)
    results.follow([done(number, number, float(number)) for number in range(1, 6)])

    assert [3, 4] == [trial.id for _, trial in results.best(["m"], 2)]
    assert [3, 4, 5] == [trial.id for _, trial in results.some("m", 10)]


# -- the process ----------------------------------------------------------------------------------


def test_the_gradient_is_that_of_the_likelihood(monkeypatch):
    """Checked against differences, at the parameters where the fit starts."""
    rng = np.random.default_rng(0)
    groups, features, values = np.array([0, 1, 1]), rng.random((12, 3)), rng.normal(size=12)
    seen = {}

    def minimize(objective, start, **options):
        seen["objective"], seen["start"] = objective, start
        return type("Found", (), {"x": start})

    monkeypatch.setattr("scipy.optimize.minimize", minimize)
    GaussianProcess(groups).fit(features, values)
    objective, start = seen["objective"], seen["start"] + 0.1
    for number in range(len(start)):
        step = np.eye(len(start))[number] * 1e-5
        slope = (objective(start + step)[0] - objective(start - step)[0]) / 2e-5

        assert slope == pytest.approx(objective(start)[1][number], rel=1e-4, abs=1e-6)


def test_it_learns_which_hyperparameter_matters():
    rng = np.random.default_rng(1)
    features = rng.random((40, 2))
    process = GaussianProcess(np.array([0, 1]))
    process.fit(features, np.sin(6 * features[:, 0]))
    process.condition(features, np.sin(6 * features[:, 0]))
    mean, deviation = process.predict(np.array([[0.25, 0.9], [0.8, 0.1]]))

    assert process.parameters[1] > process.parameters[0] + 1
    assert np.sin([1.5, 4.8]) == pytest.approx(mean, abs=0.1)
    assert (deviation < 0.3).all()


def test_far_from_all_points_nothing_is_known():
    process = GaussianProcess(np.array([0]))
    process.condition(np.array([[0.0]]), np.array([2.0]))
    mean, deviation = process.predict(np.array([[0.0], [1000.0]]))

    assert [2.0, 0.0] == pytest.approx(mean, abs=0.1)
    assert deviation[0] < 0.2 < 0.99 < deviation[1]


def test_the_improvement_is_exact_near_and_far():
    better, deviation = np.array([1.0, 0.0, -1.0, -4.9]), np.array([0.5, 1.0, 2.0, 1.0])
    z = better / deviation
    exact = deviation * (norm.pdf(z) + z * norm.cdf(z))

    assert np.log(exact) == pytest.approx(log_improvement(better, deviation))
    far = log_improvement(np.array([-20.0, -40.0, -200.0]), np.ones(3))
    assert np.isfinite(far).all()
    assert list(far) == sorted(far, reverse=True)


def test_features_keep_choices_equally_far_and_inactive_ones_in_the_middle():
    axes = conditional()
    rows = axes.draw(60, 1)
    features = Features(axes).of(rows)
    kind, child = axes.names.index("kind"), axes.names.index("child")
    first = {float(value): features[rows[:, kind] == value][0] for value in (0.0, 1.0, 2.0)}
    columns = Features(axes).groups == [c for c in range(5) if axes.kinds[c] != "fixed"].index(kind)

    assert 7 == features.shape[1]
    distances = {round(float(((first[a] - first[b])[columns] ** 2).sum()), 9) for a, b in ((0, 1), (0, 2), (1, 2))}
    assert {1.0} == distances
    inactive = np.isnan(rows[:, child])
    assert (features[inactive][:, Features(axes).groups == child] == 0.5).all()


def test_losses_of_the_worse_half_do_not_drown_the_rest():
    scale = Scale.made(np.array([0.0, 1.0, 2.0, 3.0, 1e9]))

    assert 4.0 == scale.worst
    assert scale.of(np.array([1e9])) == scale.of(np.array([4.0]))
    assert abs(scale.of(np.array([0.0, 1.0, 2.0, 3.0, 1e9])).mean()) < 1e-9


# -- moves ----------------------------------------------------------------------------------------


def test_one_exchange_changes_one_active_hyperparameter():
    axes, rng = conditional(), np.random.default_rng(0)
    rows = axes.draw(30, 3)
    made, owners = exchanged(axes, rows, 4, rng)
    for number, row in enumerate(rows):
        own = made[owners == number]
        changed = (own != row) & ~(np.isnan(own) & np.isnan(row))
        active = [column for column in range(len(axes)) if not np.isnan(row[column])]

        assert len(own) == sum(4 if axes.kinds[column] == "number" else 1 for column in active)
        assert [1] * len(own) == changed.sum(axis=1).tolist()
        assert all(axes.decode(legal, "x") is not None for legal in axes.repaired(own))


def test_scattered_rows_are_legal_and_near():
    axes, rng = conditional(), np.random.default_rng(0)
    rows = axes.draw(10, 3)
    made = scattered(axes, rows, 30, (0.05,), rng)
    rate = axes.names.index("rate")

    assert (300, len(axes)) == made.shape
    assert all(axes.decode(row, "x") is not None for row in made)
    assert np.abs(made[:, rate] - np.repeat(rows[:, rate], 30)).max() < 0.3
    assert np.unique(made, axis=0).shape[0] > 200


# -- the sampler ----------------------------------------------------------------------------------


def test_parameters_are_fitted_now_and_then(monkeypatch):
    """Every ten trials, and not more often; the suggestion is a function of the record all the same."""
    fits = []
    fit = GaussianProcess.fit

    def counted(self, features, values):
        fits.append(len(values))
        fit(self, features, values)

    monkeypatch.setattr(gp_module.GaussianProcess, "fit", counted)
    space = JointSpace({"m": ConfigurationSpace(space=[Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0))])})
    sampler, history = GaussianProcesses(space, 0), History()
    for number in range(1, 61):
        found = sampler.suggest(history)
        loss = 0.1 + (found.config["x"] - 0.3) ** 2 + (found.config["y"] - 0.7) ** 2
        history = history.with_trial(Trial(id=number, candidate=found, status="done", loss=loss))

    assert history.incumbent().loss < 0.1001
    # At 8 and 9 results there is no multiple of ten yet.
    assert [8, 9, 10, 20, 30, 40, 50] == fits
    record = History(list(history)[:33])
    assert history[34].candidate == GaussianProcesses(space, 0).suggest(record)


def test_fits_become_rarer_and_never_look_ahead():
    lengths = [fitted_trials(count) for count in range(1, 20_000)]

    assert [10, 10, 20, 90, 100, 100, 110, 121] == [fitted_trials(n) for n in (1, 19, 20, 99, 100, 109, 110, 121)]
    assert lengths == sorted(lengths)
    assert all(length <= max(count, 10) for count, length in enumerate(lengths, start=1))
    assert len(set(lengths)) < 80


# -- long records ---------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [KernelDensities, GaussianProcesses])
def test_a_long_record_is_read_once_and_learned_from_in_part(made, monkeypatch):
    """What a suggestion looks at does not grow with the record."""
    reads, sizes = [], []
    read_one = Results._read
    monkeypatch.setattr(Results, "_read", lambda self, trial: (reads.append(trial.id), read_one(self, trial)))
    condition, density = GaussianProcess.condition, Density.__init__

    def conditioned(self, features, values):
        sizes.append(len(values))
        condition(self, features, values)

    def estimated(self, axes, rows):
        sizes.append(len(rows))
        density(self, axes, rows)

    monkeypatch.setattr(GaussianProcess, "condition", conditioned)
    monkeypatch.setattr(Density, "__init__", estimated)
    space = JointSpace({"m": ConfigurationSpace(space=[Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0))])})
    candidates = space.sample(2005, seed=3)
    history = History(
        Trial(id=number, candidate=one, status="done", loss=0.1 + one.config["x"])
        for number, one in enumerate(candidates, start=1)
    )
    sampler = made(space, 0)
    sampler.suggest(history)
    reads.clear()
    for number in range(2006, 2010):
        history = history.with_trial(Trial(id=number, candidate=sampler.suggest(history), status="done", loss=0.5))

    assert len(reads) <= 4
    assert sizes
    assert max(sizes) <= 260
