"""Greedy ensemble selection."""

import numpy as np
import pytest

from automl.data.records import Split
from automl.ensemble import Ensemble, choose_candidates, select, select_within, thrifty
from automl.goals import Cost
from automl.history import Candidate, Trial
from automl.oof import OutOfFold


def rmse_to(truth):
    return lambda mean: float(np.sqrt(np.mean((mean - truth) ** 2)))


def test_two_noisy_members_beat_either():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=2000)
    predictions = {number: (truth + rng.normal(size=2000)).astype(np.float32) for number in (1, 2)}
    ensemble = select(predictions, rmse_to(truth))

    assert set(ensemble.weights) == {1, 2}
    assert ensemble.weights[1] == pytest.approx(0.5, abs=0.08)
    assert ensemble.loss < 0.8 * min(rmse_to(truth)(values) for values in predictions.values())


def test_a_perfect_member_stands_alone():
    truth = np.arange(50.0)
    ensemble = select({4: truth.astype(np.float32), 7: np.zeros(50, dtype=np.float32)}, rmse_to(truth))

    assert {4: 1.0} == dict(ensemble.weights)
    assert ensemble.loss == 0.0


def test_of_bags_that_name_as_many_labels_right_the_surest_is_taken():
    """Both members name all classes; their mean is nearer to the truth than either."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 800)
    shares = {one: np.clip(0.95 - rng.exponential(0.2, 800), 0.501, 1.0) for one in (5, 9)}
    predictions = {one: np.where(np.eye(2)[truth] == 1, v[:, None], 1 - v[:, None]) for one, v in shares.items()}

    def errors(mean):
        return float((mean.argmax(axis=1) != truth).mean())

    def log_loss(mean):
        return float(-np.log(mean[np.arange(800), truth]).mean())

    alone, sure = select(predictions, errors), select(predictions, errors, tie=log_loss)

    assert {5: 1.0} == dict(alone.weights)
    assert {5, 9} == set(sure.weights)
    mean = sum(weight * predictions[one] for one, weight in sure.weights.items())
    assert log_loss(mean) < min(log_loss(values) for values in predictions.values())
    assert 0.0 == sure.loss == alone.loss
    costs = {one: Cost(row_ms=1.0, megabytes=1.0) for one in predictions}
    assert thrifty(sure, predictions, errors, costs=costs, price=0.001, tie=log_loss) is sure
    assert 1 == len(thrifty(sure, predictions, errors, costs=costs, price=0.001).weights)


def test_of_bags_within_a_cap_that_name_as_many_labels_right_the_surest_is_taken():
    """The dear one is the surest alone and leaves room for one other; the two others are surer together."""
    first = np.arange(100) < 50
    shares = {1: np.full(100, 0.77), 2: np.where(first, 0.9999, 0.58), 3: np.where(first, 0.58, 0.9999)}
    predictions = {one: np.stack([share, 1 - share], axis=1) for one, share in shares.items()}
    costs = {one: Cost(row_ms=row_ms, megabytes=0.0) for one, row_ms in ((1, 9.0), (2, 1.0), (3, 1.0))}

    def errors(mean):
        return float((mean.argmax(axis=1) != 0).mean())

    def log_loss(mean):
        return float(-np.log(mean[:, 0]).mean())

    best = Ensemble(weights={1: 0.5, 2: 0.25, 3: 0.25}, loss=0.0)
    cap = Cost(row_ms=10.0, megabytes=1.0)
    found = select_within(best, predictions, errors, costs=costs, cap=cap, tie=log_loss)

    assert {2: 0.5, 3: 0.5} == dict(found.weights)


def test_losses_that_differ_by_rounding_leave_the_decision_to_ties():
    predictions = {1: np.array([1.0, 0.0]), 2: np.array([0.0, 1.0])}

    def loss(mean):
        return 0.3 if mean[0] == 1.0 else 0.3 * (1 + 1e-12)

    found = select(predictions, loss, tie=lambda mean: abs(float(mean[0]) - 0.5))

    assert {1: 0.5, 2: 0.5} == dict(found.weights)


def test_the_order_of_candidates_does_not_matter():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=300)
    predictions = {number: (truth + rng.normal(size=300)).astype(np.float32) for number in range(1, 9)}
    backwards = dict(reversed(predictions.items()))

    assert select(predictions, rmse_to(truth)) == select(backwards, rmse_to(truth))


def test_weights_sum_to_one_and_the_loss_is_that_of_the_weighted_mean():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=400)
    predictions = {number: (truth * 0.5 + rng.normal(size=400)).astype(np.float32) for number in range(6)}
    ensemble = select(predictions, rmse_to(truth))
    mean = sum(weight * predictions[number] for number, weight in ensemble.weights.items())

    assert sum(ensemble.weights.values()) == pytest.approx(1.0)
    assert ensemble.loss == pytest.approx(rmse_to(truth)(mean), rel=1e-5)


def test_a_deadline_that_has_passed_leaves_the_best_single_one():
    truth = np.arange(20.0)
    predictions = {1: (truth + 3).astype(np.float32), 2: (truth - 1).astype(np.float32)}

    assert {2: 1.0} == dict(select(predictions, rmse_to(truth), deadline=0.0).weights)


def test_an_empty_ensemble_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        select({}, rmse_to(np.zeros(1)))


def test_the_best_of_each_model_may_join():
    trials = [
        Trial(id=number, candidate=Candidate(model=model, config={"x": number}), status="done", loss=loss)
        for number, (model, loss) in enumerate([("a", 0.1), ("a", 0.2), ("a", 0.3), ("b", 0.9), ("b", 0.8)], start=1)
    ]

    assert [1, 2, 5] == [trial.id for trial in choose_candidates(trials, limit=2)]


def test_out_of_fold_predictions_are_averaged_over_repeats():
    splits = [
        Split(train=np.array([2, 3]), valid=np.array([0, 1])),
        Split(train=np.array([0, 1]), valid=np.array([2, 3])),
        Split(train=np.array([1, 3]), valid=np.array([0, 2])),
    ]
    pool = OutOfFold(splits, 5)
    rows, values = pool.combine({0: np.array([1.0, 2.0]), 1: np.array([3.0, 4.0]), 2: np.array([3.0, 5.0])})

    assert [0, 1, 2, 3] == pool.covered.tolist() == rows.tolist()
    assert [2.0, 2.0, 4.0, 4.0] == values.tolist()


def test_some_folds_cover_only_their_rows():
    splits = [Split(train=np.array([1]), valid=np.array([0])), Split(train=np.array([0]), valid=np.array([1]))]
    rows, values = OutOfFold(splits, 2).combine({1: np.array([[0.25, 0.75]])})

    assert [1] == rows.tolist()
    assert [[0.25, 0.75]] == values.tolist()


def test_known_losses_are_not_computed_again():
    """With a metric that takes long, the deadline must not be passed before it is looked at."""
    calls = []

    def loss(mean):
        calls.append(1)
        return float(np.mean((mean - 1.0) ** 2))

    predictions = {1: np.full(4, 0.5, dtype=np.float32), 2: np.full(4, 0.9, dtype=np.float32)}
    found = select(predictions, loss, known={1: 0.25, 2: 0.01}, deadline=0.0)

    assert ({2: 1.0}, 0.01, []) == (dict(found.weights), found.loss, calls)
