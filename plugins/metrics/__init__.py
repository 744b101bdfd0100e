"""Metrics under scikit-learn's names, in numpy: ensemble selection calls them thousands of times."""

from __future__ import annotations

from typing import Literal

from automl import CLASSIFICATION, MetricSpec, hookimpl

Problems = tuple[Literal["binary", "multiclass", "regression"], ...]

_BINARY: Problems = ("binary",)
_MULTICLASS: Problems = ("multiclass",)

# name (of the function too), summary, problem types
_OF_LABELS: tuple[tuple[str, str, Problems], ...] = (
    ("accuracy", "Share of rows whose class is right.", CLASSIFICATION),
    ("balanced_accuracy", "Mean recall of the classes.", CLASSIFICATION),
    ("f1", "F1 of the second class.", _BINARY),
    ("f1_macro", "Mean F1 of the classes.", CLASSIFICATION),
    ("f1_micro", "F1 of all rows together.", CLASSIFICATION),
    ("f1_weighted", "Mean F1 by class size.", CLASSIFICATION),
    ("jaccard", "Jaccard index of the second class.", _BINARY),
    ("jaccard_macro", "Mean Jaccard index of the classes.", CLASSIFICATION),
    ("jaccard_micro", "Jaccard index of all rows together.", CLASSIFICATION),
    ("jaccard_weighted", "Mean Jaccard index by class size.", CLASSIFICATION),
    ("mcc", "Matthews correlation.", CLASSIFICATION),
    ("precision", "Precision of the second class.", _BINARY),
    ("precision_macro", "Mean precision of the classes.", CLASSIFICATION),
    ("precision_micro", "Precision of all rows together.", CLASSIFICATION),
    ("precision_weighted", "Mean precision by class size.", CLASSIFICATION),
    ("recall", "Recall of the second class.", _BINARY),
    ("recall_macro", "Mean recall of the classes.", CLASSIFICATION),
    ("recall_micro", "Recall of all rows together.", CLASSIFICATION),
    ("recall_weighted", "Mean recall by class size.", CLASSIFICATION),
)
# name, summary, problem types, greater is better
_OF_PROBABILITIES: tuple[tuple[str, str, Problems, bool], ...] = (
    ("average_precision", "Area under precision and recall.", CLASSIFICATION, True),
    ("brier", "Mean squared error of the probabilities, halved for two classes.", CLASSIFICATION, False),
    ("d2_brier", "Share of the Brier score of constant class shares that is saved.", CLASSIFICATION, True),
    ("d2_log_loss", "Share of the log loss of constant class shares that is saved.", CLASSIFICATION, True),
    ("log_loss", "Mean negative log probability of the true class.", CLASSIFICATION, False),
    ("roc_auc", "Area under the ROC curve.", _BINARY, True),
    ("roc_auc_ovo", "Mean AUC of all pairs of classes.", CLASSIFICATION, True),
    ("roc_auc_ovo_weighted", "The same, weighted by the rows of each pair.", CLASSIFICATION, True),
    ("roc_auc_ovr", "Mean AUC, one class against the rest.", CLASSIFICATION, True),
    ("roc_auc_ovr_weighted", "The same, weighted by class size.", CLASSIFICATION, True),
    ("top_k_accuracy", "Share of rows whose class is among the two most likely.", _MULTICLASS, True),
)
# name, summary, greater is better
_OF_VALUES: tuple[tuple[str, str, bool], ...] = (
    ("d2_absolute_error", "Share of the absolute error of the constant median that is saved.", True),
    ("explained_variance", "Share of the variance explained, whatever the mean error.", True),
    ("gamma_deviance", "Mean gamma deviance, for values above 0.", False),
    ("mae", "Mean absolute error.", False),
    ("mape", "Mean absolute error as a share of the value.", False),
    ("max_error", "Largest absolute error.", False),
    ("median_ae", "Median absolute error.", False),
    ("mse", "Mean squared error.", False),
    ("msle", "Mean squared error of log(1 + value).", False),
    ("poisson_deviance", "Mean Poisson deviance, for counts.", False),
    ("r2", "Share of the variance explained.", True),
    ("rmse", "Root mean squared error.", False),
    ("rmsle", "Root mean squared error of log(1 + value).", False),
)
_PROPORTIONAL = frozenset({"gamma_deviance", "mape", "msle", "poisson_deviance", "rmsle"})
"""Those for which the zero of the user's unit matters."""
_LOGARITHMS: dict[str, Literal["log", "log1p"]] = {"gamma_deviance": "log", "msle": "log1p", "rmsle": "log1p"}
"""Those that judge squared errors of a logarithm; the gamma deviance of small errors is theirs, to the third order."""
_ONE_SIDED = frozenset({"precision", "precision_macro", "precision_weighted", "recall"})
"""Those that are best when hardly anything, or everything, is said to be of a class."""
_ALIASES: dict[str, tuple[str, ...]] = {
    "brier": ("neg_brier_score", "brier_score"),
    "d2_absolute_error": ("d2_absolute_error_score",),
    "d2_brier": ("d2_brier_score",),
    "d2_log_loss": ("d2_log_loss_score",),
    "gamma_deviance": ("neg_mean_gamma_deviance",),
    "log_loss": ("neg_log_loss", "logloss", "cross_entropy"),
    "mae": ("neg_mean_absolute_error", "mean_absolute_error"),
    "mape": ("neg_mean_absolute_percentage_error", "mean_absolute_percentage_error"),
    "max_error": ("neg_max_error",),
    "mcc": ("matthews_corrcoef",),
    "median_ae": ("neg_median_absolute_error", "median_absolute_error"),
    "mse": ("neg_mean_squared_error", "mean_squared_error"),
    "msle": ("neg_mean_squared_log_error", "mean_squared_log_error"),
    "poisson_deviance": ("neg_mean_poisson_deviance",),
    "rmse": ("neg_root_mean_squared_error", "root_mean_squared_error"),
    "rmsle": ("neg_root_mean_squared_log_error", "root_mean_squared_log_error"),
    "roc_auc": ("auc",),
}


@hookimpl
def register_metrics() -> list[MetricSpec]:
    """All metrics of the tables above."""
    found = [
        _spec(name, summary, problems, "labels", greater=True, home="labels") for name, summary, problems in _OF_LABELS
    ]
    found += [
        _spec(name, summary, problems, "probabilities", greater=greater, home="probabilities")
        for name, summary, problems, greater in _OF_PROBABILITIES
    ]
    found += [
        _spec(name, summary, ("regression",), "values", greater=greater, home="regression")
        for name, summary, greater in _OF_VALUES
    ]
    return found


def _spec(
    name: str,
    summary: str,
    problem_types: Problems,
    needs: Literal["probabilities", "labels", "values"],
    *,
    greater: bool,
    home: str,
) -> MetricSpec:
    return MetricSpec(
        decides=name not in _ONE_SIDED,
        name=name,
        summary=summary,
        factory=f"automl_plugins.metrics.{home}:{name}",
        problem_types=problem_types,
        needs=needs,
        greater_is_better=greater,
        best=1.0 if greater else 0.0,
        aliases=_ALIASES.get(name, ()),
        proportional=name in _PROPORTIONAL,
        logarithm=_LOGARITHMS.get(name, ""),
        positive=name == "poisson_deviance",
    )
