"""A look at the finished table before training: leaks, repeated rows, columns that are hardly there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import Finding, RawTable, TableData
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from automl.data.schema import Roles, Schema

LEAK = 0.999
"""A column that alone ranks the target this well is probably a copy of it."""
ROWS_LOOKED_AT = 20_000
SPARSE_SHARE = 0.9
REPEATED_SHARE = 0.05
BLOCK_ROWS = 4_096
"""Rows looked at together, so that they stay in a core's cache."""


def check_table(raw: RawTable, schema: Schema, data: TableData, roles: Roles) -> tuple[Finding, ...]:
    """Findings on a table with its target; nothing is changed."""
    del raw, roles
    findings = [*_leaks(data), *_repeated_rows(data), *_mostly_missing(schema, data)]
    if len(data) < 100:
        message = f"{len(data)} rows are few: scores will vary a lot"
        findings.append(Finding(level="warning", code="few-rows", count=len(data), message=message))
    return tuple(findings)


def refuse_if_strict(findings: Sequence[Finding]) -> None:
    """DataError listing what would otherwise be repaired or warned about."""
    grave = [finding for finding in findings if finding.level != "info"]
    if grave:
        told = "; ".join(finding.message for finding in grave[:10])
        raise DataError(f"--strict: {len(grave)} findings in the data: {told}")


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, ties by their mean."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(values)]
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + 1 + ends) / 2.0, ends - starts)
    return ranks


def _distinct(values: NDArray[Any]) -> int:
    """Number of different values; sorting is many times faster than np.unique here."""
    ordered = np.sort(values)
    return int((ordered[1:] != ordered[:-1]).sum()) + bool(len(ordered))


def _leaks(data: TableData) -> list[Finding]:
    """Columns that alone give the target away."""
    target = data.target
    assert target is not None
    rows = np.arange(len(data))
    if len(rows) > ROWS_LOOKED_AT:
        rows = np.random.default_rng(0).choice(len(data), ROWS_LOOKED_AT, replace=False)
    if len(rows) < 30:
        return []
    truth = np.asarray(target[rows], dtype=np.float64)
    classes = np.issubdtype(target.dtype, np.integer)
    wanted = _ranks(truth)
    found = []
    for place, name in enumerate(data.layout.numbers):
        values = np.asarray(data.numbers[rows, place], dtype=np.float64)
        known = ~np.isnan(values)
        if known.mean() < 0.5 or _distinct(truth[known]) < 2:
            continue
        if (classes and _separates(values[known], truth[known])) or (
            not classes and abs(_correlation(_ranks(values[known]), wanted[known])) > LEAK
        ):
            found.append(name)
    for place, name in enumerate(data.layout.categories):
        codes = np.asarray(data.codes[rows, place], dtype=np.int64)
        if name not in found and classes and _distinct(codes) <= 0.2 * len(rows) and _one_to_one(codes, truth):
            found.append(name)
    return [
        Finding(
            level="warning",
            code="possible-leak",
            column=name,
            message=f"possible leak: column {name!r} alone gives the target away; drop it (--drop) if it is not known in advance",
        )
        for name in found
    ]


def _separates(values: NDArray[np.float64], truth: NDArray[np.float64]) -> bool:
    """Whether some order of cuts on one column tells all classes apart, in at most two pieces per class."""
    order = np.argsort(values, kind="stable")
    sorted_truth, sorted_values = truth[order], values[order]
    changes = np.flatnonzero(sorted_truth[1:] != sorted_truth[:-1])
    classes = _distinct(truth)
    if len(changes) > (1 - LEAK) * len(values) + 2 * classes or _distinct(sorted_values) < classes:
        return False
    return bool((sorted_values[changes] != sorted_values[changes + 1]).all()) and len(changes) <= 2 * classes


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale else 0.0


def _one_to_one(codes: NDArray[np.int64], truth: NDArray[np.float64]) -> bool:
    """Whether every level has one class only."""
    classes = truth.astype(np.int64)
    pairs = _distinct((codes - codes.min()) * (classes.max() + 1) + classes)
    return pairs == _distinct(codes) and _distinct(classes) > 1


def _repeated_rows(data: TableData) -> list[Finding]:
    if data.text is not None or not len(data):
        return []
    rng = np.random.default_rng(0)
    hashes = np.zeros(len(data), dtype=np.uint64)
    # A random linear hash of each row's bits: rows that differ collide once in 2**33 or less.
    for block in (np.asarray(data.numbers).view(np.uint32), np.asarray(data.codes).view(np.uint32)):
        factors = rng.integers(0, 1 << 64, block.shape[1], dtype=np.uint64)
        for start in range(0, len(data), BLOCK_ROWS):
            hashes[start : start + BLOCK_ROWS] += block[start : start + BLOCK_ROWS].astype(np.uint64) @ factors
    hashes.sort()  # sorting is many times faster than np.unique here
    repeated = int((hashes[1:] == hashes[:-1]).sum())
    if repeated <= REPEATED_SHARE * len(data):
        return []
    message = (
        f"{repeated:,} of {len(data):,} rows repeat the features of another row: validation looks better than it is; "
        "use --group if they belong together"
    )
    return [Finding(level="warning", code="repeated-rows", count=repeated, message=message)]


def _missing_shares(numbers: NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of missing values of each column."""
    counts = np.zeros(numbers.shape[1])
    for start in range(0, len(numbers), BLOCK_ROWS):
        counts += np.isnan(numbers[start : start + BLOCK_ROWS]).sum(axis=0)
    return counts / max(len(numbers), 1)


def _mostly_missing(schema: Schema, data: TableData) -> list[Finding]:
    numbers = {name: place for place, name in enumerate(data.layout.numbers)}
    findings, shares = [], _missing_shares(data.numbers)
    for column in schema.columns:
        if not column.used or not column.numbers or column.numbers[0] not in numbers:
            continue
        share = float(shares[numbers[column.numbers[0]]])
        if share > SPARSE_SHARE:
            message = f"column {column.name!r} is missing in {share:.0%} of the rows"
            findings.append(Finding(level="info", code="mostly-missing", column=column.name, message=message))
    return findings
