"""What each column holds and how it becomes numbers: fitted once, stored with the model, applied by name.

The schema looks at features only, one row at a time, never at the target: it may be fitted on all training rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from automl.data.column_faults import refuse_faults
from automl.data.column_names import NO_NAMES, free_name
from automl.data.distinct import Remembered
from automl.data.records import Finding, Kind, RawTable, TableData, TableLayout
from automl.errors import DataError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from automl.data.distinct import Distinct

KINDS: tuple[Kind, ...] = ("number", "integer_code", "boolean", "category", "date", "text", "id", "constant")
DATE_ORDERS = ("date:dayfirst", "date:monthfirst")
"""What a user may say besides, of a date such as 01/02/2023."""
LACKING_SHARE = 0.05
"""Share of the rows without a group from which on that is told."""
_GIVEN = re.compile(r"column_(\d{1,9})(\.\d+)?")
TEXT_KINDS = ("category", "text")
"""Kinds of which the text of a cell tells all."""
USED_KINDS = frozenset({"number", "integer_code", "boolean", "category", "date", "text"})


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Columns that are no features, and what the user said about the others."""

    target: str | None
    weight: str | None = None
    group: str | None = None
    time: str | None = None
    split: str | None = None
    drop: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the training table."""

    name: str
    kind: Kind
    reason: str
    used: bool
    params: Mapping[str, Any] = field(default_factory=dict)
    """What encoding needs: centre, levels, formats, ..., plain values."""
    numbers: tuple[str, ...] = ()
    """Number columns it becomes."""
    categories: tuple[tuple[str, int], ...] = ()
    """Category columns it becomes, with their number of levels."""


@dataclass(frozen=True)
class Schema:
    """All columns that were features, in the order of the training table."""

    columns: tuple[Column, ...]
    aside: tuple[str, ...] = ()
    """Columns of the training table that are no features: the target, those with a role, those to drop."""
    _remembered: list[Remembered] = field(default_factory=list, compare=False, repr=False)
    """At most one, given away by `forget`."""
    positions: tuple[str, ...] = ()
    """All columns of the training table in their order, where it came without names."""

    @cached_property
    def layout(self) -> TableLayout:
        """Names behind the arrays of an encoded table."""
        used = [column for column in self.columns if column.used]
        categories = [pair for column in used for pair in column.categories]
        return TableLayout(
            numbers=tuple(name for column in used for name in column.numbers),
            categories=tuple(name for name, _ in categories),
            levels=tuple(levels for _, levels in categories),
            texts=tuple(column.name for column in used if column.kind == "text"),
        )

    @property
    def text_names(self) -> frozenset[str]:
        """Columns whose cells must stay as a text table writes them: a number among words is read as it is among numbers."""
        return frozenset(column.name for column in self.columns if column.used and column.kind in TEXT_KINDS)

    def orders(self, target: str) -> tuple[tuple[str, ...], ...]:
        """The columns that a table without names may have, in order: all of the training table, all but the target, or the
        features alone; none where the training table had names.
        """
        features = {column.name for column in self.columns}
        without = tuple(name for name in self.positions if name != target)
        return (self.positions, without, tuple(name for name in without if name in features)) if self.positions else ()

    def by_position(self, raw: RawTable, target: str) -> RawTable:
        """A table without names with those of the training table, which had none either; any other as it is, and so one
        that begins with a later column of the training table: its first ones were left out.

        DataError where its number of columns does not tell which they are.
        """
        if not self.positions or not raw.positional:
            return raw
        nameless = any(finding.code == NO_NAMES for finding in raw.findings)
        if not nameless and raw.table.column_names[0] in self.positions[1:]:
            return raw
        width = raw.table.num_columns
        for names in self.orders(target):
            if len(names) == width:
                return replace(raw, table=raw.table.rename_columns(names))
        raise DataError(
            f"{raw.source or 'the table'} has {width} columns without names; the training table had {len(self.positions)}, "
            f"of which {target!r} is the target: give all, those but the target, or columns with the names of the training table"
        )

    def encode(self, table: pa.Table, *, allow_missing: bool = False) -> tuple[TableData, tuple[Finding, ...]]:
        """Rows as numbers, codes and hashed text, with what was noticed on the way.

        Columns are found by name: their order does not matter, and extra ones are counted and ignored. Raises DataError naming all columns
        that are missing (`allow_missing` reads them as missing values), or cells that cannot be read the way the
        training column was.
        """
        from automl.data.encode import encode_table

        return encode_table(self, table, allow_missing=allow_missing)

    def forget(self, table: pa.Table) -> Mapping[str, Distinct]:
        """What is still known of the columns of this very table, by name; asked again, nothing is."""
        remembered = self._remembered.pop() if self._remembered else None
        return remembered.columns if remembered is not None and remembered.table is table else {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        # By hand: `asdict` copies every value, which takes long for many columns.
        columns = [
            {
                "name": column.name,
                "kind": column.kind,
                "reason": column.reason,
                "used": column.used,
                "params": dict(column.params),
                "numbers": list(column.numbers),
                "categories": [list(pair) for pair in column.categories],
            }
            for column in self.columns
        ]
        return {"columns": columns, "aside": list(self.aside), "positions": list(self.positions)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Schema:
        """The inverse of :meth:`to_dict`."""
        return cls(
            tuple(
                Column(
                    **{
                        **column,
                        "numbers": tuple(column["numbers"]),
                        "categories": tuple((name, levels) for name, levels in column["categories"]),
                    }
                )
                for column in plain["columns"]
            ),
            tuple(plain.get("aside", ())),
            positions=tuple(plain.get("positions", ())),
        )


def fit_schema(raw: RawTable, roles: Roles, *, strict: bool = False) -> tuple[Schema, tuple[Finding, ...]]:
    """Find out what every feature column holds. `strict` is left to the caller's check of the findings.

    Raises SettingsError for roles and kinds that do not fit the table, DataError when no feature is usable.
    """
    from automl.data.date_order import agree_on_order
    from automl.data.decimal_sign import agree_on_sign
    from automl.data.kinds import fit_column, fit_columns

    del strict
    names = raw.table.column_names
    _check_roles(roles, names)
    aside = {roles.target, roles.weight, roles.group, roles.time, roles.split, *roles.drop, *roles.ignore}
    features = [name for name in names if name not in aside or (name == roles.time and name in roles.columns)]
    refuse_faults(raw.table, features, training=True)
    seen: dict[str, Distinct] = {}
    wanted = {**raw.declared, **roles.columns}
    fitted = fit_columns(raw.table, features, wanted, seen, unnamed=_without_name(raw))
    fitted = [(_with_zone(column, raw.table), found) for column, found in fitted]
    fitted = agree_on_order(fitted, raw, fit_column)
    fitted = agree_on_sign(fitted, raw)
    columns = _with_own_names([column for column, _ in fitted], names)
    findings = [finding for _, found in fitted for finding in found]
    findings += [_unused(column) for column in columns if not column.used and column.name not in roles.columns]
    if roles.group is not None and roles.group in names:
        findings += _rows_without_group(roles.group, raw.table.column(roles.group))
    if not any(column.used for column in columns):
        told = "; ".join(f"{column.name}: {column.kind}, {column.reason}" for column in columns[:10])
        raise DataError(
            f"no usable feature is left ({told or 'the table has no other column than the target'}); add columns"
        )
    known = set(features)
    others = tuple(name for name in names if name not in known)
    positions = tuple(names) if raw.positional else ()
    return Schema(columns, others, [Remembered(table=raw.table, columns=seen)], positions), tuple(findings)


def _with_zone(column: Column, table: pa.Table) -> Column:
    """A date column that remembers the zone in whose time its moments are: another table may have them in UTC."""
    if column.kind != "date" or not column.used:
        return column
    from automl.data.zones import zone_of

    zone = zone_of(table.schema.field(column.name).type)
    return column if zone is None else replace(column, params={**column.params, "zone": zone})


def _without_name(raw: RawTable) -> frozenset[str]:
    """Columns that got their name, such as "column_1" for the first one, only because the table gave them none."""
    if not any(finding.code == "empty-name" for finding in raw.findings):
        return frozenset()
    given = ((place, _GIVEN.fullmatch(name)) for place, name in enumerate(raw.table.column_names, start=1))
    return frozenset(match.string for place, match in given if match is not None and int(match[1]) == place)


def _with_own_names(columns: list[Column], names: list[str]) -> tuple[Column, ...]:
    """Names of derived columns, such as "sold year", that no other column has."""
    taken = set(names)
    found = []
    for column in columns:
        parts = [*column.numbers, *(name for name, _ in column.categories)]
        if all(name == column.name for name in parts):
            found.append(column)
            continue
        own = {column.name: column.name}
        for name in parts:
            if name not in own:
                own[name] = free_name(name, taken)
        found.append(
            replace(
                column,
                numbers=tuple(own[name] for name in column.numbers),
                categories=tuple((own[name], levels) for name, levels in column.categories),
            )
        )
    return tuple(found)


def _unused(column: Column) -> Finding:
    return Finding(
        level="repair",
        code=f"unused-{column.kind}",
        column=column.name,
        message=f"column {column.name!r} is not used: {column.reason}",
    )


def _rows_without_group(name: str, column: Any) -> list[Finding]:
    """A warning where so many rows have no group that the user may think of them otherwise."""
    from automl.data.group_splits import without_group

    lacking = without_group(column)
    if lacking <= LACKING_SHARE * len(column):
        return []
    message = (
        f"group column {name!r} is empty in {lacking:,} of {len(column):,} rows: each of them is taken as a group of its own; "
        "give them a group if they belong together"
    )
    return [Finding(level="warning", code="rows-without-group", column=name, count=lacking, message=message)]


def _check_roles(roles: Roles, names: list[str]) -> None:
    from automl.data.nearest import nearest

    for name in roles.drop:
        if name not in names:
            raise SettingsError(
                f"column {name!r} to drop is not in the table; {nearest(name, names)} (--ignore forgives)"
            )
    for name, kind in roles.columns.items():
        if name not in names:
            raise SettingsError(
                f"column {name!r} was given the kind {kind!r} but is not in the table; {nearest(name, names)}"
            )
        if kind not in (*KINDS, *DATE_ORDERS):
            raise SettingsError(
                f"kind {kind!r} of column {name!r} is not known; use one of {', '.join((*KINDS, *DATE_ORDERS))}"
            )
        if name == roles.target:
            raise SettingsError(f"column {name!r} is the target; use --task to say what kind of target it is")
