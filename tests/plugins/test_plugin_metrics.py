"""Every metric against scikit-learn's, with and without weights, with ties and absent classes."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as reference

from automl.metrics import load_metric
from automl.registry import load_registry

REGISTRY = load_registry()


def _labels(function, **options):
    return lambda t, p, w: function(t, p.argmax(axis=1), sample_weight=w, **options)


def _second(function):
    return lambda t, p, w: function(t, p[:, 1], sample_weight=w)


CLASSES = {
    "accuracy": _labels(reference.accuracy_score),
    "balanced_accuracy": _labels(reference.balanced_accuracy_score),
    "f1_macro": _labels(reference.f1_score, average="macro"),
    "f1_weighted": _labels(reference.f1_score, average="weighted"),
    "mcc": _labels(reference.matthews_corrcoef),
    "log_loss": lambda t, p, w: reference.log_loss(t, p, sample_weight=w, labels=range(p.shape[1])),
    "brier": lambda t, p, w: reference.brier_score_loss(t, p, sample_weight=w, labels=range(p.shape[1])),
}
BINARY = CLASSES | {
    "f1": _labels(reference.f1_score),
    "precision": _labels(reference.precision_score),
    "recall": _labels(reference.recall_score),
    "roc_auc": _second(reference.roc_auc_score),
    "average_precision": _second(reference.average_precision_score),
    "roc_auc_ovr": _second(reference.roc_auc_score),
}
MANY = CLASSES | {
    "roc_auc_ovr": lambda t, p, w: reference.roc_auc_score(t, p, multi_class="ovr", sample_weight=w),
    "roc_auc_ovr_weighted": lambda t, p, w: reference.roc_auc_score(
        t, p, multi_class="ovr", average="weighted", sample_weight=w
    ),
    "roc_auc_ovo": lambda t, p, w: reference.roc_auc_score(t, p, multi_class="ovo") if w is None else None,
}
VALUES = {
    "rmse": lambda t, p, w: reference.root_mean_squared_error(t, p, sample_weight=w),
    "mse": lambda t, p, w: reference.mean_squared_error(t, p, sample_weight=w),
    "mae": lambda t, p, w: reference.mean_absolute_error(t, p, sample_weight=w),
    "median_ae": lambda t, p, w: reference.median_absolute_error(t, p, sample_weight=w),
    "r2": lambda t, p, w: reference.r2_score(t, p, sample_weight=w),
    "mape": lambda t, p, w: reference.mean_absolute_percentage_error(t, p, sample_weight=w),
    "rmsle": lambda t, p, w: reference.root_mean_squared_log_error(t, p, sample_weight=w),
}


def _class_data(classes, seed, rows=120):
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=rows)
    raw = rng.integers(1, 6, size=(rows, classes)) + 2 * np.eye(classes)[truth]  # few values, so that there are ties
    return truth, raw / raw.sum(axis=1, keepdims=True), rng.integers(1, 5, size=rows).astype(float)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("name", "classes"), [*((name, 2) for name in BINARY), *((name, 4) for name in MANY)]
)
def test_class_metrics_equal_scikit_learn(name, classes, seed, weighted):
    truth, shares, weight = _class_data(classes, seed)
    expected = (BINARY if classes == 2 else MANY)[name](truth, shares, weight if weighted else None)
    if expected is None:
        pytest.skip("scikit-learn has no weights for this metric")
    score = load_metric(name, REGISTRY).score(truth, shares, weight if weighted else None)

    assert score == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", VALUES)
def test_regression_metrics_equal_scikit_learn(name, weighted):
    rng = np.random.default_rng(3)
    truth = rng.gamma(2.0, size=101)
    prediction = np.abs(truth + rng.normal(size=101))
    weight = rng.integers(1, 4, size=101).astype(float) if weighted else None
    score = load_metric(name, REGISTRY).score(truth, prediction, weight)

    assert score == pytest.approx(VALUES[name](truth, prediction, weight), abs=1e-10)


def test_every_registered_metric_is_compared():
    assert set(REGISTRY.metrics) == {*BINARY, *MANY, *VALUES}


@pytest.mark.parametrize("name", ["log_loss", "accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "mcc", "brier"])
def test_a_class_that_the_truth_lacks_does_no_harm(name):
    truth, shares, _ = _class_data(4, 5)
    rows = truth != 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns about the absent class
        expected = CLASSES[name](truth[rows], shares[rows], None)

    assert load_metric(name, REGISTRY).score(truth[rows], shares[rows]) == pytest.approx(expected, abs=1e-10)
