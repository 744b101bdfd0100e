"""What users of the scikit-learn estimators give: features, weights and random states, checked and made an Arrow table."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import validate_data

from automl.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator


_LABELS: tuple[tuple[tuple[type, ...], type], ...] = (
    ((str,), str),
    ((bool, np.bool_), bool),
    ((int, np.integer), np.int64),
    ((int, float, np.integer, np.floating), np.float64),
)
"""Types of labels among Python objects, and that of an array of them."""


def checked_features(estimator: BaseEstimator, features: Any, target: Any = "no_validation", *, reset: bool) -> Any:
    """Names and number of columns compared with what was fitted; arrays made plain and checked."""
    if not is_frame(features):
        features = check_array(features, dtype=None, ensure_all_finite=False, estimator=estimator)
        if features.dtype.kind == "f":
            check_array(features, ensure_all_finite="allow-nan", estimator=estimator, input_name="X")
    validate_data(estimator, features, target, reset=reset, skip_check_array=True)
    return features


def is_frame(features: Any) -> bool:
    """Whether this is a table with named columns of different types."""
    package = type(features).__module__.partition(".")[0]
    return package in ("pandas", "polars", "pyarrow") and hasattr(features, "columns")


def feature_table(features: Any) -> tuple[pa.Table, dict[str, str]]:
    """An Arrow table, and the kinds of columns that are known: numbers of an array of numbers, and what a frame declares."""
    from automl.data.column_faults import refuse_faults
    from automl.data.read import read_table

    with input_errors_as_value_errors():
        if is_frame(features):
            raw = read_table(features)
            refuse_faults(raw.table, raw.table.column_names)
            return raw.table, raw.declared
        # The names that the engine itself gives to the columns of an array.
        names = [f"column_{place}" for place in range(1, features.shape[1] + 1)]
        columns = {name: features[:, place] for place, name in enumerate(names)}
        return read_table(columns).table, dict.fromkeys(names, "number") if features.dtype.kind in "iuf" else {}


def checked_weight(sample_weight: Any, rows: int) -> NDArray[np.float64] | None:
    """One finite weight >= 0 for each row, or None; ValueError otherwise."""
    if sample_weight is None:
        return None
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (rows,):
        raise ValueError(f"sample_weight has shape {weight.shape}; it must be one number for each of the {rows} rows")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("sample_weight holds negative, infinite or missing values; use finite numbers >= 0")
    if not weight.any():
        raise ValueError("sample_weight is zero in every row; give some rows a weight above 0")
    return weight


def plain_labels(target: Any) -> Any:
    """Labels, those of Python objects as an array of their own type; ValueError for missing and mixed ones."""
    texts = isinstance(target, list | tuple) and any(isinstance(one, str) for one in target)
    labels = np.array(target, dtype=object) if texts else np.asarray(target)
    if not labels.size:
        return target
    if labels.dtype.kind not in "Of":
        return labels  # scikit-learn would make fractions of the whole numbers and truth values of pandas' own types
    fractions = labels.dtype.kind == "f"
    missing = np.isnan(labels.ravel()) if fractions else np.array([_is_missing(one) for one in labels.flat])
    if missing.any():
        raise ValueError(
            f"Input y contains NaN or None in {missing.sum():,} of {len(missing):,} rows, first in row {int(missing.argmax()) + 1:,}: "
            "labels are missing there; drop these rows"
        )
    if fractions:
        return target
    kinds = {type(one) for one in labels.flat}
    for wanted, dtype in _LABELS:
        if all(issubclass(kind, wanted) and (dtype is bool or not issubclass(kind, bool)) for kind in kinds):
            try:
                return target if dtype is str else labels.astype(dtype)
            except OverflowError as error:
                raise ValueError("y holds whole numbers beyond 64 bits; give them as text") from error
    told = " and ".join(sorted(kind.__name__ for kind in kinds))
    raise ValueError(f"Unknown label type: y holds {told}; give all labels as text, whole numbers or truth values")


def _is_missing(label: Any) -> bool:
    return (
        label is None
        or (isinstance(label, float | np.floating) and np.isnan(label))
        or type(label).__name__ in ("NAType", "NaTType")
    )


def named(values: Mapping[Any, Any] | None) -> dict[str, Any]:
    """What parameters say of columns, by names as frames with numbers as names have them here."""
    return {str(name): value for name, value in (values or {}).items()}


def free_name(wanted: str, table: pa.Table) -> str:
    """A column name that the table does not have."""
    while wanted in table.column_names:
        wanted += "_"
    return wanted


def seed_of(random_state: Any) -> int:
    """A whole number for what scikit-learn takes as a random state."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


@contextmanager
def input_errors_as_value_errors() -> Iterator[None]:
    """scikit-learn's tools expect ValueError for data that cannot be used."""
    try:
        yield
    except InputError as error:
        raise ValueError(str(error)) from error
