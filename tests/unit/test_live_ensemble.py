"""Judging trials and ensembles in the driver, also with metrics that take long."""

import time

import numpy as np
import pytest

from automl.clock import Clock
from automl.data.records import Split
from automl.errors import MetricError
from automl.evaluate import PREDICTIONS_FILE, FoldResult
from automl.history import Candidate, Trial
from automl.live_ensemble import LiveEnsemble
from automl.metrics import Metric
from automl.run_folder import fold_folder
from automl.specs import MetricSpec

ROWS = 400
asked = []


def mean_error(truth, prediction, weight=None):
    asked.append(len(truth))
    return float(np.abs(truth - prediction).mean())


@pytest.fixture
def target():
    return np.random.default_rng(0).normal(size=ROWS)


@pytest.fixture
def live(tmp_path, target):
    asked.clear()
    places = np.arange(ROWS)
    splits = [Split(train=places[places % 4 != fold], valid=places[places % 4 == fold]) for fold in range(4)]
    spec = MetricSpec(name="mean_error", summary="", factory=f"{__name__}:mean_error", problem_types=("regression",),
                      needs="values", greater_is_better=False, best=0.0)  # fmt: skip
    return LiveEnsemble(
        tmp_path,
        metric=Metric(name="mean_error", spec=spec),
        splits=splits,
        target=target,
        weight=None,
        clock=Clock.make(time.monotonic(), 60.0),
    )


def finished(live, target, trial, *, noise, seconds, folds=range(4)):
    """Results of a trial whose predictions lie on disk; `seconds` is what the metric took on each fold."""
    rng, results = np.random.default_rng(trial), {}
    for fold in folds:
        valid = np.arange(ROWS)[np.arange(ROWS) % 4 == fold]
        predictions = target[valid] + noise * rng.normal(size=len(valid))
        folder = fold_folder(live._folder, trial, fold)
        folder.mkdir(parents=True)
        np.save(folder / PREDICTIONS_FILE, predictions.astype(np.float32))
        loss = float(np.abs(target[valid] - predictions).mean())
        results[fold] = FoldResult(
            loss=loss, facts={}, fit_seconds=0, predict_seconds=0, prepare_seconds=0, metric_seconds=seconds
        )
    return results


def done(number, score):
    candidate = Candidate(model="m", config={})
    return Trial(id=number, candidate=candidate, budget=1.0, status="done", score=score, loss=score)


def test_the_pooled_predictions_of_all_folds_are_judged(live, target):
    results = finished(live, target, 1, noise=0.5, seconds=0.001)
    score = live.score(1, results)

    assert asked == [ROWS]
    assert score == pytest.approx(np.mean([result.loss for result in results.values()]), rel=1e-6)
    assert live.slow_seconds == 0


def test_a_slow_metric_is_asked_for_folds_and_samples_only(live, target):
    trials = []
    for number in (1, 2, 3):
        results = finished(live, target, number, noise=0.5, seconds=0.5)
        score = live.score(number, results)
        assert score == pytest.approx(np.mean([result.loss for result in results.values()]))
        trials.append(Trial(id=number, candidate=Candidate(model="m", config={}), budget=1.0, status="done",
                            score=score, loss=score))  # fmt: skip

    assert asked == []
    assert live.slow_seconds == pytest.approx(0.5 * 16)

    live.update(trials, [], final=True)

    assert set(asked) == {100}
    assert len(live.current.weights) > 1


def test_one_fold_needs_not_be_judged_twice(live, target):
    results = finished(live, target, 1, noise=0.5, seconds=0.001, folds=[2])

    assert live.score(1, results) == results[2].loss
    assert asked == []


def test_a_choice_cut_short_by_the_clock_does_not_replace_a_better_one(live, target, monkeypatch):
    trials = []
    for number in (1, 2, 3):
        score = live.score(number, finished(live, target, number, noise=0.5, seconds=0.001))
        trials.append(Trial(id=number, candidate=Candidate(model="m", config={}), budget=1.0, status="done",
                            score=score, loss=score))  # fmt: skip
    live.update(trials[:2], [], final=False)
    best = live.current
    assert len(best.weights) == 2

    monkeypatch.setattr(Clock, "left", lambda clock: 0.0)
    live.update(trials, [], final=True)

    assert live.current == best


def test_where_mixed_predictions_cannot_be_judged_the_best_trial_stands_alone(live, target, monkeypatch):
    trials = []
    for number, noise in ((1, 0.5), (2, 0.4)):
        results = finished(live, target, number, noise=noise, seconds=0.0)
        score = live.score(number, results)
        trials.append(done(number, score))

    def refuse(metric, truth, prediction, weight=None):
        raise MetricError("metric mean_error failed: no mixtures")

    monkeypatch.setattr(Metric, "loss", refuse)
    assert live.update(trials, [], final=True)
    assert live.current is not None
    assert dict(live.current.weights) == {2: 1.0}
    assert "no mixtures" in live.unjudged


def test_a_run_by_trials_removes_the_files_of_hopeless_trials_as_it_goes(live, target, monkeypatch):
    monkeypatch.setattr("automl.live_ensemble.MODELS_KEPT", 2)
    live._clock = Clock.make(time.monotonic(), None)
    trials = []
    for number in range(1, 5):
        score = live.score(number, finished(live, target, number, noise=0.1 * number, seconds=0.0))
        for fold in range(4):
            (fold_folder(live._folder, number, fold) / "model").mkdir()
        trials.append(done(number, score))

    live.update(trials, [], final=False)

    kept = [number for number in range(1, 5) if (fold_folder(live._folder, number, 0) / "model").exists()]
    assert kept == [1, 2]


def test_without_predictions_of_all_rows_the_trial_of_the_least_loss_counts(live, target):
    """As when only some folds of each trial were done."""
    trials = [done(number, live.score(number, finished(live, target, number, noise=noise, seconds=0.001, folds=(0, 1))))
              for number, noise in ((1, 2.0), (2, 0.01))]  # fmt: skip
    live.update(trials, [], final=True)

    assert {2: 1.0} == live.current.weights
