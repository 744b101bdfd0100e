"""Columns that cannot be read are marked, and refused when somebody wants them: those left out must not stop a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa

KEY = b"automl.fault"
"""Of a column without values: why it has none, among the metadata of its field."""
_ROW = re.compile(r"(.*\brow )(\d+)\b", re.DOTALL)
"""The last row that a message names: a column may be called so, too."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with a column of so many rows, in words."""

    message: str
    rows: int


def column_or_fault(read: Callable[[], Any], rows: int) -> Any:
    """What a function makes of a column, or the fault for which it refuses it."""
    try:
        return read()
    except DataError as error:
        return Fault(message=str(error), rows=rows)


def table_of(columns: Sequence[Any], names: Sequence[str]) -> pa.Table:
    """Columns by name; a fault becomes a column without values that is marked. DataError where there is nothing else."""
    import pyarrow as pa

    faults = [column for column in columns if isinstance(column, Fault)]
    if faults and len(faults) == len(columns):
        raise DataError(faults[0].message)
    fields = [
        pa.field(name, pa.null(), metadata={KEY: column.message.encode()})
        if isinstance(column, Fault)
        else pa.field(name, column.type)
        for column, name in zip(columns, names, strict=True)
    ]
    arrays = [pa.nulls(column.rows) if isinstance(column, Fault) else column for column in columns]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def fault_of(field: pa.Field) -> str | None:
    """What is wrong with a column of a table, in words."""
    told = (field.metadata or {}).get(KEY)
    return None if told is None else told.decode()


def refuse_faults(table: pa.Table, wanted: Iterable[str], *, training: bool = False) -> None:
    """DataError for the first of the wanted columns that could not be read; others may be."""
    names = set(wanted)
    for field in table.schema:
        message = fault_of(field) if field.metadata and field.name in names else None
        if message is not None:
            raise DataError(f"{message}, or leave it out: --drop {field.name}" if training else message)


def with_rows_of(table: pa.Table, drawn: Any) -> pa.Table:
    """A table of rows that were drawn, whose faults name rows by their numbers in the whole; `drawn` are those, from 0."""
    columns: list[Any] = table.columns
    for place, field in enumerate(table.schema):
        message = fault_of(field)
        if message is not None:
            message = _ROW.sub(lambda found: f"{found[1]}{drawn[int(found[2]) - 1] + 1}", message, count=1)
            columns[place] = Fault(message=message, rows=table.num_rows)
    return table_of(columns, table.column_names)
