"""What a column holds, found from its values, with the reason in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from automl.data import fitted
from automl.data.clock import are_worded, minutes_and_seconds, parse_clock
from automl.data.date_order import order_finding, order_of, settle, with_order
from automl.data.dates import DIGITS, find_formats, parse_with
from automl.data.distinct import among, distinct, stripped
from automl.data.kinds_numbers import numeric_column
from automl.data.numbers_as_text import find_decimal_sign, parse_numbers
from automl.data.schema import USED_KINDS
from automl.data.values import digits_of
from automl.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa

    from automl.data.date_order import Order
    from automl.data.distinct import Distinct
    from automl.data.fitted import Ends, Fitted
    from automl.data.records import Finding, Kind

BLOCK_CELLS = 1 << 18
"""Cells of numeric columns that are looked at together."""
COLUMNS_AT_ONCE = 64
"""Columns that a thread takes at a time: handing over one costs as much as a look at a short one."""


def fit_columns(
    table: pa.Table,
    names: Sequence[str],
    wanted: Mapping[str, str],
    remembered: dict[str, Distinct] | None = None,
    *,
    unnamed: Collection[str] = (),
) -> list[Fitted]:
    """The kinds of some columns of a table; `wanted` are those that the user said, `unnamed` the columns that the table gave
    no name. Distinct values that encoding needs again are put into `remembered`.
    """
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow as pa

    columns = [table.column(name) for name in names]
    ends: dict[int, Ends] = {}
    numeric = [
        place
        for place, (name, column) in enumerate(zip(names, columns, strict=True))
        if name not in wanted and _is_numeric(column)
    ]
    if 0 < table.num_rows <= fitted.BLOCK_ROWS:
        width = max(BLOCK_CELLS // table.num_rows, 1)
        for start in range(0, len(numeric), width):
            block = numeric[start : start + width]
            found = fitted.plain_ends([columns[place] for place in block])
            ends |= {place: one for place, one in zip(block, found, strict=True) if one is not None}

    def fit_one(place: int) -> Fitted:
        name, column = names[place], columns[place]
        if name in wanted or not pa.types.is_string(column.type) or column.null_count == len(column):
            return fit_column(name, column, wanted.get(name), ends.get(place), unnamed=name in unnamed)
        from automl.data.kinds_text import text_column

        seen = distinct(column)
        found = text_column(name, column, seen)
        if found[0].kind == "category" and remembered is not None:
            remembered[name] = seen
        return found

    def fit_some(start: int) -> list[Fitted]:
        return [fit_one(place) for place in range(start, min(start + step, len(names)))]

    # Arrow's functions release the interpreter lock, so that two columns can be looked at at once.
    step = max(1, min(len(names) // 8, COLUMNS_AT_ONCE))
    with ThreadPoolExecutor(max_workers=2) as pool:
        return [one for some in pool.map(fit_some, range(0, len(names), step)) for one in some]


def _is_numeric(column: Any) -> bool:
    import pyarrow as pa

    kind = column.type
    return bool(pa.types.is_int64(kind) or pa.types.is_float64(kind) or pa.types.is_float32(kind))


def fit_column(
    name: str, column: Any, wanted: str | None, ends: Ends | None = None, *, unnamed: bool = False
) -> Fitted:
    """The kind of one column, or the kind the user wants ("date:dayfirst" too), with what encoding needs.

    `ends` may bring along what is known of its numbers. `unnamed`: the table gave it no name.
    """
    import pyarrow as pa

    kind = column.type
    if wanted is not None:
        return _as_wanted(name, column, wanted)
    if ends is not None:
        return numeric_column(name, column, ends, unnamed=unnamed)
    if column.null_count == len(column):
        return fitted.unused(name, "constant", f"all {len(column):,} values are missing", value=None), []
    if pa.types.is_boolean(kind):
        return fitted.boolean(name, column, "true and false"), []
    if pa.types.is_temporal(kind):
        return fitted.date(name, column, [], f"dates ({kind})"), []
    if pa.types.is_string(kind):
        from automl.data.kinds_text import text_column

        return text_column(name, column)
    return numeric_column(name, column, _ends_of(column), unnamed=unnamed)


def _ends_of(column: Any) -> Ends:
    import pyarrow.compute as pc

    ends = pc.min_max(column)
    return fitted.Ends(low=ends["min"].as_py(), high=ends["max"].as_py())


def _as_wanted(name: str, column: Any, wanted: str) -> Fitted:
    """The kind the user asked for; SettingsError when the values do not allow it."""
    reason = "as asked"
    wanted, _, order = wanted.partition(":")
    if wanted not in USED_KINDS:
        return fitted.unused(name, cast("Kind", wanted), reason), []
    if wanted == "category":
        return fitted.category(name, column, reason)
    if wanted == "text":
        return fitted.text(name, reason, len(column)), []
    if wanted == "boolean":
        return fitted.boolean(name, column, reason), []
    if wanted == "date":
        formats, findings = _formats_as_wanted(name, column, order)
        return fitted.date(name, column, formats, reason), findings
    params, findings = _number_as_wanted(name, column, wanted)
    if wanted == "integer_code":
        made, more = fitted.integer_code(name, column, reason, params)
        return made, [*more, *findings]
    return fitted.number(name, column, reason, params), findings


def _formats_as_wanted(name: str, column: Any, order: str) -> tuple[list[str], list[Finding]]:
    import pyarrow as pa

    if pa.types.is_temporal(column.type):
        return [], []
    if _is_numeric(column) and not np.isnan(parse_with(digits_of(distinct(column).values).drop_null(), [DIGITS])).all():
        return [DIGITS], []
    if not pa.types.is_string(column.type):
        raise SettingsError(
            f"column {name!r} was asked to be a date, but holds {column.type}; give dates as text, as timestamps, or as whole numbers "
            "such as 20241231"
        )
    texts = stripped(distinct(column).values)
    formats, share = find_formats(texts)
    if not share and not np.isnan(parse_with(texts, [DIGITS])).all():
        return [DIGITS], []
    if not share:
        raise SettingsError(
            f"column {name!r} was asked to be a date, but no value reads as one; write dates like 2024-12-31"
        )
    if order:
        return with_order(formats, cast("Order", order)), []
    formats, undecided = settle(texts, formats)
    found = order_of(formats)
    return formats, [order_finding(name, found, texts[0].as_py())] if undecided and found else []


def _number_as_wanted(name: str, column: Any, wanted: str) -> tuple[dict[str, Any], list[Finding]]:
    import pyarrow as pa

    from automl.data.column_texts import NUMBER_SHARE
    from automl.data.decimal_sign import sign_finding
    from automl.data.kinds_text import clock_finding, clock_params
    from automl.data.units import find_unit, mixed_units, parse_with_unit, without_unit

    if pa.types.is_temporal(column.type):
        return {"moments": True}, []
    if not pa.types.is_string(column.type):
        return {}, []
    seen = distinct(column)
    texts = stripped(seen.values)
    sign = find_decimal_sign(texts.slice(0, fitted.SAMPLE).to_pylist())
    unread = np.isnan(parse_numbers(texts, decimal_comma=sign.decimal_comma))
    if unread.any():
        others = texts.filter(pa.array(unread & ~among(texts))).slice(0, fitted.SAMPLE).to_pylist()
        unit = find_unit(others, rare=len(others) <= (1 - NUMBER_SHARE) * len(texts))
        if unit is not None:
            bare = without_unit(texts.slice(0, fitted.SAMPLE), unit)
            of_unit = find_decimal_sign(bare.to_pylist())
            read = np.isfinite(parse_with_unit(texts, unit, of_unit.decimal_comma))
            if read.sum() > (~unread).sum():
                params = {"as_text": True, "decimal_comma": of_unit.decimal_comma, "unit": unit}
                return params, [*sign_finding(name, of_unit), *mixed_units(name, texts, seen.counts, read, unit)]
    if unread.all():
        words = are_worded(texts.filter(pa.array(~among(texts))))
        if not np.isnan(parse_clock(texts, days_alone=True, words=words)).all():
            minutes = minutes_and_seconds(texts)
            return {"as_text": True, "clock": True, **clock_params(minutes, words)}, clock_finding(name, minutes)
        raise SettingsError(
            f"column {name!r} was asked to be a {wanted}, but no value reads as a number; use category or text"
        )
    return {"as_text": True, "decimal_comma": sign.decimal_comma}, sign_finding(name, sign)
