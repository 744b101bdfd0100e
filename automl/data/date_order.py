"""Whether the day or the month comes first in dates such as 01/02/2023: by what the column and the file tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from automl.data.dates import FORMATS, YEAR_FIRST, parse_with
from automl.data.records import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from automl.data.fitted import Fitted
    from automl.data.records import RawTable

Order = Literal["dayfirst", "monthfirst"]
ORDERS: tuple[Order, ...] = ("dayfirst", "monthfirst")
_HEADS: dict[str, Order] = {"%d/%m": "dayfirst", "%m/%d": "monthfirst", "%d-%m": "dayfirst", "%m-%d": "monthfirst"}
_SHORT = r"^\s*(?P<first>\d\d)[./-]\d\d[./-](?P<last>\d\d)(?:\s|$)"
SHARE = 0.95
FIRST_DAYS, LAST_DAYS, MOST_DAYS = 3, 28, 20
"""Days of the month that a column of days has: some up to the first, some from the second on, so many in all."""
_WORDS = {"dayfirst": "day first", "monthfirst": "month first"}


def order_of(formats: Sequence[str]) -> Order | None:
    """The order of formats in which days and months could change places; None without any, or with both."""
    found = {_HEADS[form[:5]] for form in formats if form[:5] in _HEADS}
    return found.pop() if len(found) == 1 else None


def with_order(formats: Sequence[str], order: Order) -> list[str]:
    """These formats with days and months in this order, where both exist."""
    turned = [form if _HEADS.get(form[:5], order) == order else _turned(form) for form in formats]
    return list(dict.fromkeys(turned))


def _turned(form: str) -> str:
    other = form[3:5] + form[2] + form[:2] + form[5:]
    return other if other in FORMATS else form


def settle(texts: pa.Array, formats: list[str]) -> tuple[list[str], bool]:
    """The formats in the order that reads more of all these texts, and whether both orders read as many."""
    import numpy as np

    turned = _with_year_first(texts, formats)
    if turned is not None:
        return turned, False
    order = order_of(formats)
    if order is None:
        return formats, False
    other = with_order(formats, "monthfirst" if order == "dayfirst" else "dayfirst")
    if other == formats:
        return formats, False
    as_found, as_turned = (int(np.isfinite(parse_with(texts, form)).sum()) for form in (formats, other))
    return (other if as_turned > as_found else formats), as_turned == as_found


def _with_year_first(texts: pa.Array, formats: Sequence[str]) -> list[str] | None:
    """Formats for "19/10/08" where the last part must be the days: it runs through a month, the first hardly changes.

    As years these would be all from the first ones of a century to those to come.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    form = formats[0] if len(formats) == 1 else ""
    turned = f"%y{form[2:3]}%m{form[2:3]}%d{form[8:]}"
    if form[:5] not in (*_HEADS, "%d.%m") or form[5:8] != f"{form[2:3]}%Y" or turned not in YEAR_FIRST:
        return None
    parts = pc.drop_null(pc.extract_regex(texts, _SHORT))
    if len(parts) < SHARE * len(texts):
        return None
    first, last = (pc.cast(pc.struct_field(parts, name), pa.int64()).to_numpy() for name in ("first", "last"))
    days = np.unique(last)
    runs = days[0] <= FIRST_DAYS and LAST_DAYS <= days[-1] <= 31 and len(days) >= MOST_DAYS
    if not runs or 2 * len(np.unique(first)) > len(days):
        return None
    as_found, as_turned = (int(np.isfinite(parse_with(texts, [one])).sum()) for one in (form, turned))
    return [turned] if as_turned >= as_found else None


def year_finding(name: str, formats: Sequence[str], example: str) -> list[Finding]:
    """A warning where years of two digits come first, with the way to overrule that."""
    if not any(form in YEAR_FIRST for form in formats):
        return []
    message = (
        f"column {name!r}: dates such as {example!r} are read with the year first; --column {name}=date:dayfirst or "
        "date:monthfirst if it is the last part"
    )
    return [Finding(level="warning", code="year-first", column=name, message=message)]


def order_finding(name: str, order: Order, example: str, why: str = "") -> Finding:
    """What was decided, and how to overrule it; a warning where nothing says so."""
    other = "monthfirst" if order == "dayfirst" else "dayfirst"
    reason = f"as {why}" if why else "though nothing says so"
    message = (
        f"column {name!r}: dates such as {example!r} are read {_WORDS[order]}, {reason}; "
        f"--column {name}=date:{other} for the other way round"
    )
    return Finding(level="info" if why else "warning", code="date-order", column=name, message=message)


def agree_on_order(fitted: list[Fitted], raw: RawTable, fit: Callable[[str, Any, str], Fitted]) -> list[Fitted]:
    """Columns in which nothing tells days from months, read the way round that the rest of the file is.

    Other columns of dates tell where they all agree, and else decimal commas, which stand with the day first.
    """
    undecided = [
        place for place, (_, findings) in enumerate(fitted) if any(one.code == "date-order" for one in findings)
    ]
    if not undecided:
        return fitted
    told: dict[Order, str] = {
        order: column.name
        for place, (column, _) in enumerate(fitted)
        if place not in undecided and (order := order_of(column.params.get("formats", ())))
    }
    order, why = _from_the_file(told, raw)
    if order is None:
        return fitted
    found = list(fitted)
    for place in undecided:
        column, findings = fitted[place]
        values = raw.table.column(column.name)
        again, _ = fit(column.name, values, f"date:{order}")
        if again.used and "marks" in column.params:
            again = replace(again, params={**again.params, "marks": column.params["marks"]})
        formats = ", ".join(again.params.get("formats", ()))
        kept = [one for one in findings if one.code != "date-order"]
        kept.append(order_finding(column.name, order, values.drop_null()[0].as_py(), why))
        found[place] = replace(again, reason=f"dates written as {formats}" if formats else again.reason), kept
    return found


def _from_the_file(told: Mapping[Order, str], raw: RawTable) -> tuple[Order | None, str]:
    """The order that the file tells, and by what."""
    if len(told) == 1:
        ((order, other),) = told.items()
        return order, f"in column {other!r}"
    if not told and any(one.code == "decimal-comma" for one in raw.findings):
        return "dayfirst", "where decimals have a comma"
    return None, ""
