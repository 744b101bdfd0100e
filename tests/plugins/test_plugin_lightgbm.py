"""LightGBM: categories, missing values, class weights and objectives of its own."""

import time
from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest
from automl_plugins.trees.lightgbm_model import LightGBM, _Watch
from threadpoolctl import threadpool_limits
from tree_tools import blind, conformance, fitted, make, noise, saved_and_loaded, slope, table, task_of

from automl import Effort, PredictorError, boosting_patience
from automl.testing import toy_table, toy_task


@pytest.fixture(autouse=True)
def _few_threads():
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("check", conformance("lightgbm", quick=("regression",)))
def test_conformance(check):
    check()


def nodes(tree):
    """The inner nodes of a dumped tree."""
    if "split_feature" not in tree:
        return []
    return [tree, *nodes(tree["left_child"]), *nodes(tree["right_child"])]


def all_nodes(model):
    trees = model._booster.dump_model()["tree_info"]
    return [node for tree in trees for node in nodes(tree["tree_structure"])]


def odd_codes(rows=800, levels=40, seed=0):
    """The target is high for half of the levels, in no order; one number is missing where the target is high, too."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, (rows, 1))
    high = np.random.default_rng(9).permutation(levels)[: levels // 2]
    target = np.isin(codes[:, 0], high) + 0.1 * rng.normal(size=rows)
    return table(rng.normal(size=(rows, 1)), target, codes=codes, levels=(levels,))


# -- categories and missing values ----------------------------------------------------------------


def test_categories_are_cut_as_sets():
    train = odd_codes()
    native = fitted("lightgbm", train, task_of(train), categories="native")
    encoded = fitted("lightgbm", train, task_of(train), categories="encoded")
    first = all_nodes(native)[0]

    assert "==" == first["decision_type"]
    assert len(first["threshold"].split("||")) > 5
    assert all("<=" == node["decision_type"] for node in all_nodes(encoded))


def test_categories_in_no_order_are_learned_from_few_cuts():
    train, test = odd_codes(), odd_codes(seed=1)
    model = fitted("lightgbm", train, task_of(train), categories="native", num_leaves=2, cat_smooth=0.1, cat_l2=0.1)

    assert np.corrcoef(model.predict(blind(test)), test.target)[0, 1] > 0.9


def test_unseen_levels_are_taken_for_missing():
    train = odd_codes()
    model = fitted("lightgbm", train, task_of(train))
    missing, unseen = (replace(blind(train), codes=np.full_like(train.codes, code)) for code in (-1, 40))

    assert model.predict(missing).tolist() == model.predict(unseen).tolist()


def test_missing_values_are_a_side_of_a_cut():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(400, 2))
    gone = rng.random(400) < 0.4
    numbers[gone, 1] = np.nan
    train = table(numbers, gone + 0.1 * rng.normal(size=400))
    model = fitted("lightgbm", train, task_of(train))

    assert np.corrcoef(model.predict(blind(train)), gone)[0, 1] > 0.95
    assert any("NaN" == node["missing_type"] for node in all_nodes(model))


# -- class weights --------------------------------------------------------------------------------


def uneven(rows=1000, seed=0):
    """One row in twenty is of class 1; a number tells a little."""
    rng = np.random.default_rng(seed)
    target = (rng.random(rows) < 0.05).astype(np.int64)
    return table(rng.normal(size=(rows, 2)) + target[:, None], target)


@pytest.mark.parametrize("name", ["lightgbm", "hist_gradient_boosting"])
def test_balanced_classes_raise_the_rare_one(name):
    train = uneven()
    task = task_of(train, "binary", 2)
    plain, balanced = (
        fitted(name, train, task, class_weight=choice).predict(blind(train))[:, 1].mean()
        for choice in ("none", "balanced")
    )

    assert plain == pytest.approx(0.05, abs=0.02)
    assert balanced > 2 * plain


@pytest.mark.parametrize("name", ["lightgbm", "hist_gradient_boosting"])
def test_balanced_classes_are_weights_of_rows(name):
    """The same as weights that the user gives, and on top of them."""
    train = uneven()
    task = task_of(train, "binary", 2)
    share = train.target.mean()
    by_hand = replace(train, weight=np.where(train.target == 1, 0.5 / share, 0.5 / (1 - share)))
    twice = replace(train, weight=np.full(len(train), 1.0))
    answers = [
        fitted(name, rows, task, class_weight=choice).predict(blind(train))
        for rows, choice in ((by_hand, "none"), (train, "balanced"), (twice, "balanced"))
    ]

    assert answers[0] == pytest.approx(answers[1], abs=1e-6)
    assert answers[2] == pytest.approx(answers[1], abs=1e-6)


# -- stopping -------------------------------------------------------------------------------------


def test_nothing_is_learned_from_noise():
    train, valid = noise(400), noise(400, seed=1)
    model = make("lightgbm", task_of(train, "binary", 2))
    facts = model.fit(train, valid, Effort())

    assert facts["rounds"] < 60
    assert np.abs(model.predict(blind(valid))[:, 1] - 0.5).mean() < 0.15


def test_only_the_best_rounds_predict_and_are_saved(tmp_path):
    train, valid = slope(classes=True), slope(classes=True, seed=1)
    model = make("lightgbm", task_of(train, "binary", 2))
    best = int(model.fit(train, valid, Effort())["rounds"])
    again = fitted("lightgbm", train, model._task, valid, Effort(fidelity={"rounds": float(best)}))
    loaded = saved_and_loaded(model, tmp_path / "model")

    assert best == model._best() == loaded._booster.current_iteration() < 500
    assert again.predict(blind(valid)) == pytest.approx(model.predict(blind(valid)), abs=1e-9)


def test_the_first_trees_of_a_checkpoint_stay(tmp_path):
    train, _ = toy_table("binary")
    first = fitted("lightgbm", train, toy_task("binary"), effort=Effort(fidelity={"rounds": 20.0}))
    tmp_path.joinpath("first").mkdir()
    first.save(tmp_path / "first")
    effort = Effort(fidelity={"rounds": 50.0}, checkpoint=tmp_path / "first")
    second = fitted("lightgbm", train, toy_task("binary"), effort=effort)
    trees = [model._booster.dump_model()["tree_info"] for model in (first, second)]

    assert (20, 50) == tuple(map(len, trees))
    assert trees[0] == trees[1][:20]


def test_continued_rounds_draw_other_rows(tmp_path):
    """Else the 21st tree would be grown on the bag of the first."""
    train, _ = toy_table("binary")
    model = make("lightgbm", toy_task("binary"))
    model._columns.fit_transform(train)

    assert model._parameters(Effort(), train, 0)["seed"] != model._parameters(Effort(), train, 20)["seed"]


def test_a_rate_too_slow_for_the_time_left_is_raised():
    """Eight rounds show that five rounds a second fit before the deadline."""
    booster = type("Booster", (), {"reset_parameter": lambda self, values: found.append(values["learning_rate"])})()
    found = []
    look = _Watch(lgb, deadline=time.monotonic() + 3.0, rate=0.01, steady=False, rows=None)
    for iteration in range(8):
        look(lgb.callback.CallbackEnv(booster, {}, iteration, 0, 2000, None))
        time.sleep(0.05)

    assert 1 == len(found)
    assert 0.01 < found[0] <= 0.3


def test_the_deadline_keeps_the_best_round_not_the_last():
    """With noise for a target the loss only rises, and the time is over before the patience is."""
    rng = np.random.default_rng(0)
    train, valid = (table(rng.normal(size=(rows, 5)), rng.integers(0, 2, rows)) for rows in (3000, 1000))
    # Slow enough that the patience of 40 rounds cannot be reached.
    effort = Effort(deadline=time.monotonic() + 0.6)
    model = make("lightgbm", task_of(train, "binary", 2), num_leaves=200, learning_rate=0.2, min_data_in_leaf=1)
    model._columns.fit_transform(train)
    facts = model.fit(train, valid, effort)

    assert facts["rounds"] < model._booster.current_iteration() or model._booster.current_iteration() < 5


def test_patience_grows_with_the_rounds_that_led_to_the_best():
    assert [40, 65, 290, 300] == [boosting_patience(1000, best) for best in (0, 100, 1000, 5000)]
    assert [40, 60, 20] == [boosting_patience(rows, 1000) for rows in (75_000, 50_000, 10_000_000)]


# -- objectives -----------------------------------------------------------------------------------


def skewed(rows=2000, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 2))
    return table(numbers, np.exp(2 * rng.normal(size=rows)))


@pytest.mark.parametrize(("metric", "expected"), [("rmse", np.mean), ("mae", np.median)])
def test_the_metric_chooses_what_is_predicted(metric, expected):
    train = skewed()
    found = fitted("lightgbm", train, task_of(train, metric=metric), num_leaves=2, min_data_in_leaf=64)
    level = np.median(found.predict(blind(train)))

    assert level == pytest.approx(expected(train.target), rel=0.25)


def test_counts_are_learned_by_their_logarithm(tmp_path):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(2000, 2))
    mean = np.exp(1.5 * numbers[:, 0] - 2)
    train = table(numbers, rng.poisson(mean).astype(float))
    model = fitted("lightgbm", train, task_of(train, metric="poisson_deviance"))
    found = model.predict(blind(train))

    assert found.min() > 0
    assert np.corrcoef(np.log(found), np.log(mean))[0, 1] > 0.8
    assert found.mean() == pytest.approx(train.target.mean(), rel=0.1)
    assert found.tolist() == saved_and_loaded(model, tmp_path / "model").predict(blind(train)).tolist()


# -- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [10, 2000])
def test_a_damaged_file_is_a_predictor_error(cut, tmp_path):
    train, _ = toy_table("binary")
    fitted("lightgbm", train, toy_task("binary")).save(tmp_path)
    path = tmp_path / "booster.txt"
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(PredictorError, match="missing or damaged"):
        LightGBM.load(tmp_path, {}, toy_task("binary"), 0)


# -- forged files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "number"), [("split_feature", 99), ("left_child", 0), ("left_child", 99999), ("right_child", -99999)]
)
def test_a_forged_tree_is_refused_instead_of_walked_for_ever(tmp_path, field, number):
    train, _ = toy_table("binary")
    fitted("lightgbm", train, toy_task("binary"), effort=Effort(fidelity={"rounds": 10.0})).save(tmp_path)
    path = tmp_path / "booster.txt"
    head, _, tail = path.read_text().partition(f"{field}=")
    path.write_text(f"{head}{field}={number}{tail[tail.index(' ') :]}")

    with pytest.raises(PredictorError, match="damaged"):
        LightGBM.load(tmp_path, {}, toy_task("binary"), 0)


def test_options_of_native_categories_reach_lightgbm():
    train = odd_codes()
    model = fitted("lightgbm", train, task_of(train), max_cat_to_onehot=60, min_data_per_group=7)
    text = model._booster.model_to_string()

    assert "[max_cat_to_onehot: 60]" in text
    assert "[min_data_per_group: 7]" in text


@pytest.mark.parametrize("problem_type", ["binary", "multiclass", "regression"])
def test_many_rows_are_predicted_block_by_block_to_the_same(problem_type):
    """LightGBM's own answer for all trees at once."""
    train, _ = toy_table(problem_type, rows=400)
    model = fitted("lightgbm", train, toy_task(problem_type), effort=Effort(fidelity={"rounds": 300.0}))
    whole = model._booster.predict(model._columns.transform(train))
    ours = model.predict(blind(train))

    assert (ours[:, 1] if problem_type == "binary" else ours) == pytest.approx(whole, abs=1e-12)
    assert ours[:50] == pytest.approx(model.predict(blind(train.take(np.arange(50)))), abs=1e-12)
