"""Splits that judge later rows than they train on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.inner_parts import time_blocks
from automl.data.records import Resampling, Split
from automl.data.target_labels import distinct, without_dictionary
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from automl.specs import ProblemType

FIRST_TRAINING_SHARE = 0.5
"""Rows that always train: models of the first few rows would say little about those of all."""
ONLY_TRAINING_SHARE = 0.8
"""The same where there is one split only."""


def time_splits(
    column: Any,
    target: NDArray[Any],
    *,
    problem_type: ProblemType,
    folds: int,
    name: str = "",
    asked: str = "",
    others: Sequence[str] = (),
) -> Resampling:
    """Expanding windows: each split judges the stretch that follows all it is trained on; ties never straddle.

    The first half of the rows only trains (80 % with one split); the rest is judged in `folds` stretches. Rows may
    be in any order. `asked` is the kind the user gave ("date:dayfirst"), `others` are formats of other columns: they
    tell days from months where the column does not. Raises DataError for missing moments, or when no forward split can be made.
    """
    ranks, note = _moments(column, name, asked, others)
    moments = int(ranks.max(initial=-1)) + 1
    if moments < 2:
        raise DataError(
            f"time column {name!r} has one moment only in {len(ranks):,} rows; at least 2 are needed to judge later rows"
        )
    splits = []
    edges = _edges(np.cumsum(np.bincount(ranks)), folds)
    for last_trained, last_judged in zip(edges, [*edges[1:], moments - 1], strict=True):
        train = np.flatnonzero(ranks <= last_trained)
        valid = np.flatnonzero((ranks > last_trained) & (ranks <= last_judged))
        if problem_type == "regression" or len(np.unique(target[train])) > 1:
            splits.append(Split(train=train, valid=valid))
    if not splits:
        raise DataError(
            f"time column {name!r}: all but the last rows are of one class, so that no forward split can be made; "
            "validate another way"
        )
    reason = (
        f"{len(splits)} forward split{'s' if len(splits) > 1 else ''} by {name!r}: training is always earlier, "
        f"the first {len(splits[0].train):,} rows only train"
    )
    if len(splits) < folds:
        reason += f"; fewer than {folds}, as there are {moments:,} moments and early rows need two classes"
    return Resampling(kind="time", splits=splits, reason=reason + note, folds=len(splits), groups=time_blocks(ranks))


def _edges(rows_until: NDArray[np.int64], folds: int) -> list[int]:
    """The last moment that each split trains on, ascending; never the last of all."""
    rows = int(rows_until[-1])
    first = ONLY_TRAINING_SHARE if folds == 1 else FIRST_TRAINING_SHARE
    wanted = rows * (first + (1 - first) * np.arange(folds) / folds)
    nearest = [int(np.argmin(np.abs(rows_until[:-1] - cut))) for cut in wanted]
    return sorted(set(nearest))


def _moments(column: Any, name: str, asked: str, others: Sequence[str]) -> tuple[NDArray[np.int64], str]:
    """A rank for each row's moment, equal for equal moments, and a doubt; DataError for what is no moment."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = without_dictionary(column)
    missing, note = values.null_count, ""
    if pa.types.is_floating(values.type):
        missing += int(pc.sum(pc.is_nan(values)).as_py() or 0)
    if missing:
        raise DataError(f"time column {name!r} is missing in {missing:,} rows; fill or drop them")
    if pa.types.is_temporal(values.type):
        kind = pa.int32() if values.type.bit_width == 32 else pa.int64()
        numbers = pc.cast(values, kind).to_numpy()
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        numbers = values.to_numpy()
    elif pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        numbers, note = _text_moments(values, name, asked, others)
    else:
        raise DataError(f"time column {name!r} holds {values.type}, which is no time; choose a date or a number")
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64), note


def _text_moments(values: Any, name: str, asked: str, others: Sequence[str]) -> tuple[NDArray[np.float64], str]:
    import pyarrow as pa

    from automl.data.date_order import ORDERS, order_finding, order_of, settle, with_order
    from automl.data.dates import find_formats, parse_dates

    texts = pa.array(distinct(values)[0], pa.string())
    found = find_formats(texts)[0]
    formats, undecided = settle(texts, found)
    wanted = next((order for order in ORDERS if asked.endswith(f":{order}")), order_of(others) if undecided else None)
    if wanted is not None:
        formats, undecided = with_order(found if asked.endswith(wanted) else formats, wanted), False
    order = order_of(formats)
    note = f"; {order_finding(name, order, texts[0].as_py()).message}" if undecided and order else ""
    seconds, wrong = parse_dates(values, formats)
    if wrong:
        row = int(np.flatnonzero(np.isnan(seconds))[0])
        raise DataError(
            f"time column {name!r} has {wrong:,} values that are no date, such as {values[row].as_py()!r} in row "
            f"{row + 1:,}; mend them or choose another column"
        )
    return np.asarray(seconds, dtype=np.float64), note
