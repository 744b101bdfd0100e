"""scikit-learn's own checks, pickling, pipelines, frames."""

import copy
import gc
import pickle
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import SkipTestWarning
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from automl import AutoClassifier, AutoRegressor
from automl.estimators import EXPECTED_FAILED_CHECKS

QUICK = {"trials": 1, "models": ("linear",), "executor": "inline", "folds": 2}


def _checks():
    for maker in (AutoClassifier, AutoRegressor):
        for estimator, check in estimator_checks_generator(maker(**QUICK), mark=None):
            yield pytest.param(maker.__name__, estimator, check, id=f"{maker.__name__}-{check.func.__name__}")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "estimator", "check"), list(_checks()))
def test_scikit_learn_checks(name, estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("ignore", SkipTestWarning)
        if check.func.__name__ in EXPECTED_FAILED_CHECKS[name]:
            with pytest.raises(AssertionError):
                check(estimator)
        else:
            check(estimator)


def test_at_most_five_checks_are_expected_to_fail():
    assert all(len(reasons) <= 5 and all(reasons.values()) for reasons in EXPECTED_FAILED_CHECKS.values())


def test_labels_come_back_as_they_were_given():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    names = np.array(["bad", "good"])[y]
    model = AutoClassifier(**QUICK).fit(X[:400], names[:400])

    assert set(model.predict(X[400:])) == {"bad", "good"}
    assert (model.predict(X[400:]) == names[400:]).mean() > 0.9
    assert ["bad", "good"] == list(model.classes_)
    assert model.predict_proba(X[400:]).shape == (169, 2)


def test_a_pickled_estimator_predicts_the_same_and_holds_no_pickled_model():
    X, y = load_diabetes(return_X_y=True)
    model = AutoRegressor(**QUICK).fit(X, y)
    data = pickle.dumps(model)
    again = pickle.loads(data)

    np.testing.assert_array_equal(model.predict(X[:9]), again.predict(X[:9]))
    assert b"sklearn.linear_model" not in data


def test_it_works_inside_pipelines_and_cross_validation():
    X, y = load_diabetes(return_X_y=True)
    scores = cross_val_score(make_pipeline(StandardScaler(), AutoRegressor(**QUICK)), X, y, cv=3)

    assert scores.mean() > 0.4


def test_frames_with_text_columns_and_missing_values_work():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=200), "colour": rng.choice(["red", "blue", None], size=200)})
    y = np.where((frame["colour"] == "red") ^ (rng.random(200) < 0.05), "yes", "no")
    model = AutoClassifier(**QUICK).fit(frame, y)

    assert (model.predict(frame) == y).mean() > 0.9


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_columns_are_found_by_name_and_missing_ones_are_refused(make):
    rng = np.random.default_rng(0)
    columns = {"left": rng.normal(size=120), "right": rng.normal(size=120)}
    model = AutoRegressor(**QUICK).fit(make(columns), columns["left"] - columns["right"])

    assert ["left", "right"] == list(model.feature_names_in_)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(make({"left": columns["left"], "wrong": columns["right"]}))
    with pytest.warns(UserWarning, match="feature names"):
        by_position = model.predict(np.column_stack(list(columns.values())))
    assert (model.predict(make(columns)) == by_position).all()


def test_weights_change_what_is_learned():
    """Half of the rows say the opposite of the other half; the heavier half wins, a weightless one is not there."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1))
    y = np.where((X[:, 0] > 0) ^ (np.arange(200) < 100), "up", "down")
    second = np.where(np.arange(200) < 100, 0.0, 1.0)
    model = AutoClassifier(**QUICK).fit(X, y, sample_weight=second)

    assert (model.predict(X[100:]) == y[100:]).mean() > 0.9
    assert (model.predict(X[:100]) == y[:100]).mean() < 0.1


def test_a_class_whose_rows_weigh_nothing_keeps_its_column():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 1))
    y = np.repeat(["a", "b", "c"], 30)
    X[:, 0] += np.repeat([0, 9, 5], 30)
    model = AutoClassifier(**QUICK).fit(X, y, sample_weight=np.repeat([1.0, 0.0, 1.0], 30))
    shares = model.predict_proba(X)

    assert (90, 3) == shares.shape
    assert 0.0 == shares[:, 1].max()
    assert {"a", "c"} == set(model.predict(X))


@pytest.mark.parametrize(
    ("weight", "message"), [([1.0] * 9, "one number for each"), ([-1.0] * 40, "negative"), ([np.nan] * 40, "missing")]
)
def test_wrong_weights_are_refused(weight, message):
    X = np.arange(40.0).reshape(-1, 1)
    with pytest.raises(ValueError, match=message):
        AutoRegressor(**QUICK).fit(X, X[:, 0], sample_weight=weight)


def test_wrong_parameters_are_told_in_words():
    X = np.arange(40.0).reshape(-1, 1)
    with pytest.raises(ValueError, match="did you mean linear"):
        AutoRegressor(**{**QUICK, "models": ["linea"]}).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="write it as 90, 90s, 10m or 1h"):
        AutoRegressor(**QUICK, time="soon").fit(X, X[:, 0])


def test_only_the_dummy_is_a_warning():
    X = np.arange(40.0).reshape(-1, 1)
    with pytest.warns(UserWarning, match="only the dummy could be fitted"):
        AutoRegressor(**{**QUICK, "models": ["dummy"]}).fit(X, X[:, 0])


def test_temporary_files_go_with_the_estimator(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    X, y = load_diabetes(return_X_y=True)
    model = AutoRegressor(**QUICK).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    again.predict(X[:3])
    folders = list(Path(tmp_path).glob("automl-*"))

    assert 2 == len(folders)
    assert not any((folder / "run").exists() for folder in folders)
    del model, again
    gc.collect()
    assert [] == list(Path(tmp_path).glob("automl-*"))


def test_a_failed_fit_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    X = np.arange(40.0).reshape(-1, 1)
    with pytest.raises(ValueError, match="no metric|not known"):
        AutoRegressor(**QUICK, metric="rmsee").fit(X, X[:, 0])

    assert [] == list(Path(tmp_path).iterdir())


def test_a_deep_copy_outlives_its_original():
    X, y = load_diabetes(return_X_y=True)
    model = AutoRegressor(**QUICK).fit(X, y)
    twin, wanted = copy.deepcopy(model), model.predict(X[:5])
    del model
    gc.collect()

    np.testing.assert_array_equal(wanted, twin.predict(X[:5]))


def test_an_estimator_says_how_the_search_went():
    X, y = load_diabetes(return_X_y=True)
    model = AutoRegressor(**QUICK).fit(X, y)

    assert "rmse" == model.metric_
    assert {"linear", "dummy"} == {row["model"] for row in model.leaderboard_}
    assert model.best_score_ == min(row["score"] for row in model.leaderboard_)
    assert "regression" == model.predictor_.task.problem_type


def test_the_run_folder_is_kept_when_asked_for(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    AutoRegressor(**QUICK, out=tmp_path / "run").fit(X, y)

    assert (tmp_path / "run" / "predictor" / "predictor.json").is_file()


def test_stored_configurations_are_where_a_search_starts():
    data = load_diabetes()
    given = [{"model": "linear", "config": {"choice": "fixed", "C": 2.0}}]
    model = AutoRegressor(**{**QUICK, "trials": 2}, baselines=given).fit(data.data, data.target)

    assert {"default", "baseline:given#1"} == {row["origin"] for row in model.leaderboard_ if row["model"] == "linear"}


@pytest.mark.parametrize("names", [["left", "right"], [0, 1], [5, 7]])
def test_a_frame_is_taken_by_position_where_an_array_was_fitted(names):
    """And an array, or another frame, where the fitted frame had names that scikit-learn does not count as such."""
    X = np.random.default_rng(0).normal(size=(120, 2))
    y = X[:, 0] - 3 * X[:, 1]
    of_array, of_frame = AutoRegressor(**QUICK).fit(X, y), AutoRegressor(**QUICK).fit(pd.DataFrame(X), y)
    frame = pd.DataFrame(X, columns=names)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = [model.predict(frame) for model in (of_array, of_frame)]

    assert ("left" in names) == any("feature names" in str(one.message) for one in told)
    assert np.array_equal(of_array.predict(X), found[0])
    assert np.array_equal(of_frame.predict(X), found[1])


@pytest.mark.parametrize(("dtype", "kind"), [("Int64", "i"), ("boolean", "b"), ("bool[pyarrow]", "b")])
def test_labels_of_pandas_own_types_come_back_as_they_were(dtype, kind):
    """scikit-learn makes fractions of them: 1.0 and 0.0 for true and false."""
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = pd.Series((X[:, 0] > 0).astype(int)).astype(dtype)

    estimator = AutoClassifier(**QUICK).fit(X, y)

    assert (kind, kind) == (estimator.classes_.dtype.kind, estimator.predict(X).dtype.kind)
    assert [0, 1] == list(estimator.classes_)
    assert estimator.score(X, y) > 0.8


@pytest.mark.parametrize("labels", [[True, False], [1, 5], ["a", "b"], [1.0, 2.0], [np.int8(1), 2]])
def test_labels_of_python_objects_are_labels(labels):
    X = np.random.default_rng(0).normal(size=(80, 1))
    y = np.array([labels[int(value > 0)] for value in X[:, 0]], dtype=object)
    model = AutoClassifier(**QUICK).fit(X, y)

    assert sorted(labels) == list(model.classes_)
    assert (model.predict(X) == y).mean() > 0.9


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array(["a", np.nan, "b", None] * 10, dtype=object), "NaN or None in 20 of 40 rows, first in row 2"),
        (["a", "b", "a", float("nan")] * 10, "NaN or None in 10 of 40 rows, first in row 4"),
        (pd.Series(["a", "b", "a", None] * 10), "NaN or None in 10 of 40 rows"),
        (np.array([True, "b"] * 20, dtype=object), "y holds bool and str; give all labels as text"),
        (np.array([2**70, 1] * 20, dtype=object), "beyond 64 bits"),
        (np.array([1.0, np.nan] * 20), "contains NaN"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused_in_words(labels, message):
    with pytest.raises(ValueError, match=message):
        AutoClassifier(**QUICK).fit(np.arange(40.0).reshape(-1, 1), labels)
