"""What samplers suggest is looked at before it is used."""

from types import SimpleNamespace

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
    OrdinalHyperparameter,
)

from automl import Candidate, History, JointSpace, PluginError, Trial
from automl.protocols import Done, Sample
from automl.scalars import as_plain, is_finite
from automl.strategy import MOST_REPEATS, Start, Strategy
from automl.suggested import CandidateCheck
from automl.testing.data import toy_task

GOOD = {"rate": 0.1, "kind": "a", "size": 3, "rank": 32, "fixed": 7}


def toy_space():
    made = ConfigurationSpace()
    rate, kind = Float("rate", (1e-4, 1.0), log=True, default=0.1), Categorical("kind", ["a", "b", True], default="a")
    depth, size = Float("depth", (1.0, 9.0), default=3.0), Integer("size", (1, 5), default=3)
    made.add(
        rate, kind, depth, size, OrdinalHyperparameter("rank", [16, 32, 64], default_value=32), Constant("fixed", 7)
    )
    made.add(EqualsCondition(depth, kind, "b"))
    made.add(ForbiddenAndConjunction(ForbiddenEqualsClause(kind, "b"), ForbiddenEqualsClause(size, 5)))
    return JointSpace({"toy": made})


def checked(config=None, **fields):
    """A suggestion that a strategy has looked at."""
    sampler = SimpleNamespace(suggest=lambda history: Candidate(model="toy", config=config or GOOD, **fields))
    scheduler = SimpleNamespace(next=lambda history: Sample(budget=0.5))
    return Strategy(sampler, scheduler, space=toy_space()).ask(History()).candidate


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"base": (3,)}, r"base=\(3,\), which is for the engine's own second layer; leave base out"),
        ({"cost": float("nan")}, "cost=nan; it must be a finite number above zero"),
        ({"cost": -1.0}, r"cost=-1\.0; it must be a finite number above zero"),
        ({"cost": True}, "cost=True"),
    ],
)
def test_what_a_sampler_has_no_say_in_is_refused(fields, told):
    with pytest.raises(PluginError, match=told):
        checked(**fields)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"rate": 1e12}, r"rate=1000000000000\.0 for toy, which is not a number from 0\.0001 to 1\.0"),
        ({"rate": float("nan")}, "rate=nan for toy, which is not a number"),
        ({"rate": True}, "rate=True for toy, which is not a number"),
        ({"rate": 1.0 + 1e-6}, r"rate=1\.000001 for toy"),
        ({"size": 2.5}, r"size=2\.5 for toy, which is not a whole number from 1 to 5"),
        ({"kind": "c"}, "kind='c' for toy, which is none of 'a', 'b', True"),
        ({"kind": 1}, "kind=1 for toy, which is none of"),
        ({"rank": 33}, "rank=33 for toy, which is none of 16, 32, 64"),
        ({"fixed": 8}, "fixed=8 for toy, which is none of 7"),
        ({"rat": 0.1}, "rat=0.1 for toy: there is no hyperparameter 'rat'; did you mean rate or rank"),
        ({"size": None}, "toy without size; its default is 3"),
        ({"kind": "b"}, r"toy without depth; its default is 3\.0"),
        ({"depth": 2.0}, r"depth=2\.0 for toy, which has no effect there \(depth \| kind == 'b'\); leave it out"),
        ({"kind": "b", "depth": 2.0, "size": 5}, "which its space forbids"),
        ({"rate": [1]}, r"rate=\[1\], a list"),
    ],
)
def test_a_configuration_outside_the_space_is_told(changed, told):
    config = {name: value for name, value in (GOOD | changed).items() if value is not None}

    with pytest.raises(PluginError, match=f"it suggested .*{told}"):
        checked(config)


@pytest.mark.parametrize("rate", [1.0 + 1e-10, 1e-4 * (1 - 1e-10)])
def test_what_rounding_left_outside_becomes_the_end_of_the_range(rate):
    assert checked(GOOD | {"rate": rate}).config["rate"] == pytest.approx(rate, rel=1e-9)
    assert toy_space().is_legal(checked(GOOD | {"rate": rate}))


def test_values_of_numpy_become_pythons():
    given = {"rate": np.float32(0.5), "kind": np.bool_(True), "size": np.int64(3), "rank": np.array(32), "fixed": 7}
    found = checked(given, cost=np.float32(2.0))

    assert {"rate": 0.5, "kind": True, "size": 3, "rank": 32, "fixed": 7} == found.config
    assert [float, bool, int, int, int, float] == [*map(type, found.config.values()), type(found.cost)]


def test_a_sampler_that_goes_round_in_values_of_numpy_ends_the_search():
    sampler = SimpleNamespace(suggest=lambda history: Candidate(model="toy", config=GOOD | {"size": np.int64(3)}))
    strategy = Strategy(sampler, SimpleNamespace(next=lambda history: Sample()), space=toy_space())
    history = History()
    for number in range(1, MOST_REPEATS + 2):
        step = strategy.ask(history)
        assert isinstance(step, Start)
        history = history.with_trial(Trial(id=number, candidate=step.candidate, status="done", loss=0.5))

    assert isinstance(strategy.ask(history), Done)


@pytest.mark.parametrize("problem_type", ["binary", "regression"])
def test_what_the_models_own_spaces_give_is_as_it_was(problem_type):
    from automl.registry import load_registry
    from automl.space import joint_space

    models = [load_registry().get("models", name) for name in ("linear", "lightgbm", "random_forest")]
    space = joint_space(models, toy_task(problem_type))
    check = CandidateCheck(space)
    for candidate in [*map(space.default, space.models), *space.sample(100, seed=1)]:
        assert candidate == check.checked(candidate)


def test_what_is_a_finite_number():
    numbers = [0, 1.5, np.float32(2.0), np.int8(3)]
    others = [10**400, float("inf"), float("nan"), True, np.bool_(True), "1", None, np.ones(2), 1j]

    assert all(map(is_finite, numbers))
    assert not any(map(is_finite, others))
    assert [5, [5]] == [as_plain(np.array(5)), as_plain([5])]


def test_a_condition_on_an_inactive_hyperparameter_is_as_configspace_has_it():
    """One that must differ from a value does so where there is none."""
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, NotEqualsCondition

    from automl.suggested import _Legal

    space = ConfigurationSpace()
    a, b, c = Categorical("a", ["x", "y"]), Categorical("b", ["p", "q"]), Float("c", (0.0, 1.0))
    space.add(a, b, c)
    space.add(EqualsCondition(b, a, "x"), NotEqualsCondition(c, b, "p"))
    legal = _Legal("toy", space)

    for config in space.sample_configuration(50):
        assert dict(config) == legal.checked(dict(config))
    with pytest.raises(PluginError, match="without b"):
        legal.checked({"a": "x", "c": 0.5})


def test_whole_numbers_as_fractions_become_whole_and_huge_ones_are_told():
    from ConfigSpace import ConfigurationSpace, Float, Integer

    from automl.suggested import _Legal

    space = ConfigurationSpace()
    space.add(Float("f", (0.0, 1.0)), Integer("n", (1, 5)))
    legal = _Legal("toy", space)

    assert isinstance(legal.checked({"f": 0.5, "n": 3.0})["n"], int)
    with pytest.raises(PluginError, match="is not a number from 0.0 to 1.0"):
        legal.checked({"f": 10**400, "n": 3})
