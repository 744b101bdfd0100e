"""How quick and how small a predictor must be: caps on ensembles, and what presets mean."""

import numpy as np
import pytest

from automl.ensemble import Ensemble, select, select_within, thrifty
from automl.errors import SettingsError
from automl.goals import UNLIMITED, Cost, Goals, total_cost
from automl.pareto import pareto_front
from automl.settings import Settings


def rmse_to(truth):
    return lambda mean: float(np.sqrt(np.mean((truth - mean) ** 2)))


@pytest.fixture
def noisy():
    """Five predictions whose errors are independent; the first is the best."""
    rng = np.random.default_rng(3)
    truth = rng.normal(size=400)
    return truth, {number: truth + rng.normal(scale=0.5 + 0.02 * number, size=400) for number in range(1, 6)}


def ms(value):
    return Cost(row_ms=value, megabytes=1.0)


def test_a_bag_costs_no_more_than_the_cap(noisy):
    truth, predictions = noisy
    costs = {number: ms(1.0) for number in predictions}
    best = select(predictions, rmse_to(truth))
    assert len(best.weights) == 5

    cap = Cost(row_ms=3.0, megabytes=np.inf)
    found = select_within(best, predictions, rmse_to(truth), costs=costs, cap=cap)

    assert len(found.weights) == 3
    assert total_cost(found.weights, costs).within(cap)
    assert best.loss < found.loss < rmse_to(truth)(predictions[1])


def test_several_cheap_candidates_beat_one_dear_one_that_leaves_no_room(noisy):
    truth, predictions = noisy
    costs = {1: ms(4.0), 2: ms(1.0), 3: ms(1.0), 4: ms(1.0), 5: ms(1.0)}
    best = select(predictions, rmse_to(truth))

    found = select_within(best, predictions, rmse_to(truth), costs=costs, cap=Cost(row_ms=4.0, megabytes=np.inf))

    assert set(found.weights) == {2, 3, 4, 5}


def test_megabytes_are_capped_too(noisy):
    truth, predictions = noisy
    costs = {number: Cost(row_ms=0.0, megabytes=float(number)) for number in predictions}
    best = select(predictions, rmse_to(truth))

    found = select_within(best, predictions, rmse_to(truth), costs=costs, cap=Cost(row_ms=np.inf, megabytes=3.5))

    assert sum(found.weights) <= 3


def test_the_cheapest_stands_alone_when_nothing_is_cheap_enough(noisy):
    truth, predictions = noisy
    costs = {1: ms(9.0), 2: ms(8.0), 3: ms(7.0), 4: ms(8.0), 5: ms(9.0)}
    best = select(predictions, rmse_to(truth))

    found = select_within(best, predictions, rmse_to(truth), costs=costs, cap=Cost(row_ms=1.0, megabytes=np.inf))

    assert dict(found.weights) == {3: 1.0}
    assert found.loss == rmse_to(truth)(predictions[3])


def test_without_need_the_cap_changes_nothing(noisy):
    truth, predictions = noisy
    best = select(predictions, rmse_to(truth))
    costs = {number: ms(1.0) for number in predictions}

    assert select_within(best, predictions, rmse_to(truth), costs=costs, cap=ms(5.0)) != best  # 5 MB are above 1 MB
    assert select_within(best, predictions, rmse_to(truth), costs=costs, cap=UNLIMITED) is best


def test_a_dear_member_that_hardly_helps_is_left_out(noisy):
    truth, predictions = noisy
    loss = rmse_to(truth)
    weights = {1: 0.5, 2: 0.48, 3: 0.02}
    best = Ensemble(weights=weights, loss=loss(sum(weight * predictions[one] for one, weight in weights.items())))
    costs = {1: ms(1.0), 2: ms(1.0), 3: ms(98.0)}

    found = thrifty(best, predictions, loss, costs=costs, price=0.05)

    assert set(found.weights) == {1, 2}
    assert sum(found.weights.values()) == pytest.approx(1.0)
    assert best.loss < found.loss < best.loss * 1.05
    assert thrifty(best, predictions, loss, costs=costs, price=0.0) is best
    assert thrifty(best, predictions, loss, costs={}, price=0.05) is best  # nothing is known to be gained


def test_the_last_member_stays(noisy):
    truth, predictions = noisy
    best = select(predictions, rmse_to(truth))
    found = thrifty(best, predictions, rmse_to(truth), costs={one: ms(1.0) for one in predictions}, price=1e6)
    assert len(found.weights) == 1


def test_presets_cap_what_members_cost():
    def cap(**options):
        return Goals.of(Settings(target="y", **options)).cap

    assert cap(preset="best") == UNLIMITED
    assert cap(preset="fast").row_ms < cap(preset="balanced").row_ms < np.inf
    assert cap() == cap(preset="best")
    assert cap(preset="balanced", max_latency_ms=0.001).row_ms == 0.001
    assert cap(preset="fast", max_latency_ms=5.0).row_ms == 5.0, "the user's own limit is the one that counts"
    assert cap(preset="best", max_size_mb=5).megabytes == 5


def test_a_run_by_trials_alone_is_not_ruled_by_measured_times():
    goals = Goals.of(Settings(target="y", trials=5))
    assert goals.cap == UNLIMITED
    assert goals.price == 0.0
    assert goals.reason() == ""
    assert Goals.of(Settings(target="y", trials=5, max_latency_ms=0.5)).cap.row_ms == 0.5


def test_goals_are_told():
    assert "25,000 rows/s" in Goals.of(Settings(target="y", preset="balanced")).reason()
    goals = Goals.of(Settings(target="y", preset="balanced", max_latency_ms=0.5, max_size_mb=2, latency_rows=64))
    assert goals.rows == 64
    assert "0.5 ms per row in batches of 64" in goals.reason()
    assert "2 MB" in goals.reason()
    assert "rows/s" not in goals.reason()


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "5", True])
@pytest.mark.parametrize("name", ["max_latency_ms", "max_size_mb"])
def test_limits_are_finite_numbers_above_zero(name, value):
    with pytest.raises(SettingsError, match=f"{name}=.* must be a finite number"):
        Settings(target="y", **{name: value})


def test_an_unknown_preset_is_refused():
    with pytest.raises(SettingsError, match="preset 'fastest' is not known; use fast, balanced, best"):
        Settings(target="y", preset="fastest")


def row(trial, loss, row_ms, megabytes, budget=1.0):
    return {"trial": trial, "loss": loss, "row_ms": row_ms, "megabytes": megabytes, "budget": budget}


def test_the_front_holds_what_nothing_beats_in_all_three():
    rows = [
        row(1, 0.10, 5.0, 9.0),
        row(2, 0.11, 4.0, 9.0),
        row(3, 0.12, 4.5, 9.0),  # beaten by 2
        row(4, 0.13, 4.5, 1.0),
        row(5, 0.09, None, 1.0),  # not timed
        row(6, None, 1.0, 1.0),  # failed
        row(7, 0.01, 0.1, 0.1, budget=0.3),  # not fully trained
        row(8, 0.10, 5.0, 9.0),  # the same as 1
    ]
    assert [one["trial"] for one in pareto_front(rows)] == [1, 2, 4]
