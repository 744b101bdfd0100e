"""A look at the finished table before training: leaks, repeated rows, columns that are hardly there."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[inverse]


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
        if known.mean() < 0.5 or len(np.unique(truth[known])) < 2:
            continue
        if (classes and _separates(values[known], truth[known])) or (
            not classes and abs(_correlation(_ranks(values[known]), wanted[known])) > LEAK
        ):
            found.append(name)
    for place, name in enumerate(data.layout.categories):
        codes = np.asarray(data.codes[rows, place], dtype=np.int64)
        if name not in found and classes and len(np.unique(codes)) <= 0.2 * len(rows) and _one_to_one(codes, truth):
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
    classes = len(np.unique(truth))
    if len(changes) > (1 - LEAK) * len(values) + 2 * classes or len(np.unique(sorted_values)) < classes:
        return False
    return bool((sorted_values[changes] != sorted_values[changes + 1]).all()) and len(changes) <= 2 * classes


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale else 0.0


def _one_to_one(codes: NDArray[np.int64], truth: NDArray[np.float64]) -> bool:
    """Whether every level has one class only."""
    pairs = np.unique(np.stack([codes, truth.astype(np.int64)], axis=1), axis=0)
    return len(pairs) == len(np.unique(codes)) and len(np.unique(pairs[:, 1])) > 1


def _repeated_rows(data: TableData) -> list[Finding]:
    if data.text is not None or not len(data):
        return []
    hashes = np.zeros(len(data), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for block in (np.asarray(data.numbers).view(np.uint32), np.asarray(data.codes).view(np.uint32)):
            for place in range(block.shape[1]):
                hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + block[:, place].astype(np.uint64)
                hashes ^= hashes >> np.uint64(29)
    repeated = len(data) - len(np.unique(hashes))
    if repeated <= REPEATED_SHARE * len(data):
        return []
    message = (
        f"{repeated:,} of {len(data):,} rows repeat the features of another row: validation looks better than it is; "
        "use --group if they belong together"
    )
    return [Finding(level="warning", code="repeated-rows", count=repeated, message=message)]


def _mostly_missing(schema: Schema, data: TableData) -> list[Finding]:
    numbers = {name: place for place, name in enumerate(data.layout.numbers)}
    findings = []
    for column in schema.columns:
        if not column.used or not column.numbers or column.numbers[0] not in numbers:
            continue
        share = float(np.isnan(data.numbers[:, numbers[column.numbers[0]]]).mean())
        if share > SPARSE_SHARE:
            message = f"column {column.name!r} is missing in {share:.0%} of the rows"
            findings.append(Finding(level="info", code="mostly-missing", column=column.name, message=message))
    return findings
