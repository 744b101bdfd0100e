"""Whole numbers that stand in a table twice: as numbers and as categories."""

import numpy as np
import pytest

from automl.data.records import TableData, TableLayout
from automl.data.twins import categories_without_twins

LEVELS = 60


def table(effect, *, rows=3000, noise=1.0, classes=0, levels=LEVELS, twin=True, seed=0):
    """One whole number in both forms; what each level adds to the target is `effect`, ``(levels,)``."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, rows)
    target = effect[codes] + noise * rng.normal(size=rows)
    if classes:
        target = np.digitize(target, np.quantile(target, np.arange(1, classes) / classes))
    layout = TableLayout(numbers=("n",) if twin else (), categories=("n",), levels=(levels,))
    numbers = np.where(codes % 13 == 0, np.nan, codes).astype(np.float32).reshape(-1, 1)
    return TableData(
        layout=layout,
        numbers=numbers if twin else np.zeros((rows, 0), dtype=np.float32),
        codes=codes.astype(np.int32).reshape(-1, 1),
        target=target,
    )


CODES = np.random.default_rng(1).normal(size=LEVELS)
QUANTITY = np.sin(np.arange(LEVELS) / 15)


@pytest.mark.parametrize("classes", [0, 2, 4])
def test_codes_stay_categories_and_quantities_do_not(classes):
    assert [0] == categories_without_twins(table(CODES, classes=classes), classes)
    assert [] == categories_without_twins(table(QUANTITY, classes=classes), classes)
    assert [] == categories_without_twins(table(0 * CODES, classes=classes), classes)


@pytest.mark.parametrize("seed", range(5))
def test_weak_codes_and_weak_quantities_are_told_apart(seed):
    assert [0] == categories_without_twins(table(0.4 * CODES, rows=4000, seed=seed), 0)
    assert [] == categories_without_twins(table(0.4 * QUANTITY, rows=4000, seed=seed), 0)


def test_few_levels_are_numbers_and_what_is_no_number_stays():
    assert [] == categories_without_twins(table(CODES[:20], levels=20), 0)
    assert [0] == categories_without_twins(table(QUANTITY, twin=False), 0)
    assert [] == categories_without_twins(table(CODES, rows=1), 0)
