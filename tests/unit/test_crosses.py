"""Crossed features: pairs of levels that say what neither column does."""

from dataclasses import replace

import numpy as np
import pytest

from automl.data.crosses import Crosses, tellers
from automl.data.records import TableData, TableLayout
from automl.data.tree_columns import TreeColumns
from automl.errors import PredictorError
from automl.testing import toy_task

LEVELS = (12, 9, 30)


def table(problem_type="regression", rows=4000, seed=0, noise=0.5, groups=None):
    """The target follows pairs of the first two columns; the third tells nothing."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(-1, levels, rows) for levels in LEVELS], axis=1).astype(np.int32)
    worth = np.random.default_rng(7).normal(size=(LEVELS[0] + 1, LEVELS[1] + 1))
    value = worth[codes[:, 0], codes[:, 1]] + noise * rng.normal(size=rows)
    target = {
        "regression": value,
        "binary": (value > 0).astype(np.int64),
        "multiclass": np.digitize(value, [-0.5, 0.5]).astype(np.int64),
    }[problem_type]
    layout = TableLayout(numbers=("n",), categories=("a", "b", "c"), levels=LEVELS)
    numbers = rng.normal(size=(rows, 1)).astype(np.float32)
    return TableData(layout=layout, numbers=numbers, codes=codes, target=target, groups=groups)


def classes_of(problem_type):
    return {"regression": 0, "binary": 2, "multiclass": 3}[problem_type]


@pytest.mark.parametrize("problem_type", ["regression", "binary", "multiclass"])
def test_the_pair_that_tells_is_found_and_told(problem_type):
    train, new = table(problem_type), table(problem_type, seed=1)
    crosses = Crosses(0, 4)
    encoded = crosses.fit_transform(train, [0, 1, 2], classes_of(problem_type))

    assert [(0, 1)] == crosses.pairs
    assert np.isfinite(encoded).all()
    goal = new.target if problem_type == "regression" else new.target == new.target.max()
    told = crosses.transform(new)[:, -1]
    assert np.corrcoef(told, goal)[0, 1] > 0.6
    assert np.corrcoef(encoded[:, -1], train.target)[0, 1] > 0.6


@pytest.mark.parametrize("groups", [None, np.arange(4000) // 8])
def test_noise_has_no_pairs(groups):
    for seed in range(5):
        data = table(rows=4000, seed=seed, groups=groups)
        noise = replace(data, target=np.random.default_rng(seed).normal(size=4000))
        assert [] == tellers(noise, [0, 1, 2], 0)
        assert (4000, 0) == Crosses(0, 4).fit_transform(noise, [0, 1, 2], 0).shape


def test_what_both_columns_say_alone_is_no_pair():
    data = table(seed=3)
    sums = np.arange(13)[data.codes[:, 0]] + 2.0 * np.arange(10)[data.codes[:, 1]]
    assert [] == tellers(replace(data, target=sums.astype(np.float64)), [0, 1, 2], 0)


@pytest.mark.parametrize("rows", [3, 50, 199])
def test_few_rows_and_a_constant_target_have_no_pairs(rows):
    data = table(rows=rows)
    assert [] == tellers(data, [0, 1, 2], 0)
    assert [] == tellers(replace(table(), target=np.ones(4000)), [0, 1, 2], 0)


def test_levels_never_seen_get_the_mean():
    train = table()
    crosses = Crosses(0, 1)
    crosses.fit_transform(train, [0, 1], 0)
    new = table(rows=3, seed=2)
    codes = new.codes.copy()
    codes[0, :2] = (99, 99)
    codes[1, :2] = (-1, 99)

    told = crosses.transform(replace(new, codes=codes))[:, 0]

    assert np.allclose(train.target.mean(), told[:2], atol=1e-6)


def test_training_rows_are_not_told_their_own_target():
    """With a level for each row, a mean that held the row's own target would be the target."""
    rows = 600
    data = table(rows=rows, noise=0.0)
    codes = np.stack([np.arange(rows), np.arange(rows) % 2, np.zeros(rows)], axis=1).astype(np.int32)
    layout = TableLayout(numbers=("n",), categories=("a", "b", "c"), levels=(rows, 2, 1))
    data = TableData(layout=layout, numbers=data.numbers, codes=codes, target=data.target)
    crosses = Crosses(0, 1)
    crosses.pairs, crosses._widths = [(0, 1)], [4]
    crosses._keys = [np.unique(crosses._raw(data)[0])]
    encoded = crosses._encoding.fit_transform(crosses._codes(crosses._raw(data)), data.target, (rows,), 0)
    assert abs(np.corrcoef(encoded[:, 0], data.target)[0, 1]) < 0.2


@pytest.mark.parametrize("handling", ["native", "encoded"])
def test_columns_of_trees_hold_them(tmp_path, handling):
    task = toy_task("regression")
    columns = TreeColumns(task, 0, handling, crosses=3)
    train, new = table(), table(rows=20, seed=4)
    made = columns.fit_transform(train)

    assert "crossed mean 0" == columns.names[-1]
    assert (4000, len(columns.names)) == made.shape
    columns.save(tmp_path)
    again = TreeColumns.load(tmp_path, task, 0)
    assert np.array_equal(columns.transform(new), again.transform(new), equal_nan=True)
    (tmp_path / "crosses" / "crosses.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(PredictorError, match="missing or damaged"):
        TreeColumns.load(tmp_path, task, 0)


def test_without_means_of_the_target_there_are_none():
    columns = TreeColumns(replace(toy_task("regression"), target_encoding=False), 0, "native", crosses=3)
    columns.fit_transform(table())
    assert not any("crossed" in name for name in columns.names)
