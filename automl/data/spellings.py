"""How a text file writes numbers and truth values, for labels that must come back as they were written.

Arrow reads "TRUE", "+1" and "1.50" as values, and the text is gone. The cells of the rows that the reader looked at
anyway tell how each value is written; they travel with the table until its target is known.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from automl.data.distinct import number_label
from automl.data.numbers_as_text import exact_number
from automl.data.records import MISSING_TOKENS, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from automl.data.dialect import Dialect
    from automl.task import Label

KEY = b"automl.written"
MOST_SPELLINGS = 1000
"""Columns with more different cells are quantities."""
WIDE = 1000
"""From so many columns on, a look at the first cells must do: most are quantities, and each column costs time."""
FIRST_CELLS, FEW_DIFFERENT = 40, 30
_WORDS = ({True: "true", False: "false"}, {True: "TRUE", False: "FALSE"})


def plain_spelling(label: Label) -> str:
    """What a label looks like where nothing tells how it was written."""
    return number_label(label) if isinstance(label, float) else str(label)


def with_spellings(table: pa.Table, dialect: Dialect, more: list[list[str]]) -> pa.Table:
    """The table with the cells of its numbers and truth values, and how often each was seen, among its metadata."""
    import pyarrow as pa

    width, kinds, found = len(dialect.names), table.schema.types, {}
    for place, cells in enumerate(zip(*dialect.rows, *(row[:width] for row in more), strict=True)):
        kind = kinds[place]
        if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            continue
        if width >= WIDE and len(set(cells[:FIRST_CELLS])) > min(FEW_DIFFERENT, 0.75 * len(cells)):
            continue
        if len(set(cells)) <= MOST_SPELLINGS:
            found[str(place)] = [*Counter(cells).items()]
    return table.replace_schema_metadata({KEY: json.dumps(found)})


def take_spellings(table: pa.Table, names: Sequence[str]) -> tuple[pa.Table, dict[str, dict[str, int]]]:
    """The table without that, and for each column by name its cells and their counts."""
    plain = (table.schema.metadata or {}).get(KEY)
    if plain is None:
        return table, {}
    found = {
        names[int(place)]: {str(cell): int(count) for cell, count in cells}
        for place, cells in json.loads(plain).items()
    }
    return table.replace_schema_metadata(None), found


def spell(classes: Sequence[Label], cells: Mapping[str, int]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """For each class the text that it is mostly written as, and those that have several.

    A class that was not among the cells is written in the manner of the others.
    """
    by_value: dict[Any, dict[str, int]] = {}
    for cell, count in cells.items():
        text = cell.strip()
        if text not in MISSING_TOKENS:
            written = by_value.setdefault(_value(text), {})
            written[text] = written.get(text, 0) + count
    usual: dict[Any, str] = {}
    several = []
    for label in classes:
        written = by_value.get(label, {})
        if written:
            ordered = sorted(written, key=lambda text: (-written[text], len(text), text))
            usual[label] = ordered[0]
            several += [tuple(ordered)] if len(ordered) > 1 else []
    return tuple(usual.get(label) or _alike(label, usual.values()) for label in classes), several


def _value(text: str) -> Any:
    words = {"true": True, "false": False}
    return words[text.lower()] if text.lower() in words else exact_number(text.replace(",", "."))


def _alike(label: Label, others: Iterable[str]) -> str:
    """A label that nobody has seen written, with as many decimals, or capitals, as others have."""
    texts = list(others)
    if isinstance(label, bool):
        return next((words[label] for words in _WORDS if set(texts) & set(words.values())), str(label))
    if isinstance(label, float) and texts:
        signs = {"," if "," in text else "." for text in texts}
        decimals = max(len(text.replace(",", ".").partition(".")[2]) for text in texts)
        written = f"{label:.{decimals}f}"
        if float(written) == label:
            return written.replace(".", ",") if signs == {","} else written
    return plain_spelling(label)


def spelling_findings(name: str, several: Sequence[tuple[str, ...]]) -> list[Finding]:
    """A word on labels that are written in more ways than one."""
    if not several:
        return []
    shown = "; ".join(" = ".join(repr(text) for text in texts[:4]) for texts in several[:3])
    message = f"labels of {name!r} are written in several ways and come back in the most frequent: {shown}"
    return [Finding(level="repair", code="label-spellings", column=name, count=len(several), message=message)]
