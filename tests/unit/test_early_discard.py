"""Trials whose first folds promise nothing to the ensemble are left."""

import re
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.api import fit_run, make_settings
from automl.clock import Clock
from automl.data.records import Split
from automl.early_discard import EarlyDiscard
from automl.evaluate import PREDICTIONS_FILE, FoldResult
from automl.fold_jobs import RunContext
from automl.history import DISCARDED, Candidate, History, Trial
from automl.metrics import load_metric
from automl.patience import patience_ends
from automl.registry import load_registry
from automl.run_folder import fold_folder
from automl.task import Task

ROWS, FOLDS = 1000, 4
MEMBER, NEW = 1, 2


def context(folder, metric="rmse", target=None, **changes):
    target = np.random.default_rng(0).normal(size=ROWS) if target is None else target
    parts = np.array_split(np.arange(ROWS), FOLDS)
    classes = () if target.dtype.kind == "f" else (0, 1)
    kind = "binary" if classes else "regression"
    values = {
        "folder": folder,
        "run_id": "run",
        "task": Task(target="y", problem_type=kind, metric=metric, rows=ROWS, features=1, classes=classes),
        "metric": load_metric(metric, load_registry()),
        "models": {},
        "fidelities": {},
        "splits": [Split(train=np.setdiff1d(np.arange(ROWS), part), valid=part) for part in parts],
        "target": target,
        "weight": None,
        "clock": Clock.make(time.monotonic(), 600.0),
        "seed": 0,
        "early_discard": True,
    }
    return RunContext(**(values | changes))


def predict(made, trial, predictions, folds):
    """Write what a trial predicts and return what its folds say."""
    results = {}
    for fold in folds:
        rows = made.splits[fold].valid
        path = fold_folder(made.folder, trial, fold)
        path.mkdir(parents=True)
        np.save(path / PREDICTIONS_FILE, predictions[rows])
        loss = made.metric.loss(made.target[rows], predictions[rows])
        results[fold] = FoldResult(loss=loss, facts={}, fit_seconds=1.0, predict_seconds=0.0, prepare_seconds=0.0)
    return results


def answer(made, new, *, member=None, folds=(0,), wanted=FOLDS, trial=None):
    noise = np.random.default_rng(1).normal(size=ROWS)
    of_member = predict(made, MEMBER, made.target + 0.5 * noise if member is None else member, range(FOLDS))
    losses = tuple(result.loss for result in of_member.values())
    incumbent = Trial(id=MEMBER, candidate=Candidate(model="a", config={}), status="done", loss=1.0, fold_losses=losses)
    trial = trial or Trial(id=NEW, candidate=Candidate(model="b", config={}))
    results = predict(made, NEW, new, folds)
    return EarlyDiscard(made).hopeless(trial, results, wanted, incumbent, {MEMBER: 1.0})


def test_what_is_worse_and_helps_in_no_share_is_hopeless(tmp_path):
    made = context(tmp_path)

    assert answer(made, np.full(ROWS, 10.0))


def test_one_slow_answer_is_not_the_last_and_three_are(tmp_path, monkeypatch):
    made = context(tmp_path)
    monkeypatch.setattr("automl.early_discard.MOST_SECONDS", 0.0)
    of_member = predict(made, MEMBER, made.target, range(FOLDS))
    losses = tuple(result.loss for result in of_member.values())
    incumbent = Trial(id=MEMBER, candidate=Candidate(model="a", config={}), status="done", loss=1.0, fold_losses=losses)
    trial = Trial(id=NEW, candidate=Candidate(model="b", config={}))
    results, early = predict(made, NEW, np.full(ROWS, 10.0), (0,)), EarlyDiscard(made)

    assert [True, True, True, False] == [
        early.hopeless(trial, results, FOLDS, incumbent, {MEMBER: 1.0}) for _ in range(4)
    ]


def test_what_is_worse_alone_and_wrong_elsewhere_is_not(tmp_path):
    """Its errors are twice as large, and have nothing to do with the member's."""
    made = context(tmp_path)
    noise = np.random.default_rng(2).normal(size=ROWS)

    assert not answer(made, made.target + 1.0 * noise)


def test_what_is_better_than_the_worst_fold_is_not(tmp_path):
    """Though it adds nothing: it is the member again."""
    made = context(tmp_path)
    same = made.target + 0.5 * np.random.default_rng(1).normal(size=ROWS)
    losses = [made.metric.loss(made.target[split.valid], same[split.valid]) for split in made.splits]

    assert not answer(made, same, folds=(int(np.argmin(losses)),))


@pytest.mark.parametrize(
    "changes",
    [
        {"early_discard": False},
        {"partial": True},
        {"clock": Clock.make(0.0, None)},
    ],
)
def test_it_is_for_full_trials_against_the_clock(tmp_path, changes):
    assert not answer(context(tmp_path, **changes), np.full(ROWS, 10.0))


def test_trials_that_go_on_from_others_and_finished_ones_are_not_looked_at(tmp_path):
    made = context(tmp_path)
    promoted = Trial(id=NEW, candidate=Candidate(model="b", config={}), parent=1)

    assert not answer(made, np.full(ROWS, 10.0), trial=promoted)
    assert not answer(replace(made, folder=tmp_path / "other"), np.full(ROWS, 10.0), wanted=1)


def test_few_rows_and_few_folds_say_nothing(tmp_path):
    made = context(tmp_path)
    few = replace(made, folder=tmp_path / "few", splits=[replace(made.splits[0], valid=np.arange(100))] * FOLDS)

    assert not answer(few, np.full(ROWS, 10.0))
    assert not answer(made, np.full(ROWS, 10.0), wanted=5)


def test_labels_are_worth_what_the_decision_makes_of_them(tmp_path):
    """A metric of labels is not asked before they are decided."""
    target = (np.random.default_rng(0).random(ROWS) < 0.3).astype(np.int64)
    good = np.where(target[:, None] == [0, 1], 0.9, 0.1)

    assert not answer(context(tmp_path, metric="f1", target=target), 1.0 - good, member=good)
    assert answer(context(tmp_path / "log", metric="log_loss", target=target), 1.0 - good, member=good)


def run(tmp_path, **options):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(1500, 3)), columns=list("abc"))
    frame["y"] = frame["a"] - frame["b"] + 0.1 * rng.normal(size=1500)
    settings = {
        "models": ["linear", "nearest_neighbours"],
        "executor": "inline",
        "folds": 5,
        "trials": 4,
        "time": "60s",
    }
    return fit_run(frame, make_settings("y", settings | options), out=tmp_path / "run")


def test_a_run_leaves_hopeless_trials_and_says_so(tmp_path):
    """Neighbours know nothing of a plane that a linear model does not know better."""
    outcome = run(tmp_path)
    left = [row for row in outcome.leaderboard if row["budget"] < 1]
    (told,) = [line for line in outcome.reasons if line.startswith("early discard")]

    assert "nearest_neighbours" in {row["model"] for row in left}
    assert "linear" == min(outcome.leaderboard, key=lambda row: row["loss"])["model"]
    assert {("done", 2, 0.4)} == {(row["status"], row["folds"], row["budget"]) for row in left}
    assert re.fullmatch(rf"early discard: {len(left)} trials? w.* to the ensemble; {3 * len(left)} fits saved", told)
    assert not any(fold_folder(outcome.folder, row["trial"], 0).exists() for row in left)
    assert 0 == outcome.failed


def test_a_user_may_want_all_folds_of_all_trials(tmp_path):
    outcome = run(tmp_path, early_discard=False)

    assert {5} == {row["folds"] for row in outcome.leaderboard}
    assert not any(line.startswith("early discard") for line in outcome.reasons)


def test_patience_counts_trials_that_were_left_and_never_takes_them_for_better():
    nobody = Candidate(model="a", config={})
    best = Trial(id=1, candidate=nobody, status="done", loss=1.0)
    left = [
        Trial(id=number, candidate=nobody, status="done", loss=0.5, budget=0.25, kind=DISCARDED) for number in (2, 3)
    ]

    assert patience_ends(History([best, *left]), 2, lambda _: False) == (3, 1)
    assert patience_ends(History([best, *left]), 3, lambda _: False) is None
