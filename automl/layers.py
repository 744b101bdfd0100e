"""What the members of a predictor predict together, also where some of them stand on the predictions of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.joint_predict import Weighted, weighted_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.records import ImageData, TableData
    from automl.member import Member
    from automl.predictor_file import MemberRecord

BATCH_ROWS = 65_536
"""Most rows whose predictions by each member of the first layer are kept at a time."""


def layered_sum(
    records: Sequence[MemberRecord],
    opened: Sequence[tuple[float, Sequence[Member]]],
    data: TableData | ImageData,
    outputs: int,
    threads: int,
) -> NDArray[np.float64]:
    """The weighted sum over all members: ``(rows, outputs)``, or ``(rows,)`` when `outputs` is 0.

    `opened` holds weight and models of each of the `records`. The first layer predicts first; where a second one stands on
    it, its predictions become columns of the table that the second one sees, made as they were made for training.
    """
    import numpy as np

    if not any(record.base for record in records):
        return weighted_sum([one for pair in opened for one in _shares(*pair)], data, outputs, threads)
    total = np.zeros((len(data), outputs) if outputs else (len(data),))
    for start in range(0, len(data), BATCH_ROWS):
        rows = np.arange(start, min(start + BATCH_ROWS, len(data)))
        total[rows] = _two_layers(records, opened, data.take(rows), outputs, threads)
    return total


def _two_layers(
    records: Sequence[MemberRecord],
    opened: Sequence[tuple[float, Sequence[Member]]],
    data: TableData | ImageData,
    outputs: int,
    threads: int,
) -> NDArray[np.float64]:
    import numpy as np

    from automl.data.records import TableData
    from automl.data.widened import prediction_columns, widened

    assert isinstance(data, TableData), "only tables are widened"
    total = np.zeros((len(data), outputs) if outputs else (len(data),))
    predicted: dict[int, NDArray[np.float64]] = {}
    above: dict[tuple[int, ...], list[Weighted]] = {}
    for record, (weight, models) in zip(records, opened, strict=True):
        if record.base:
            above.setdefault(record.base, []).extend(_shares(weight, models))
            continue
        predicted[record.trial] = weighted_sum(_shares(1.0, models), data, outputs, threads)
        total += weight * predicted[record.trial]
    for base, members in above.items():
        wide = widened(data, prediction_columns([predicted[number] for number in base]))
        total += weighted_sum(members, wide, outputs, threads)
    return total


def _shares(weight: float, models: Sequence[Member]) -> list[Weighted]:
    """Each model of a member with its part of the weight."""
    return [(weight / len(models), model) for model in models]
