"""Splits: nobody is judged by a row it was trained on, and every promise of the reasons is kept."""

from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest

from automl.data.splits import (
    column_split,
    file_split,
    fold_splits,
    group_splits,
    holdout_split,
    subsample,
    time_splits,
)
from automl.errors import DataError


def classes(*counts, seed=0):
    target = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(seed).permutation(target)


def is_apart(splits, rows):
    """No row on both sides, and all row numbers inside the table."""
    for split in splits:
        both = np.concatenate([split.train, split.valid])
        assert len(both) == len(set(both.tolist()))
        assert both.min() >= 0
        assert both.max() < rows
        assert np.int64 == split.train.dtype == split.valid.dtype
        assert len(split.valid)
        assert (np.diff(split.train) > 0).all()
        assert (np.diff(split.valid) > 0).all()
    return True


def judged(resampling):
    return np.sort(np.concatenate([split.valid for split in resampling.splits]))


def same(one, other):
    return all(
        np.array_equal(a.train, b.train) and np.array_equal(a.valid, b.valid)
        for a, b in zip(one.splits, other.splits, strict=True)
    )


# -- folds ----------------------------------------------------------------------------------------


def test_folds_cover_every_row_once_with_even_classes():
    target = classes(70, 25, 5)
    made = fold_splits(target, problem_type="multiclass", folds=5, repeats=1, seed=1, reason="because")

    assert is_apart(made.splits, 100)
    assert np.array_equal(np.arange(100), judged(made))
    assert [[14, 5, 1]] * 5 == [np.bincount(target[split.valid]).tolist() for split in made.splits]
    assert ("folds", 5, 1, "because") == (made.kind, made.folds, made.repeats, made.reason)


@pytest.mark.parametrize("counts", [(33, 33, 35), (7, 8, 9, 10), (51, 50)])
def test_folds_differ_by_one_row_at_most(counts):
    made = fold_splits(classes(*counts), problem_type="multiclass", folds=4, repeats=1, seed=0)
    sizes = [len(split.valid) for split in made.splits]

    assert max(sizes) - min(sizes) <= 1


def test_repeats_are_other_shuffles():
    target = classes(30, 30)
    made = fold_splits(target, problem_type="binary", folds=3, repeats=2, seed=0)

    assert 6 == len(made.splits)
    assert np.array_equal(np.repeat(np.arange(60), 2), judged(made))
    assert not np.array_equal(made.splits[0].valid, made.splits[3].valid)


def test_seed_decides_alone():
    target = classes(30, 30)
    one, again, other = (
        fold_splits(target, problem_type="binary", folds=3, repeats=2, seed=seed) for seed in (5, 5, 6)
    )

    assert same(one, again)
    assert not same(one, other)


@pytest.mark.parametrize("members", [2, 3, 7])
def test_rare_class_is_in_every_training_part_and_judged_in_as_many_folds_as_it_has_rows(members):
    target = classes(90, members)
    made = fold_splits(target, problem_type="binary", folds=8, repeats=3, seed=0)

    assert all(set(target[split.train]) == {0, 1} for split in made.splits)
    assert members * 3 == sum((target[split.valid] == 1).any() for split in made.splits)
    assert f"1 class has fewer rows than folds (the smallest {members})" in made.reason


def test_only_row_of_a_class_always_trains():
    target = classes(20, 20, 1, 1)
    made = fold_splits(target, problem_type="multiclass", folds=4, repeats=2, seed=0)

    assert all({2, 3} <= set(target[split.train]) for split in made.splits)
    assert not np.isin(target[judged(made)], [2, 3]).any()
    assert "2 classes with one row only train" in made.reason


def test_few_rows_get_fewer_folds_and_it_is_told():
    made = fold_splits(classes(3, 2), problem_type="binary", folds=8, repeats=1, seed=0, reason="8 folds")

    assert 2 == made.folds == len(made.splits)
    assert "8 folds; 2 folds instead of 8, so that each judges at least 2 of the 5 rows" in made.reason


def test_classes_of_one_row_cannot_be_judged():
    for make in (
        lambda target: fold_splits(target, problem_type="multiclass", folds=2, repeats=1, seed=0),
        lambda target: holdout_split(target, problem_type="multiclass", share=0.2, seed=0),
    ):
        with pytest.raises(DataError, match="one row only"):
            make(np.arange(6))


def test_folds_of_a_quantity_each_see_its_whole_range():
    target = np.random.default_rng(0).lognormal(size=400)
    made = fold_splits(target, problem_type="regression", folds=5, repeats=1, seed=0)
    limits = np.quantile(target, np.linspace(0, 1, 11)[1:-1])

    assert is_apart(made.splits, 400)
    assert np.array_equal(np.arange(400), judged(made))
    for split in made.splits:
        deciles = np.bincount(np.searchsorted(limits, target[split.valid]), minlength=10)
        assert 7 <= deciles.min() <= deciles.max() <= 9


def test_a_quantity_with_few_rows_or_many_ties_can_be_folded():
    for target in (np.arange(4.0), np.array([0.0] * 50 + [1.0] * 3)):
        made = fold_splits(target, problem_type="regression", folds=5, repeats=1, seed=0)

        assert np.array_equal(np.arange(len(target)), judged(made))


# -- holdout --------------------------------------------------------------------------------------


def test_holdout_takes_its_share_of_every_class():
    target = classes(700, 250, 50)
    made = holdout_split(target, problem_type="multiclass", share=0.2, seed=0, reason="large")
    (split,) = made.splits

    assert is_apart(made.splits, 1000)
    assert [140, 50, 10] == np.bincount(target[split.valid]).tolist()
    assert 1000 == len(split.train) + len(split.valid)
    assert "large; 200 of 1,000 rows judge" == made.reason


def test_holdout_of_many_small_classes_adds_up_to_the_share():
    target = classes(*[2] * 100, *[3] * 100)
    (split,) = holdout_split(target, problem_type="multiclass", share=0.2, seed=0).splits

    assert 100 == len(split.valid)
    assert 200 == len(set(target[split.train]))


@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_holdout_leaves_every_class_a_training_row(share, seed):
    target = classes(1, 2, 3, 40, seed=seed)
    (split,) = holdout_split(target, problem_type="multiclass", share=share, seed=seed).splits

    assert {0, 1, 2, 3} == set(target[split.train])
    assert len(split.valid)
    assert 0 not in target[split.valid]


@pytest.mark.parametrize("rare", [2, 3, 4])
@pytest.mark.parametrize("seed", range(10))
def test_a_holdout_judges_two_classes_wherever_there_are_rows_for_it(rare, seed):
    target = classes(500, rare, seed=seed)
    (split,) = holdout_split(target, problem_type="binary", share=0.1, seed=seed).splits

    assert {0, 1} == set(target[split.train]) == set(target[split.valid])
    assert is_apart([split], 500 + rare)


def test_holdout_of_a_quantity_spans_its_range():
    target = np.random.default_rng(0).normal(size=500)
    (split,) = holdout_split(target, problem_type="regression", share=0.2, seed=0).splits

    assert 100 == len(split.valid)
    assert abs(target[split.valid].mean() - target.mean()) < 0.1


# -- groups ---------------------------------------------------------------------------------------


def test_no_group_stands_on_both_sides():
    rng = np.random.default_rng(0)
    groups, target = rng.integers(0, 60, 1000), rng.integers(0, 3, 1000)
    made = group_splits(groups, target, problem_type="multiclass", folds=5, name="who")

    assert is_apart(made.splits, 1000)
    assert np.array_equal(np.arange(1000), judged(made))
    assert all(not set(groups[split.train]) & set(groups[split.valid]) for split in made.splits)
    assert ("groups", 5) == (made.kind, made.folds)
    assert "60 groups of 'who'" in made.reason


def test_where_folds_are_too_dear_one_part_of_the_groups_is_held_out():
    rng = np.random.default_rng(0)
    groups, target = rng.integers(0, 60, 1000), rng.integers(0, 3, 1000)
    made = group_splits(groups, target, problem_type="multiclass", folds=1, name="who")

    (split,) = made.splits
    assert not set(groups[split.train]) & set(groups[split.valid])
    assert 150 < len(split.valid) < 250
    assert len(split.train) + len(split.valid) == 1000
    assert "1 of 5 parts held out" in made.reason


def test_group_folds_are_even_in_size_and_classes():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(100), rng.integers(1, 30, 100))
    target = (rng.random(len(groups)) < np.where(groups % 2, 0.1, 0.5)).astype(int)
    made = group_splits(pa.array(groups.astype(str)), target, problem_type="binary", folds=5)
    sizes = [len(split.valid) for split in made.splits]
    shares = [target[split.valid].mean() for split in made.splits]

    assert max(sizes) <= 1.05 * min(sizes)
    assert max(shares) - min(shares) < 0.04


def test_fewer_groups_than_folds():
    groups, target = pa.array(["a", "b", "c"] * 10), np.tile([0, 1], 15)
    made = group_splits(groups, target, problem_type="binary", folds=5, name="who")

    assert 3 == made.folds == len(made.splits)
    assert "fewer than 5 folds" in made.reason
    with pytest.raises(DataError, match=r"'who' has 3 groups, fewer than the 5 folds asked for; use --folds 3"):
        group_splits(groups, target, problem_type="binary", folds=5, explicit=True, name="who")


@pytest.mark.parametrize("explicit", [False, True])
def test_one_group_is_refused(explicit):
    with pytest.raises(DataError, match="'who' has 1 group in 10 rows"):
        group_splits(["a"] * 10, np.arange(10.0), problem_type="regression", folds=2, explicit=explicit, name="who")


def test_a_group_is_the_same_with_outer_space():
    """As a category, too, is: "A" to train on and "A " to judge by would be the same group on both sides."""
    groups = pa.array([f"g{row % 20}" + " " * (row // 20 % 2) for row in range(400)])
    made = group_splits(groups, np.arange(400.0), problem_type="regression", folds=4, name="who")
    names = np.array([name.strip() for name in groups.to_pylist()])

    assert all(not set(names[split.train]) & set(names[split.valid]) for split in made.splits)
    assert "20 groups of 'who'" in made.reason


def test_rows_without_group_are_groups_of_their_own():
    """Nothing says that they belong together; as one group they would all be judged by what is left."""
    groups = pa.array(["a", "b", "c", "d", None, "", "NA", " ? "] * 10).dictionary_encode()
    made = group_splits(groups, np.arange(80.0), problem_type="regression", folds=4, name="who")
    names = np.array(groups.to_pylist(), dtype=object)
    known = np.isin(names.astype(str), ["a", "b", "c", "d"])

    assert (
        "4 folds of 4 groups of 'who': no group on both sides; 40 rows without a group count as groups of one"
        in made.reason
    )
    assert [20] * 4 == [len(split.valid) for split in made.splits]
    assert all(not set(names[split.train][known[split.train]]) & set(names[split.valid]) for split in made.splits)
    assert 44 == len(np.unique(made.groups))


@pytest.mark.parametrize("cells", [[None] * 10, ["", " NA"] * 5, [float("nan")] * 10])
def test_a_group_column_without_groups_is_refused(cells):
    groups = pa.array(cells, pa.float64() if cells[0] != cells[0] else pa.string())
    with pytest.raises(DataError, match="group column 'who' is empty: none of the 10 rows has a group"):
        group_splits(groups, np.arange(10.0), problem_type="regression", folds=2, name="who")


def test_one_large_group_leaves_the_others_together():
    groups = np.where(np.arange(100) < 97, 0, np.arange(100))
    made = group_splits(groups, np.arange(100.0), problem_type="regression", folds=2)

    assert [3, 97] == sorted(len(split.valid) for split in made.splits)


def test_very_many_groups_are_placed_fast_and_evenly(monkeypatch):
    monkeypatch.setattr("automl.data.group_splits.PLACED_ONE_BY_ONE", 50)
    rng = np.random.default_rng(0)
    groups, target = rng.integers(0, 3000, 10_000), rng.integers(0, 2, 10_000)
    made = group_splits(groups, target, problem_type="binary", folds=4)
    sizes = [len(split.valid) for split in made.splits]

    assert all(not set(groups[split.train]) & set(groups[split.valid]) for split in made.splits)
    assert max(sizes) < 1.1 * min(sizes)


# -- time -----------------------------------------------------------------------------------------


def test_training_is_always_earlier_whatever_the_order_of_the_rows():
    days = np.random.default_rng(0).permutation(np.repeat(np.arange(100), 3))
    made = time_splits(pa.array(days), np.zeros(300), problem_type="regression", folds=5, name="day")

    assert is_apart(made.splits, 300)
    assert 5 == made.folds == len(made.splits)
    assert all(days[split.train].max() < days[split.valid].min() for split in made.splits)
    assert [150, 180, 210, 240, 270] == [len(split.train) for split in made.splits]
    assert np.array_equal(np.flatnonzero(days >= 50), judged(made))
    assert "5 forward splits by 'day'" in made.reason
    assert "first 150 rows only train" in made.reason


def test_one_time_split_keeps_four_fifths_to_train():
    (split,) = time_splits(pa.array(np.arange(50.0)), np.zeros(50), problem_type="regression", folds=1).splits

    assert np.array_equal(np.arange(40), split.train)


@pytest.mark.parametrize("days", [[0] * 80 + [1] * 20, [0] * 20 + [1] * 80, [0, 1], [0] * 10 + [1] * 80 + [2] * 10])
def test_ties_never_straddle(days):
    days = np.array(days)
    made = time_splits(pa.array(days), np.zeros(len(days)), problem_type="regression", folds=4)

    assert all(days[split.train].max() < days[split.valid].min() for split in made.splits)
    assert len(made.splits) <= len(set(days.tolist())) - 1


@pytest.mark.parametrize(
    "moments",
    [
        [datetime(2020, month, 1) for month in range(1, 11)],
        [date(2020, month, 1) for month in range(1, 11)],
        [f"2020-{month:02d}-01" for month in range(1, 11)],
        [f"{day}.03.1999" for day in range(11, 21)],
        list(range(2**60, 2**60 + 10)),
        [year / 2 for year in range(10)],
    ],
)
def test_dates_text_and_numbers_are_moments(moments):
    shuffled = np.random.default_rng(0).permutation(10)
    column = pa.array([moments[place] for place in shuffled])
    (split,) = time_splits(column, np.zeros(10), problem_type="regression", folds=1).splits

    assert set(range(8)) == set(shuffled[split.train].tolist())


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([1, 2, None, None]), "'when' is missing in 2 rows"),
        (pa.array([1.0, float("nan"), 2.0]), "'when' is missing in 1 rows"),
        (pa.array([datetime(2020, 1, 1), None]), "missing in 1 rows"),
        (pa.array([5, 5, 5]), "one moment only in 3 rows"),
        (pa.array([True, False]), "holds bool, which is no time"),
        (pa.array(["2020-01-01", "2020-01-02", "soon"]), "'soon' in row 3"),
    ],
)
def test_columns_that_are_no_time_are_refused(column, words):
    with pytest.raises(DataError, match=words):
        time_splits(column, np.zeros(len(column)), problem_type="regression", folds=2, name="when")


def test_splits_whose_early_rows_have_one_class_are_left_out():
    target = np.array([0] * 60 + [0, 1] * 20)
    made = time_splits(pa.array(np.arange(100)), target, problem_type="binary", folds=5)

    assert all(set(target[split.train]) == {0, 1} for split in made.splits)
    assert 0 < len(made.splits) < 5
    assert "fewer than 5" in made.reason
    with pytest.raises(DataError, match="one class"):
        time_splits(pa.array(np.arange(100)), np.array([0] * 99 + [1]), problem_type="binary", folds=5)


# -- the user's own -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        ["train", "valid", "train", "valid"],
        ["Train ", "VALIDATION", "training", "val"],
        ["train", "test", "train", "test"],
        [0, 1, 0, 1],
        [0.0, 1.0, 0.0, 1.0],
        [False, True, False, True],
        ["0", "1", "0", "1"],
        ["false", "true", "False", "TRUE"],
    ],
)
def test_split_column_says_who_judges(values):
    made = column_split(pa.chunked_array([pa.array(values)]), name="part")
    (split,) = made.splits

    assert ([0, 2], [1, 3]) == (split.train.tolist(), split.valid.tolist())
    assert "column" == made.kind
    assert "'part': 2 rows train, 2 judge" in made.reason


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["train", "valid", "vlaid"], "'part' holds 'vlaid' in row 3"),
        (["train", None, "valid", None], r"holds nothing in row 2 \(2 such rows\)"),
        ([0, 1, 2], "holds '2' in row 3"),
        (["train"] * 3, "all 3 rows on one side"),
        ([1, 1], "all 2 rows on one side"),
        (["train", "valid", "test", "test"], "marks 2 test rows beside validation rows"),
    ],
)
def test_split_column_that_is_unclear_is_refused(values, words):
    with pytest.raises(DataError, match=words):
        column_split(pa.array(values), name="part")


def test_rows_of_a_validation_file_judge():
    made = file_split(np.arange(5), np.arange(5, 8))

    assert ("file", 1) == (made.kind, made.folds)
    assert [5, 6, 7] == made.splits[0].valid.tolist()


# -- shares of the rows ---------------------------------------------------------------------------


def test_smaller_shares_are_subsets_with_every_class():
    target = classes(400, 90, 3)
    shares = [subsample(target, share=share, classification=True, seed=3) for share in (0.01, 0.1, 0.5, 1.0)]

    assert [set(one.tolist()) <= set(other.tolist()) for one, other in zip(shares, shares[1:], strict=False)] == [
        True
    ] * 3
    assert all(set(target[kept]) == {0, 1, 2} for kept in shares)
    assert [40, 9, 1] == np.bincount(target[shares[1]]).tolist()
    assert np.array_equal(np.arange(493), shares[-1])
