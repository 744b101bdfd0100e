"""What was noticed while a table was encoded, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.distinct import category_labels, distinct, number_label
from automl.data.numbers_as_text import parse_number
from automl.data.records import Finding
from automl.data.values import NOTHING, Unread, Unseen
from automl.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from automl.data.schema import Column, Schema


@dataclass(frozen=True, kw_only=True)
class Noticed:
    """What was out of order in some rows of one column."""

    unread: Unread = NOTHING
    unseen: Unseen = (0, ())
    far: int = 0
    """Infinite or huge numbers."""

    def joined(self, later: Noticed, start: int) -> Noticed:
        """Together with what was noticed in the rows from `start` on."""
        if later is QUIET:
            return self
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


QUIET = Noticed()
"""Nothing was noticed."""


def missing_columns(schema: Schema, table: pa.Table, *, allow_missing: bool) -> list[Finding]:
    """A warning that names the columns that are not there; DataError unless they may be missing."""
    there = set(table.column_names)
    absent = [column.name for column in schema.columns if column.used and column.name not in there]
    if not absent:
        return []
    shown = ", ".join(repr(name) for name in absent[:10])
    renamed = _renamed(absent, extra_names(schema, table))
    if not allow_missing:
        lacks = "a column that is" if len(absent) == 1 else f"{len(absent)} columns that are"
        raise DataError(
            f"the table lacks {lacks} needed: {shown}; {renamed}add {'it' if len(absent) == 1 else 'them'}, "
            "or use --allow-missing (allow_missing=True) to treat as missing values"
        )
    message = f"{len(absent)} columns are not there and count as missing: {shown}"
    message += f"; {renamed.removesuffix(', or ')}" if renamed else ""
    return [Finding(level="warning", code="missing-columns", count=len(absent), message=message)]


def extra_names(schema: Schema, table: pa.Table) -> list[str]:
    """Columns that training did not see."""
    known = {*(column.name for column in schema.columns), *schema.aside}
    return [name for name in table.column_names if name not in known]


def _renamed(absent: list[str], extra: list[str]) -> str:
    """Words on columns that are likely to be the absent ones under another name, as where the case differs."""
    folded: dict[str, str] = {}
    for name in extra:
        folded.setdefault(_plain_name(name), name)
    pairs = [(name, folded[_plain_name(name)]) for name in absent if _plain_name(name) in folded]
    if not pairs:
        return ""
    shown = ", ".join(f"{other!r} to {name!r}" for name, other in pairs[:5])
    return f"rename {shown} if {'that is it' if len(pairs) == 1 else 'those are they'}, or "


def _plain_name(name: str) -> str:
    """A name without case, blanks and signs; of signs alone, as it is."""
    return "".join(filter(str.isalnum, name.casefold())) or name


def extra_columns(schema: Schema, table: pa.Table) -> list[Finding]:
    """A word on columns that training did not see."""
    extra = extra_names(schema, table)
    if not extra:
        return []
    were = "column was" if len(extra) == 1 else "columns were"
    message = f"{len(extra)} {were} not in the training table, ignored: {', '.join(repr(name) for name in extra[:5])}"
    return [Finding(level="info", code="extra-columns", count=len(extra), message=message)]


def findings_of(column: Column, noticed: Noticed) -> list[Finding]:
    """What was noticed, in words; DataError for words where plain numbers were."""
    count, example, first = noticed.unread
    if count and column.kind in ("number", "integer_code") and not column.params.get("as_text"):
        rows = ", ".join(str(row) for row in first)
        raise DataError(
            f"column {column.name!r} held numbers in training, but {count:,} values are none, such as {example!r} "
            f"(row {rows}); {_other_sign(column, example)}mend them, or leave those cells empty"
        )
    what = {"date": "dates", "boolean": "yes or no"}.get(column.kind, "numbers")
    findings = [*_unread_finding(column, noticed.unread, what), *_unseen_finding(column, noticed.unseen)]
    if noticed.far:
        message = f"column {column.name!r}: {noticed.far:,} infinite or huge values count as missing"
        findings.append(
            Finding(level="repair", code="infinite", column=column.name, count=noticed.far, message=message)
        )
    return findings


def _other_sign(column: Column, example: str) -> str:
    """A word where a text is a number with the other decimal sign."""
    comma = bool(column.params.get("decimal_comma"))
    if parse_number(example, decimal_comma=not comma) is None:
        return ""
    return f"decimals have a {'comma' if comma else 'point'} there, and text is read that way only: "


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
    if column.params.get("only") is not None:
        message = (
            f"column {column.name!r} was {column.params['only']!r} or missing in training; of {count:,} other values ({shown}) those that "
            "say the opposite count as missing, all others as there"
        )
    return [Finding(level="warning", code="unseen-levels", column=column.name, count=count, message=message)]


def no_longer_constant(column: Column, values: Any) -> list[Finding]:
    """A column that was left out because it held one value, or none, and now holds others."""
    if "value" not in column.params:
        return []
    if _holds_only(values, column.params["value"]):
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


def _holds_only(values: Any, label: str | None) -> bool:
    """Whether numbers are all the one of which this is the label: quick to tell, and nearly always so."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return False
    ends = pc.min_max(values)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return low is not None and low == high and number_label(low) == label
