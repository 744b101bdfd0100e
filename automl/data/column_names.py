"""Column names as unique strings, otherwise as they were written."""

from __future__ import annotations

from itertools import count
from numbers import Integral
from typing import TYPE_CHECKING, Any

from automl.data.records import Finding
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


NO_NAMES = "no-names"
"""Code of the finding that says that a table came without."""


def clean_names(names: Sequence[Any], *, dedupe: bool, source: str) -> tuple[list[str], list[Finding]]:
    """Names as text without outer space; an empty one becomes "column_N".

    Raises DataError with both positions for a name that occurs twice, unless `dedupe`: then the second "x" is "x.2".
    """
    clean = [_text(name).strip().strip("\ufeff").strip() for name in names]
    taken = set(clean)
    empty = []
    for place, name in enumerate(clean, start=1):
        if not name:
            clean[place - 1] = free_name(f"column_{place}", taken)
            empty.append(clean[place - 1])
    findings: list[Finding] = []
    if empty:
        have = "column has" if len(empty) == 1 else "columns have"
        message = f"{len(empty)} {have} no name: called {', '.join(empty[:3])}" + (" ..." if len(empty) > 3 else "")
        findings.append(Finding(level="repair", code="empty-name", count=len(empty), message=message))
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for place, name in enumerate(list(clean), start=1):
        if name not in first:
            first[name] = place
            continue
        if not dedupe:
            raise DataError(
                f"{source} has two columns called {name!r}, at positions {first[name]} and {place}; "
                "rename one, or use --dedupe (dedupe=True)"
            )
        numbers = count(last.get(name, 1) + 1)  # from 2 on each time, thousands of one name would take minutes
        last[name] = next(number for number in numbers if f"{name}.{number}" not in taken)
        new = free_name(f"{name}.{last[name]}", taken)
        clean[place - 1] = new
        message = f"a second column {name!r} at position {place} is called {new!r}"
        findings.append(Finding(level="repair", code="duplicate-name", column=new, message=message))
    return clean, findings


def behind_last_name(table: pa.Table, named: int) -> list[Finding]:
    """A warning where the cells behind the last of the `named` columns are empty at the start of a table only."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table.column(named)
    if pa.types.is_string(column.type):
        column = column.filter(pc.not_equal(pc.utf8_trim_whitespace(column), ""))
    column = column.drop_null()
    if not len(column):
        return []
    message = (
        f"{len(column):,} rows hold something behind the last column, such as {str(column[0])!r}, where others end with a "
        "separator: it is left out; give that column a name, or mend those rows"
    )
    return [Finding(level="warning", code="cells-without-name", count=len(column), message=message)]


def are_positions(names: Sequence[Any], *, polars: bool = False) -> bool:
    """Whether names are those that frames give to columns without any: 0, 1, 2, ..., of `polars` column_0, column_1, ...
    for an array, and from column_1 on for a file without a header.
    """
    if polars:
        return any(list(names) == [f"column_{start + place}" for place in range(len(names))] for start in (0, 1))
    whole = all(isinstance(name, Integral) and not isinstance(name, bool) for name in names)
    return whole and list(names) == list(range(len(names)))


def _text(name: Any) -> str:
    """A name as text that can be written as UTF-8; none for None and NaN."""
    if name is None or (isinstance(name, float) and name != name):  # noqa: PLR0124 - NaN
        return ""
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    return text.encode(errors="replace").decode()


def free_name(name: str, taken: set[str]) -> str:
    """The name, or the first of "name.2", "name.3", ... that no column has; it is taken from then on."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}.{number}", number + 1
    taken.add(free)
    return free
