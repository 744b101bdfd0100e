"""What a search starts from: defaults, then stored candidates that fit task, machine and time."""

import json
import re
import types

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

from automl import Candidate, JointSpace, ModelSpec, PluginError, PortfolioSpec, Task, UnknownNameError, hookimpl
from automl.data.records import TableData, TableLayout
from automl.errors import PortfolioError
from automl.meta_features import MetaFeatures
from automl.portfolio import Effort, starting_candidates
from automl.portfolio_file import parse_portfolio
from automl.portfolio_order import Priced, alternate, fit_to_time, in_turn, nearest_task, task_order
from automl.portfolio_record import SCHEMA
from automl.registry import Registry
from automl.settings import Settings
from automl.stored_config import fit_config

TASK = Task(target="y", problem_type="binary", metric="roc_auc", rows=1000, features=10, classes=("a", "b"))
FEATURES = MetaFeatures.of(TASK)


def space_of_model():
    made = ConfigurationSpace()
    rate, kind = Float("rate", (1e-4, 1.0), log=True, default=0.1), Categorical("kind", ["a", "b"], default="a")
    depth, flag = Integer("depth", (1, 9), default=3), Categorical("flag", [True, False], default=False)
    made.add(rate, kind, depth, flag)
    made.add(EqualsCondition(depth, kind, "b"))
    return made


def spec(name, cost=1.0):
    return ModelSpec(name=name, summary="A toy.", factory="toy:M", space="toy:space", relative_cost=cost)


MODELS = [spec("first"), spec("second", cost=4.0)]
SPACE = JointSpace({"first": space_of_model(), "second": space_of_model()})
DEFAULTS = [SPACE.default("first"), SPACE.default("second")]


class Plugin:
    """A plugin of one portfolio, made by a function."""

    def __init__(self, *specs):
        self.specs = specs

    @hookimpl
    def register_portfolios(self):
        return self.specs

    @hookimpl
    def register_models(self):
        return [*MODELS, spec("third"), spec("unasked")]


def registry_with(*specs):
    return Registry().register(Plugin(*specs), "toys")


@pytest.fixture
def stored(monkeypatch):
    """Make a portfolio spec whose function gives these candidates."""

    def make(*candidates, name="mine", **options):
        module = types.ModuleType(f"portfolio_{name}")
        module.give = lambda task: iter(candidates)
        monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
        return PortfolioSpec(name=name, summary="Mine.", factory=f"portfolio_{name}:give", **options)

    return make


def start(registry, **options):
    values = {"task": TASK, "features": FEATURES, "skipped": {}} | options
    return starting_candidates(registry, MODELS, SPACE, **values)


def candidates(count, model="first", **config):
    return [
        Candidate(model=model, config={"rate": 0.2 + 0.01 * place, **config}, origin=f"mine#{place}")
        for place in range(1, count + 1)
    ]


# -- against the model's space ------------------------------------------------------------------------


def test_a_stored_configuration_is_completed_with_defaults():
    assert {"rate": 0.5, "kind": "a", "flag": False} == dict(fit_config(space_of_model(), {"rate": 0.5}))


def test_what_becomes_active_is_completed_too():
    assert {"kind": "b", "rate": 0.1, "depth": 3, "flag": False} == dict(fit_config(space_of_model(), {"kind": "b"}))


def test_whole_numbers_may_be_written_as_floats_and_the_other_way_round():
    found = fit_config(space_of_model(), {"kind": "b", "depth": 4.0, "rate": 1})

    assert (4, int, 1.0, float) == (found["depth"], type(found["depth"]), found["rate"], type(found["rate"]))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"rates": 0.1}, r"there is no hyperparameter 'rates'; did you mean rate\?"),
        ({"rate": 3.0}, r"rate=3\.0 is not a number from 0\.0001 to 1\.0"),
        ({"rate": "much"}, r"rate='much' is not a number"),
        ({"rate": True}, r"rate=True is not a number"),
        ({"kind": "c"}, r"kind='c' is none of 'a', 'b'"),
        ({"flag": 1}, r"flag=1 is none of True, False"),
        ({"kind": "b", "depth": 2.5}, r"depth=2\.5 is not a whole number from 1 to 9"),
        ({"depth": 2}, r"depth=2 has no effect here: depth \| kind == 'b'"),
        ({"rate": None}, r"rate=None is not a number"),
    ],
)
def test_what_does_not_fit_is_told_in_words(config, message):
    with pytest.raises(ValueError, match=message):
        fit_config(space_of_model(), config)


# -- order --------------------------------------------------------------------------------------------


def priced(*models, seconds=1.0):
    return [
        Priced(candidate=Candidate(model=model, config={"n": n}), seconds=seconds) for n, model in enumerate(models)
    ]


def models_of(items):
    return "".join(item.candidate.model for item in items)


def test_families_alternate_and_keep_their_own_order():
    ordered = alternate(priced("a", "a", "a", "b", "c"))

    assert "abaca" == models_of(ordered)
    assert [0, 1, 2] == [item.candidate.config["n"] for item in ordered if item.candidate.model == "a"]


def test_nothing_is_lost_where_one_family_is_alone():
    assert "aaa" == models_of(alternate(priced("a", "a", "a")))


def test_with_time_for_all_the_given_order_stays():
    items = [*priced("a", seconds=5.0), *priced("b", seconds=1.0)]

    assert (items, False) == fit_to_time(items, 6.0)
    assert (items, False) == fit_to_time(items, None)


def test_with_little_time_cheap_ones_come_first():
    items = [*priced("a", seconds=5.0), *priced("b", seconds=1.0)]

    assert ([items[1], items[0]], True) == fit_to_time(items, 5.0)


def test_a_little_dearer_stays_in_front():
    items = [*priced("a", seconds=1.1), *priced("b", "c", "d", "e", seconds=1.0)]

    assert items == fit_to_time(items, 1.0)[0]


def test_portfolios_take_turns():
    assert "acbde" == models_of(in_turn([priced("a", "b"), priced("c", "d", "e")]))


def portfolio_with_tasks(*tasks):
    rows = [{"model": "first", "config": {"rate": 0.1 * place}} for place in range(1, 6)]
    plain = {"schema": SCHEMA, "date": "2026-01-01", "candidates": rows, "tasks": list(tasks)}
    return parse_portfolio(json.dumps(plain), name="mine")


def stored_task(rows, order, **features):
    return {
        "name": f"t{rows}",
        "rows": rows,
        "features": 10,
        "classes": 2,
        "numeric_share": 1.0,
        **features,
        "order": order,
    }


def test_what_was_best_on_the_nearest_task_takes_every_third_place():
    portfolio = portfolio_with_tasks(stored_task(20, [1]), stored_task(900, [5, 4]), stored_task(30_000, [2]))
    task = nearest_task(portfolio, FEATURES)

    assert "t900" == task.name
    assert [5, 1, 2, 4, 3] == task_order(portfolio, task)


def test_the_order_of_the_file_stays_where_no_task_is_near():
    portfolio = portfolio_with_tasks(stored_task(1_000_000, [5]))

    assert nearest_task(portfolio, FEATURES) is None
    assert [1, 2, 3, 4, 5] == task_order(portfolio, None)


def test_the_missing_share_counts_where_both_know_it():
    table = TableData(
        layout=TableLayout(numbers=("a",), categories=("b",), levels=(2,)),
        numbers=np.array([[np.nan], [1.0]], dtype=np.float32),
        codes=np.array([[0], [1]], dtype=np.int32),
    )
    features = MetaFeatures.of(TASK, table)
    near = stored_task(5000, [1], missing_share=0.25)
    far = stored_task(1000, [2], missing_share=1.0)

    assert 0.25 == features.missing_share
    assert "t5000" == nearest_task(portfolio_with_tasks(near, far), features).name
    assert "t1000" == nearest_task(portfolio_with_tasks(near, far), FEATURES).name


# -- the queue ----------------------------------------------------------------------------------------


def test_defaults_come_first_and_stored_ones_follow_with_their_origin(stored):
    starts = start(registry_with(stored(*candidates(2))))

    assert ["default", "default", "mine#1", "mine#2"] == [one.origin for one in starts.queue]
    assert 2 == starts.defaults
    assert "baselines: 2 stored configurations follow the default ones" in starts.notes


def test_a_configuration_is_tried_once_and_a_default_stays_a_default(stored):
    twin = Candidate(model="first", config=dict(DEFAULTS[0].config), origin="mine#1")
    starts = start(registry_with(stored(twin, *candidates(1), *candidates(1))))

    assert ["default", "default", "mine#1"] == [one.origin for one in starts.queue]


def test_what_cannot_be_tried_is_left_out_with_the_reason(stored):
    wrong = [
        Candidate(model="third", config={}, origin="mine#1"),
        Candidate(model="third", config={"a": 1}, origin="mine#2"),
        Candidate(model="first", config={"rate": 9.0}, origin="mine#3"),
        Candidate(model="fourth", config={}, origin="mine#4"),
        Candidate(model="unasked", config={}, origin="mine#5"),
    ]
    starts = start(registry_with(stored(*wrong)), skipped={"third": "needs three, which is not installed"})

    assert tuple(DEFAULTS) == starts.queue
    assert ["mine#1", "mine#2", "mine#3", "mine#4", "mine#5"] == [lost.origin for lost in starts.left_out]
    assert "baselines: 2 of third left out: needs three, which is not installed" in starts.notes
    assert any("1 of first left out: does not fit its space: rate=9.0" in note for note in starts.notes)
    assert "baselines: 1 of fourth left out: no plugin brings this model" in starts.notes
    assert not any("unasked" in note for note in starts.notes)


def test_a_portfolio_is_asked_for_its_own_problem_types_only(stored):
    starts = start(registry_with(stored(*candidates(2), problem_types=("regression",))))

    assert tuple(DEFAULTS) == starts.queue


def test_no_baselines_leaves_the_defaults(stored):
    starts = start(registry_with(stored(*candidates(2))), baselines=False)

    assert tuple(DEFAULTS) == starts.queue
    assert ("baselines: switched off",) == starts.notes


def test_the_sampler_gets_half_of_what_the_defaults_leave_of_the_trials(stored):
    starts = start(registry_with(stored(*candidates(9))), effort=Effort(trials=8))

    assert 2 + 3 == len(starts.queue)
    assert any("3 stored configurations follow the default ones of 9, so that half" in note for note in starts.notes)
    assert tuple(DEFAULTS) == start(registry_with(stored(*candidates(9))), effort=Effort(trials=1)).queue


def test_cheap_models_come_first_when_time_is_short(stored):
    dear, cheap = candidates(2, model="second"), candidates(2)
    registry = registry_with(stored(*dear, *cheap))

    long = start(registry, effort=Effort(fit_seconds=1.0, seconds=100.0))
    short = start(registry, effort=Effort(fit_seconds=1.0, seconds=8.0))

    assert ["second", "first", "second", "first"] == [one.model for one in long.queue[2:]]
    assert ["first", "second", "first", "second"] == [one.model for one in short.queue[2:]]
    assert any("kinds of models in turn" in note for note in short.notes)


def test_a_list_of_the_caller_is_tried_whole_and_in_its_order(stored):
    given = [
        {"model": "second", "config": {"rate": 0.9}, "origin": "mine#7"},
        {"model": "second", "config": {"rate": 0.8}},
    ]
    starts = start(registry_with(stored(*candidates(4))), baselines=given, effort=Effort(trials=3, seconds=0.1))

    assert [0.9, 0.8] == [one.config["rate"] for one in starts.queue[2:]]
    assert ["mine#7", "baseline:given#2"] == [one.origin for one in starts.queue[2:]]


def test_a_file_of_the_caller_takes_the_place_of_the_plugins(stored, tmp_path):
    plain = {"schema": SCHEMA, "date": "2026-01-01", "candidates": [{"model": "first", "config": {"rate": 0.7}}]}
    (tmp_path / "won.json").write_text(json.dumps(plain))
    starts = start(registry_with(stored(*candidates(4))), baselines=str(tmp_path / "won.json"))

    assert ["baseline:won#1"] == [one.origin for one in starts.queue[2:]]


def test_a_file_for_other_tasks_is_told(stored, tmp_path):
    plain = {
        "schema": SCHEMA,
        "date": "2026-01-01",
        "problem_types": ["regression"],
        "candidates": [{"model": "first"}],
    }
    (tmp_path / "won.json").write_text(json.dumps(plain))
    starts = start(registry_with(), baselines=str(tmp_path / "won.json"))

    assert tuple(DEFAULTS) == starts.queue
    assert any("won is for regression (table), so that nothing of it is tried here" in note for note in starts.notes)


def test_an_unknown_model_in_a_file_is_told_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match=r"given: candidate 2: no model is called 'firts'; did you mean first\?"):
        start(registry_with(), baselines=[{"model": "first", "config": {}}, {"model": "firts", "config": {}}])


def test_a_misspelt_key_in_a_list_is_refused():
    with pytest.raises(
        PortfolioError, match=r"baselines: candidate 1: \"confg\" is not known here; did you mean 'config'"
    ):
        start(registry_with(), baselines=[{"model": "first", "confg": {}}])


def test_a_list_with_objects_is_refused():
    with pytest.raises(PortfolioError, match="holds something that is no plain value"):
        start(registry_with(), baselines=[{"model": "first", "config": {"rate": object()}}])


@pytest.mark.parametrize("wrong", [3, ["a"], {"model": "first"}])
def test_settings_refuse_what_is_no_source_of_baselines(wrong):
    with pytest.raises(Exception, match="must be a portfolio file, True, False, or a list"):
        Settings(target="y", baselines=wrong)


def test_a_portfolio_file_of_a_strangers_plugin(tmp_path, monkeypatch):
    package = tmp_path / "stranger_package"
    package.mkdir()
    (package / "__init__.py").touch()
    plain = {"schema": SCHEMA, "date": "2026-01-01", "candidates": [{"model": "second", "config": {"rate": 0.3}}]}
    (package / "won.json").write_text(json.dumps(plain))
    monkeypatch.syspath_prepend(str(tmp_path))
    starts = start(registry_with(PortfolioSpec(name="won", summary="Won.", file="stranger_package:won.json")))

    assert ["baseline:won#1"] == [one.origin for one in starts.queue[2:]]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, r"portfolio 'won' of plugin 'toys': 'stranger_missing:won\.json' cannot be read"),
     ("{", r"portfolio 'won' of plugin 'toys': won\.json is not JSON")],
    ids=["missing", "broken"],
)  # fmt: skip
def test_a_plugins_file_that_cannot_be_used_is_left_out_and_told(tmp_path, monkeypatch, content, message):
    name = "stranger_missing" if content is None else "stranger_broken"
    package = tmp_path / name
    package.mkdir()
    (package / "__init__.py").touch()
    if content is not None:
        (package / "won.json").write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    starts = start(registry_with(PortfolioSpec(name="won", summary="Won.", file=f"{name}:won.json")))

    assert tuple(DEFAULTS) == starts.queue
    assert any(re.match(f"baselines: won left out: {message}", note) for note in starts.notes)


@pytest.mark.parametrize("file", ["won.json", "a:won.txt", "a:b/won.json"])
def test_a_spec_with_a_wrong_file_is_refused(file):
    with pytest.raises(PluginError, match=r"must be of the form 'package:name\.json'"):
        registry_with(PortfolioSpec(name="won", summary="Won.", file=file))


def test_a_spec_has_a_file_or_a_factory():
    with pytest.raises(PluginError, match="stands in the place of a factory"):
        registry_with(PortfolioSpec(name="won", summary="Won.", file="a:b.json", factory="a:b"))
    with pytest.raises(PluginError, match="is not of the form"):
        registry_with(PortfolioSpec(name="won", summary="Won."))
