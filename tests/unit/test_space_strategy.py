"""The joint space, the strategy, random search, the full scheduler."""

import json
from dataclasses import replace

import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

from automl import Candidate, Done, History, JointSpace, PluginError, Promote, Sample, Trial, UnknownNameError, Wait
from automl.errors import MissingDependencyError
from automl.registry import load_registry
from automl.space import model_space
from automl.specs import ModelSpec
from automl.strategy import MOST_REPEATS, Start, Strategy
from automl.strategy_names import make_strategy
from automl.testing import toy_task


def _space():
    first = ConfigurationSpace()
    rate, kind = Float("rate", (1e-4, 1.0), log=True, default=0.1), Categorical("kind", ["a", "b"], default="a")
    depth = Integer("depth", (1, 9), default=3)
    first.add(rate, kind, depth)
    first.add(EqualsCondition(depth, kind, "b"))
    second = ConfigurationSpace()
    second.add(Categorical("features", [0.5, "sqrt"], default="sqrt"))
    return JointSpace({"first": first, "second": second, "third": ConfigurationSpace()})


def test_samples_are_legal_plain_and_seeded():
    space = _space()
    candidates = space.sample(200, seed=3)

    assert all(space.is_legal(candidate) for candidate in candidates)
    assert {"first", "second", "third"} == {candidate.model for candidate in candidates}
    assert candidates == space.sample(200, seed=3)
    assert candidates != space.sample(200, seed=4)
    assert [dict(one.config) for one in candidates] == json.loads(json.dumps([dict(one.config) for one in candidates]))


def test_conditions_hold_in_samples():
    for candidate in _space().sample(200, seed=0):
        if candidate.model == "first":
            assert ("depth" in candidate.config) == (candidate.config["kind"] == "b")


def test_weights_say_how_often_a_model_is_drawn():
    heavy = JointSpace(_space().subspaces, {"first": 8.0, "second": 1.0, "third": 1.0})
    drawn = [candidate.model for candidate in heavy.sample(2000, seed=0)]

    assert drawn.count("first") / 2000 == pytest.approx(0.8, abs=0.04)


def test_candidates_survive_the_way_through_the_joint_space():
    space = _space()
    for candidate in space.sample(50, seed=1):
        assert candidate == space.to_candidate(space.to_configuration(candidate), "random")


@pytest.mark.parametrize(
    "wrong",
    [Candidate(model="fourth", config={}), Candidate(model="first", config={"rate": 5.0, "kind": "a"}),
     Candidate(model="second", config={"features": "sqrt", "more": 1})],
)  # fmt: skip
def test_what_is_outside_is_not_legal(wrong):
    assert not _space().is_legal(wrong)


def _play(strategy, results):
    """Ask and answer in turn; the asked candidates."""
    history, asked = History(), []
    for loss in results:
        match strategy.ask(history):
            case Start(candidate=candidate, budget=budget, parent=parent):
                asked.append((candidate, budget, parent))
                history = history.with_trial(
                    Trial(
                        id=history.next_id, candidate=candidate, budget=budget, status="done", loss=loss, parent=parent
                    )
                )
            case other:
                asked.append(other)
    return asked


def test_the_queue_comes_first_then_the_sampler():
    space = _space()
    queue = [space.default("second"), space.default("first")]
    strategy = make_strategy("random", load_registry(), space, seed=0, queue=queue)
    asked = _play(strategy, [0.5] * 5)

    assert queue == [candidate for candidate, _, _ in asked[:2]]
    assert ["random"] * 3 == [candidate.origin for candidate, _, _ in asked[2:]]


def test_random_suggestions_do_not_depend_on_results_or_pending():
    space, registry = _space(), load_registry()
    quick = _play(make_strategy("random", registry, space, seed=5), [0.1, 0.2, 0.3, 0.4])
    slow = make_strategy("random+full", registry, space, seed=5)
    history, pending = History(), []
    for number in range(1, 5):
        start = slow.ask(history)
        pending.append(start.candidate)
        history = history.with_trial(Trial(id=number, candidate=start.candidate))

    assert pending == [candidate for candidate, _, _ in quick]


def test_a_finite_space_ends():
    tiny = ConfigurationSpace()
    tiny.add(Categorical("x", [1, 2, 3]))
    asked = _play(make_strategy("random", load_registry(), JointSpace({"tiny": tiny}), seed=0), [0.5] * 5)

    assert {1, 2, 3} == {candidate.config["x"] for candidate, _, _ in asked[:3]}
    assert Done() == asked[3]


class _Says:
    def __init__(self, decision):
        self.decision = decision

    def next(self, history):
        return self.decision

    def suggest(self, history):
        return Candidate(model="first", config={"x": len(history)})


def test_a_promotion_keeps_the_configuration():
    candidate = Candidate(model="first", config={"x": 1})
    history = History([Trial(id=1, candidate=candidate, budget=0.5, status="done", loss=0.5)])

    assert Start(candidate=candidate, budget=1.0, parent=1) == Strategy(
        _Says(None), _Says(Promote(trial=1, budget=1.0))
    ).ask(history)


def test_the_first_stored_candidate_gets_the_whole_budget():
    queue = [Candidate(model="first", config={"x": number}) for number in (10, 11)]
    asked = _play(Strategy(_Says(None), _Says(Sample(budget=0.25)), queue), [0.5, 0.5, 0.5])

    assert [1.0, 0.25, 0.25] == [budget for _, budget, _ in asked]


def test_a_baseline_does_not_take_the_whole_budget_from_the_first_stored_candidate():
    dummy = Trial(id=1, candidate=Candidate(model="dummy", config={}), status="done", loss=1.0)
    stored = Candidate(model="first", config={"x": 1})

    start = Strategy(_Says(None), _Says(Sample(budget=0.25)), [stored]).ask(History([dummy]))

    assert 1.0 == start.budget


def test_a_failed_first_candidate_gives_the_whole_budget_to_the_next():
    first, second = (Candidate(model="first", config={"x": number}) for number in (1, 2))
    failed = Trial(id=1, candidate=first, status="failed", kind="error")

    start = Strategy(_Says(None), _Says(Sample(budget=0.25)), [first, second]).ask(History([failed]))

    assert (second, 1.0) == (start.candidate, start.budget)


def test_an_exhausted_sampler_leaves_promotions_to_the_scheduler():
    small = Trial(id=1, candidate=Candidate(model="first", config={}), budget=0.25, status="done", loss=1.0)
    scheduler = _Says(Sample(budget=0.25))
    scheduler.without_samples = lambda history: Promote(trial=1, budget=1.0)

    sampler = type("Empty", (), {"suggest": lambda self, history: None})()
    start = Strategy(sampler, scheduler).ask(History([small]))

    assert (1, 1.0) == (start.parent, start.budget)


def test_the_default_of_each_kind_gets_the_whole_budget_and_a_smaller_one_where_that_is_too_dear():
    queue = [Candidate(model=model, config={"x": number}) for number, model in enumerate(["a", "b", "a", "b"])]
    strategy = Strategy(_Says(None), _Says(Sample(budget=0.25)), queue)
    history, told = History(), []
    for number in range(1, 6):
        start = strategy.ask(history)
        told.append((start.candidate.config["x"], start.budget))
        dear = start.candidate.model == "b" and start.budget == 1.0
        ended = {"status": "failed", "kind": "skipped"} if dear else {"status": "done", "loss": 0.5}
        history = history.with_trial(Trial(id=number, candidate=start.candidate, budget=start.budget, **ended))

    assert [(0, 1.0), (1, 1.0), (1, 0.25), (2, 0.25), (3, 0.25)] == told


def test_stored_candidates_are_not_passed_over_in_vain_where_defaults_fail_or_are_too_dear():
    queue = [Candidate(model=model, config={"x": number}) for number, model in enumerate(["a", "b", "a", "b"])]
    strategy = Strategy(_Says(None), _Says(Sample(budget=0.25)), queue)
    failed = Trial(id=1, candidate=queue[0], status="failed", kind="error")
    history = History([failed, Trial(id=2, candidate=queue[1], status="failed", kind="skipped")])
    told = []
    for number in range(3, 6):
        start = strategy.ask(history)
        told.append((start.candidate.config["x"], start.budget))
        history = history.with_trial(
            Trial(id=number, candidate=start.candidate, budget=start.budget, status="done", loss=0.5)
        )

    assert [(1, 0.25), (2, 0.25), (3, 0.25)] == told


def test_a_sampler_that_goes_round_ends_the_search():
    """A few repeats are let through, also between new configurations; a larger budget is no repeat."""
    known = Candidate(model="first", config={"rate": 0.5})
    new = [Candidate(model="first", config={"rate": 0.1 + 0.01 * number}) for number in range(5)]
    sampler = _Says(None)
    sampler.suggest = lambda history: known
    strategy = Strategy(sampler, _Says(Sample(budget=1.0)))
    often = [known] * (MOST_REPEATS + 1)

    def record(candidates, budget=1.0):
        return History(
            [Trial(id=n, candidate=one, budget=budget, status="done", loss=0.5) for n, one in enumerate(candidates, 1)]
        )

    assert isinstance(strategy.ask(record(often[1:])), Start)
    assert isinstance(strategy.ask(record(often)), Done)
    assert isinstance(strategy.ask(record([*often, new[0], *often[:5]])), Start)
    assert isinstance(strategy.ask(record(often, budget=0.5)), Start)
    whole = History([replace(trial, whole=True) for trial in record(often, budget=0.5)])
    assert isinstance(strategy.ask(whole), Done), "half of a single fold is the whole training"


def test_waiting_for_nothing_is_an_error():
    with pytest.raises(PluginError, match="nothing is running"):
        Strategy(_Says(None), _Says(Wait())).ask(History())


def test_a_wrong_decision_is_an_error():
    with pytest.raises(PluginError, match="Sample, Promote, Wait or Done"):
        Strategy(_Says(None), _Says("go")).ask(History())


@pytest.mark.parametrize("name", ["randm", "random+ful", "magic+full"])
def test_unknown_strategies_name_what_is_there(name):
    with pytest.raises(UnknownNameError, match="random|full|smac"):
        make_strategy(name, load_registry(), _space(), seed=0)


def test_a_space_that_needs_what_is_missing_says_what_to_install():
    far = ModelSpec(
        name="far", summary="", factory="nowhere_at_all.far:Far", space="nowhere_at_all.far:space",
        requires=("nowhere_at_all",), install="automl-pluggy[far]",
    )  # fmt: skip
    with pytest.raises(MissingDependencyError, match=r"pip install 'automl-pluggy\[far\]'"):
        model_space(far, toy_task("binary"))
