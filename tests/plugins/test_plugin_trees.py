"""What every tree model must stand, from scikit-learn's forests to CatBoost."""

import time
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from tree_tools import blind, fitted, make, saved_and_loaded, slope, steps_along, table, task_of

from automl import Effort
from automl.member import fit_member
from automl.registry import load_registry
from automl.testing import check_no_pickle, check_plugin_is_light, toy_table, toy_task

BOOSTED = ("lightgbm", "hist_gradient_boosting", "xgboost", "catboost")
FORESTS = ("extra_trees", "random_forest")
MODELS = BOOSTED + FORESTS
RESUMABLE = ("lightgbm", "xgboost", "catboost", *FORESTS)

every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(autouse=True)
def _few_threads():
    """As in a worker: more threads than cores wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("plugin", ["trees", "xgboost", "catboost"])
def test_entry_modules_are_light(plugin):
    check_plugin_is_light(f"automl_plugins.{plugin}")


# -- saving ---------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("problem_type", ["binary", "multiclass", "regression"])
def test_a_loaded_model_predicts_the_same_bits(name, problem_type, tmp_path):
    train, valid = toy_table(problem_type, text=True)
    model = fitted(name, train, toy_task(problem_type, texts=1), valid)
    loaded = saved_and_loaded(model, tmp_path / "model")
    check_no_pickle(tmp_path)

    assert model.predict(blind(valid)).tobytes() == loaded.predict(blind(valid)).tobytes()


# -- odd tables -----------------------------------------------------------------------------------


@every_model
def test_sixty_classes(name):
    """Three of sixty classes lack in the validation rows, too."""
    rng = np.random.default_rng(0)
    target = np.arange(600) % 60
    train = table(np.column_stack([target + rng.normal(scale=0.1, size=600), rng.normal(size=600)]), target)
    valid = train.take(np.flatnonzero(target < 57))
    effort = Effort(fidelity={"rounds": 15.0, "trees": 15.0})
    rate = {"learning_rate": 0.2} if name in BOOSTED else {}
    model = fitted(name, train, task_of(train, "multiclass", 60), valid, effort, **rate)
    found = model.predict(blind(train))

    assert (600, 60) == found.shape
    assert (found.argmax(axis=1) == target).mean() > 0.5


@every_model
def test_a_class_that_a_fold_lacks_is_never_predicted(name):
    train, valid = toy_table("multiclass")
    train = train.take(np.flatnonzero(train.target != 1))
    factory = type(make(name, toy_task("multiclass")))
    model = make(name, toy_task("multiclass"))
    member, _ = fit_member(
        factory, config=model._config, task=toy_task("multiclass"), seed=0, train=train, valid=valid,
        effort=Effort(fidelity={"rounds": 20.0, "trees": 20.0}), encoder=None,
    )  # fmt: skip
    found = member.predict(blind(valid))

    assert (len(valid), 3) == found.shape
    assert not found[:, 1].any()


@every_model
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("problem_type", ["binary", "regression"])
def test_one_or_two_columns(name, columns, problem_type):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(200, columns))
    target = numbers[:, 0] if problem_type == "regression" else (numbers[:, 0] > 0).astype(np.int64)
    train = table(numbers, target)
    task = task_of(train, problem_type, 0 if problem_type == "regression" else 2)
    found = fitted(name, train, task).predict(blind(train))
    if problem_type == "binary":
        found = found[:, 1]

    assert np.corrcoef(found, target)[0, 1] > 0.9


@every_model
@pytest.mark.parametrize("problem_type", ["binary", "multiclass", "regression"])
def test_columns_that_say_nothing_give_the_shares_or_the_mean(name, problem_type, tmp_path):
    rng = np.random.default_rng(0)
    numbers = np.full((100, 3), 2.0)
    numbers[:, 1] = np.nan
    classes = {"binary": 2, "multiclass": 3, "regression": 0}[problem_type]
    target = rng.normal(5.0, 1.0, 100) if not classes else np.minimum(np.arange(100) // 20, classes - 1)
    train = table(numbers, target, codes=np.full((100, 1), -1), levels=(4,))
    model = fitted(name, train, task_of(train, problem_type, classes), train)
    expected = np.bincount(target) / 100 if classes else target.mean()
    found = model.predict(blind(train))

    assert np.abs(found - expected).max() < 0.12
    assert (found == saved_and_loaded(model, tmp_path / "model").predict(blind(train))).all()


@every_model
def test_one_row_is_predicted_alone(name):
    train, valid = toy_table("multiclass")
    model = fitted(name, train, toy_task("multiclass"))
    alone = np.concatenate([model.predict(blind(valid.take(np.array([row])))) for row in range(5)])

    assert np.abs(model.predict(blind(valid))[:5] - alone).max() < 1e-6


# -- weights --------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("classes", [False, True])
def test_rows_of_weight_zero_teach_nothing(name, classes):
    """Half of the rows say the opposite of the truth."""
    right, wrong = slope(classes=classes), slope(sign=-1.0, seed=1, classes=classes)
    train = table(
        np.vstack([right.numbers, wrong.numbers]),
        np.concatenate([right.target, wrong.target]),
        weight=np.repeat([1.0, 0.0], len(right)),
    )
    task = task_of(train, "binary" if classes else "regression", 2 if classes else 0)

    assert steps_along(fitted(name, train, task)).sum() > 0.5


# -- monotone columns -----------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_monotone_columns_are_obeyed(name, classes, sign):
    train = slope(sign=float(sign), classes=classes)
    free = task_of(train, "binary" if classes else "regression", 2 if classes else 0)
    bound = replace(free, monotone={"n0": sign})

    assert (sign * steps_along(fitted(name, train, free)) < -1e-3).any()
    assert (sign * steps_along(fitted(name, train, bound)) > -1e-6).all()


@every_model
def test_a_category_named_in_a_constraint_is_left_free(name):
    """A column may be a number and, as it has few values, a category too."""
    codes = np.random.default_rng(0).integers(0, 40, (400, 1))
    train = table(codes.astype(float), np.sin(codes[:, 0] * 2.0), codes=codes, levels=(40,))
    train = replace(train, layout=replace(train.layout, categories=("n0",)))
    found = fitted(name, train, task_of(train, monotone={"n0": 1})).predict(blind(train))

    assert np.isfinite(found).all()


@every_model
def test_monotone_columns_do_not_stop_many_classes(name):
    train, valid = toy_table("multiclass")
    task = replace(toy_task("multiclass"), monotone={"number 0": 1})

    assert np.isfinite(fitted(name, train, task).predict(blind(valid))).all()


# -- time and budgets -----------------------------------------------------------------------------


@every_model
def test_a_deadline_ends_a_large_fit(name):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(20_000, 20))
    train = table(numbers, numbers[:, 0] + rng.normal(size=20_000))
    model = make(name, task_of(train))
    started = time.monotonic()
    model.fit(train, train.take(np.arange(2000)), Effort(deadline=started + 1.0))
    late = time.monotonic() - started - 1.0

    assert late < 2.5
    assert np.corrcoef(model.predict(blind(train)), train.target)[0, 1] > 0.3


def continued(name, train, task, folder, **config):
    """Facts and predictions of 50 rounds or trees at once, and of 20 and then 30 more."""
    unit = "trees" if name in FORESTS else "rounds"
    whole = make(name, task, **config)
    facts = [whole.fit(train, None, Effort(fidelity={unit: 50.0}))]
    first = make(name, task, **config)
    facts.append(first.fit(train, None, Effort(fidelity={unit: 20.0})))
    folder.mkdir()
    first.save(folder)
    second = make(name, task, **config)
    facts.append(second.fit(train, None, Effort(fidelity={unit: 50.0}, checkpoint=folder)))
    return [one[unit] for one in facts], whole, first, second


@pytest.mark.parametrize("name", RESUMABLE)
def test_continued_training_is_about_as_good_as_training_at_once(name, tmp_path):
    train, valid = toy_table("regression", 400)
    rounds, *models = continued(name, train, toy_task("regression", rows=400), tmp_path / "first")
    losses = [np.mean((model.predict(blind(valid)) - valid.target) ** 2) for model in models]

    assert [50.0, 20.0, 50.0] == rounds
    assert losses[2] == pytest.approx(losses[0], rel=0.3)
    if name not in FORESTS:
        assert losses[2] < losses[1]


@pytest.mark.parametrize("name", [*FORESTS, "lightgbm", "xgboost"])
def test_continued_training_is_that_at_once_where_nothing_is_drawn(name, tmp_path):
    """With a category of many levels: its target means must stay out of fold for the training rows."""
    rng = np.random.default_rng(0)
    numbers, codes = rng.normal(size=(500, 3)), rng.integers(0, 250, (500, 1))
    train = table(numbers, numbers[:, 0] + rng.normal(size=500), codes=codes, levels=(250,))
    config = {
        "lightgbm": {"bagging_fraction": 1.0, "feature_fraction": 1.0, "categories": "encoded"},
        "xgboost": {"subsample": 1.0, "colsample_bylevel": 1.0, "colsample_bynode": 1.0},
    }.get(name, {})
    _, whole, _, second = continued(name, train, task_of(train), tmp_path / "first", **config)

    assert whole.predict(blind(train)) == pytest.approx(second.predict(blind(train)), abs=1e-3)


# -- categories -----------------------------------------------------------------------------------


@pytest.mark.parametrize("handling", ["ordered", "one_hot", "encoded"])
@pytest.mark.parametrize("name", [*FORESTS, "lightgbm", "hist_gradient_boosting", "xgboost"])
def test_categories_are_seen_in_each_way(name, handling, tmp_path):
    """A level of twelve decides; each way of seeing it finds that, and is kept with the model."""
    if (name, handling) == ("lightgbm", "one_hot"):
        pytest.skip("LightGBM has levels of its own")
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 12, (600, 1))
    train = table(rng.normal(size=(600, 2)), 1.0 * (codes[:, 0] % 2), codes=codes, levels=(12,))
    model = fitted(name, train, task_of(train), categories=handling)
    found = model.predict(blind(train))

    assert np.abs(found - train.target).mean() < 0.2
    assert handling == model._columns._handling
    assert np.array_equal(found, saved_and_loaded(model, tmp_path / "model").predict(blind(train)))


# -- early stopping -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOOSTED)
def test_boosting_stops_by_the_validation_rows(name):
    """Where the validation rows contradict the training rows, the first rounds are the best."""
    train, against = slope(classes=True), slope(sign=-1.0, seed=1, classes=True)
    task = task_of(train, "binary", 2)
    rounds = {}
    for words, valid in (("contradicts", against), ("agrees", slope(seed=2, classes=True))):
        model = make(name, task)
        rounds[words] = model.fit(train, valid, Effort())["rounds"]
    counted = make(name, task).fit(train, against, Effort(fidelity={"rounds": 30.0}))["rounds"]

    assert rounds["contradicts"] <= 2 < rounds["agrees"] < 1000
    assert counted == 30


def test_resumable_models_say_so():
    models = load_registry().models

    assert set(RESUMABLE) == {name for name in MODELS if name in models and models[name].fidelities[0].resumable}


@every_model
def test_a_model_says_that_the_deadline_cut_it(name):
    """Even where it stopped long before, as the next tree would have taken too long; whole trainings say nothing."""
    train = slope(3000)
    more, few = {"rounds": 2e5, "trees": 2e5}, {"rounds": 2.0, "trees": 2.0}  # more than any machine grows in time
    cut = make(name, task_of(train)).fit(train, None, Effort(deadline=time.monotonic() + 0.2, fidelity=more))
    whole = make(name, task_of(train)).fit(train, None, Effort(fidelity=few))

    assert 1.0 == cut["cut"]
    assert "cut" not in whole


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_a_training_whose_last_round_ends_near_the_deadline_is_whole(name):
    train = slope(300)
    near = make(name, task_of(train)).fit(train, None, Effort(deadline=time.monotonic(), fidelity={"rounds": 1.0}))

    assert 1.0 == near["rounds"]
    assert "cut" not in near


@pytest.mark.parametrize(("name", "module"), [("lightgbm", "trees.lightgbm_model"), ("xgboost", "xgboost.model")])
def test_a_rate_that_the_time_chose_is_told_and_kept_by_a_refit(name, module, monkeypatch):
    """The refit has the rounds of the folds; at the slow rate it would get nowhere with them."""
    train = slope(300)
    rounds, soon = {"rounds": 60.0}, time.monotonic() + 600.0
    steady = make(name, task_of(train), learning_rate=0.005)
    told = steady.fit(train, None, Effort(deadline=soon, fidelity=rounds))
    monkeypatch.setattr(f"automl_plugins.{module}.boosting_rate", lambda rate, possible: max(rate, 0.2))
    quick = make(name, task_of(train), learning_rate=0.005)
    facts = quick.fit(train, None, Effort(deadline=soon, fidelity=rounds))
    again = fitted(name, train, task_of(train), effort=Effort(fidelity=rounds, facts=facts), learning_rate=0.005)
    direct = fitted(name, train, task_of(train), effort=Effort(fidelity=rounds), learning_rate=0.2)
    spreads = [model.predict(blind(train)).std() for model in (steady, quick, direct)]

    assert {"rounds": 60.0, "learning_rate": 0.005} == told
    assert {"rounds": 60.0, "learning_rate": 0.2} == facts
    assert spreads[0] < 0.5 * spreads[1]
    assert spreads[1] == pytest.approx(spreads[2], rel=0.1)
    assert direct.predict(blind(train)) == pytest.approx(again.predict(blind(train)))
