"""The rows that a search works with: those that have a target, and behind them those of a validation file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automl.data.column_faults import refuse_faults
from automl.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.data.records import Finding, RawTable, TableData
    from automl.data.schema import Schema
    from automl.data.target import TargetCoding
    from automl.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows with a target: encoded, their targets ``(rows,)``, and as they were read."""

    data: TableData
    values: NDArray[Any]
    table: pa.Table
    validation: int = 0
    """Rows at the end that came from the user's validation file."""


def usable_rows(table: pa.Table, coding: TargetCoding) -> tuple[NDArray[Any], pa.Table]:
    """Target values ``(rows,)``, and the table, of the rows where there is a target."""
    import numpy as np
    import pyarrow as pa

    values, usable = coding.encode(table.column(coding.name))
    if usable.all():
        return values, table
    return values[usable], table.filter(pa.array(np.asarray(usable, dtype=bool)))


def with_validation(
    rows: Rows, validation: RawTable, schema: Schema, coding: TargetCoding, settings: Settings
) -> tuple[Rows, tuple[Finding, ...]]:
    """The rows of a validation file behind those of the training table; DataError for a file that cannot judge."""
    import numpy as np

    _check_columns(validation, schema, settings)
    values, table = usable_rows(validation.table, coding)
    if not len(values):
        raise DataError(f"validation file {settings.validation} has no rows with a target")
    data, found = schema.encode(table)
    findings = (replace(one, message=f"validation file: {one.message}") for one in (*validation.findings, *found))
    both = Rows(
        data=_stack(rows.data, data),
        values=np.concatenate([rows.values, values]),
        table=_stack_columns(rows.table, table, settings),
        validation=len(values),
    )
    return both, tuple(findings)


def without_last(data: TableData, rows: int) -> TableData:
    """The data but for its last rows."""
    import numpy as np

    return data if not rows else data.take(np.arange(len(data) - rows))


def _check_columns(validation: RawTable, schema: Schema, settings: Settings) -> None:
    """DataError naming the columns that a validation file lacks."""
    there = set(validation.table.column_names)
    needed = [settings.target, *(column.name for column in schema.columns if column.used)]
    refuse_faults(validation.table, [*needed, *([] if settings.weight is None else [settings.weight])])
    absent = [name for name in needed if name not in there]
    if absent:
        shown = ", ".join(repr(name) for name in absent[:10])
        more = f" and {len(absent) - 10} more" if len(absent) > 10 else ""
        raise DataError(
            f"validation file {settings.validation} lacks columns of the training table: {shown}{more}; add them, or drop "
            "them from both tables with --ignore (ignore=)"
        )


def _stack(first: TableData, second: TableData) -> TableData:
    import numpy as np

    text = None
    if first.text is not None:
        from scipy.sparse import vstack

        text = vstack([first.text, second.text], format="csr")
    return replace(
        first,
        numbers=np.concatenate([first.numbers, second.numbers]),
        codes=np.concatenate([first.codes, second.codes]),
        text=text,
    )


def _stack_columns(table: pa.Table, extra: pa.Table, settings: Settings) -> pa.Table:
    """The weight column of both tables; nothing else of the raw rows is needed behind a validation file."""
    import pyarrow as pa

    from automl.data.weights import read_weights

    if settings.weight is None:
        return table
    if settings.weight not in extra.column_names:
        raise DataError(f"the validation file has no weight column {settings.weight!r}")
    for part, where in ((table, ""), (extra, " of the validation file")):
        if part.num_rows:
            read_weights(part.column(settings.weight), f"{settings.weight}{where}")
    both = [
        part.select([settings.weight]).cast(pa.schema([(settings.weight, pa.float64())])) for part in (table, extra)
    ]
    return pa.concat_tables(both)
