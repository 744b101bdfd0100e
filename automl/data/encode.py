"""Applying a schema: any table with the training columns becomes numbers, codes and hashed text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.dates import CATEGORY_PARTS, date_parts
from automl.data.distinct import category_labels, distinct
from automl.data.fitted import LARGEST
from automl.data.records import Finding, TableData
from automl.data.text import bucket_count, hash_counts, text_numbers
from automl.data.values import NOTHING, Unread, Unseen, to_booleans, to_codes, to_number_codes, to_numbers, to_seconds
from automl.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from automl.data.schema import Column, Schema

BLOCK_ROWS = 1 << 16
BLOCK_LEVELS = 1000
Encoded = tuple[list["NDArray[np.floating[Any]]"], list["NDArray[np.int32]"], "Noticed"]
"""Number columns, code columns, and what was noticed."""


def encode_table(schema: Schema, table: pa.Table, *, allow_missing: bool) -> tuple[TableData, tuple[Finding, ...]]:
    """See `Schema.encode`."""
    import pyarrow as pa

    used = [column for column in schema.columns if column.used]
    findings = [*_missing_columns(used, table, allow_missing=allow_missing), *_extra_columns(schema, table)]
    rows, layout = table.num_rows, schema.layout
    numbers = np.empty((rows, len(layout.numbers)), dtype=np.float32)
    codes = np.empty((rows, len(layout.categories)), dtype=np.int32)
    there = set(table.column_names)

    def values_of(column: Column) -> Any:
        return table.column(column.name) if column.name in there else pa.chunked_array([pa.nulls(rows, pa.string())])

    noticed = _fill([(column, values_of(column)) for column in used], numbers, codes)
    for column, one in zip(used, noticed, strict=True):
        findings += _findings(column, one)
    for column in schema.columns:
        if column.kind == "constant" and column.name in there:
            findings += _no_longer_constant(column, values_of(column))
    text = _hashed([(column, values_of(column)) for column in used if column.kind == "text"])
    return TableData(layout=layout, numbers=numbers, codes=codes, text=text), tuple(findings)


def _hashed(columns: list[tuple[Column, Any]]) -> csr_matrix | None:
    """Counts of all text columns side by side, ``(rows, buckets)``."""
    if not columns:
        return None
    from scipy.sparse import hstack

    buckets = bucket_count(len(columns))
    texts = [
        hash_counts(_as_text(values).to_pylist(), buckets, column.params["characters"]) for column, values in columns
    ]
    return hstack(texts, format="csr") if len(texts) > 1 else texts[0]


def _missing_columns(used: list[Column], table: pa.Table, *, allow_missing: bool) -> list[Finding]:
    there = set(table.column_names)
    absent = [column.name for column in used if column.name not in there]
    if not absent:
        return []
    shown = ", ".join(repr(name) for name in absent[:10])
    if not allow_missing:
        lacks = "a column that is" if len(absent) == 1 else f"{len(absent)} columns that are"
        raise DataError(
            f"the table lacks {lacks} needed: {shown}; add {'it' if len(absent) == 1 else 'them'}, "
            "or use --allow-missing (allow_missing=True) to treat as missing values"
        )
    message = f"{len(absent)} columns are not there and count as missing: {shown}"
    return [Finding(level="warning", code="missing-columns", count=len(absent), message=message)]


def _extra_columns(schema: Schema, table: pa.Table) -> list[Finding]:
    known = {*(column.name for column in schema.columns), *schema.aside}
    extra = [name for name in table.column_names if name not in known]
    if not extra:
        return []
    were = "column was" if len(extra) == 1 else "columns were"
    message = f"{len(extra)} {were} not in the training table, ignored: {', '.join(repr(name) for name in extra[:5])}"
    return [Finding(level="info", code="extra-columns", count=len(extra), message=message)]


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """What was out of order in some rows of one column."""

    unread: Unread = NOTHING
    unseen: Unseen = (0, ())
    far: int = 0
    """Infinite or huge numbers."""

    def joined(self, later: Noticed, start: int) -> Noticed:
        """Together with what was noticed in the rows from `start` on."""
        count, example, rows = later.unread
        return Noticed(
            unread=(
                self.unread[0] + count,
                self.unread[1] if self.unread[0] else example,
                np.concatenate([self.unread[2], rows + start])[:5],
            ),
            unseen=(
                self.unseen[0] + later.unseen[0],
                tuple(dict.fromkeys((*self.unseen[1], *later.unseen[1])))[:3],
            ),
            far=self.far + later.far,
        )


def _fill(columns: list[tuple[Column, Any]], numbers: NDArray[np.float32], codes: NDArray[np.int32]) -> list[Noticed]:
    """Encode columns into the arrays, block of rows by block of rows: blocks stay in a core's cache.

    Columns of many levels, which are looked up in a table that is made anew each time, are encoded at once before.
    """
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow as pa

    rows = len(numbers)
    columns = [
        (column, values.cast(pa.string()) if pa.types.is_null(values.type) else values) for column, values in columns
    ]
    at_once = [
        place for place, (column, _) in enumerate(columns) if len(column.params.get("levels", ())) > BLOCK_LEVELS
    ]

    def fill(start: int) -> list[Noticed]:
        stop, number, code, noticed = min(start + BLOCK_ROWS, rows), 0, 0, []
        for place, (column, values) in enumerate(columns):
            if place in done:
                found_numbers, found_codes, _ = done[place]
                found_numbers = [array[start:stop] for array in found_numbers]
                found_codes, more = [array[start:stop] for array in found_codes], Noticed()
            else:
                found_numbers, found_codes, more = encode_column(column, values.slice(start, stop - start))
            for array in found_numbers:
                numbers[start:stop, number] = array
                number += 1
            for places in found_codes:
                codes[start:stop, code] = places
                code += 1
            noticed.append(more)
        return noticed

    # Arrow and numpy release the interpreter lock for most of the work.
    with ThreadPoolExecutor(max_workers=2) as pool:
        done = dict(zip(at_once, pool.map(lambda place: encode_column(*columns[place]), at_once), strict=True))
        joined = [done[place][2] if place in done else Noticed() for place in range(len(columns))]
        starts = range(0, rows, BLOCK_ROWS)
        for start, found in zip(starts, pool.map(fill, starts), strict=True):
            joined = [one.joined(more, start) for one, more in zip(joined, found, strict=True)]
    return joined


def encode_column(column: Column, values: Any) -> Encoded:
    """Number columns, code columns, and what was noticed in some rows of one column."""
    params = column.params
    match column.kind:
        case "category":
            codes, unseen = to_codes(params["levels"], values)
            return [], [codes], Noticed(unseen=unseen)
        case "text":
            counted = text_numbers(_as_text(values))
            return [counted["length"], counted["words"]], [], Noticed()
        case "date":
            return _encode_date(column, values)
        case "boolean":
            booleans, unread = to_booleans(values)
            return [booleans], [], Noticed(unread=unread)
    numbers, unread = to_numbers(values, params)
    found_codes, unseen = [], (0, ())
    if column.kind == "integer_code":
        codes, unseen = to_number_codes(params["levels"], numbers)
        found_codes = [codes]
    far = np.abs(numbers) > LARGEST
    count = int(np.count_nonzero(far))
    numbers = np.where(far, np.nan, numbers) if count else numbers
    numbers = numbers - params["centre"] if params["centre"] else numbers
    numbers = numbers / params["scale"] if "scale" in params else numbers
    return [numbers], found_codes, Noticed(unread=unread, unseen=unseen, far=count)


def _encode_date(column: Column, values: Any) -> Encoded:
    seconds, unread = to_seconds(values, column.params)
    kept: list[str] = column.params["parts"]
    parts = date_parts(seconds, column.params["reference"], kept)
    codes = [
        np.where(np.isnan(parts[part]), -1, parts[part] - (part == "month")).astype(np.int32)
        for part in CATEGORY_PARTS
        if part in kept
    ]
    return [parts[part] for part in kept], codes, Noticed(unread=unread)


def _findings(column: Column, noticed: Noticed) -> list[Finding]:
    """What was noticed, in words; DataError for words where plain numbers were."""
    count, example, first = noticed.unread
    if count and column.kind in ("number", "integer_code") and not column.params.get("as_text"):
        rows = ", ".join(str(row) for row in first)
        raise DataError(
            f"column {column.name!r} held numbers in training, but {count:,} values are none, such as {example!r} "
            f"(row {rows}); mend them, or leave those cells empty"
        )
    what = {"date": "dates", "boolean": "yes or no"}.get(column.kind, "numbers")
    findings = [*_unread_finding(column, noticed.unread, what), *_unseen_finding(column, noticed.unseen)]
    if noticed.far:
        message = f"column {column.name!r}: {noticed.far:,} infinite or huge values count as missing"
        findings.append(
            Finding(level="repair", code="infinite", column=column.name, count=noticed.far, message=message)
        )
    return findings


def _unread_finding(column: Column, unread: Unread, what: str) -> list[Finding]:
    count, example, _ = unread
    if not count:
        return []
    message = f"column {column.name!r}: {count:,} values are no {what} ({example!r}) and count as missing"
    return [Finding(level="warning", code="unread", column=column.name, count=count, message=message)]


def _unseen_finding(column: Column, unseen: Unseen) -> list[Finding]:
    count, examples = unseen
    if not count:
        return []
    shown = ", ".join(repr(label) for label in examples)
    message = f"column {column.name!r}: {count:,} values have levels that training did not see ({shown})"
    return [Finding(level="warning", code="unseen-levels", column=column.name, count=count, message=message)]


def _no_longer_constant(column: Column, values: Any) -> list[Finding]:
    """A column that was left out because it held one value, or none, and now holds others."""
    if "value" not in column.params:
        return []
    seen = distinct(values)
    labels, counts = category_labels(seen.values).to_pylist(), seen.counts.tolist()
    count = sum(
        count
        for label, count in zip(labels, counts, strict=True)
        if label is not None and label.lower() != str(column.params["value"]).lower()
    )
    if not count:
        return []
    message = f"column {column.name!r} is not used ({column.reason} in training); {count:,} other values are ignored"
    return [Finding(level="info", code="no-longer-constant", column=column.name, count=count, message=message)]


def _as_text(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return values if pa.types.is_string(values.type) else pc.cast(values, pa.string())
