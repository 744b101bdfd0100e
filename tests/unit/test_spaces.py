"""Search spaces as a user changes them: reading changes, making them, and what is told when they cannot be made."""

import json

import pytest
from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    GreaterThanCondition,
    InCondition,
    Integer,
    Normal,
    NotEqualsCondition,
)
from ConfigSpace.hyperparameters import Constant, OrdinalHyperparameter

from automl.changed_space import adapt_config, change_space
from automl.errors import SettingsError
from automl.history import Candidate, History, Trial
from automl.registry import load_registry
from automl.settings import Settings
from automl.space import JointSpace, model_space, plain_config
from automl.space_changes import read_changes
from automl.testing import toy_task


def one(text):
    (change,) = read_changes(text)
    return change


# -- reading --------------------------------------------------------------------------------------


def test_expressions_are_read():
    assert (one("m.rate=1e-6..1e-1:log").low, one("m.rate=1e-6..1e-1:log").high) == (1e-6, 1e-1)
    assert one("m.rate=1e-6..1e-1:log").scale == "log"
    assert one("m.leaves=4..8").scale == ""
    assert isinstance(one("m.leaves=4..8").low, int)
    assert one("m.shift=-2..-1").low == -2
    assert one("m.kind=a,b").values == ("a", "b")
    assert one('m.kind="a,b",c').values == ("a,b", "c")
    assert one("m.kind=l2").values == ("l2",)


def test_an_expression_is_written_as_it_is_read():
    for text in ("m.rate=1e-06..0.1:log", "m.kind=a,b", 'm.kind="a,b",c', "m.n=3", "m.batch=16..512:pow2"):
        assert str(one(text)) == text
    assert str(read_changes({"m": {"flag": [True, None]}})[0]) == "m.flag=true,null"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rate=3", "write it as MODEL.NAME=VALUE"),
        ("m.rate", "a file ends in .toml"),
        ("m.rate=", "not understood"),
        ("m.rate=5..1", "5 is not below 1"),
        ("m.rate=1..1", "not below"),
        ("m.rate=a..b", "'a' is not a number"),
        ("m.rate=0..1:log", "numbers above zero"),
        ("m.rate=1..2:cubic", "scale 'cubic' is not known"),
        ("m.rate=1..inf", "not a finite number"),
        ("m.rate=a,,b", "a value is empty"),
        ("there-is-none.toml", "is not there"),
    ],
)
def test_what_is_not_understood_is_told(text, told):
    with pytest.raises(SettingsError, match=told):
        read_changes(text)


TOML = """
[lightgbm]
learning_rate = {low = 1e-6, high = 1e-1, log = true}
num_leaves = 31
extra_trees = [true]
lambda_l1 = "1e-3..1:log"
"""
YAML = """
lightgbm:
  learning_rate: {low: 1e-6, high: 1e-1, log: true}
  num_leaves: 31
  extra_trees: [true]
  lambda_l1: 1e-3..1:log
"""
PYTHON = """
SPACE = {"lightgbm": {"learning_rate": (1e-6, 1e-1, "log"), "num_leaves": 31, "extra_trees": [True],
                      "lambda_l1": "1e-3..1:log"}}
"""
JSON = json.dumps(
    {
        "lightgbm": {
            "learning_rate": {"low": 1e-6, "high": 1e-1, "scale": "log"},
            "num_leaves": 31,
            "extra_trees": [True],
            "lambda_l1": "1e-3..1:log",
        }
    }
)


@pytest.mark.parametrize(("name", "text"), [("s.toml", TOML), ("s.yaml", YAML), ("s.py", PYTHON), ("s.json", JSON)])
def test_files_of_every_kind_say_the_same(tmp_path, name, text):
    if name.endswith("yaml"):
        pytest.importorskip("yaml")
    (tmp_path / name).write_text(text)
    wanted = ["learning_rate=1e-06..0.1:log", "num_leaves=31", "extra_trees=true", "lambda_l1=0.001..1:log"]
    assert [str(change) for change in read_changes(tmp_path / name)] == [f"lightgbm.{each}" for each in wanted]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("s.toml", "lightgbm = [", "cannot be read"),
        ("s.toml", "", "is empty"),
        ("s.toml", "lightgbm = 3", "'lightgbm' stands for 3"),
        ("s.toml", "[m]\nrate = {low = 1}", "low or high is missing"),
        ("s.toml", "[m]\nrate = {low = 1, high = 2, step = 3}", "'step' is not known"),
        ("s.toml", "[m]\nrate = []", "list of values is empty"),
        ("s.json", "[1]", "holds a list"),
        ("s.py", "1 / 0", "raised ZeroDivisionError"),
        ("s.py", "x = 1", "has no SPACE"),
        ("s.txt", "m.rate = 3", "is not known; use .toml"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_name(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=told) as caught:
        read_changes(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_yaml_without_its_package_is_told_with_the_line_to_install(tmp_path, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *rest):
        if name == "yaml":
            raise ImportError
        return real(name, *rest)

    (tmp_path / "s.yaml").write_text(YAML)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match="pip install pyyaml"):
        read_changes(tmp_path / "s.yaml")


def test_the_later_change_counts_and_settings_keep_them_all():
    settings = Settings(target="y", space=["m.a=1", "m.b=2", "m.a=3"])
    assert settings.to_dict()["space"] == ["m.a=3", "m.b=2"]
    assert Settings(target="y", space=settings.to_dict()["space"]).to_dict() == settings.to_dict()


# -- changing ---------------------------------------------------------------------------------------


@pytest.fixture
def space():
    made = ConfigurationSpace(seed=0)
    kind = Categorical("kind", ["tree", "line", "none"], weights=[0.5, 0.25, 0.25], default="tree")
    rate = Float("rate", (0.005, 0.2), log=True, default=0.05)
    leaves = Integer("leaves", (2, 256), log=True, default=31)
    batch = OrdinalHyperparameter("batch", [32, 64, 128], default_value=64)
    flag = Categorical("flag", [True, False], default=False)
    bell = Float("bell", (0.0, 1.0), distribution=Normal(0.5, 0.1))
    made.add(kind, rate, leaves, batch, flag, bell, Constant("fixed", 3))
    made.add(
        EqualsCondition(leaves, kind, "tree"),
        AndConjunction(InCondition(bell, kind, ["tree", "line"]), GreaterThanCondition(bell, batch, 32)),
        NotEqualsCondition(flag, kind, "none"),
    )
    made.add(ForbiddenAndConjunction(ForbiddenEqualsClause(kind, "line"), ForbiddenEqualsClause(batch, 128)))
    return made


def changed(space, *texts):
    return change_space(space, read_changes(list(texts)))


def test_a_range_is_narrowed_and_widened(space):
    made = changed(space, "m.rate=1e-6..1e-1:log", "m.leaves=4..1000")
    assert (made["rate"].lower, made["rate"].upper, made["rate"].log) == (1e-6, 0.1, True)
    assert (made["leaves"].lower, made["leaves"].upper, made["leaves"].log) == (4, 1000, True)
    assert made["rate"].default_value == 0.05
    assert space["rate"].lower == 0.005


def test_a_default_outside_moves_to_the_nearest_bound(space):
    assert changed(space, "m.rate=0.1..0.2")["rate"].default_value == 0.1
    assert changed(space, "m.leaves=4..8")["leaves"].default_value == 8
    assert changed(space, "m.batch=16,1024")["batch"].default_value == 16


def test_the_scale_can_be_changed(space):
    assert not changed(space, "m.rate=0..0.5:linear")["rate"].log
    with pytest.raises(SettingsError, match="begin above zero or write 0..0.5:linear"):
        changed(space, "m.rate=0..0.5")


def test_powers_of_two(space):
    assert list(changed(space, "m.leaves=10..300:pow2")["leaves"].sequence) == [16, 32, 64, 128, 256]
    assert list(changed(space, "m.batch=16..64:pow2")["batch"].sequence) == [16, 32, 64]
    with pytest.raises(SettingsError, match="no power of two lies in 5..7"):
        changed(space, "m.leaves=5..7:pow2")


def test_values_of_numbers_are_ranked(space):
    made = changed(space, "m.rate=0.3,0.01", "m.leaves=7")
    assert list(made["rate"].sequence) == [0.01, 0.3]
    assert list(made["leaves"].sequence) == [7]
    assert made.get_default_configuration()["leaves"] == 7


def test_choices_keep_their_weights_and_order(space):
    made = changed(space, "m.kind=none,tree")
    assert list(made["kind"].choices) == ["tree", "none"]
    assert made["kind"].probabilities == pytest.approx([2 / 3, 1 / 3])


def test_words_become_the_values_they_stand_for(space):
    made = changed(space, "m.flag=true")
    assert list(made["flag"].choices) == [True]
    assert plain_config(made.get_default_configuration())["flag"] is True


def test_hyperparameters_that_can_never_be_active_are_taken_out(space):
    made = changed(space, "m.kind=none")
    assert {"leaves", "bell", "flag"}.isdisjoint(made)
    assert dict(made.get_default_configuration()) == {"kind": "none", "rate": 0.05, "batch": 64, "fixed": 3}


def test_conditions_that_always_hold_are_gone_and_others_stay(space):
    made = changed(space, "m.kind=tree")
    assert "leaves" in made.get_default_configuration()
    assert [str(each) for each in made.conditions] == ["bell | batch > 32"]
    assert made.forbidden_clauses == []

    both = changed(space, "m.batch=64,128")
    assert "bell | kind in {'tree', 'line'}" in [str(each) for each in both.conditions]
    assert len(both.forbidden_clauses) == 1


def test_a_condition_on_a_value_that_is_gone_still_holds_for_the_others(space):
    made = changed(space, "m.batch=16,64")
    drawn = [plain_config(each) for each in made.sample_configuration(200)]
    assert all(("bell" in each) == (each["kind"] != "none" and each["batch"] > 32) for each in drawn)


def test_every_draw_of_a_changed_space_keeps_the_changes(space):
    made = changed(space, "m.rate=0.01..0.02", "m.kind=tree,line", "m.bell=0.6..0.7")
    for each in made.sample_configuration(100):
        values = plain_config(each)
        assert 0.01 <= values["rate"] <= 0.02
        assert values["kind"] != "none"
        assert 0.6 <= values.get("bell", 0.6) <= 0.7


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("m.rat=0.1", "no hyperparameter 'rat'; did you mean rate"),
        ("m.zzz=0.1", "it has batch, bell, fixed, flag, kind, leaves, rate"),
        ("m.kind=tre", "kind cannot be tre; did you mean tree"),
        ("m.kind=1..2", "a choice among tree, line, none, not a range"),
        ("m.rate=fast", "rate holds numbers, and fast is given"),
        ("m.leaves=1.5", "leaves holds whole numbers"),
        ("m.leaves=1.5..3", "whole numbers"),
        ("m.rate=nan", "holds numbers"),
        ("m.flag=2", "flag cannot be 2"),
        ("m.batch=200..300", "none of 32, 64, 128 lies in 200..300"),
        ("m.rate=1..1.0000000000000002", "too narrow to search in; fix it with m.rate=1$"),
        ("m.rate=12345.678..12345.678000000002:log", "too narrow to search in; fix it with m.rate=12345.678$"),
    ],
)
def test_a_change_that_cannot_be_made_is_told(space, text, told):
    with pytest.raises(SettingsError, match=told) as caught:
        changed(space, text)
    assert text in str(caught.value)


def test_a_forbidden_default_is_told(space):
    with pytest.raises(SettingsError, match="no legal default"):
        changed(space, "m.kind=line", "m.batch=128")


def test_stored_configurations_move_into_the_space(space):
    made = changed(space, "m.rate=0.01..0.02", "m.kind=line,none", "m.batch=16,64")
    config = {"rate": 0.2, "kind": "tree", "batch": 128, "leaves": 8, "fixed": 3, "strange": 1}
    moved = adapt_config(config, made, space)
    assert moved == {"rate": 0.02, "kind": "line", "batch": 64, "fixed": 3, "strange": 1}


@pytest.mark.parametrize("name", sorted(load_registry().samplers))
def test_every_sampler_stays_in_a_changed_space(space, name):
    spec = load_registry().samplers[name]
    if spec.missing():
        pytest.skip(f"needs {spec.missing()}")
    made = changed(space, "m.rate=0.01,0.02", "m.kind=tree,line", "m.leaves=4..6", "m.batch=16..256:pow2")
    joint = JointSpace({"m": made})
    sampler, history = spec.load()(joint, 3), History()
    for number in range(1, 25):
        candidate = sampler.suggest(history)
        if candidate is None:
            break
        assert joint.is_legal(candidate), candidate
        assert candidate.config["rate"] in (0.01, 0.02)
        trial = Trial(
            id=number,
            candidate=Candidate(model="m", config=candidate.config, origin=name),
            status="done",
            loss=float(candidate.config["rate"]),
            score=0.0,
        )
        history = history.with_trial(trial)
    assert len(history) > 10


@pytest.mark.parametrize(
    "text", ["m.size=0", "m.size=0..20:linear", "m.size=1,2000", "m.size=1..4096:pow2", "m.share=1.5", "m.share=0.2..2"]
)
def test_values_that_the_model_cannot_take_are_refused(text):
    own = ConfigurationSpace(
        space=[
            Integer("size", (2, 100), log=True, meta={"limits": (1, 1000)}),
            Float("share", (0.5, 1.0), meta={"limits": (None, 1.0)}),
        ]
    )
    with pytest.raises(SettingsError, match=r"model m cannot take (size|share)=.*; it must be at (least 1|most 1)"):
        changed(own, text)
    assert 1000 == changed(own, "m.size=1..1000")["size"].upper
    zero = ConfigurationSpace(space=[Float("weight", (1e-3, 10.0), log=True, meta={"limits": (0, None)})])
    for text in ("m.weight=-1..1", "m.weight=0..1"):
        with pytest.raises(SettingsError, match=r"begin above zero or write 0\.\.1:linear$"):
            changed(zero, text)
    assert 0 == changed(zero, "m.weight=0..1:linear")["weight"].lower
    with pytest.raises(SettingsError, match="log scale, and the range begins at 0; begin at 1 or above$"):
        changed(own, "m.size=0..50")
    assert 0.0 == changed(own, "m.share=0..1")["share"].lower


@pytest.mark.parametrize("name", sorted(load_registry().models))
def test_limits_of_models_leave_room_for_their_own_spaces(name):
    spec = load_registry().models[name]
    if spec.missing():
        pytest.skip(f"needs {spec.missing()}")
    for one in model_space(spec, toy_task("binary")).values():
        low, high = (one.meta or {}).get("limits", (None, None))
        assert low is None or low <= one.lower
        assert high is None or one.upper <= high


def test_arrays_are_lists_of_values_and_a_long_expression_is_no_file():
    import numpy as np

    (change,) = read_changes({"linear": {"C": np.array([1.0, 2.0])}})
    assert (1.0, 2.0) == change.values
    (change,) = read_changes("linear.C=" + ",".join(str(number / 7) for number in range(1, 99)))
    assert 98 == len(change.values)


@pytest.mark.parametrize("value", [(1, 10**400), [1, 10**400], 10**400])
def test_numbers_beyond_all_floats_are_told(value):
    with pytest.raises(SettingsError, match="is not a finite number|is too large"):
        read_changes({"linear": {"C": value}})
