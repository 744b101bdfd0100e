"""Which whole numbers are worth a column for each level."""

from dataclasses import replace

import numpy as np
import pytest

from automl.data.codes import categories_worth_adding
from automl.data.records import TableData, TableLayout

SHIFTS = np.random.default_rng(5).normal(size=12)


def table(levels, target, *, others=None, name="code"):
    """A table with one column of whole numbers, as number and as category, beside others."""
    rows = len(levels)
    others = np.zeros((rows, 0)) if others is None else others
    names = tuple(f"x{place}" for place in range(others.shape[1]))
    layout = TableLayout(numbers=("code", *names), categories=(name,), levels=(int(levels.max()) + 1,))
    numbers = np.column_stack([levels, others]).astype(np.float32)
    return TableData(
        layout=layout, numbers=numbers, codes=levels.astype(np.int32)[:, None], text=None, target=target, weight=None
    )


def drawn(rows, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 12, rows), rng.normal(size=rows), rng


@pytest.mark.parametrize("curves", [False, True])
def test_levels_of_a_code_count(curves):
    levels, noise, _ = drawn(1500)

    assert categories_worth_adding(table(levels, SHIFTS[levels] + noise), 0, curves=curves) == [0]


@pytest.mark.parametrize("curves", [False, True])
def test_a_number_is_a_number(curves):
    levels, noise, _ = drawn(1500)

    assert categories_worth_adding(table(levels, 0.3 * levels + noise), 0, curves=curves) == []


def test_a_curve_is_worth_levels_only_to_models_that_cannot_bend():
    levels, noise, _ = drawn(1500)
    data = table(levels, 0.2 * (levels - 5.5) ** 2 + noise)

    assert categories_worth_adding(data, 0) == [0]
    assert categories_worth_adding(data, 0, curves=True) == []


def test_with_many_rows_levels_cost_nothing():
    levels, noise, _ = drawn(2400)

    assert categories_worth_adding(table(levels, 0.3 * levels + noise), 0, curves=True) == [0]


def test_few_rows_do_not_pay_for_levels():
    levels, noise, rng = drawn(60)

    assert categories_worth_adding(table(levels, noise, others=rng.normal(size=(60, 5))), 0) == []


def test_what_other_columns_tell_is_taken_off_first():
    levels, noise, rng = drawn(1500)
    told = SHIFTS[levels]
    data = table(levels, told + 0.1 * noise, others=(told + 0.01 * rng.normal(size=1500))[:, None])

    assert categories_worth_adding(data, 0) == []


def test_classes_have_a_say():
    levels, _, rng = drawn(1500)
    target = (SHIFTS[levels] + rng.normal(size=1500) > 0).astype(np.int64)

    assert categories_worth_adding(table(levels, target), 2) == [0]


def test_categories_that_are_no_numbers_stay():
    levels, noise, _ = drawn(500)

    assert categories_worth_adding(table(levels, noise, name="shop"), 0) == [0]


def test_missing_numbers_and_constant_columns_are_no_problem():
    levels, noise, _ = drawn(500)
    data = table(levels, noise, others=np.ones((500, 1)))
    data.numbers[::3, 0] = np.nan
    data.numbers[:, 1] = np.nan

    assert categories_worth_adding(data, 0) == []


def test_more_columns_than_the_regression_takes_do_not_hide_a_code():
    levels, noise, rng = drawn(1500)
    data = table(levels, 3 * SHIFTS[levels] + noise, others=rng.normal(size=(1500, 320)))

    assert categories_worth_adding(data, 0) == [0]


def test_rows_without_weight_have_no_say():
    levels, noise, _ = drawn(600)
    weight = (np.arange(600) < 300).astype(float)
    data = table(levels, np.where(weight > 0, noise, 3.0 * SHIFTS[levels]))

    assert categories_worth_adding(data, 0) == [0]
    assert categories_worth_adding(replace(data, weight=weight), 0) == []


def test_rows_of_a_group_do_not_judge_each_other():
    """A code that is the same all over a group tells which group it is, and nothing of other groups."""
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(36), 20)
        levels = rng.integers(0, 12, 36)[groups]
        data = table(levels, rng.normal(size=36)[groups] + 0.3 * rng.normal(size=720))
        found.append(len(categories_worth_adding(replace(data, groups=groups), 0)))

    assert sum(found) <= 2


def test_rows_without_weight_do_not_count_as_many_rows():
    levels, noise, _ = drawn(2400)
    data = table(levels, 0.3 * levels + noise)
    weight = (np.arange(2400) < 120).astype(float)

    assert categories_worth_adding(data, 0) == [0]
    assert categories_worth_adding(replace(data, weight=weight), 0) == []
    assert categories_worth_adding(replace(data, weight=np.zeros(2400)), 0) == [0]


def test_a_code_that_only_one_group_has_cannot_be_judged():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(8), 50)
    levels = rng.integers(0, 20, 400)
    data = table(levels, rng.normal(size=400))
    data.numbers[groups > 0, 0] = np.nan

    assert categories_worth_adding(replace(data, groups=groups), 0) == []


def test_a_wide_table_takes_little_memory():
    """All columns for levels at once would be 90 MB of floats here, and as much again for every step."""
    import tracemalloc

    rng = np.random.default_rng(0)
    rows, columns = 2300, 200
    codes = rng.integers(-1, 25, (rows, columns + 1)).astype(np.int32)
    levels = rng.integers(0, 12, rows)
    codes[:, -1] = levels
    layout = TableLayout(
        numbers=("code",),
        categories=(*(f"c{place}" for place in range(columns)), "code"),
        levels=(25,) * columns + (12,),
    )
    target = SHIFTS[levels] + (codes[:, 7] == 3) + 0.5 * rng.normal(size=rows)
    data = TableData(
        layout=layout, numbers=levels.astype(np.float32)[:, None], codes=codes, text=None, target=target, weight=None
    )
    tracemalloc.start()
    assert list(range(columns)) == categories_worth_adding(data, 0)[:columns]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 60e6
