"""Linear models on matrices and on text, against scikit-learn's."""

import time
from dataclasses import replace

import numpy as np
import pytest
from automl_plugins.linear.dense import Linear
from automl_plugins.linear.path import fit_linear
from automl_plugins.linear.problems import Classes, Moments, Rows, Solution, Squares
from automl_plugins.linear.text import TextLinear
from scipy.sparse import csr_matrix
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge, RidgeCV

from automl import Effort, PredictorError
from automl.data.records import MatrixData, TableData, TableLayout
from automl.testing import check_plugin_is_light, model_checks, toy_matrix, toy_table, toy_task

AUTO = {"choice": "auto", "penalty": "l2"}
TEXT = {"choice": "auto", "words_weight": 3.0, "sublinear": True}


@pytest.mark.parametrize("check", [*model_checks("linear"), *model_checks("text_linear")], ids=str)
def test_conformance(check):
    check()


def test_entry_module_is_light():
    check_plugin_is_light("automl_plugins.linear")


def fitted(problem_type, config=AUTO, train=None, valid=None, deadline=None):
    rows, held = toy_matrix(problem_type)
    model = Linear(config, toy_task(problem_type), 0)
    facts = model.fit(train or rows, valid, Effort(deadline=deadline))
    return model, rows, held, facts


def fixed(c, penalty="l2", **others):
    return {"choice": "fixed", "C": c, "penalty": penalty, **others}


# -- the same solutions ---------------------------------------------------------------------------


@pytest.mark.parametrize("problem_type", ["binary", "multiclass"])
@pytest.mark.parametrize(("penalty", "l1_ratio"), [("l2", 0.0), ("l1", 1.0)])
@pytest.mark.parametrize("c", [0.1, 1.0])
def test_classes_are_those_of_scikit_learn(problem_type, penalty, l1_ratio, c):
    model, train, valid, _ = fitted(problem_type, fixed(c, penalty))
    solver = "saga" if l1_ratio else "lbfgs"
    other = LogisticRegression(C=c, l1_ratio=l1_ratio, solver=solver, max_iter=5000, tol=1e-7, random_state=0)
    other.fit(train.values.astype(np.float64), train.target)

    assert np.abs(other.predict_proba(valid.values) - model.predict(valid)).max() < 5e-3


def test_weighted_classes_are_those_of_scikit_learn():
    train, valid = toy_matrix("binary")
    weight = np.random.default_rng(0).integers(0, 4, len(train)).astype(float)
    model = fitted("binary", fixed(1.0), replace(train, weight=weight))[0]
    repeated = np.repeat(np.arange(len(train)), weight.astype(int))
    same = LogisticRegression(C=len(train) / len(repeated), tol=1e-8, max_iter=1000)
    same.fit(train.values[repeated], train.target[repeated])

    assert np.abs(same.predict_proba(valid.values) - model.predict(valid)).max() < 5e-3


@pytest.mark.parametrize("c", [0.01, 1.0])
def test_values_are_those_of_ridge(c):
    model, train, valid, _ = fitted("regression", fixed(c))
    other = Ridge(alpha=1 / c).fit(train.values.astype(np.float64), train.target)

    assert other.predict(valid.values) == pytest.approx(model.predict(valid), rel=1e-4)


@pytest.mark.parametrize(("penalty", "l1_ratio"), [("l1", 1.0), ("elasticnet", 0.3)])
def test_values_are_those_of_elastic_net(penalty, l1_ratio):
    model, train, valid, _ = fitted("regression", fixed(0.05, penalty, l1_ratio=l1_ratio))
    unit = train.target.std()
    other = ElasticNet(alpha=1 / (0.05 * len(train)), l1_ratio=l1_ratio, tol=1e-9, max_iter=10_000)
    other.fit(train.values.astype(np.float64), train.target / unit)

    assert other.predict(valid.values) * unit == pytest.approx(model.predict(valid), rel=2e-3)
    assert (other.coef_ == 0).tolist() == (model._solution.coefficients[:, 0] == 0).tolist()


def test_a_strong_lasso_leaves_the_class_shares():
    model, train, valid, _ = fitted("multiclass", fixed(1e-3, "l1"))

    assert np.abs(model.predict(valid) - np.bincount(train.target) / len(train)).max() < 1e-3


def test_lasso_on_classes_leaves_noise_out():
    model, *_ = fitted("binary", fixed(0.05, "l1"))
    coefficients = model._solution.coefficients[:, 0]

    assert 1 <= (coefficients != 0).sum() <= 8
    assert all(coefficients[:2] != 0)


@pytest.mark.parametrize("problem", [Classes, Squares, Moments])
def test_gradients_are_those_of_finite_differences(problem):
    rng = np.random.default_rng(0)
    outputs = 3 if problem is Classes else 1
    target = rng.integers(0, 3, 40) if problem is Classes else rng.normal(size=40)
    rows = Rows(rng.normal(size=(40, 4)), target, rng.uniform(0.5, 1.5, 40))
    made = Classes(rows, 3) if problem is Classes else problem(rows)
    start = made.constant()
    at = Solution(rng.normal(size=(4, outputs)), start.intercepts)
    _, slopes, _ = made.gradient(at)
    step = np.zeros((4, outputs))
    step[2, 0] = 1e-6
    change = [made.gradient(Solution(at.coefficients + sign * step, at.intercepts))[0] for sign in (1, -1)]

    assert slopes[2, 0] == pytest.approx((change[0] - change[1]) / 2e-6, rel=1e-5)


# -- the choice of strength -----------------------------------------------------------------------


def noisy(rows, features, problem_type, seed=0):
    """Few features matter, so that a strong penalty pays."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, features)).astype(np.float32)
    signal = values[:, 0] - values[:, 1] + rng.normal(size=rows)
    target = signal.astype(np.float64) if problem_type == "regression" else (signal > 0).astype(np.int64)
    return MatrixData(names=tuple(map(str, range(features))), values=values, target=target)


@pytest.mark.parametrize("problem_type", ["binary", "regression"])
@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("with_valid", [True, False])
def test_automatic_strength_beats_a_weak_penalty(problem_type, penalty, with_valid):
    train, valid, test = (noisy(rows, 60, problem_type, seed) for seed, rows in enumerate((100, 60, 500)))

    def loss(config):
        model = fitted(problem_type, config, train, valid if with_valid else None)[0]
        found = model.predict(test)
        if problem_type == "regression":
            return np.mean((found - test.target) ** 2)
        return -np.mean(np.log(found[np.arange(500), test.target]))

    assert loss(AUTO | {"penalty": penalty}) < 0.9 * loss(fixed(1e4, penalty))


def test_leave_one_out_choice_is_that_of_scikit_learn():
    train = noisy(100, 60, "regression")
    _, strength = fit_linear(
        Rows(train.values, train.target / train.target.std()), None, classes=0, penalty=None, l1_ratio=0.0,
        effort=Effort(), seed=0,
    )  # fmt: skip
    other = RidgeCV(alphas=10.0 ** (np.arange(-15, 16) / 3)).fit(train.values.astype(float), train.target)

    assert other.alpha_ == pytest.approx(1 / strength)


def test_the_strength_is_a_fact():
    assert {"C": 0.25} == fitted("binary", fixed(0.25))[3]


# -- limits ---------------------------------------------------------------------------------------


def test_values_far_outside_of_the_training_rows_are_held():
    model, train, valid, _ = fitted("regression")
    far = replace(valid, values=np.full_like(valid.values, 1e6))
    spread = np.ptp(train.target)

    assert train.target.min() - spread < model.predict(far).min()
    assert model.predict(far).max() < train.target.max() + spread


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("problem_type", ["multiclass", "regression"])
def test_a_deadline_ends_large_fits(problem_type, penalty):
    train = noisy(20_000, 300, problem_type)
    if problem_type == "multiclass":
        train = replace(train, target=np.arange(20_000) % 2 + (train.target & (np.arange(20_000) % 3 == 0)))
    started = time.monotonic()
    model = fitted(problem_type, AUTO | {"penalty": penalty}, train, None, deadline=started + 0.3)[0]

    assert time.monotonic() - started < 2.5
    assert np.isfinite(model.predict(train)).all()


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_empty_tables_have_empty_predictions(kind):
    model, _, valid, _ = fitted(kind)
    found = model.predict(replace(valid, values=valid.values[:0], target=None))

    assert {"binary": (0, 2), "multiclass": (0, 3), "regression": (0,)}[kind] == found.shape


def test_a_damaged_file_is_a_predictor_error(tmp_path):
    fitted("binary")[0].save(tmp_path)
    path = tmp_path / "linear.npz"
    path.write_bytes(path.read_bytes()[:300])

    with pytest.raises(PredictorError, match="missing or damaged"):
        Linear.load(tmp_path, AUTO, toy_task("binary"), 0)


def test_a_model_of_another_task_is_a_predictor_error(tmp_path):
    fitted("binary")[0].save(tmp_path)

    with pytest.raises(PredictorError, match="for 3 outputs"):
        Linear.load(tmp_path, AUTO, toy_task("multiclass"), 0)


# -- text -----------------------------------------------------------------------------------------


def sentences(rows, seed):
    """One word in a hundred tells the class; the others are common."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, rows)
    counts = rng.poisson(0.3, size=(rows, 200)).astype(np.float32)
    telling = 200 + target * 100 + rng.integers(0, 100, rows)
    wide = np.zeros((rows, 400), dtype=np.float32)
    wide[:, :200] = counts
    wide[np.arange(rows), telling] = 1
    layout = TableLayout(texts=("review",))
    empty = np.empty((rows, 0))
    return TableData(
        layout=layout,
        numbers=empty.astype(np.float32),
        codes=empty.astype(np.int32),
        text=csr_matrix(wide),
        target=target,
    )


def test_rare_words_are_learned():
    train, valid, test = (sentences(rows, seed) for seed, rows in enumerate((2000, 500, 500)))
    task = toy_task("binary", texts=1)
    model = TextLinear(TEXT, task, 0)
    facts = model.fit(train, valid, Effort())
    right = (model.predict(test).argmax(axis=1) == test.target).mean()

    assert right > 0.95
    assert 350 < facts["words"] <= 400


def test_a_word_of_one_row_is_not_learned():
    train, valid = toy_table("binary", text=True)
    counts = train.text.toarray()
    counts[:, 60] = 0
    counts[5, 60] = 3
    model = TextLinear(TEXT, toy_task("binary", texts=1), 0)
    model.fit(replace(train, text=csr_matrix(counts)), valid, Effort())

    assert 60 not in model._arrays["buckets"].tolist()


def test_words_numbers_and_categories_all_count():
    train, valid = toy_table("regression", 400, text=True)
    model = TextLinear(TEXT, toy_task("regression", texts=1), 0)
    model.fit(train, valid, Effort())

    def error(data):
        return np.mean((model.predict(data) - valid.target) ** 2)

    whole = error(valid)
    blind = replace(valid, text=csr_matrix(valid.text.shape, dtype=np.float32))

    assert 1.5 * whole < error(blind)
    assert whole < error(replace(valid, numbers=np.full_like(valid.numbers, np.nan)))
    assert whole < error(replace(valid, codes=np.full_like(valid.codes, -1)))


def test_tables_without_text_need_no_text_model():
    from automl.registry import load_registry

    assert load_registry().models["text_linear"].needs_text
    assert not load_registry().models["linear"].needs_text


def test_a_path_that_time_cuts_while_it_goes_downhill_chooses_the_usual_strength():
    """The first of the path leaves nothing of what was learned: worse than no choice."""
    from automl_plugins.linear.path import USUAL, _choose
    from automl_plugins.linear.problems import Rows

    rng = np.random.default_rng(0)
    target = np.arange(90) % 3
    rows = Rows(rng.normal(size=(90, 5)) + target[:, None], target, None, None)

    assert USUAL == _choose(rows, rows, 3, 0.0, path=(1e-6, 1e-5, 1.0), late=lambda: True, rng=rng)[0]
    assert USUAL != _choose(rows, rows, 3, 0.0, path=(1e-6, 1e-5), late=lambda: False, rng=rng)[0]


def test_a_part_that_time_cuts_in_the_middle_does_not_judge(monkeypatch):
    """Or only the strong penalties that all parts saw would be left to choose from."""
    from automl_plugins.linear import path
    from automl_plugins.linear.problems import Rows

    rng = np.random.default_rng(0)
    target = np.arange(90) % 3
    rows = Rows(rng.normal(size=(90, 5)) + target[:, None], target, None, None)
    walks = iter([{0.1: (0.5, None), 1.0: (0.2, None), 10.0: (0.3, None)}, {0.1: (0.4, None)}])
    done = []
    monkeypatch.setattr(path, "_walk", lambda *_: done.append(1) or next(walks))

    assert 1.0 == path._choose(rows, None, 3, 0.0, path=(0.1, 1.0, 10.0), late=lambda: len(done) > 1, rng=rng)[0]


def test_strengths_that_leave_nothing_are_no_choice_either():
    from automl_plugins.linear.path import USUAL, _choose
    from automl_plugins.linear.problems import Rows

    rng = np.random.default_rng(0)
    target = np.arange(90) % 3
    rows = Rows(rng.normal(size=(90, 5)) + target[:, None], target, None, None)
    looks = iter([False] * 2)

    found = _choose(rows, rows, 3, 1.0, path=(1e-9, 1e-8, 1e-7, 1.0), late=lambda: next(looks, True), rng=rng)

    assert USUAL == found[0]
