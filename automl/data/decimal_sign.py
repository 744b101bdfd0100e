"""Columns whose numbers could be thousands or decimals ("1,234") are read as the rest of their table is written."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from automl.data.numbers_as_text import are_grouped, find_decimal_sign
from automl.data.records import Finding
from automl.data.spellings import WIDE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from automl.data.fitted import Fitted
    from automl.data.numbers_as_text import DecimalSign
    from automl.data.records import RawTable
    from automl.data.schema import Column, Schema

OPEN = "grouped-thousands"
MIXED = "mixed-decimal-signs"
FILE_WITH_COMMAS = "decimal-comma"
LOOKED_AT = 200
"""So many values of each column of text tell how the table is written."""
_EITHER_WAY = re.compile(r"\s*[+-]?[1-9]\d{0,2}[.,]\d{3}\s*")
_NUMBER = re.compile(r"\s*[+-]?[\d.,]*[.,]\d+\s*")


def sign_finding(name: str, sign: DecimalSign) -> list[Finding]:
    """A warning where a column does not settle its decimal sign, or has both."""
    told = sign.told()
    if not told:
        return []
    return [
        Finding(
            level="warning",
            code=OPEN if sign.is_open or sign.grouped else MIXED,
            column=name,
            message=f"column {name!r}: {told}",
        )
    ]


def has_decimal_comma(raw: RawTable) -> bool:
    """Whether a table writes decimal commas: its file as a whole, or columns of text of which none says otherwise."""
    if any(one.code == FILE_WITH_COMMAS for one in raw.findings):
        return True
    signs = [sign for sign in _signs(raw.table) if not sign.is_open and sign.decimal_comma is not None]
    return bool(signs) and all(sign.more_commas and not sign.point for sign in signs)


def sign_changed(schema: Schema, raw: RawTable) -> list[Finding]:
    """A warning where training had the other decimal sign than this file seems to, by numbers that could be thousands."""
    trained = any(column.params.get("decimal_comma") and not column.params.get("as_text") for column in schema.columns)
    here = any(one.code == FILE_WITH_COMMAS for one in raw.findings)
    if trained == here or len(schema.columns) >= WIDE:  # of wide tables not all cells were kept
        return []
    sign, used = "," if here else ".", {column.name for column in schema.columns if column.used}
    found = [(name, cell) for name, cells in raw.written.items() if name in used for cell in cells if sign in cell]
    if not found or not all(_EITHER_WAY.fullmatch(cell) for _, cell in found):
        return []
    name, cell = found[0]
    was, now = ("comma", "point") if trained else ("point", "comma")
    message = (
        f"column {name!r}: {cell.strip()!r} is read with a decimal {now}, as nothing in this file tells otherwise, but "
        f"training had a decimal {was}; if it is a thousand and more, write it without {now}"
    )
    return [Finding(level="warning", code="decimal-sign-changed", column=name, count=len(found), message=message)]


def _signs(table: pa.Table) -> list[DecimalSign]:
    import pyarrow as pa

    found = []
    for column in table.columns:
        if not pa.types.is_string(column.type):
            continue
        texts = [text for text in column.slice(0, LOOKED_AT).to_pylist() if text]
        numbers = [text.strip() for text in texts if _NUMBER.fullmatch(text)]
        if len(numbers) > 0.5 * len(texts):
            found.append(find_decimal_sign(numbers))
    return found


def _read_as_fractions(column: Column, raw: RawTable) -> list[Finding]:
    """A warning where a file's numbers, which were read with a decimal point, look as if points grouped thousands."""
    cells = raw.written.get(column.name, {}) if column.kind in ("number", "integer_code") else {}
    if any(one.code == FILE_WITH_COMMAS for one in raw.findings) or not are_grouped(cells):
        return []
    example = next(cell for cell in cells if "." in cell)
    message = (
        f"column {column.name!r}: {example!r} is read with a decimal point, but numbers below 1,000 have none, and others end in 0: "
        "if points group thousands, write the numbers without"
    )
    return [Finding(level="warning", code="points-as-decimals", column=column.name, message=message)]


def agree_on_sign(found: Sequence[Fitted], raw: RawTable) -> list[Fitted]:
    """Columns that do not settle their decimal sign, read as the others are; numbers of a file with decimal commas
    are looked for with commas in later text, too.
    """
    from automl.data import fitted

    found = [(column, [*findings, *_read_as_fractions(column, raw)]) for column, findings in found]
    whole_file = any(one.code == FILE_WITH_COMMAS for one in raw.findings)
    is_open = [any(one.code == OPEN for one in findings) for _, findings in found]
    comma = whole_file or (any(is_open) and has_decimal_comma(raw))
    if not comma:
        return list(found)
    agreed: list[Fitted] = []
    for (column, findings), undecided in zip(found, is_open, strict=True):
        params = {**column.params, "decimal_comma": True}
        if undecided:
            values = raw.table.column(column.name)
            kept = [one for one in findings if one.code != OPEN]
            message = f"column {column.name!r}: its numbers have a decimal comma, as others of the table have"
            kept.append(Finding(level="info", code=FILE_WITH_COMMAS, column=column.name, message=message))
            agreed.append((fitted.number(column.name, values, column.reason, params), kept))
        elif whole_file and column.kind in ("number", "integer_code") and not column.params.get("as_text"):
            agreed.append((replace(column, params=params), findings))
        else:
            agreed.append((column, findings))
    return agreed
