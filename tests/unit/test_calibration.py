"""Predictions made as bold as out-of-fold rows say they should be."""

import json
import time

import numpy as np
import pandas as pd
import pytest

from automl.api import fit_run, make_settings
from automl.calibration import Calibration, find_calibration
from automl.metrics import load_metric
from automl.predictor import Predictor
from automl.registry import load_registry

METRICS = load_registry()


def metric(name):
    return load_metric(name, METRICS)


def labels(rows=1500, classes=3, *, power=1.0, seed=0):
    """Codes drawn from true probabilities, and those probabilities to a power: below 1 they are too timid."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.full(classes, 0.5), rows)
    codes = (rng.random((rows, 1)) > true.cumsum(axis=1)).sum(axis=1)
    told = np.clip(true, 1e-6, None) ** power
    return codes, told / told.sum(axis=1, keepdims=True)


def values(rows=1500, *, slope=1.0, shift=0.0, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    return offset + signal + 0.5 * rng.normal(size=rows), offset + (signal - shift) / slope


def test_timid_probabilities_are_sharpened_and_rows_not_seen_agree():
    judge = metric("log_loss")
    found, expected = find_calibration(judge, *labels(power=0.6), None)
    truth, told = labels(power=0.6, seed=1)

    assert found.power == pytest.approx(1 / 0.6, rel=0.15)
    assert judge.loss(truth, found.apply(told)) < judge.loss(truth, told)
    assert expected == pytest.approx(judge.loss(truth, found.apply(told)), rel=0.1)


@pytest.mark.parametrize("name", ["rmse", "mae"])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_timid_values_are_stretched_and_shifted(name, offset):
    judge = metric(name)
    found, _ = find_calibration(judge, *values(slope=1.2, shift=0.1, offset=offset), None)
    truth, told = values(slope=1.2, shift=0.1, offset=offset, seed=1)

    assert found.slope == pytest.approx(1.2, abs=0.06)
    assert judge.loss(truth, found.apply(told)) < 0.97 * judge.loss(truth, told)


@pytest.mark.parametrize(
    ("name", "truth_and_told"),
    [
        ("log_loss", labels()),
        ("rmse", values()),
        ("roc_auc", labels(classes=2, power=0.5)),  # the order stays
        ("accuracy", labels(power=0.5)),  # judges labels
        ("log_loss", labels(rows=60, power=0.5)),  # too few to tell
    ],
)
def test_nothing_is_done_where_nothing_helps(name, truth_and_told):
    assert find_calibration(metric(name), *truth_and_told, None) is None


def test_weights_count():
    truth, told = values(slope=1.2)
    other, wrong = values(slope=0.85, seed=1)
    weight = np.repeat([1.0, 1e-6], len(truth))
    found, _ = find_calibration(metric("rmse"), np.r_[truth, other], np.r_[told, wrong], weight)

    assert found.slope == pytest.approx(1.2, abs=0.06)


def test_the_clock_ends_it():
    assert find_calibration(metric("log_loss"), *labels(power=0.5), None, deadline=time.monotonic() - 1) is None


def test_many_classes_are_judged_on_fewer_rows():
    """The work is bounded by what there is, not by time, so that runs by trials repeat."""
    judge, asked = metric("log_loss"), []

    class Counted:
        spec = judge.spec

        def loss(self, truth, told, weight):
            asked.append(told.size)
            return judge.loss(truth, told, weight)

    found, _ = find_calibration(Counted(), *labels(rows=4000, classes=400, power=0.6), None)

    assert max(asked) <= 400 * (1000 + 1)  # one that is wrong on purpose
    assert found.power == pytest.approx(1 / 0.6, rel=0.15)


def test_it_survives_json_and_no_rows():
    made = Calibration(power=1.5, slope=1.1, centre=3.0, to=4.0)

    assert made == Calibration.from_dict(json.loads(json.dumps(made.to_dict())))
    assert (0, 2) == made.apply(np.zeros((0, 2))).shape
    assert (0,) == made.apply(np.zeros(0)).shape


def test_a_predictor_keeps_what_its_run_found(tmp_path, monkeypatch):
    """Found on out-of-fold predictions, said in the record, saved with the predictor and done when it predicts."""
    made = Calibration(slope=2.0, centre=1.0, to=5.0)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=list("ab"))
    frame = frame.assign(y=frame["a"] + 0.1 * rng.normal(size=200))
    settings = make_settings("y", {"trials": 1, "models": ["linear"], "folds": 2, "executor": "inline"})
    plain = fit_run(frame, settings, out=tmp_path / "plain").predictor.predict(frame)
    monkeypatch.setattr("automl.live_ensemble.find_calibration", lambda *_, **__: (made, 0.25))
    outcome = fit_run(frame, settings, out=tmp_path / "run")

    assert 0.25 == outcome.score
    assert any(reason.startswith("predictions: values stretched 2 times") for reason in outcome.reasons)
    np.testing.assert_allclose(5.0 + 2.0 * (plain - 1.0), Predictor.load(tmp_path / "run").predict(frame), rtol=1e-9)


@pytest.mark.parametrize("name", ["log_loss", "brier"])
@pytest.mark.parametrize("rows", [120, 400])
def test_where_all_rows_are_right_nothing_is_sharpened(name, rows):
    """The next row may be wrong, and pays for all that boldness gained."""
    codes = np.arange(rows) % 3
    told = np.full((rows, 3), 0.0005)
    told[np.arange(rows), codes] = 0.999

    assert find_calibration(metric(name), codes, told, None) is None


def test_a_single_wrong_row_hardly_counts_among_many():
    codes, told = labels(rows=4000, power=0.6)
    found, _ = find_calibration(metric("log_loss"), codes, told, None)

    assert found.power == pytest.approx(1 / 0.6, rel=0.1)
