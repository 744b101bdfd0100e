"""Every metric against scikit-learn's, with and without weights, with ties and absent classes."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as reference

from automl.errors import MetricError
from automl.metrics import load_metric
from automl.registry import load_registry
from automl.testing import check_metric, check_plugin_is_light

REGISTRY = load_registry()
FAMILIES = {
    "f1": reference.f1_score,
    "precision": reference.precision_score,
    "recall": reference.recall_score,
    "jaccard": reference.jaccard_score,
}


def _labels(function, **options):
    return lambda t, p, w: function(t, p.argmax(axis=1), sample_weight=w, **options)


def _second(function):
    return lambda t, p, w: function(t, p[:, 1], sample_weight=w)


def _all_classes(function):
    return lambda t, p, w: function(t, y_proba=p, sample_weight=w, labels=range(p.shape[1]))


def _many_auc(multi_class, average):
    def score(t, p, w):
        return reference.roc_auc_score(t, p, multi_class=multi_class, average=average, sample_weight=w)

    return score


CLASSES = {
    "accuracy": _labels(reference.accuracy_score),
    "balanced_accuracy": _labels(reference.balanced_accuracy_score),
    "mcc": _labels(reference.matthews_corrcoef),
    "log_loss": lambda t, p, w: reference.log_loss(t, p, sample_weight=w, labels=range(p.shape[1])),
    "brier": _all_classes(reference.brier_score_loss),
    "d2_log_loss": _all_classes(reference.d2_log_loss_score),
    "d2_brier": _all_classes(reference.d2_brier_score),
} | {
    f"{name}_{average}": _labels(function, average=average, zero_division=0)
    for name, function in FAMILIES.items()
    for average in ("macro", "micro", "weighted")
}
AREAS = ["roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo", "roc_auc_ovo_weighted"]
BINARY = (
    CLASSES
    | {name: _labels(function, zero_division=0) for name, function in FAMILIES.items()}
    | dict.fromkeys(["roc_auc", *AREAS], _second(reference.roc_auc_score))
    | {"average_precision": _second(reference.average_precision_score)}
)
MANY = CLASSES | {
    "average_precision": lambda t, p, w: reference.average_precision_score(t, p, sample_weight=w),
    "top_k_accuracy": lambda t, p, w: reference.top_k_accuracy_score(t, p, sample_weight=w, labels=range(p.shape[1])),
    "roc_auc_ovr": _many_auc("ovr", "macro"),
    "roc_auc_ovr_weighted": _many_auc("ovr", "weighted"),
    "roc_auc_ovo": _many_auc("ovo", "macro"),
    "roc_auc_ovo_weighted": _many_auc("ovo", "weighted"),
}
VALUES = {
    "rmse": reference.root_mean_squared_error,
    "mse": reference.mean_squared_error,
    "mae": reference.mean_absolute_error,
    "median_ae": reference.median_absolute_error,
    "r2": reference.r2_score,
    "explained_variance": reference.explained_variance_score,
    "d2_absolute_error": reference.d2_absolute_error_score,
    "mape": reference.mean_absolute_percentage_error,
    "msle": reference.mean_squared_log_error,
    "rmsle": reference.root_mean_squared_log_error,
    "poisson_deviance": reference.mean_poisson_deviance,
    "gamma_deviance": reference.mean_gamma_deviance,
    "max_error": lambda t, p, sample_weight: reference.max_error(t, p),
}
UNWEIGHTED_REFERENCE = {"roc_auc_ovo", "roc_auc_ovo_weighted"}
"""scikit-learn has no weights for these with more than two classes."""


def _weights(kind, rows, rng):
    if kind == "none":
        return None
    if kind == "whole":
        return rng.integers(1, 5, size=rows).astype(float)
    return np.where(rng.random(rows) < 0.1, 0.0, rng.gamma(2.0, size=rows))


def _class_data(classes, seed, rows=120):
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=rows)
    raw = rng.integers(1, 6, size=(rows, classes)) + 2 * np.eye(classes)[truth]  # few values, so that there are ties
    return truth, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("weights", ["none", "whole", "some zero"])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("name", "classes"), [*((name, 2) for name in BINARY), *((name, 4) for name in MANY)])
def test_class_metrics_equal_scikit_learn(name, classes, seed, weights):
    truth, shares = _class_data(classes, seed)
    weight = _weights(weights, len(truth), np.random.default_rng(seed))
    if weight is not None and classes > 2 and name in UNWEIGHTED_REFERENCE:
        weight = None
    expected = (BINARY if classes == 2 else MANY)[name](truth, shares, weight)

    assert load_metric(name, REGISTRY).score(truth, shares, weight) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("weights", ["none", "whole", "some zero"])
@pytest.mark.parametrize("rows", [2, 100, 101])
@pytest.mark.parametrize("name", VALUES)
def test_regression_metrics_equal_scikit_learn(name, rows, weights):
    rng = np.random.default_rng(rows)
    truth = rng.gamma(2.0, size=rows) + 0.1
    prediction = np.abs(truth + rng.normal(size=rows))
    weight = _weights(weights, rows, rng)
    expected = VALUES[name](truth, prediction, sample_weight=weight)
    if name == "max_error" and weight is not None:
        expected = reference.max_error(truth[weight > 0], prediction[weight > 0])

    assert load_metric(name, REGISTRY).score(truth, prediction, weight) == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_pairwise_area_counts_a_weight_of_two_like_two_rows():
    truth, shares = _class_data(4, 3)
    twice = np.random.default_rng(0).integers(1, 3, size=len(truth))
    repeated = np.repeat(np.arange(len(truth)), twice)
    for name in UNWEIGHTED_REFERENCE:
        metric = load_metric(name, REGISTRY)

        assert metric.score(truth[repeated], shares[repeated]) == pytest.approx(
            metric.score(truth, shares, twice.astype(float)), abs=1e-12
        )


def test_every_registered_metric_is_compared():
    assert {spec.name for spec in REGISTRY.metrics.values() if spec.plugin == "metrics"} == {*BINARY, *MANY, *VALUES}


@pytest.mark.parametrize("name", sorted({*BINARY, *MANY, *VALUES}))
def test_every_metric_keeps_the_contract(name):
    check_metric(name)


def test_plugin_is_light():
    check_plugin_is_light("automl_plugins.metrics")


def test_every_scorer_of_scikit_learn_has_its_metric():
    """Apart from those for clusterings, several labels a row, and the likelihood ratios, which have no best value."""
    foreign = ("_samples", "mutual_info", "rand_score", "completeness", "fowlkes", "homogeneity", "v_measure")
    names = [name for name in reference.get_scorer_names() if not any(part in name for part in foreign)]
    names = [name for name in names if "likelihood" not in name]

    for name in names:
        metric = load_metric(name, REGISTRY)
        scorer = reference.get_scorer(name)

        assert (scorer._sign > 0) == metric.spec.greater_is_better, name
    assert len(names) > 35


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"roc_auc"}))
def test_a_class_that_the_truth_lacks_does_no_harm(name):
    truth, shares = _class_data(4, 5)
    rows = truth != 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns about the absent class
        expected = CLASSES[name](truth[rows], shares[rows], None)

    assert load_metric(name, REGISTRY).score(truth[rows], shares[rows]) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("name", ["average_precision", *AREAS])
def test_areas_are_over_the_classes_that_the_truth_has(name):
    truth, shares = _class_data(4, 5)
    rows = truth != 3
    among = shares[rows][:, :3]
    expected = load_metric(name, REGISTRY).score(truth[rows], among / 1.0)

    assert load_metric(name, REGISTRY).score(truth[rows], shares[rows]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["roc_auc", "roc_auc_ovr", "roc_auc_ovo"])
def test_area_of_one_class_is_refused_in_plain_words(name):
    shares = np.full((5, 2), 0.5)

    with pytest.raises(MetricError, match="these rows have only one"):
        load_metric(name, REGISTRY).score(np.zeros(5, dtype=np.int64), shares)


def test_zero_weights_can_leave_one_class():
    truth, weight = np.array([0, 0, 1]), np.array([1.0, 1.0, 0.0])

    with pytest.raises(MetricError, match="only one"):
        load_metric("roc_auc", REGISTRY).score(truth, np.full((3, 2), 0.5), weight)


def test_area_of_many_classes_names_the_metric_for_them():
    truth, shares = _class_data(3, 0)

    with pytest.raises(MetricError, match="roc_auc_ovr"):
        load_metric("roc_auc", REGISTRY).score(truth, shares)


@pytest.mark.parametrize("name", sorted({*BINARY, *MANY, *VALUES}))
def test_a_missing_prediction_is_refused(name):
    spec = REGISTRY.metrics[name]
    function = spec.load()
    if spec.needs == "labels":
        return
    truth, prediction = np.array([0, 1, 2, 1]), np.full((4, 3 if "multiclass" in spec.problem_types else 2), 0.3)
    if spec.needs == "values":
        truth, prediction = truth + 1.0, prediction[:, 0]
    else:
        truth %= prediction.shape[1]
    prediction[2] = np.nan

    with pytest.raises(ValueError, match="NaN"):
        function(truth, prediction, None)


def test_probability_of_zero_costs_as_much_as_in_scikit_learn():
    truth, shares = np.array([0, 1]), np.array([[0.0, 1.0], [0.5, 0.5]])

    assert load_metric("log_loss", REGISTRY).score(truth, shares) == pytest.approx(
        reference.log_loss(truth, shares), abs=1e-10
    )


def test_predictions_below_zero_count_as_zero_for_logarithmic_errors():
    truth = np.array([1.0, 2.0])

    assert load_metric("rmsle", REGISTRY).score(truth, np.array([-5.0, 2.0])) == pytest.approx(np.log(2) / np.sqrt(2))


@pytest.mark.parametrize(("name", "value"), [("rmsle", -0.5), ("poisson_deviance", -1.0), ("gamma_deviance", 0.0)])
def test_targets_that_a_metric_cannot_judge_are_named(name, value):
    with pytest.raises(MetricError, match=f"smallest is {value:g}"):
        load_metric(name, REGISTRY).score(np.array([1.0, value]), np.array([1.0, 1.0]))


@pytest.mark.parametrize("name", ["r2", "explained_variance", "d2_absolute_error"])
def test_constant_truth_scores_one_when_met_and_zero_otherwise(name):
    metric = load_metric(name, REGISTRY)

    assert metric.score(np.full(4, 2.0), np.full(4, 2.0)) == 1.0
    assert metric.score(np.full(4, 2.0), np.array([1.0, 2.0, 3.0, 4.0])) == 0.0
