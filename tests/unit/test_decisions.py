"""Which class is decided from probabilities."""

import numpy as np
import pytest

from automl.decisions import DecisionMaker, decided
from automl.metrics import load_metric
from automl.registry import load_registry


def rare(rows, share, seed=0, noise=1.5):
    """Labels of which a share is 1, and calibrated probabilities ``(rows, 2)``."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    offset = np.quantile(signal + noise * rng.logistic(size=rows) / 2, 1 - share)
    probability = 1 / (1 + np.exp(-2 * (signal - offset) / noise))
    truth = (rng.random(rows) < probability).astype(np.int64)
    return truth, np.stack([1 - probability, probability], axis=1)


def maker(name, truth):
    return DecisionMaker(load_metric(name, load_registry()), truth)


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1", "mcc", "f1_macro"])
def test_a_rare_class_is_decided_more_often_and_new_rows_agree(name):
    truth, probabilities = rare(6000, 0.06)
    found = maker(name, truth)
    factors, loss = found.choose(truth, probabilities, None)
    metric, (new_truth, new) = load_metric(name, load_registry()), rare(20_000, 0.06, seed=1)

    assert factors[1] > factors[0]
    assert loss < metric.loss(truth, probabilities)
    assert metric.score(new_truth, decided(new, factors)) > metric.score(new_truth, new) + 0.03


def test_refined_factors_mend_probabilities_that_lean_to_one_side():
    metric, gains = load_metric("f1", load_registry()), []
    for seed in range(5):
        truth, probabilities = rare(4000, 0.1, seed=seed)
        leaning = probabilities ** [1.0, 0.05]  # every row has more for the rare class
        found = maker("f1", truth)
        start, _ = found.choose(truth, leaning, None)
        refined = found.refine(truth, leaning, None, start)
        assert refined is not None
        new_truth, new = rare(20_000, 0.1, seed=100 + seed)
        scores = [metric.score(new_truth, decided(new ** [1.0, 0.05], factors)) for factors in (start, refined[0])]
        gains.append(scores[1] - scores[0])
        assert refined[1] == pytest.approx(metric.distance(scores[1]), abs=0.05)

    assert min(gains) > 0.01


@pytest.mark.parametrize("name", ["log_loss", "roc_auc", "recall", "precision"])
def test_metrics_of_probabilities_and_one_sided_ones_keep_the_most_probable_class(name):
    truth, probabilities = rare(500, 0.2)
    found = maker(name, truth)

    assert not found.applies
    assert found.choose(truth, probabilities, None)[0] == ()
    assert found.refine(truth, probabilities, None, ()) is None


def test_where_the_most_probable_class_is_best_it_stays():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 200)
    probabilities = rng.dirichlet([1, 1, 1], size=600) * 0.3
    probabilities[np.arange(600), truth] += 0.7
    found = maker("balanced_accuracy", truth)

    assert found.choose(truth, probabilities, None) == ((), 0.0)
    assert found.refine(truth, probabilities, None, ()) is None


def test_noise_is_not_mistaken_for_a_better_decision():
    rng = np.random.default_rng(3)
    kept = 0
    for _ in range(10):
        probability = rng.random(200)
        truth = (rng.random(200) < probability).astype(np.int64)
        probabilities = np.stack([1 - probability, probability], axis=1)
        kept += maker("accuracy", truth).refine(truth, probabilities, None, ()) is None

    assert kept >= 8


def test_weights_count():
    truth, probabilities = rare(3000, 0.1)
    heavy = np.where(truth == 1, 20.0, 1.0)
    plain, _ = maker("accuracy", truth).choose(truth, probabilities, None)
    weighted, _ = maker("accuracy", truth).choose(truth, probabilities, heavy)

    assert plain == ()
    assert weighted[1] > weighted[0]


def test_a_deadline_that_has_passed_refines_nothing():
    truth, probabilities = rare(3000, 0.1)

    assert maker("f1", truth).refine(truth, probabilities, None, (), deadline=0.0) is None


def test_many_classes_get_one_exponent_only():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 30, 900)
    found = maker("balanced_accuracy", truth)
    probabilities = rng.dirichlet(np.ones(30), size=900)

    assert found.refine(truth, probabilities, None, ()) is None
    assert len(found.of_shares(0.5)) == 30
