"""A second layer on out-of-fold predictions: when it comes, what it stands on, and whether it stays."""

import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import automl
from automl import PredictorError
from automl.api import fit_run, make_settings
from automl.clock import Clock
from automl.data.records import TableData, TableLayout
from automl.data.widened import prediction_columns, widened
from automl.ensemble import Ensemble
from automl.history import Candidate, Trial
from automl.metrics import load_metric
from automl.predictor_file import PREDICTOR_FILE
from automl.registry import load_registry
from automl.resuming import resume_folder
from automl.run_folder import fold_folder
from automl.run_reader import open_run
from automl.settings import Settings
from automl.stacking import LEAST_FIRST, LEAST_ROWS, MOST_BASE, MOST_TRIALS, SecondLayer, compare, mixed, why_not
from automl.store import Store

USUAL = {"models": 5, "rows": 5_000, "images": False, "validation": "folds", "partial": False}


def table(rows=300, seed=0):
    """Neighbours learn it, but not how sure they may be: a second layer does."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 4)), columns=list("abcd"))
    return frame.assign(win=np.where(frame["a"] * frame["b"] + 0.5 * rng.normal(size=rows) > 0, "yes", "no"))


def run(folder, data=None, target="win", **options):
    options = {"models": ["linear", "nearest_neighbours"], "folds": 3, "trials": 9, "executor": "inline", **options}
    options = {"metric": "log_loss", **options} if target == "win" else options
    return fit_run(table() if data is None else data, make_settings(target, options), out=folder)


@pytest.fixture
def always(monkeypatch):
    """Whatever the second layer is worth, it stays."""
    monkeypatch.setattr("automl.stacking.LEAST_GAIN", -1e9)
    monkeypatch.setattr("automl.stacking.LEAST_WINS", 0.0)


def of_second_layer(outcome):
    return [row for row in outcome.leaderboard if row["origin"].startswith("second layer on")]


def told(outcome):
    (line,) = [line for line in outcome.reasons if line.startswith("stacking:")]
    return line


# -- whether a run has one ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "case", "words"),
    [
        ({}, {}, ""),
        ({"stacking": False}, {}, "switched off"),
        ({}, {"rows": LEAST_ROWS - 1}, "too few to learn from"),
        ({"stacking": True}, {"rows": LEAST_ROWS - 1}, ""),
        ({"preset": "fast"}, {}, "trained once on all rows"),
        ({"refit": True}, {}, "trained once on all rows"),
        ({"preset": "balanced"}, {}, "predict more slowly"),
        ({"preset": "balanced", "stacking": True}, {}, ""),
        ({"max_latency_ms": 1.0}, {}, "quick or small"),
        ({"max_size_mb": 5.0}, {}, "quick or small"),
        ({}, {"images": True}, "only tables"),
        ({}, {"validation": "holdout"}, "holdout leaves rows without"),
        ({}, {"validation": "time"}, "time leaves rows without"),
        ({}, {"validation": "groups"}, ""),
        ({}, {"models": 1}, "one model alone"),
        ({"monotone": {"a": 1}}, {}, "need not keep predictions monotone"),
        ({}, {"partial": True}, "partial budgets"),
        ({"trials": 8}, {}, "8 trials leave none"),
        ({"trials": 9}, {}, ""),
    ],
)
def test_settings_and_data_decide_whether_there_is_one(options, case, words):
    reason = why_not(Settings(target="y", **options), **{**USUAL, **case})

    assert words in reason
    assert bool(words) == bool(reason)


# -- when it is due, and what it consists of ------------------------------------------------------


def done(number, loss, model="m", seconds=1.0):
    candidate = Candidate(model=model, config={"k": number})
    return Trial(id=number, candidate=candidate, status="done", loss=loss, score=loss, seconds=seconds)


def test_it_is_due_when_just_enough_time_is_left():
    now = time.monotonic()
    first = [done(number, 1.0 / number, "ab"[number % 2], seconds=8.0) for number in range(1, LEAST_FIRST + 1)]

    def due(left, trials):
        clock = Clock(started=now - 100 + left, end=now + left + 1, search_end=now + left)
        return SecondLayer(wanted=True, models=5, trials=None, clock=clock).is_due(trials, workers=2)

    assert [False, False, True, True] == [due(left, first) for left in (90, 20, 9, 2)]
    assert not due(9, first[1:])


def test_without_a_clock_it_is_never_due_by_time():
    layer = SecondLayer(wanted=True, models=5, trials=20, clock=Clock.make(time.monotonic(), None))

    assert not layer.in_reach()
    assert not layer.is_due([done(1, 0.3)], workers=1)
    assert layer.reserved == MOST_TRIALS


def test_the_best_of_each_model_stand_on_the_weightiest_members():
    layer = SecondLayer(wanted=True, models=5, trials=None, clock=Clock.make(time.monotonic(), 60.0))
    models = "abcde"
    first = [done(number, 1.0 / number, models[number % 5]) for number in range(1, 13)]
    weights = {number: number / 78 for number in range(1, 13)}

    base = layer.prepare(first, Ensemble(weights=weights, loss=0.1))

    assert tuple(range(13 - MOST_BASE, 13)) == base
    starts = [layer.next() for _ in range(MOST_TRIALS)]
    assert ["c", "b", "a"] == [start.candidate.model for start in starts]
    assert [12, 11, 10] == [start.candidate.config["k"] for start in starts]
    assert all(start.candidate.base == base and start.budget == 1.0 for start in starts)
    assert layer.next() is None
    assert not layer.open


@pytest.mark.parametrize("ensemble", [None, Ensemble(weights={1: 1.0}, loss=0.3)])
def test_one_model_alone_gets_no_second_layer(ensemble):
    layer = SecondLayer(wanted=True, models=5, trials=None, clock=Clock.make(time.monotonic(), 60.0))

    assert () == layer.prepare([done(1, 0.3), done(2, 0.4)], ensemble)
    assert layer.next() is None
    assert "too few models" in layer.told


def test_a_configuration_above_others_is_another_candidate():
    plain = Candidate(model="m", config={"k": 1})

    assert len({plain.id, replace(plain, base=(1, 2)).id, replace(plain, base=(1, 3)).id}) == 3
    assert plain.id == replace(plain, origin="elsewhere").id


# -- the columns ----------------------------------------------------------------------------------


def test_predictions_become_log_odds_logarithms_or_values():
    two, three = np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([[0.2, 0.3, 0.5], [0.0, 0.5, 0.5]])
    values = np.array([3.5, -1.0])

    columns = prediction_columns([two, three, values])

    assert (2, 5) == columns.shape
    assert columns.dtype == np.float32
    assert np.log(3) == pytest.approx(columns[0, 0], rel=1e-5)
    assert np.log([0.2, 0.3, 0.5]) == pytest.approx(columns[0, 1:4], rel=1e-5)
    assert [3.5, -1.0] == columns[:, 4].tolist()
    assert np.isfinite(columns).all()


def test_a_widened_table_keeps_its_own_columns_in_front():
    data = TableData(
        layout=TableLayout(numbers=("a",), categories=("c",), levels=(2,)),
        numbers=np.array([[1.0], [2.0]], dtype=np.float32),
        codes=np.array([[0], [1]], dtype=np.int32),
        target=np.array([0, 1]),
    )

    wide = widened(data, np.array([[5.0, 6.0], [7.0, 8.0]], dtype=np.float32))

    assert ("a", "prediction 0", "prediction 1") == wide.layout.numbers
    assert [[1.0, 5.0, 6.0], [2.0, 7.0, 8.0]] == wide.numbers.tolist()
    assert wide.codes is data.codes
    assert wide.target is data.target


# -- whether it stays -----------------------------------------------------------------------------


def compared(target, without, with_it, groups=None, deadline=None, name="rmse"):
    return compare(load_metric(name, load_registry()), target, without, with_it, None, groups=groups, deadline=deadline)


def test_what_is_clearly_better_stays_and_what_is_luck_goes():
    errors = np.random.default_rng(0).exponential(size=2_000)
    zero = np.zeros(2_000)
    luckily = errors.copy()
    luckily[errors.argmax()] = 0.0  # better by one row

    clearly, slightly, luck = (compared(zero, errors, one) for one in (0.97 * errors, 0.999 * errors, luckily))

    assert (clearly.pays, clearly.wins) == (True, 1.0)
    assert clearly.gain == pytest.approx(0.03)
    assert (slightly.pays, luck.pays) == (False, False)
    assert luck.gain > 0.002
    assert clearly.told().startswith(
        "kept: the ensemble with it is 3 % better out of fold, and better on 100 % of samples"
    )
    assert luck.told().startswith("left out: ")


def test_rows_of_a_group_are_drawn_together():
    groups = np.repeat(np.arange(40), 50)
    better = np.where(groups < 2, 0.5, 1.0)

    alone = compared(np.zeros(2_000), np.ones(2_000), better)
    together = compared(np.zeros(2_000), np.ones(2_000), better, groups=groups)

    assert alone.wins == 1.0
    assert together.wins < 0.95


def test_what_cannot_be_compared_is_left_out():
    one_class = compared(np.zeros(50, dtype=int), *[np.full((50, 2), 0.5)] * 2, name="roc_auc")
    late = compared(np.zeros(50), np.ones(50), np.zeros(50), deadline=time.monotonic() - 1)

    for verdict in (one_class, late):
        assert not verdict.pays
        assert verdict.told() == "left out: there was no way to compare it, or no time"


def test_both_ensembles_share_the_weight():
    weights = mixed({1: 0.5, 2: 0.5}, {2: 0.2, 9: 0.8})

    assert pytest.approx({1: 0.25, 2: 0.35, 9: 0.4}) == weights


# -- whole runs -----------------------------------------------------------------------------------


def test_a_predictor_of_two_layers_predicts_the_same_in_a_new_process(tmp_path, always):
    outcome = run(tmp_path / "run", stacking=True)
    second = of_second_layer(outcome)
    asked = table(50, 7).drop(columns="win")
    asked.to_csv(tmp_path / "asked.csv", index=False)
    predicted = outcome.predictor.predict_proba(asked)

    outcome.predictor.save(tmp_path / "elsewhere")
    script = "import json, sys, automl; print(json.dumps(automl.load(sys.argv[1]).predict_proba(sys.argv[2]).tolist()))"
    command = [sys.executable, "-c", script, str(tmp_path / "elsewhere"), str(tmp_path / "asked.csv")]
    elsewhere = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert 2 == len(second)
    assert any(row["weight"] > 0 for row in second)
    assert "stacking: kept" in told(outcome)
    assert np.array_equal(predicted, np.array(elsewhere))
    one_by_one = np.concatenate([outcome.predictor.predict_proba(asked.iloc[[row]]) for row in range(5)])
    assert predicted[:5] == pytest.approx(one_by_one, abs=1e-6)


def test_out_of_fold_predictions_are_those_of_the_models_that_are_kept(tmp_path, always):
    """The columns that a second layer sees when it predicts are made as those that it was fitted on."""
    data = table()
    outcome = run(tmp_path / "run", data, stacking=True)
    record = next(record for record in outcome.predictor.parts.members if record.base)

    assert outcome.predictor.score(data) < 0.6
    below = {one.trial for one in outcome.predictor.parts.members if not one.base}
    assert set(record.base) <= below
    assert sum(one.weight for one in outcome.predictor.parts.members) == pytest.approx(1.0)


@pytest.mark.parametrize("target", ["value", "kind"])
def test_values_and_many_classes_are_stacked_too(tmp_path, always, target):
    data = table().drop(columns="win")
    data = data.assign(
        value=1e6 + data["a"] * data["b"], kind=np.digitize(data["a"] * data["b"], [-0.3, 0.3]).astype(str)
    )
    other = "kind" if target == "value" else "value"
    outcome = run(tmp_path / "run", data, target=target, stacking=True, drop=[other])

    predicted = outcome.predictor.predict(data.drop(columns=[target]))

    assert any(row["weight"] > 0 for row in of_second_layer(outcome))
    if target == "kind":
        assert (predicted == data[target]).mean() > 0.5
    else:
        assert np.abs(predicted - 1e6).max() < 10.0


def test_it_takes_its_trials_from_those_of_the_run_and_can_be_switched_off(tmp_path):
    stacked, plain = run(tmp_path / "stacked", stacking=True), run(tmp_path / "plain", stacking=False)

    assert (9, 9) == (stacked.trials, plain.trials)  # the baseline comes on top
    assert 2 == len(of_second_layer(stacked))
    assert [] == of_second_layer(plain)
    assert "stacking: none: switched off" == told(plain)
    assert told(stacked).startswith(("stacking: kept: ", "stacking: left out: "))


def test_without_a_second_layer_its_trials_go_to_the_first(tmp_path, monkeypatch):
    """As where rows of a rare class have no predictions out of fold."""
    monkeypatch.setattr("automl.judging.Judging.weigh", lambda *_: None)
    outcome = run(tmp_path / "run", stacking=True)

    assert told(outcome).startswith("stacking: none: the first layer has too few models")
    assert 9 == outcome.trials  # the baseline comes on top


def test_what_is_left_out_leaves_the_ensemble_of_the_first_layer(tmp_path, monkeypatch):
    monkeypatch.setattr("automl.stacking.LEAST_WINS", 2.0)
    stacked = run(tmp_path / "stacked", stacking=True)

    assert told(stacked).startswith("stacking: left out: ")
    assert all(row["weight"] == 0.0 for row in of_second_layer(stacked))
    assert all(not record.base for record in stacked.predictor.parts.members)


def test_an_interrupted_run_keeps_its_second_layer(tmp_path, always, monkeypatch):
    whole = run(tmp_path / "whole", stacking=True)

    def stop_at_once(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("automl.searching.finish_run", stop_at_once)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", stacking=True)

    made = automl.finish(tmp_path / "cut")

    asked = table(30, 7).drop(columns="win")
    assert np.array_equal(whole.predictor.predict_proba(asked), made.predict_proba(asked))
    with open_run(tmp_path / "cut") as reader:
        assert any(line.startswith("stacking: kept") for line in reader.meta["reasons"])
        assert [trial.candidate.base for trial in reader.trials() if trial.candidate.base]


def test_a_run_cut_off_in_its_second_layer_is_finished_with_the_first(tmp_path, monkeypatch):
    """Files of a base trial are gone, too: what stands on it is left out."""
    import shutil

    from automl.run_folder import DATABASE, PREDICTOR_FOLDER, trial_folder

    def stop_at_once(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("automl.searching.finish_run", stop_at_once)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", stacking=True)
    with open_run(tmp_path / "cut") as reader:
        base = next(trial.candidate.base for trial in reader.trials() if trial.candidate.base)
    shutil.rmtree(trial_folder(tmp_path / "cut", base[0]))

    made = automl.finish(tmp_path / "cut")

    assert (tmp_path / "cut" / DATABASE).is_file()
    assert (tmp_path / "cut" / PREDICTOR_FOLDER).is_dir()
    assert all(not record.base for record in made.parts.members)
    assert made.predict_proba(table(5, 3).drop(columns="win")).shape == (5, 2)


@pytest.mark.parametrize("at", ["begun", "done"])
@pytest.mark.parametrize("damage", ["model", "predictions"])
def test_a_second_layer_whose_base_is_damaged_begins_anew(tmp_path, monkeypatch, at, damage):
    """A run that went on with it ended with an unexpected error, or lost it without saying why."""
    original = Store.trial_started if at == "begun" else Store.trial_finished
    stop = type("Stop", (BaseException,), {})

    def write(self, *values, **named):
        original(self, *values, **named)
        if values[0].candidate.base:
            raise stop

    with monkeypatch.context() as patch:
        patch.setattr(Store, original.__name__, write)
        with pytest.raises(stop):
            run(tmp_path / "cut", stacking=True)
    with open_run(tmp_path / "cut") as reader:
        begun = {trial.id: trial for trial in reader.trials()}
        above = next(trial for trial in begun.values() if trial.candidate.base)
    fold = fold_folder(tmp_path / "cut", above.candidate.base[0], 0)
    path = fold / "predictions.npy" if damage == "predictions" else next((fold / "model").iterdir())
    path.write_bytes(b"")

    outcome = resume_folder(tmp_path / "cut")

    told = f"it stands on predictions of others, of which trial {above.candidate.base[0]} is not there any more"
    row = next(row for row in outcome.leaderboard if row["trial"] == above.id)
    assert ("failed", "lost") == (row["status"], row["kind"])
    with open_run(tmp_path / "cut") as reader:
        assert any(
            f"trial {above.id} lost when the run was interrupted: {told}" == one["message"] for one in reader.events()
        )
        anew = [trial for trial in reader.trials() if trial.candidate.base and trial.id not in begun]
    assert anew
    assert {"done"} == {trial.status for trial in anew}
    assert outcome.predictor.predict_proba(table(5, 3).drop(columns="win")).shape == (5, 2)


def test_a_predictor_without_what_its_members_stand_on_is_refused(tmp_path, always):
    outcome = run(tmp_path / "run", stacking=True)
    path = outcome.predictor.save(tmp_path / "copy") / PREDICTOR_FILE
    plain = json.loads(path.read_text())
    plain.pop("sha256")
    plain["members"] = [member for member in plain["members"] if member["base"]]
    path.write_text(json.dumps(plain))

    with pytest.raises(PredictorError, match="lacks members that others stand on"):
        automl.load(tmp_path / "copy")


@pytest.mark.slow
def test_workers_do_not_change_what_comes_out(tmp_path):
    one = run(tmp_path / "one", stacking=True, executor="processes", jobs=1)
    two = run(tmp_path / "two", stacking=True, executor="processes", jobs=2)

    def content(outcome):
        return [(row["trial"], row["model"], row["origin"], row["loss"], row["weight"]) for row in outcome.leaderboard]

    assert content(one) == content(two)
    assert told(one) == told(two)
