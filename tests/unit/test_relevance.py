"""How much columns have to do with the target."""

from __future__ import annotations

import numpy as np
import pytest

from automl import feature_relevance


def test_columns_that_tell_the_target_count_most():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 3)).astype(np.float32)
    target = values[:, 0] - 0.3 * values[:, 1]
    found = feature_relevance(values, target, None, classes=0)
    assert found[0] > 0.9 > 0.4 > found[1] > 0.15 > found[2] >= 1 / 20


def test_a_class_that_one_column_tells_is_enough():
    codes = np.repeat([0, 1, 2], 50)
    values = np.column_stack([codes == 2, np.tile([0, 1], 75)]).astype(np.float32)
    found = feature_relevance(values, codes, None, classes=3)
    assert found[0] > 0.99
    assert found[1] < 0.1


def test_rows_without_weight_tell_nothing_unless_none_has_any():
    values = np.array([[0.0], [1.0], [2.0], [9.0]], dtype=np.float32)
    target = np.array([0.0, 1.0, 2.0, -50.0])
    alone = feature_relevance(values, target, np.array([1.0, 1.0, 1.0, 0.0]), classes=0)
    assert alone[0] > 1.0
    assert feature_relevance(values, target, np.zeros(4), classes=0) == feature_relevance(
        values, target, None, classes=0
    )


def test_constant_columns_and_targets_have_what_chance_gives():
    found = feature_relevance(np.ones((100, 2), dtype=np.float32), np.zeros(100), None, classes=0)
    np.testing.assert_allclose(found, 0.1)


@pytest.mark.parametrize(("columns", "goal"), [(1e-30, 1.0), (1e30, 1.0), (1.0, 1e160), (1.0, 1e-160), (1e-35, 1e-300)])
def test_units_do_not_matter(columns, goal):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 3))
    target = values[:, 0] - 0.3 * values[:, 1]
    usual = feature_relevance(values.astype(np.float32), target, None, classes=0)
    found = feature_relevance((values * columns).astype(np.float32), target * goal, None, classes=0)
    np.testing.assert_allclose(usual, found, rtol=1e-4)


def test_a_constant_far_from_zero_says_nothing():
    values = np.column_stack([np.full(100, 0.1), np.arange(100)]).astype(np.float32)
    found = feature_relevance(values, np.full(100, 1e9) + np.arange(100), None, classes=0)
    assert found[0] == pytest.approx(0.1)
    assert found[1] > 0.99


def test_what_has_no_weight_does_not_set_the_unit():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 2)).astype(np.float32)
    target, weight = values[:, 0].astype(np.float64), np.r_[np.ones(99), 0.0]
    usual = feature_relevance(values, target, weight, classes=0)
    values[-1], target[-1] = 1e30, -1e200
    assert usual.tolist() == feature_relevance(values, target, weight, classes=0).tolist()


@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_units_of_weights_do_not_matter(unit):
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=(100, 2)).astype(np.float32), rng.random(100)
    usual = feature_relevance(values, values[:, 0], weight, classes=0)
    np.testing.assert_allclose(usual, feature_relevance(values, values[:, 0], weight * unit, classes=0))


def test_a_value_of_hardly_any_weight_hides_nothing():
    """In units of the largest, the others are then a millionth of a billionth."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(100, 1)).astype(np.float32)
    target, weight = values[:, 0].astype(np.float64), np.ones(100)
    values[-1], target[-1], weight[-1] = 1e9, 1e9, 1e-30
    assert feature_relevance(values, target, weight, classes=0)[0] > 0.99
