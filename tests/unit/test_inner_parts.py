"""What is fitted out of fold inside a fold keeps groups and stretches of time whole."""

import numpy as np
import pandas as pd
import pytest

from automl.api import fit_run, make_settings
from automl.data.inner_parts import TIME_BLOCKS, inner_parts, out_of_part, time_blocks
from automl.data.target_encoding import TargetEncoding


def straddling(parts, groups):
    return [group for group in np.unique(groups) if len(np.unique(parts[groups == group])) > 1]


@pytest.mark.parametrize("sizes", [[10] * 40, [1] * 300, [200, 50, 30, 20, 5, 5], [1000] + [1] * 100, [7]])
def test_no_group_is_in_two_parts_and_parts_are_even(sizes):
    groups = np.random.default_rng(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    parts = inner_parts(len(groups), groups, 5, np.random.default_rng(0))

    assert [] == straddling(parts, groups)
    assert 0 <= parts.min() <= parts.max() < 5
    assert np.bincount(parts, minlength=5).max() <= max(*sizes, len(groups) / 5 + max(sizes))


def test_without_groups_rows_are_dealt_one_by_one():
    assert [20] * 5 == np.bincount(inner_parts(100, None, 5, np.random.default_rng(0))).tolist()


def test_time_is_cut_into_stretches():
    ranks = np.random.default_rng(0).permutation(np.repeat(np.arange(100), 3))
    blocks = time_blocks(ranks)

    assert TIME_BLOCKS == len(np.unique(blocks))
    assert (np.diff(blocks[np.argsort(ranks, kind="stable")]) >= 0).all()
    assert [] == straddling(blocks, ranks)


def test_target_means_tell_nothing_of_a_group_that_only_its_own_rows_know():
    """Each level lives in one group, and a group's rows share their target: out of fold by rows is no protection."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 10)
    target = rng.integers(0, 2, 60)[groups]
    codes = groups[:, None].astype(np.int32)

    by_rows = TargetEncoding().fit_transform(codes, target, (60,), 2)[:, 0]
    by_groups = TargetEncoding().fit_transform(codes, target, (60,), 2, groups)[:, 0]

    assert np.corrcoef(by_rows, target)[0, 1] > 0.95
    assert abs(np.corrcoef(by_groups, target)[0, 1]) < 0.5


@pytest.mark.parametrize(("option", "values"), [("group", "house"), ("time_column", "moment")])
def test_a_run_keeps_groups_whole_wherever_it_splits(tmp_path, monkeypatch, option, values):
    seen, judged = [], []

    def recording(rows, groups, parts, rng):
        made = inner_parts(rows, groups, parts, rng)
        seen.append((rows, groups, made))
        return made

    monkeypatch.setattr("automl.data.target_encoding.inner_parts", recording)
    monkeypatch.setattr("automl_plugins.linear.path.inner_parts", recording)
    monkeypatch.setattr("automl.live_ensemble.find_calibration", lambda *_, groups, **__: judged.append(groups))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"house": rng.integers(0, 30, 300), "moment": rng.integers(0, 250, 300), "a": rng.normal(size=300)}
    )
    frame["street"] = rng.choice([f"s{number}" for number in range(60)], 300)
    frame["win"] = np.where(frame["a"] + rng.normal(size=300) > 0, "yes", "no")
    settings = make_settings("win", {"models": ["linear", "extra_trees"], "trials": 2, "folds": 3, "executor": "inline",
                                     "refit": True, "baselines": False, option: values})  # fmt: skip
    fit_run(frame, settings, out=tmp_path / "run")

    assert len(np.unique(judged[-1])) > 1
    assert len(seen) >= 6
    for rows, groups, parts in seen:
        assert rows == len(groups) == len(parts)
        assert len(np.unique(groups)) > 1
        assert [] == straddling(parts, groups)


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(30), 10), np.repeat([0, 1], [290, 10])])
def test_every_row_is_judged_once_by_what_was_found_on_others(groups):
    judged = []
    for others, own in out_of_part(300, groups, 4, np.random.default_rng(0)):
        assert set(range(300)) == {*others, *own}
        assert groups is None or not {*groups[others]} & {*groups[own]}
        judged.extend(own)

    assert list(range(300)) == sorted(judged)


@pytest.mark.parametrize("how", ["calibration", "decisions"])
def test_what_is_found_on_predictions_keeps_groups_whole(how):
    """The rows of a group err together, by its own chance: that looks like a gain until whole groups are left out."""
    from automl.calibration import find_calibration
    from automl.decisions import DecisionMaker
    from automl.metrics import load_metric
    from automl.registry import load_registry

    def kept(seed, groups_given):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(4), 100)
        name = "rmse" if how == "calibration" else "accuracy"
        metric = load_metric(name, load_registry())
        given = groups if groups_given else None
        if how == "calibration":
            told = rng.normal(size=400)
            truth = told + np.array([1.0, 0.6, -0.4, -0.5])[groups] + 0.1 * rng.normal(size=400)
            return find_calibration(metric, truth, told, None, groups=given) is not None
        truth = (
            (rng.permuted(np.arange(400).reshape(4, 100) % 100, axis=1) < [[100], [45], [45], [45]]).ravel().astype(int)
        )
        told = np.tile([0.51, 0.49], (400, 1))
        return DecisionMaker(metric, truth).refine(truth, told, None, (), groups=given) is not None

    assert [True] * 5 == [kept(seed, groups_given=False) for seed in range(5)]
    assert [False] * 5 == [kept(seed, groups_given=True) for seed in range(5)]


def test_one_group_finds_nothing():
    from automl.calibration import find_calibration
    from automl.metrics import load_metric
    from automl.registry import load_registry

    told = np.random.default_rng(0).normal(size=200)
    metric = load_metric("rmse", load_registry())

    assert find_calibration(metric, 1.2 * told, told, None) is not None
    assert find_calibration(metric, 1.2 * told, told, None, groups=np.zeros(200, dtype=np.int64)) is None
