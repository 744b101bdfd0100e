"""A look at the finished table before training: leaks, repeated rows, columns that are hardly there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from automl.data.leaks import find_leaks
from automl.data.records import Finding, RawTable, TableData
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from automl.data.schema import Roles, Schema

SPARSE_SHARE = 0.9
REPEATED_SHARE = 0.05
BLOCK_ROWS = 4_096
"""Rows looked at together, so that they stay in a core's cache."""
MANY_ROWS, PARTS = 200_000, 8
"""Of so many rows a part is looked at first, one in `PARTS`."""
FIRST_COLUMNS = 10
"""So many columns tell most rows apart: only tables where they do not are looked at as a whole."""


def check_table(raw: RawTable, schema: Schema, data: TableData, roles: Roles) -> tuple[Finding, ...]:
    """Findings on a table with its target; nothing is changed."""
    del raw, roles
    findings = [*find_leaks(data), *_repeated_rows(data), *_mostly_missing(schema, data)]
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


def _repeated_rows(data: TableData) -> list[Finding]:
    if data.text is not None or not len(data):
        return []
    blocks = [np.asarray(data.numbers).view(np.uint32), np.asarray(data.codes).view(np.uint32)]
    steps = [max(1, -(-2 * block.shape[1] // FIRST_COLUMNS)) for block in blocks]
    hashes = _hashes([block[:, ::step] for block, step in zip(blocks, steps, strict=True)])
    if len(data) >= MANY_ROWS:
        # Rows drawn by their hash show many small groups of equal ones, every eighth row shows few large ones.
        parts = (hashes[hashes % np.uint64(PARTS) == 0], hashes[::PARTS])
        if PARTS * max(map(_repeats, parts)) <= REPEATED_SHARE / 2 * len(data):
            return []
    repeated = _repeats(hashes)
    if repeated <= REPEATED_SHARE * len(data):  # with more columns they can only be fewer
        return []
    if max(steps) > 1:
        repeated = _repeats(_hashes(blocks))
    if repeated <= REPEATED_SHARE * len(data):
        return []
    message = (
        f"{repeated:,} of {len(data):,} rows repeat the features of another row: validation looks better than it is; "
        "use --group if they belong together"
    )
    return [Finding(level="warning", code="repeated-rows", count=repeated, message=message)]


def _hashes(blocks: Sequence[NDArray[np.uint32]]) -> NDArray[np.uint64]:
    """A random linear hash of each row's bits in all blocks ``(rows, columns)``: rows that differ collide once in 2**33
    or less.
    """
    rng = np.random.default_rng(0)
    hashes = np.zeros(len(blocks[0]), dtype=np.uint64)
    for block in blocks:
        factors = rng.integers(0, 1 << 64, block.shape[1], dtype=np.uint64)
        for start in range(0, len(hashes), BLOCK_ROWS):
            hashes[start : start + BLOCK_ROWS] += block[start : start + BLOCK_ROWS].astype(np.uint64) @ factors
    return hashes


def _repeats(hashes: NDArray[np.uint64]) -> int:
    """How many of the hashes are equal to another one."""
    ordered = np.sort(hashes)  # many times faster than np.unique here
    return int((ordered[1:] == ordered[:-1]).sum())


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
