"""Columns of one value, such as "Y", that is there in some rows and missing in the others: that is what they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.distinct import among, category_labels, distinct, number_label, stripped
from automl.data.numbers_as_text import parse_number
from automl.data.schema import Column
from automl.data.values import FALSE_WORDS, TRUE_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from automl.data.values import Unseen

LEAST_MISSING = 0.005
"""Share of the rows that must lack the value: from there on missing numbers get an indicator, too."""
LEAST_ROWS = 3
"""So many rows at least have the value, and so many lack it."""
_TRUE, _FALSE = TRUE_WORDS | {"1", "1.0"}, FALSE_WORDS | {"0", "0.0"}


def one_value(name: str, value: Any, *, present: int, rows: int) -> Column:
    """A column of one value, which `present` of the rows have: whether it is there, or nothing where hardly any lack it."""
    label = label_of(value)
    infinite = isinstance(value, float) and not np.isfinite(value)
    if infinite or not is_worth_telling(present, rows):
        params = {"value": label}
        return Column(name=name, kind="constant", reason=f"every value is {value!r}", used=False, params=params)
    return there_or_not(name, label, repr(value), present=present, rows=rows)


def is_worth_telling(present: int, rows: int) -> bool:
    """Whether enough rows have a value, and enough lack it, for that to be a feature."""
    missing = rows - present
    return min(present, missing) >= LEAST_ROWS and missing >= LEAST_MISSING * rows


def there_or_not(name: str, label: str | None, shown: str, *, present: int, rows: int) -> Column:
    """1 where there is a value and 0 where there is none. Without `label` it is never told that a value is another one."""
    reason = f"{shown} in {present:,} of {rows:,} rows, nothing in the others: there or not"
    return Column(name=name, kind="boolean", reason=reason, used=True, params={"only": label}, numbers=(name,))


def label_of(value: Any) -> str:
    """The text by which a value is compared with those of later tables."""
    if isinstance(value, bool):
        return str(value).lower()
    return number_label(value) if isinstance(value, float) else str(value)


def to_presence(values: Any, only: str | None) -> tuple[NDArray[np.float64], Unseen]:
    """1 where there is a value and 0 where none ``(rows,)``, and how many are another one than that of the training rows.

    Another value counts as there, unless it says the opposite: "no" or 0 where "yes", or any word or number, was.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_string(values.type) and (only is None or _is_all(values, only)):
        return np.asarray(pc.is_valid(values).to_numpy(), dtype=np.float64), (0, ())
    seen = distinct(values)
    text = pa.types.is_string(seen.values.type)
    labels = stripped(seen.values) if text else category_labels(seen.values)
    table = np.zeros(len(labels) + 1)
    others: dict[int, str] = {}
    missing = (among(labels) if text else np.zeros(len(labels), bool)) | labels.is_null().to_numpy(False)
    number = None if only is None else parse_number(only)
    for place in np.flatnonzero(~missing).tolist():
        label = labels[place].as_py()
        same = only is None or _is_same(label, only, number)
        if not same:
            others[place] = label
        table[place] = float(same or only is None or not _is_opposite(label, only))
    unseen = (int(seen.counts[list(others)].sum()), tuple(others.values())[:3]) if others else (0, ())
    return table[seen.codes], unseen


def _is_all(values: Any, only: str) -> bool:
    """Whether numbers or truth values are all the one of that label: nearly always so, and quick to tell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        return False
    ends = pc.min_max(values)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return low is None or (low == high and label_of(low) == only)


def _is_same(label: str, only: str, number: float | None) -> bool:
    """Whether a label is the only value, which may be a number, however both are written."""
    if label == only or label.removesuffix(" 00:00:00") == only.removesuffix(" 00:00:00"):
        return True
    words = label.lower(), only.lower()
    if words[0] == words[1] or any(set(words) <= known for known in (_TRUE, _FALSE)):
        return True
    return number is not None and parse_number(label) == number


def _is_opposite(label: str, only: str) -> bool:
    return label.lower() in (_TRUE if only.lower() in _FALSE else _FALSE)
