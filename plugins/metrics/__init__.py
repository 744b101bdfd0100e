"""Metrics under scikit-learn's names, in numpy: ensemble selection calls them thousands of times."""

from __future__ import annotations

from typing import Literal

from automl import ALL_PROBLEM_TYPES, CLASSIFICATION, MetricSpec, hookimpl

Needs = Literal["probabilities", "labels", "values"]
Problems = tuple[Literal["binary", "multiclass", "regression"], ...]

_BINARY: Problems = ("binary",)
_REGRESSION: Problems = ("regression",)

# name, function, summary, problem types, needs, greater is better, best, aliases
_ROWS: tuple[tuple[str, str, str, Problems, Needs, bool, float, tuple[str, ...]], ...] = (
    ("accuracy", "accuracy", "Share of rows whose class is right.", CLASSIFICATION, "labels", True, 1.0, ()),
    ("balanced_accuracy", "balanced_accuracy", "Mean recall of the classes.", CLASSIFICATION, "labels", True, 1.0, ()),
    ("f1", "f1", "F1 of the second class.", _BINARY, "labels", True, 1.0, ()),
    ("f1_macro", "f1_macro", "Mean F1 of the classes.", CLASSIFICATION, "labels", True, 1.0, ()),
    ("f1_weighted", "f1_weighted", "F1 weighted by class size.", CLASSIFICATION, "labels", True, 1.0, ()),
    ("precision", "precision", "Precision of the second class.", _BINARY, "labels", True, 1.0, ()),
    ("recall", "recall", "Recall of the second class.", _BINARY, "labels", True, 1.0, ()),
    ("mcc", "mcc", "Matthews correlation.", CLASSIFICATION, "labels", True, 1.0, ("matthews_corrcoef",)),
    ("roc_auc", "roc_auc", "Area under the ROC curve.", _BINARY, "probabilities", True, 1.0, ("auc",)),
    ("roc_auc_ovr", "roc_auc_ovr", "Mean AUC, one class against the rest.", CLASSIFICATION, "probabilities", True, 1.0, ()),
    ("roc_auc_ovr_weighted", "roc_auc_ovr_weighted", "The same, weighted by class size.", CLASSIFICATION, "probabilities", True, 1.0, ()),
    ("roc_auc_ovo", "roc_auc_ovo", "Mean AUC of all pairs of classes.", CLASSIFICATION, "probabilities", True, 1.0, ()),
    ("average_precision", "average_precision", "Area under precision and recall.", _BINARY, "probabilities", True, 1.0, ()),
    ("log_loss", "log_loss", "Mean negative log probability of the class.", CLASSIFICATION, "probabilities", False, 0.0, ("neg_log_loss",)),
    ("brier", "brier", "Brier score as in scikit-learn.", CLASSIFICATION, "probabilities", False, 0.0, ("neg_brier_score",)),
    ("rmse", "rmse", "Root mean squared error.", _REGRESSION, "values", False, 0.0, ("neg_root_mean_squared_error",)),
    ("mse", "mse", "Mean squared error.", _REGRESSION, "values", False, 0.0, ("neg_mean_squared_error",)),
    ("mae", "mae", "Mean absolute error.", _REGRESSION, "values", False, 0.0, ("neg_mean_absolute_error",)),
    ("median_ae", "median_ae", "Median absolute error.", _REGRESSION, "values", False, 0.0, ("neg_median_absolute_error",)),
    ("r2", "r2", "Share of the variance explained.", _REGRESSION, "values", True, 1.0, ()),
    ("mape", "mape", "Mean absolute error as a share of the value.", _REGRESSION, "values", False, 0.0, ("neg_mean_absolute_percentage_error",)),
    ("rmsle", "rmsle", "RMSE of log(1 + value).", _REGRESSION, "values", False, 0.0, ("neg_root_mean_squared_log_error",)),
)  # fmt: skip

assert set(ALL_PROBLEM_TYPES) == {"binary", "multiclass", "regression"}


@hookimpl
def register_metrics() -> list[MetricSpec]:
    """All metrics of the table above."""
    return [
        MetricSpec(
            name=name,
            summary=summary,
            factory=f"automl_plugins.metrics.{_module(needs)}:{function}",
            problem_types=problem_types,
            needs=needs,
            greater_is_better=greater,
            best=best,
            aliases=aliases,
        )
        for name, function, summary, problem_types, needs, greater, best, aliases in _ROWS
    ]


def _module(needs: Needs) -> str:
    return {"labels": "labels", "probabilities": "probabilities", "values": "regression"}[needs]
