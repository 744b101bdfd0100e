"""Whether the day or the month comes first in dates such as 01/02/2023: by what the column and the file tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from automl.data.dates import FORMATS, parse_with
from automl.data.records import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from automl.data.fitted import Fitted
    from automl.data.records import RawTable

Order = Literal["dayfirst", "monthfirst"]
ORDERS: tuple[Order, ...] = ("dayfirst", "monthfirst")
_HEADS: dict[str, Order] = {"%d/%m": "dayfirst", "%m/%d": "monthfirst", "%d-%m": "dayfirst", "%m-%d": "monthfirst"}
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

    order = order_of(formats)
    if order is None:
        return formats, False
    other = with_order(formats, "monthfirst" if order == "dayfirst" else "dayfirst")
    if other == formats:
        return formats, False
    as_found, as_turned = (int(np.isfinite(parse_with(texts, form)).sum()) for form in (formats, other))
    return (other if as_turned > as_found else formats), as_turned == as_found


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
