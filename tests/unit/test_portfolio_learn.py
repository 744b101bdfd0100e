"""Portfolios mined from runs: greedy, with measured costs and the runs' tasks."""

from pathlib import Path

import pytest

from automl import Candidate, Task, Trial
from automl.errors import PortfolioError, RunError
from automl.meta_features import MetaFeatures
from automl.portfolio_learn import RunResults, greedy_order, learn_portfolio, read_results
from automl.store import Store

FEATURES = MetaFeatures(rows=100, features=4, classes=2, numeric_share=1.0, missing_share=0.0)


def results(name, errors, costs=None):
    return RunResults(
        name=name, problem_type="binary", modality="table", features=FEATURES, errors=errors, costs=costs or {}, candidates={}
    )  # fmt: skip


def test_the_next_is_what_lowers_the_mean_error_most():
    """b is best on average; beside it c helps more than a, although a is better than c on average."""
    runs = [
        results("one", {"a": 0.3, "b": 0.1, "c": 1.0}),
        results("two", {"a": 0.3, "b": 0.1, "c": 1.0}),
        results("three", {"a": 0.4, "b": 0.6, "c": 0.1}),
    ]

    assert ["b", "c", "a"] == greedy_order(runs, 9)
    assert ["b", "c"] == greedy_order(runs, 2)


def test_a_run_that_did_not_try_a_configuration_says_nothing_for_it():
    runs = [results("one", {"a": 0.0}), results("two", {"b": 0.2, "c": 0.5}), results("three", {"b": 0.3})]

    assert ["b", "a", "c"] == greedy_order(runs, 9)


def test_what_is_no_better_than_the_median_is_not_stored():
    assert ["a"] == greedy_order([results("one", {"a": 0.0, "b": 1.0})], 9)


def test_of_equal_ones_the_cheaper_wins():
    runs = [results("one", {"a": 0.0, "b": 0.0}, {"a": 3.0, "b": 1.0})]

    assert ["b", "a"] == greedy_order(runs, 9)


def write_run(folder, trials, *, problem_type="binary", features=FEATURES):
    """A run folder with `(model, config, loss, seconds, origin)`, as the engine writes it."""
    store = Store(folder)
    classes = ("a", "b") if problem_type == "binary" else ()
    task = Task(target="y", problem_type=problem_type, metric="log_loss", rows=100, features=4, classes=classes)
    store.set_facts({"task": task.to_dict()})
    if features is not None:
        store.set_facts({"meta_features": features.to_dict()})
    for number, (model, config, loss, seconds, origin) in enumerate(trials, 1):
        candidate = Candidate(model=model, config=config, origin=origin)
        status = "done" if loss is not None else "failed"
        trial = Trial(id=number, candidate=candidate, status=status, loss=loss, score=loss, seconds=seconds, kind="error" if loss is None else "")  # fmt: skip
        store.trial_started(trial)
        store.trial_finished(trial)
    store.close()
    return folder


TRIALS = [
    ("dummy", {}, 0.1, 0.1, "baseline"),
    ("first", {"rate": 0.1}, 0.5, 2.0, "default"),
    ("first", {"rate": 0.2}, 0.3, 5.0, "random"),
    ("first", {"rate": 0.3}, None, 9.0, "random"),
    ("second", {}, 0.4, 1.0, "default"),
]


def test_a_run_becomes_a_portfolio_with_costs_tasks_and_provenance(tmp_path):
    run = write_run(tmp_path / "sales", TRIALS)
    portfolio = learn_portfolio([run], name="ours", day="2026-11-24")
    best = portfolio.candidates[0]

    assert [("first", {"rate": 0.2})] == [(one.model, one.config) for one in portfolio.candidates]
    assert (2.5, 1, ("sales",), "random") == (best.cost, best.rank, best.mined_on, best.name)
    assert ("binary",) == portfolio.problem_types
    assert [("sales", FEATURES, (1,))] == [(task.name, task.features, task.order) for task in portfolio.tasks]
    assert "sales" in portfolio.sources["runs"]["where"]


def test_the_last_step_of_a_promoted_configuration_is_not_taken_for_its_cost(tmp_path):
    store = Store.reopen(write_run(tmp_path / "run", TRIALS))
    small = Candidate(model="first", config={"rate": 0.4}, origin="random")
    for number, budget, parent in ((6, 0.25, None), (7, 1.0, 6)):
        trial = Trial(
            id=number, candidate=small, budget=budget, status="done", loss=0.2, score=0.2, seconds=0.5, parent=parent
        )
        store.trial_started(trial)
        store.trial_finished(trial)
    store.close()

    found = read_results(tmp_path / "run")

    assert 0.0 == found.errors[small.id]
    assert small.id not in found.costs
    assert 2.5 == found.costs[Candidate(model="first", config={"rate": 0.2}).id]


def test_the_baseline_and_failures_are_not_learned_from(tmp_path):
    found = read_results(write_run(tmp_path / "run", TRIALS))

    assert [0.0, 1.0, 1.0] == sorted(found.errors.values()) or [0.0, 1.0] == sorted(set(found.errors.values()))
    assert {"first", "second"} == {one.model for one in found.candidates.values()}


def test_two_runs_give_what_is_good_on_each_and_the_same_run_counts_once(tmp_path):
    one = write_run(tmp_path / "one", TRIALS)
    other = [
        ("first", {"rate": 0.1}, 0.5, 2.0, "default"),
        ("second", {"k": 3}, 0.2, 1.0, "random"),
        ("second", {}, 0.9, 1.0, "default"),
    ]
    two = write_run(tmp_path / "two", other)
    portfolio = learn_portfolio([one, two, one], name="ours", day="2026-11-24")

    assert {"one", "two"} == {task.name for task in portfolio.tasks}
    assert [{"rate": 0.2}, {"k": 3}] == sorted((one.config for one in portfolio.candidates[:2]), key=str, reverse=True)
    assert portfolio == learn_portfolio([one, two], name="ours", day="2026-11-24")


def test_an_older_run_without_meta_features_can_be_learned_from(tmp_path):
    portfolio = learn_portfolio([write_run(tmp_path / "run", TRIALS, features=None)], name="ours", day="2026-11-24")

    assert portfolio.tasks[0].features.missing_share is None
    assert 100 == portfolio.tasks[0].features.rows


def test_runs_on_classes_and_on_numbers_are_not_mixed(tmp_path):
    runs = [write_run(tmp_path / "one", TRIALS), write_run(tmp_path / "two", TRIALS, problem_type="regression")]
    with pytest.raises(
        PortfolioError, match=r"one is of classes \(table\) and two is of numbers \(table\); make a file for each"
    ):
        learn_portfolio(runs, name="ours", day="2026-11-24")


def test_nothing_trained_is_told(tmp_path):
    run = write_run(tmp_path / "run", TRIALS[:1])
    with pytest.raises(PortfolioError, match="nothing can be learned from .*run: no configuration was trained in full"):
        learn_portfolio([run], name="ours", day="2026-11-24")


def test_what_is_no_run_is_told(tmp_path):
    with pytest.raises(RunError, match="is not a run folder"):
        read_results(Path(tmp_path))
