"""scikit-learn estimators on top of `automl.api`: `AutoClassifier` and `AutoRegressor`.

They take what scikit-learn's own estimators take, tables with text, dates and categories, and images (docs/images.md). A
fitted estimator can be pickled: its state is the predictor's folder as bytes, in which nothing is a pickle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from automl.estimator_base import AutoEstimator
from automl.estimator_images import holds_images, own_target
from automl.estimator_input import input_errors_as_value_errors, plain_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WEIGHTS = (
    "Weights are not the same as repeated rows where rows are dealt to folds: a repeated row can stand on both "
    "sides of a split. scikit-learn's own estimators that validate inside fit fail it for the same reason."
)
EXPECTED_FAILED_CHECKS = {
    name: {"check_sample_weight_equivalence_on_dense_data": _WEIGHTS} for name in ("AutoClassifier", "AutoRegressor")
}
"""Estimator -> checks of scikit-learn that it is known to fail, with the reason."""


class AutoClassifier(ClassifierMixin, AutoEstimator):  # type: ignore[misc]
    """Search for the best classifier inside a time budget. Parameters: see `AutoEstimator`.

    Attributes: ``classes_``, ``n_features_in_`` and ``feature_names_in_`` (of tables), ``predictor_``, ``leaderboard_``,
    ``findings_``, ``metric_``, ``best_score_`` (out of fold).
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Search on `X` and labels `y` ``(rows,)``.

        `X` is an array or a table ``(rows, columns)``, or images: an array ``(rows, height, width)`` or ``(rows, height,
        width, channels)``, a list of such or of paths, or without `y` a folder with a folder for each class or an .npz file with the
        arrays X and y. Raises ValueError for data that cannot be used.
        """
        if y is None and holds_images(X):
            self._run(own_target(X, sample_weight), "classification")
            self.classes_, self._coded = np.array(self.predictor_.classes), False
            return self
        X, y = self._features(X, y), plain_labels(y)
        check_classification_targets(y)
        labels = column_or_1d(y, warn=True)
        if labels.dtype.kind == "f":
            check_array(labels, ensure_2d=False, input_name="y")
        check_consistent_length(X, labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._coded = True
        self._fit(X, codes.astype(np.int64), sample_weight, "classification")
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels ``(rows,)`` as they came in `y`; None for images that cannot be read."""
        shares = self._shares(X)
        labels = self.predictor_.decide(shares)
        if not self._coded:
            return labels
        missing = np.isnan(shares).any(axis=1)
        chosen: NDArray[Any] = self.classes_[np.where(missing, 0, labels).astype(np.int64)]
        if missing.any():
            chosen = chosen.astype(object)
            chosen[missing] = None
        return chosen

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` in the order of ``classes_``; NaN for images that cannot be read."""
        shares = self._shares(X)
        if not self._coded:
            return shares
        # The engine learned codes, and a class whose rows had no weight is not among them.
        ordered = np.zeros((len(shares), len(self.classes_)))
        ordered[:, np.asarray(self.predictor_.classes, dtype=np.int64)] = shares
        return ordered

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Accuracy on `X`; without `y` on images that bring their classes, as in `fit`."""
        return self._own_score(X, "accuracy") if y is None else float(super().score(X, y, sample_weight))

    def _shares(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes that the engine learned."""
        data = self._to_predict(X)
        with input_errors_as_value_errors():
            return self.predictor_.predict_proba(data)


class AutoRegressor(RegressorMixin, AutoEstimator):  # type: ignore[misc]
    """Search for the best regressor inside a time budget. Parameters: see `AutoEstimator`.

    Attributes: ``n_features_in_`` and ``feature_names_in_`` (of tables), ``predictor_``, ``leaderboard_``, ``findings_``,
    ``metric_``, ``best_score_`` (out of fold).
    """

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Search on `X`, as in `AutoClassifier.fit` but for folders, and values `y` ``(rows,)``.

        Raises ValueError for data that cannot be used.
        """
        if y is None and holds_images(X):
            self._run(own_target(X, sample_weight), "regression")
            return self
        X = self._features(X, y)
        values = column_or_1d(check_array(y, ensure_2d=False, dtype=np.float64, input_name="y"), warn=True)
        check_consistent_length(X, values)
        self._fit(X, values, sample_weight, "regression")
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Values ``(rows,)``; NaN for images that cannot be read."""
        data = self._to_predict(X)
        with input_errors_as_value_errors():
            return self.predictor_.predict(data)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """R2 on `X`; without `y` on images that bring their values, as in `fit`."""
        return self._own_score(X, "r2") if y is None else float(super().score(X, y, sample_weight))
