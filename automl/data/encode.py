"""Applying a schema: any table with the training columns becomes numbers, codes and hashed text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.dates import CATEGORY_PARTS, arrow_seconds, date_parts, parse_with
from automl.data.kinds import FALSE_WORDS, TRUE_WORDS, category_labels, distinct
from automl.data.numbers_as_text import parse_number
from automl.data.records import MISSING_TOKENS, Finding, TableData
from automl.data.text import bucket_count, hash_counts, text_numbers
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.data.schema import Column, Schema

LARGEST = 3.0e38
"""Numbers beyond this do not fit in a float32."""
Unread = tuple[int, str, "NDArray[np.int64]"]
"""How many values could not be read, one of them, and their first row numbers from 1."""
NOTHING: Unread = (0, "", np.zeros(0, dtype=np.int64))


def encode_table(schema: Schema, table: pa.Table, *, allow_missing: bool) -> tuple[TableData, tuple[Finding, ...]]:
    """See `Schema.encode`."""
    import pyarrow as pa

    findings: list[Finding] = []
    used = [column for column in schema.columns if column.used]
    absent = [column.name for column in used if column.name not in table.column_names]
    if absent and not allow_missing:
        raise DataError(
            f"the table lacks {len(absent)} columns that are needed: {', '.join(repr(name) for name in absent[:10])}; "
            "add them, or use --allow-missing to treat them as missing values"
        )
    if absent:
        message = f"{len(absent)} columns are not there and count as missing: {', '.join(absent[:5])}"
        findings.append(Finding(level="warning", code="missing-columns", count=len(absent), message=message))
    rows, layout = table.num_rows, schema.layout
    numbers = np.empty((rows, len(layout.numbers)), dtype=np.float32)
    codes = np.empty((rows, len(layout.categories)), dtype=np.int32)
    texts: list[Any] = []
    buckets = bucket_count(len(layout.texts))

    def encode(place: tuple[Column, int, int]) -> list[Finding]:
        column, first_number, first_code = place
        there = column.name in table.column_names
        values = table.column(column.name) if there else pa.chunked_array([pa.nulls(rows, pa.string())])
        found_numbers, found_codes, found = _encode_column(column, values)
        for offset, array in enumerate(found_numbers):
            numbers[:, first_number + offset] = array
        for offset, places_of in enumerate(found_codes):
            codes[:, first_code + offset] = places_of
        return found

    places, number, code = [], 0, 0
    for column in used:
        places.append((column, number, code))
        number, code = number + len(column.numbers), code + len(column.categories)
    from concurrent.futures import ThreadPoolExecutor

    # Arrow and numpy release the interpreter lock for most of the work.
    with ThreadPoolExecutor(max_workers=2) as pool:
        for found in pool.map(encode, places):
            findings += found
    for column in used:
        if column.kind == "text":
            values = table.column(column.name) if column.name in table.column_names else None
            texts.append(hash_counts([None] * rows if values is None else _as_text(values).to_pylist(), buckets))
    text = None
    if texts:
        from scipy.sparse import hstack

        text = hstack(texts, format="csr") if len(texts) > 1 else texts[0]
    return TableData(layout=layout, numbers=numbers, codes=codes, text=text), tuple(findings)


def _encode_column(
    column: Column, values: Any
) -> tuple[list[NDArray[np.floating[Any]]], list[NDArray[np.int32]], list[Finding]]:
    """Number columns, code columns and findings of one column."""
    import pyarrow as pa

    if pa.types.is_null(values.type):
        values = values.cast(pa.string())
    params = column.params
    if column.kind == "category":
        codes, findings = to_codes(column, values)
        return [], [codes], findings
    if column.kind == "text":
        counted = text_numbers(_as_text(values))
        return [counted["length"], counted["words"]], [], []
    if column.kind == "date":
        seconds, unread = to_seconds(values, params)
        parts = date_parts(seconds, params["reference"])
        kept: list[str] = params["parts"]
        codes_of = [
            np.where(np.isnan(parts[part]), -1, parts[part] - (part == "month")).astype(np.int32)
            for part in CATEGORY_PARTS
            if part in kept
        ]
        return [parts[part] for part in kept], codes_of, _unread_finding(column, unread, "dates")
    if column.kind == "boolean":
        booleans, unread = to_booleans(values)
        return [booleans], [], _unread_finding(column, unread, "yes or no")
    numbers, unread = to_numbers(values, params)
    if unread[0] and not params.get("as_text"):
        rows = ", ".join(str(row) for row in unread[2])
        raise DataError(
            f"column {column.name!r} held numbers in training, but {unread[0]:,} values are none, such as {unread[1]!r} "
            f"(row {rows}); mend them, or leave those cells empty"
        )
    findings = _unread_finding(column, unread, "numbers")
    far = np.abs(numbers) > LARGEST
    if far.any():
        numbers = np.where(far, np.nan, numbers)
        message = f"column {column.name!r}: {int(far.sum()):,} infinite or huge values count as missing"
        findings.append(
            Finding(level="repair", code="infinite", column=column.name, count=int(far.sum()), message=message)
        )
    numbers = numbers - params["centre"] if params["centre"] else numbers
    if column.kind == "integer_code":
        codes, more = to_codes(column, values)
        return [numbers], [codes], findings + more
    return [numbers], [], findings


def _unread_finding(column: Column, unread: Unread, what: str) -> list[Finding]:
    count, example, _ = unread
    if not count:
        return []
    message = f"column {column.name!r}: {count:,} values are no {what} ({example!r}) and count as missing"
    return [Finding(level="warning", code="unread", column=column.name, count=count, message=message)]


def _as_text(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return values if pa.types.is_string(values.type) else pc.cast(values, pa.string())


def _through_distinct(values: Any, table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    seen = distinct(values)
    return np.append(table, np.nan)[seen.codes], seen.codes


def _read_texts(values: Any, read: Any) -> tuple[NDArray[np.float64], Unread]:
    """Each distinct text read once. `read` gives a number, or None for what it cannot read."""
    seen = distinct(values)
    texts = [text.strip() for text in seen.values.to_pylist()]
    missing = np.array([text in MISSING_TOKENS for text in texts], dtype=bool)
    found = read(texts)
    table = np.array([np.nan if one is None else one for one in found], dtype=np.float64)
    wrong = ~missing & np.array([one is None or one != one for one in found], dtype=bool) if texts else missing  # noqa: PLR0124
    table[missing] = np.nan
    numbers = np.append(table, np.nan)[seen.codes]
    if not wrong.any():
        return numbers, NOTHING
    rows = np.flatnonzero(np.append(wrong, False)[seen.codes])
    return numbers, (len(rows), texts[int(np.flatnonzero(wrong)[0])], rows[:5] + 1)


def to_numbers(values: Any, params: Mapping[str, Any]) -> tuple[NDArray[np.float64], Unread]:
    """Float64 ``(rows,)`` with NaN for missing, and what could not be read."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(values.type):
        comma = bool(params.get("decimal_comma"))
        return _read_texts(values, lambda texts: [parse_number(text, decimal_comma=comma) for text in texts])
    if pa.types.is_temporal(values.type):
        return arrow_seconds(values), NOTHING
    return np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy(), dtype=np.float64), NOTHING


def to_booleans(values: Any) -> tuple[NDArray[np.float64], Unread]:
    """1, 0 or NaN ``(rows,)``, and what could not be read. Numbers are true when they are not zero."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def read(texts: list[str]) -> list[float | None]:
        words = [text.lower() for text in texts]
        return [
            1.0 if w in TRUE_WORDS or w in ("1", "1.0") else 0.0 if w in FALSE_WORDS or w in ("0", "0.0") else None
            for w in words
        ]

    if pa.types.is_string(values.type):
        return _read_texts(values, read)
    numbers = np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    return np.where(np.isnan(numbers), np.nan, (numbers != 0).astype(np.float64)), NOTHING


def to_seconds(values: Any, params: Mapping[str, Any]) -> tuple[NDArray[np.float64], Unread]:
    """Seconds since 1970 ``(rows,)``, NaN for missing, and what could not be read."""
    import pyarrow as pa

    if pa.types.is_temporal(values.type):
        return arrow_seconds(values), NOTHING
    if pa.types.is_string(values.type):
        from automl.data.dates import FORMATS

        formats = [*params["formats"], *(form for form in FORMATS if form not in params["formats"])]
        return _read_texts(values, lambda texts: parse_with(pa.array(texts, pa.string()), formats).tolist())
    numbers, _ = to_numbers(values, {})
    return np.full(len(numbers), np.nan), (int((~np.isnan(numbers)).sum()), "a number", np.zeros(0, dtype=np.int64))


def to_codes(column: Column, values: Any) -> tuple[NDArray[np.int32], list[Finding]]:
    """Codes ``(rows,)``: places among the known levels, -1 for missing, one past the last for unseen."""
    levels: list[str] = column.params["levels"]
    places = {level: code for code, level in enumerate(levels)}
    seen = distinct(values)
    labels = category_labels(seen.values)
    table = np.array(
        [-1 if label is None else places.get(label, len(levels)) for label in labels] + [-1], dtype=np.int32
    )
    codes = table[seen.codes]
    new = [label for label in labels if label is not None and label not in places]
    if not new:
        return codes, []
    count = int((codes == len(levels)).sum())
    shown = ", ".join(repr(label) for label in new[:3])
    message = f"column {column.name!r}: {count:,} values have levels that training did not see ({shown})"
    return codes, [Finding(level="warning", code="unseen-levels", column=column.name, count=count, message=message)]
