"""Applying a schema: any table with the training columns becomes numbers, codes and hashed text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.column_faults import refuse_faults
from automl.data.dates import CATEGORY_PARTS, date_parts
from automl.data.encode_findings import QUIET, Noticed, extra_columns, findings_of, missing_columns, no_longer_constant
from automl.data.fitted import LARGEST
from automl.data.presence import to_presence
from automl.data.records import Finding, TableData
from automl.data.text import bucket_count, hash_counts, text_numbers
from automl.data.values import to_booleans, to_codes, to_number_codes, to_numbers, to_seconds, whole_codes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from automl.data.distinct import Distinct
    from automl.data.schema import Column, Schema

BLOCK_ROWS = 1 << 16
WRITTEN_ROWS = 1 << 13
BLOCK_LEVELS = 1000
Encoded = tuple[list["NDArray[np.floating[Any]]"], list["NDArray[np.int32]"], "Noticed"]
"""Number columns, code columns, and what was noticed."""


def encode_table(schema: Schema, table: pa.Table, *, allow_missing: bool) -> tuple[TableData, tuple[Finding, ...]]:
    """See `Schema.encode`."""
    import pyarrow as pa

    used = [column for column in schema.columns if column.used]
    refuse_faults(table, [column.name for column in used])
    findings = [*missing_columns(schema, table, allow_missing=allow_missing), *extra_columns(schema, table)]
    rows, layout = table.num_rows, schema.layout
    numbers = np.empty((rows, len(layout.numbers)), dtype=np.float32)
    codes = np.empty((rows, len(layout.categories)), dtype=np.int32)
    there = set(table.column_names)

    def values_of(column: Column) -> Any:
        return table.column(column.name) if column.name in there else pa.chunked_array([pa.nulls(rows, pa.string())])

    noticed = _fill([(column, values_of(column)) for column in used], numbers, codes, schema.forget(table))
    for column, one in zip(used, noticed, strict=True):
        findings += [] if one is QUIET else findings_of(column, one)
    for column in schema.columns:
        if column.kind == "constant" and column.name in there:
            findings += no_longer_constant(column, values_of(column))
    text = _hashed([(column, values_of(column)) for column in used if column.kind == "text"])
    return TableData(layout=layout, numbers=numbers, codes=codes, text=text), tuple(findings)


def _hashed(columns: list[tuple[Column, Any]]) -> csr_matrix | None:
    """Counts of all text columns side by side, ``(rows, buckets)``."""
    if not columns:
        return None
    from scipy.sparse import hstack

    buckets = bucket_count(len(columns))
    texts = [hash_counts(_as_text(values), buckets, column.params["characters"]) for column, values in columns]
    return hstack(texts, format="csr") if len(texts) > 1 else texts[0]


def _fill(
    columns: list[tuple[Column, Any]],
    numbers: NDArray[np.float32],
    codes: NDArray[np.int32],
    seen: Mapping[str, Distinct],
) -> list[Noticed]:
    """Encode columns into the arrays, block of rows by block of rows: blocks stay in a core's cache.

    Columns of many levels, which are looked up in a table that is made anew each time, and those whose distinct values
    were `seen` are encoded at once before.
    """
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow as pa

    rows = len(numbers)
    columns = [
        (column, values.cast(pa.string()) if pa.types.is_null(values.type) else values) for column, values in columns
    ]
    at_once = [
        place
        for place, (column, _) in enumerate(columns)
        if column.name in seen or len(column.params.get("levels", ())) > BLOCK_LEVELS
    ]
    plain = [_is_plain(column, values) for column, values in columns]
    of_number = [place for place, (column, _) in enumerate(columns) for _ in column.numbers]
    quick = np.array([plain[place] for place in of_number], dtype=bool)

    def encode_whole(place: int) -> Encoded:
        column, values = columns[place]
        if column.name not in seen or column.kind != "category":
            return encode_column(column, values)
        found, unseen = to_codes(column.params["levels"], values, seen[column.name])
        return [], [found], Noticed(unseen=unseen) if unseen[0] else QUIET

    def fill(start: int) -> list[Noticed]:
        stop, noticed = min(start + BLOCK_ROWS, rows), []
        new_numbers: list[NDArray[Any]] = []
        new_codes: list[NDArray[np.int32]] = []
        for place, (column, values) in enumerate(columns):
            if plain[place]:
                new_numbers.append(values.slice(start, stop - start).to_numpy())
                noticed.append(QUIET)
            elif place in done:
                new_numbers += [array[start:stop] for array in done[place][0]]
                new_codes += [array[start:stop] for array in done[place][1]]
                noticed.append(QUIET)
            else:
                found_numbers, found_codes, more = encode_column(column, values.slice(start, stop - start))
                new_numbers += found_numbers
                new_codes += found_codes
                noticed.append(more)
        _put(new_numbers, numbers[start:stop])
        _put(new_codes, codes[start:stop])
        for place, count in _drop_far(numbers[start:stop], quick).items():
            noticed[of_number[place]] = Noticed(far=count)
        return noticed

    # Arrow and numpy release the interpreter lock for most of the work.
    with ThreadPoolExecutor(max_workers=2) as pool:
        done = dict(zip(at_once, pool.map(encode_whole, at_once), strict=True))
        joined = [done[place][2] if place in done else QUIET for place in range(len(columns))]
        starts = range(0, rows, BLOCK_ROWS)
        for start, found in zip(starts, pool.map(fill, starts), strict=True):
            joined = [one.joined(more, start) for one, more in zip(joined, found, strict=True)]
    return joined


def _put(arrays: Sequence[NDArray[Any]], block: NDArray[Any]) -> None:
    """Columns into a block, a few rows at a time: each column touches all of their cache lines again."""
    with np.errstate(over="ignore"):  # huge numbers become infinite, and are dropped later
        for start in range(0, len(block), WRITTEN_ROWS):
            for place, array in enumerate(arrays):
                block[start : start + WRITTEN_ROWS, place] = array[start : start + WRITTEN_ROWS]


def _is_plain(column: Column, values: Any) -> bool:
    """Whether the values of a column are its numbers as they are, but for those beyond float32."""
    import pyarrow as pa

    kind, params = values.type, column.params
    if column.kind != "number" or params.get("moments") or params.get("origin") or params.get("centre"):
        return False
    return "scale" not in params and bool(
        pa.types.is_int64(kind) or pa.types.is_float64(kind) or pa.types.is_float32(kind)
    )


def _drop_far(block: NDArray[np.float32], quick: NDArray[np.bool_]) -> dict[int, int]:
    """Infinite or huge numbers in some columns of a block become missing; how many, by column."""
    with np.errstate(invalid="ignore"):
        far = (np.fmax.reduce(block, axis=0) > LARGEST) | (np.fmin.reduce(block, axis=0) < -LARGEST)
    counts = {}
    for place in np.flatnonzero(far & quick).tolist():
        wrong = np.abs(block[:, place]) > LARGEST
        block[wrong, place] = np.nan
        counts[place] = int(wrong.sum())
    return counts


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
        case "boolean" if "only" in params:
            there, unseen = to_presence(values, params["only"])
            return [there], [], Noticed(unseen=unseen)
        case "boolean":
            booleans, unread = to_booleans(values)
            return [booleans], [], Noticed(unread=unread)
    if column.kind == "integer_code" and not params.get("centre") and "scale" not in params:
        quick = whole_codes(params["levels"], values)
        if quick is not None:
            return [quick[0]], [quick[1]], QUIET
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


def _as_text(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return values if pa.types.is_string(values.type) else pc.cast(values, pa.string())
