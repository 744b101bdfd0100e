"""Saved LightGBM texts that were changed are refused before LightGBM reads them."""

import re

import numpy as np
import pytest

lightgbm = pytest.importorskip("lightgbm")

from automl_plugins.trees.lightgbm_text import check_text  # noqa: E402


@pytest.fixture(scope="module")
def text():
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.integers(0, 90, 600), rng.normal(size=600)])
    target = np.sin(rows[:, 0] * 1.7) + rows[:, 1] * (rows[:, 0] % 3 == 0)
    data = lightgbm.Dataset(rows, target, categorical_feature=[0], params={"verbose": -1})
    options = {"verbose": -1, "num_threads": 1, "min_data_per_group": 1, "max_cat_to_onehot": 1}
    booster = lightgbm.train({"objective": "regression", **options}, data, 5)
    return booster.model_to_string()


def changed(text, name, change):
    """The text with the values of the first line of that name changed."""
    line = re.search(rf"^{name}=(.*)$", text, re.MULTILINE)
    values = change(line.group(1).split())
    return text[: line.start(1)] + " ".join(str(value) for value in values) + text[line.end(1) :]


def test_what_lightgbm_wrote_passes(text):
    assert "cat_boundaries=0" in text
    check_text(text, 2)


def test_a_constant_tree_passes():
    data = lightgbm.Dataset(np.zeros((50, 1)), np.arange(50.0), params={"verbose": -1})
    check_text(lightgbm.train({"verbose": -1}, data, 2).model_to_string(), 1)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("split_feature", lambda values: [7, *values[1:]]),
        ("split_feature", lambda values: values[1:]),
        ("left_child", lambda values: [0, *values[1:]]),
        ("right_child", lambda values: [*values[:-1], -900]),
        ("right_child", lambda values: ["x", *values[1:]]),
        ("leaf_value", lambda values: values[:-1]),
        ("num_leaves", lambda values: [int(values[0]) + 5]),
        ("num_leaves", lambda values: [0]),
        ("decision_type", lambda values: values[1:]),
        ("decision_type", lambda values: [1] * len(values)),
        ("threshold", lambda values: values[1:]),
        ("num_cat", lambda values: [0]),
        ("cat_boundaries", lambda values: [10_000_000 * int(value) for value in values]),
        ("cat_boundaries", lambda values: [*values[:-2], values[-1], values[-2]]),
        ("cat_boundaries", lambda values: [1, *values[1:]]),
        ("cat_threshold", lambda values: values[1:]),
        ("is_linear", lambda values: [1]),
    ],
)
def test_what_points_outside_is_refused(text, name, change):
    with pytest.raises(ValueError, match=r"tree|invalid literal|convert"):
        check_text(changed(text, name, change), 2)


def test_a_cut_text_is_refused(text):
    with pytest.raises(ValueError, match="cut off"):
        check_text(text[: len(text) // 2], 2)
