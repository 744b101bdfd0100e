"""Targets and splits that leave little to judge by: one-member classes, five rows, nothing to learn, no positives."""

import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl.api import fit_run, make_settings
from automl.errors import DataError, SettingsError
from automl.run_reader import open_run

FAST = {"models": ["linear"], "executor": "inline", "seed": 1}


def frame(rows, target, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(size=rows), "b": rng.choice(list("pqr"), size=rows), "y": target})


def one_yes(rows=60):
    return frame(rows, ["yes" if row == 7 else "no" for row in range(rows)])


def test_binary_target_with_one_row_of_a_class_is_judged_by_log_loss(tmp_path):
    outcome = fit_run(one_yes(), make_settings("y", {"trials": 2, **FAST}), out=tmp_path / "run")

    assert "log_loss" == outcome.metric
    assert not outcome.only_baseline
    assert 0 == outcome.failed
    assert any("roc_auc cannot judge class 'yes'" in reason for reason in outcome.reasons)


@pytest.mark.parametrize("start", [automl.check, automl.fit])
def test_metric_that_can_say_nothing_is_refused_before_anything_is_trained(tmp_path, monkeypatch, start):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(DataError, match=r"of class 'no', of which metric roc_auc can say nothing.*--metric log_loss"):
        start(one_yes(), target="y", metric="roc_auc", trials=1, **FAST)
    assert [] == list(tmp_path.iterdir())


def never(truth, prediction):
    return float("nan")


def correlation(truth, prediction):
    """Says nothing of constants."""
    return np.corrcoef(truth, prediction)[0, 1] if prediction.std() else float("nan")


@pytest.mark.parametrize(
    ("metric", "fault"),
    [("os:getcwd", "TypeError"), ("test_odd_targets:never", "gave nan")],
)
@pytest.mark.parametrize("start", [automl.check, automl.fit])
def test_a_metric_that_can_never_be_computed_is_refused_before_anything_is_trained(
    tmp_path, monkeypatch, start, metric, fault
):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match=f"cannot be computed on the target 'y'.*{fault}"):
        start(frame(40, ["yes", "no"] * 20), target="y", metric=metric, trials=1, **FAST)
    assert [] == list(tmp_path.iterdir())


def test_a_metric_may_say_nothing_of_constants(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)

    automl.check(frame(40, np.arange(40.0)), target="y", metric="test_odd_targets:correlation")


def mean_error(truth, prediction):
    return float(abs(truth - prediction).mean())


def said_error(truth, prediction):
    return mean_error(truth, prediction)


said_error.greater_is_better = True


def profit(truth, prediction):
    return float(((truth - 20) * (prediction > 20)).sum())


def bounded_profit(truth, prediction):
    return profit(truth, prediction)


bounded_profit.best = 1e6


def log_likelihood(truth, prediction):
    """Not finite where the truth itself is predicted."""
    if not prediction.all():
        return -np.inf
    return float(np.log(prediction[np.arange(len(truth)), truth]).mean())


def surprise(truth, prediction):
    return -log_likelihood(truth, prediction)


surprise.best = 1e3


def slow(truth, prediction):
    time.sleep(5)
    return 0.0


def slow_when_right(truth, prediction):
    if (truth == prediction).all():
        time.sleep(5)
    return -float(abs(truth - prediction).mean())


def corr_distance(truth, prediction):
    """An error, in spite of what it says by saying nothing, that says nothing of constants."""
    return 1.0 - correlation(truth, prediction)


def tweedie(truth, prediction):
    """Of power 1.5; of the truth itself rounding leaves a little less than 0."""
    first = np.maximum(truth, 0.0) ** 0.5 / (-0.5 * 0.5)
    return float(2 * (first - truth * prediction**-0.5 / -0.5 + prediction**0.5 / 0.5).mean() - 1e-12)


tweedie.greater_is_better = False


def timed(truth, prediction):
    """Gives itself a second, which Python allows in the main thread only."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    return -float(abs(truth - prediction).mean())


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        (
            "mean_error",
            r"gives 0 where the truth is predicted and 10 for a constant.*`mean_error.greater_is_better = False`",
        ),
        ("said_error", r"gives 10 for 40 rows, which is better than its best=1: write `said_error.best = ...`"),
        (
            "corr_distance",
            r"gives 0 where the truth is predicted and .* for the truth of other rows, so that less is better",
        ),
        ("profit", r"gives 190 for 40 rows, which is better than its best=1: write `profit.best = ...`"),
    ],
)
@pytest.mark.parametrize("start", [automl.check, automl.fit])
def test_a_metric_that_does_not_mean_what_it_says_is_refused(tmp_path, monkeypatch, start, metric, told):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match=told):
        start(frame(40, np.arange(40.0)), target="y", metric=f"test_odd_targets:{metric}", trials=1, **FAST)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("metric", ["bounded_profit", "tweedie", "timed", "slow_when_right"])
def test_a_metric_with_which_nothing_is_wrong_is_taken(monkeypatch, metric):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setattr("automl.ready.patience", lambda left: 2.0)

    automl.check(frame(40, 1.0 + np.arange(40.0)), target="y", metric=f"test_odd_targets:{metric}")


def test_direction_is_looked_at_where_the_truth_itself_has_no_finite_score(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    data = frame(40, ["yes", "no"] * 20)

    with pytest.raises(SettingsError, match=r"surprise.greater_is_better = False"):
        automl.check(data, target="y", metric="test_odd_targets:surprise")
    automl.check(data, target="y", metric="test_odd_targets:log_likelihood")


def test_a_metric_that_does_not_come_back_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("automl.ready.patience", lambda left: 0.3)

    with pytest.raises(SettingsError, match=r"'test_odd_targets:slow' had not answered after 0.3 s for 40 rows"):
        automl.fit(frame(40, np.arange(40.0)), target="y", metric="test_odd_targets:slow", trials=1, **FAST)
    assert [] == list(tmp_path.iterdir())


def test_validation_rows_of_one_class_are_refused_by_name(tmp_path):
    data = frame(40, ["yes", "no"] * 20)
    data["part"] = np.where((data["y"] == "no") & (data.index > 20), "valid", "train")

    with pytest.raises(DataError, match="rows that judge are of class 'no'"):
        automl.fit(data, target="y", split_column="part", trials=1, out=tmp_path / "run", **FAST)


def test_groups_that_hold_all_of_a_class_are_refused_before_training(tmp_path):
    data = frame(60, ["yes"] * 20 + ["no"] * 40)
    data["team"] = np.repeat(["a", "b", "c"], 20)

    with pytest.raises(DataError, match="hold only class 'no': every row of 'yes' is among those that judge"):
        automl.fit(data, target="y", group="team", trials=1, out=tmp_path / "run", **FAST)
    assert [] == list(tmp_path.iterdir())


def test_five_rows_are_enough_for_a_predictor(tmp_path):
    outcome = fit_run(frame(5, list("ynyny")), make_settings("y", {"trials": 1, **FAST}), out=tmp_path / "run")

    assert 5 == len(outcome.predictor.predict(frame(5, list("ynyny"))))
    assert any("5 rows" in finding.message for finding in outcome.findings)


def test_four_rows_are_refused(tmp_path):
    with pytest.raises(DataError, match="4 usable rows; at least 5"):
        automl.fit(frame(4, list("ynyn")), target="y", trials=1, out=tmp_path / "run", **FAST)
    assert [] == list(tmp_path.iterdir())


def test_where_nothing_can_be_learned_the_predictor_is_not_worse_than_a_constant(tmp_path):
    """Numbers without any relation to the target: every model is worse than the mean out of fold."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"a": rng.normal(size=60), "y": rng.normal(size=60)})
    settings = make_settings("y", {"trials": 3, "models": ["nearest_neighbours"], "executor": "inline"})

    outcome = fit_run(data, settings, out=tmp_path / "run")

    dummy = next(row for row in outcome.leaderboard if row["model"] == "dummy")
    assert outcome.score <= dummy["score"] + 1e-9
    assert not outcome.only_baseline


def test_log_of_the_workers_stays_with_the_run(tmp_path):
    """Messages of dead workers point to it."""
    from automl.registry import load_registry
    from automl.testing import toys

    registry = load_registry().register(toys, "toys")
    settings = make_settings("y", {"models": ["toy_crash"], "trials": 1, "jobs": 1})

    fit_run(frame(60, ["yes", "no"] * 30), settings, out=tmp_path / "run", registry=registry)

    with open_run(tmp_path / "run") as run:
        died = [job["message"] for job in run.jobs() if job["kind"] == "died"]
    assert died
    assert "workers.log" in died[0]
    assert (tmp_path / "run" / "workers.log").stat().st_size


# -- monotone constraints -------------------------------------------------------------------------


def rising(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"size": rng.uniform(0, 10, rows), "colour": rng.choice(list("rgb"), rows)})
    return data.assign(price=data["size"] + rng.normal(scale=3, size=rows))


def test_predictions_of_the_whole_ensemble_rise_with_a_monotone_column(tmp_path):
    settings = make_settings("price", {"monotone": {"size": 1}, "trials": 4, "executor": "inline", "folds": 3})
    outcome = fit_run(rising(), settings, out=tmp_path / "run")
    line = pd.DataFrame({"size": np.linspace(0, 10, 200), "colour": "r"})

    assert (np.diff(outcome.predictor.predict(line)) >= -1e-6).all()
    assert any("not used: linear: cannot keep predictions monotone in 'size'" in reason for reason in outcome.reasons)


def test_monotone_column_of_codes_is_a_number_only(tmp_path):
    data = rising(1000).assign(size=lambda frame: frame["size"].round().astype(int))
    before = automl.check(data, target="price")
    after = automl.check(data, target="price", monotone={"size": 1})

    assert ["integer_code", "number"] == [report.schema.columns[0].kind for report in (before, after)]


@pytest.mark.parametrize(
    ("target", "column", "message"),
    [
        ("price", "colour", "'colour', which is a category and has no order"),
        ("kind", "size", "'kind' has 3 classes"),
    ],
)
def test_monotone_constraints_without_a_meaning_are_refused(target, column, message):
    data = rising().assign(kind=np.tile(["a", "b", "c"], 67)[:200])

    with pytest.raises(SettingsError, match=message):
        automl.check(data, target=target, monotone={column: 1})


# -- what happens around the search ---------------------------------------------------------------


class DeadServer:
    def __init__(self):
        raise ConnectionError("no tracking server")


def test_a_tracker_that_cannot_be_made_does_not_stop_the_run(tmp_path):
    from automl import TrackerSpec, hookimpl
    from automl.registry import load_registry

    class Plugin:
        @hookimpl
        def register_trackers(self):
            return [TrackerSpec(name="dead", summary="Down.", factory=f"{__name__}:DeadServer")]

    settings = make_settings("y", {"trials": 1, "trackers": ["dead"], **FAST})
    outcome = fit_run(
        frame(40, list("yn") * 20), settings, out=tmp_path / "run", registry=load_registry().register(Plugin(), "dead")
    )

    assert not outcome.only_baseline
    with open_run(tmp_path / "run") as run:
        assert ["tracker 'dead' is left out: ConnectionError: no tracking server"] == [
            event["message"] for event in run.events() if event["code"] == "tracker"
        ]


def test_ctrl_c_during_refit_keeps_the_fold_models(tmp_path, monkeypatch):
    from automl_plugins.executors.inline import Inline

    original = Inline.wait
    monkeypatch.setattr(Inline, "wait", lambda self, seconds=None: _interrupt_at_refit(self, original, seconds))
    settings = make_settings("y", {"trials": 2, "refit": True, **FAST})
    outcome = fit_run(frame(60, list("yn") * 30), settings, out=tmp_path / "run")

    assert outcome.interrupted
    assert any("stopped by the user" in reason for reason in outcome.reasons)
    assert 60 == len(outcome.predictor.predict(frame(60, list("yn") * 30)))


def _interrupt_at_refit(executor, original, seconds):
    if any(job.argument.fold < 0 for job in executor._queue):
        raise KeyboardInterrupt
    return original(executor, seconds)


def test_fits_in_a_row_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = {automl.fit(frame(40, list("yn") * 20), target="y", trials=1, **FAST).folder for _ in range(3)}

    assert 3 == len(folders)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1_macro"])
def test_a_rare_class_is_predicted_where_the_metric_asks_for_it(tmp_path, metric):
    rng = np.random.default_rng(5)

    def rare(rows):
        signal = rng.normal(size=rows)
        return pd.DataFrame({"a": signal, "y": np.where(signal + 1.2 * rng.normal(size=rows) > 2.9, "fault", "good")})

    outcome = fit_run(rare(1500), make_settings("y", {"trials": 1, "metric": metric, **FAST}), out=tmp_path / "run")
    fresh = rare(4000)
    predictor = automl.load(tmp_path / "run")
    probabilities = predictor.predict_proba(fresh)
    most_probable = np.asarray(predictor.classes)[probabilities.argmax(axis=1)]
    labels = predictor.predict(fresh)

    assert any("labels: decided by probability times a factor" in reason for reason in outcome.reasons)
    assert (labels == "fault").sum() > 2 * (most_probable == "fault").sum()
    recalls = [np.mean(labels[fresh["y"] == name] == name) for name in ("fault", "good")]
    if metric == "balanced_accuracy":
        assert predictor.score(fresh) == pytest.approx(np.mean(recalls))
        assert np.mean(recalls) > 0.75
    np.testing.assert_array_equal(labels, predictor.decide(probabilities))
