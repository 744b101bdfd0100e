"""Why a search ends: patience, money; and search spaces that the user changed, in whole runs."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl import ModelSpec, hookimpl, register_plugin, unregister_plugin
from automl.api import check, fit_run, make_settings
from automl.cli import main
from automl.cli.output import Session
from automl.errors import SettingsError, UnknownNameError
from automl.history import Candidate, History, Trial
from automl.patience import patience_ends
from automl.run_reader import open_run


def table(rows=160, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    return frame.assign(win=np.where(frame["a"] + rng.normal(size=rows) > 0, "yes", "no"))


def run(folder, **options):
    settings = make_settings("win", {"models": ["linear"], "folds": 2, "executor": "inline", **options})
    return fit_run(table(), settings, out=folder)


def told(outcome, subject):
    return [reason for reason in outcome.reasons if reason.startswith(subject)]


# -- patience -------------------------------------------------------------------------------------


def history(*losses, budgets=None, baseline=()):
    made = History()
    for number, loss in enumerate(losses, start=1):
        made = made.with_trial(
            Trial(
                id=number,
                candidate=Candidate(model="dummy" if number in baseline else "m", config={"x": number}),
                budget=(budgets or {}).get(number, 1.0),
                status="running" if loss is None else "failed" if loss == "failed" else "done",
                loss=None if isinstance(loss, str | None) else loss,
            )
        )
    return made


def ends(record, patience=2):
    return patience_ends(record, patience, lambda trial: trial.candidate.model == "dummy")


def test_patience_counts_full_trials_since_the_best_one():
    assert ends(history(3.0, 2.0, 2.5)) is None
    assert ends(history(3.0, 2.0, 2.5, 2.0)) == (4, 2)  # as good is not better
    assert ends(history(3.0, 2.0, 2.5, 1.0, 1.5)) is None
    assert ends(history(1.0, "failed", 2.0)) == (3, 1)
    assert ends(history("failed", "failed")) == (2, None)


def test_patience_does_not_count_baselines_and_partial_trials():
    assert ends(history(1.0, 2.0, 3.0, baseline={2})) is None
    assert ends(history(1.0, 2.0, 3.0, budgets={3: 0.3})) is None


def test_patience_does_not_look_past_a_running_trial():
    assert ends(history(1.0, None, 2.0, 3.0, 4.0)) is None
    assert ends(history(1.0, 2.0, 3.0, None, 0.5)) == (3, 1)


def test_a_run_ends_when_patience_is_over(tmp_path):
    outcome = run(tmp_path / "run", trials=60, patience=3)
    assert outcome.trials < 60
    assert "for 3 full trials" in told(outcome, "search: ended, no patience left")[0]
    assert "search: ended, 2 trials were made" in run(tmp_path / "other", trials=2, patience=9).reasons


@pytest.mark.slow
def test_patience_ends_at_the_same_trial_with_any_number_of_workers(tmp_path):
    runs = [run(tmp_path / str(jobs), trials=60, patience=4, jobs=jobs, executor="processes") for jobs in (1, 2)]
    kept = [[(row["trial"], row["score"], row["weight"]) for row in one.leaderboard] for one in runs]
    assert kept[0] == kept[1]
    rows = table(30, 7)
    assert (runs[0].predictor.predict_proba(rows) == runs[1].predictor.predict_proba(rows)).all()


# -- money ----------------------------------------------------------------------------------------


def prices(folder, text="cpu_hour = 3600.0\ncurrency = '$'\n"):
    path = folder / "prices.toml"
    path.write_text(text)
    return path


@pytest.mark.slow
def test_money_bounds_the_time(tmp_path):
    """At one dollar for a second of a core, six dollars buy six seconds of one core."""
    started = time.monotonic()
    outcome = run(tmp_path / "run", max_cost=6, prices=prices(tmp_path), jobs=1)
    assert time.monotonic() - started < 6 * 1.02 + 3
    assert outcome.seconds > 3
    (cost,) = told(outcome, "cost: $")
    assert "of $6.00" in cost
    assert "of 1 core" in cost


def test_prices_may_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOML_PRICES", str(prices(tmp_path, "cpu_hour = 0.05")))
    outcome = run(tmp_path / "run", max_cost=2.0, trials=1)
    assert told(outcome, "cost: 0.000")  # a second or two of five hundredths an hour
    assert " of 2.00" in told(outcome, "cost")[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no cpu_hour"),
        ("cpu_hour = -1", "must be a finite number, not below zero"),
        ("cpu_hour = 'much'", "must be a finite number"),
        ("cpu_hour = 0", "everything costs nothing"),
        ("cpu_houres = 1", "'cpu_houres' is not known; it may have cpu_hour, gpu_hour, currency"),
        ("cpu_hour = ", "is not TOML"),
    ],
)
def test_prices_that_say_nothing_are_told(tmp_path, text, problem):
    with pytest.raises(SettingsError, match=problem):
        run(tmp_path / "run", max_cost=1.0, prices=prices(tmp_path, text))
    assert not (tmp_path / "run").exists()


def test_money_needs_prices_and_prices_need_money(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTOML_PRICES", raising=False)
    with pytest.raises(SettingsError, match="give --prices FILE or set AUTOML_PRICES"):
        run(tmp_path / "run", max_cost=1.0)
    with pytest.raises(SettingsError, match="without --max-cost"):
        run(tmp_path / "run", prices=prices(tmp_path), trials=1)
    with pytest.raises(SettingsError, match="cannot be read"):
        run(tmp_path / "run", max_cost=1.0, prices=tmp_path / "none.toml")


# -- search spaces -----------------------------------------------------------------------------------


def test_a_run_searches_the_changed_space_only(tmp_path):
    outcome = run(
        tmp_path / "run", trials=8, space=["linear.penalty=l1,elasticnet", "linear.choice=fixed", "linear.C=0.5..2"]
    )
    configs = [row["config"] for row in outcome.leaderboard if row["model"] == "linear"]

    assert len(configs) == 8
    assert all(config["penalty"] in ("l1", "elasticnet") and 0.5 <= config["C"] <= 2 for config in configs)
    assert {row["origin"].partition(":")[0] for row in outcome.leaderboard} >= {"default", "random"}
    assert told(outcome, "space: linear.penalty=l1,elasticnet, linear.choice=fixed, linear.C=0.5..2; begins with")


def test_a_change_that_cannot_be_made_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SettingsError, match="penalty cannot be l3"):
        run(tmp_path / "run", trials=1, space="linear.penalty=l3")
    with pytest.raises(UnknownNameError, match="space linea.penalty=l1: no model is called 'linea'"):
        run(tmp_path / "run", trials=1, space="linea.penalty=l1")
    assert not (tmp_path / "run").exists()


def test_check_tells_about_models_that_are_not_used(tmp_path):
    report = check(table(), target="win", models=["linear"], space={"lightgbm": {"num_leaves": 7}})
    assert "space: lightgbm.num_leaves=7: lightgbm is not used here" in report.reasons


# -- stopped before the search ---------------------------------------------------------------------


@pytest.mark.parametrize("there", [False, True])
def test_a_run_that_ends_before_its_first_trial_leaves_nothing_behind(tmp_path, monkeypatch, there):
    folder = tmp_path / "run"
    if there:
        folder.mkdir()
    stopped = []

    def stop(*_):
        stopped.append(sorted(path.name for path in folder.iterdir()))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("automl.data.storage.save_splits", stop)
        with pytest.raises(KeyboardInterrupt):
            run(folder, trials=1)

    assert "run.db" in stopped[0]
    assert there == folder.exists()
    assert [] == [path for path in tmp_path.rglob("*") if path != folder]
    assert not run(folder, trials=1).only_baseline


def test_no_time_for_a_first_fit_is_told(tmp_path, capfd):
    table().to_csv(tmp_path / "table.csv", index=False)
    words = ["--time", "3s", "--models", "linear", "--executor", "inline", "-q", "--out", str(tmp_path / "run")]
    late = Session(started=time.monotonic() - 5.0)

    assert 3 == main.run(["fit", str(tmp_path / "table.csv"), "--target", "win", *words], late)
    assert "there was no time for a first fit of a model, give more --time" in capfd.readouterr().err


# -- the last of the trials ------------------------------------------------------------------------


class OnePatientModel:
    @hookimpl
    def register_models(self):
        words = {"summary": "Tells its deadline.", "space": "clumsy_models:space"}
        return [ModelSpec(name="patient", factory="clumsy_models:Patient", **words)]


@pytest.mark.parametrize("trials", [1, 2])
def test_the_last_trial_that_the_user_allows_may_take_all_the_time(tmp_path, monkeypatch, trials):
    """Of 1,000 s one of many may take 290, a half of that for each fold."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    register_plugin(OnePatientModel(), "patient")
    try:
        run(tmp_path / "run", models=["patient"], trials=trials, seconds=1000.0, strategy="random", baselines=False)
        with open_run(tmp_path / "run") as found:
            given = [trial.facts["given"] for trial in found.trials() if trial.candidate.model == "patient"]
    finally:
        unregister_plugin("patient")

    assert len(given) == trials
    assert all(seconds < 150.0 for seconds in given[:-1])
    assert given[-1] > 300.0
