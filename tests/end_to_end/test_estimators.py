"""scikit-learn's own checks, pickling, pipelines, frames."""

import pickle
import warnings

import numpy as np
import pandas as pd
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


def test_the_run_folder_is_kept_when_asked_for(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    AutoRegressor(**QUICK, out=tmp_path / "run").fit(X, y)

    assert (tmp_path / "run" / "predictor" / "predictor.json").is_file()
