"""Runs that were interrupted go on as if nobody had stopped them."""

import itertools
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import automl
from automl import RunError, SamplerSpec, SettingsError, hookimpl
from automl.api import fit_run, make_settings
from automl.recalling import recall_settings
from automl.resuming import More, resume_folder
from automl.run_folder import DATABASE
from automl.run_lock import LOCK_FILE
from automl.run_reader import open_run
from automl.store import Store

RUN = {"models": ["linear", "nearest_neighbours"], "folds": 2, "trials": 9, "executor": "inline", "seed": 1}


class Killed(BaseException):
    """Nobody catches it: what is left is what a kill leaves."""


def table(rows=150, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    return frame.assign(win=np.where(frame["a"] + rng.normal(size=rows) > 0, "yes", "no"))


def run(folder, **options):
    return fit_run(table(), make_settings("win", {**RUN, **options}), out=folder)


def killed(monkeypatch, folder, *, method, at, **options):
    """A run that is killed when it writes for the `at`-th time with this method of its store."""
    calls, original = itertools.count(1), getattr(Store, method)

    def write(self, *values, **named):
        if next(calls) == at:
            raise Killed
        return original(self, *values, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Store, method, write)
        with pytest.raises(Killed):
            run(folder, **options)
    return folder


def rows(folder):
    """What matters of each trial, by number."""
    with open_run(folder) as reader:
        return {
            trial.id: (trial.candidate, trial.budget, trial.parent, trial.status, trial.loss, trial.fold_losses)
            for trial in reader.trials()
        }


def predictions(predictor):
    return predictor.predict_proba(table(30, 7).drop(columns="win"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, run(folder)


@pytest.mark.parametrize(("method", "at"), [("job_finished", 2), ("job_finished", 9), ("trial_finished", 5),
                                            ("trial_started", 7), ("set_weights", 1)])  # fmt: skip
def test_the_rest_of_a_run_is_what_it_would_have_been(tmp_path, monkeypatch, whole, method, at):
    folder = killed(monkeypatch, tmp_path / "run", method=method, at=at)
    with open_run(folder) as reader:
        before = {trial.id: trial for trial in reader.trials() if trial.status == "done"}
        jobs = {(job["trial"], job["fold"]): job["finished"] for job in reader.jobs()}

    made = automl.resume(folder)

    assert rows(whole[0]) == rows(folder)
    assert np.array_equal(predictions(whole[1].predictor), predictions(made))
    with open_run(folder) as reader:
        after = {trial.id: trial for trial in reader.trials()}
        assert all(trial == after[number] for number, trial in before.items())
        again = {(job["trial"], job["fold"]): job["finished"] for job in reader.jobs()}
        assert all(again[job] == finished for job, finished in jobs.items()), "no job that was done is run again"
        assert reader.meta["status"] == "done"
        assert any("taken up again after" in reason for reason in reader.meta["reasons"])
    assert not (folder / LOCK_FILE).exists()


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["random+hyperband", "kde+asha", "random+race"])
def test_promotions_are_the_same_after_a_kill_inside_a_bracket(tmp_path, monkeypatch, strategy):
    options = {"strategy": strategy, "trials": 45, "models": ["extra_trees"], "folds": 2, "fidelity": "trees"}
    outcome = run(tmp_path / "whole", **options)
    expected = rows(tmp_path / "whole")
    promoted = [number for number, row in expected.items() if row[2] is not None]
    assert len(promoted) > 1

    for at in (promoted[0], promoted[-1]):
        folder = killed(monkeypatch, tmp_path / f"run-{at}", method="trial_finished", at=at, **options)
        resumed = resume_folder(folder)
        assert expected == rows(folder)
        assert np.array_equal(predictions(outcome.predictor), predictions(resumed.predictor))


COPIES = {"models": ["extra_trees", "linear"], "fidelity": "trees", "fidelity_max": 15}
"""Rows of `linear` want the rungs from 1/27 on, where `extra_trees` has ten trees up to 1/3: most of its promotions add nothing."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"strategy": "random+asha", "models": ["extra_trees"], "folds": 3, "fidelity": "folds"},
        {"strategy": "random+race", "models": ["extra_trees"], "folds": 4},
        {"strategy": "random+asha", **COPIES},
        {"strategy": "random+successive_halving", **COPIES, "trials": 45},
    ],
)
def test_promotions_that_add_nothing_are_the_same_after_a_kill(tmp_path, monkeypatch, options):
    options = {"trials": 20, "folds": 2, **options}
    outcome = run(tmp_path / "whole", **options)
    expected = rows(tmp_path / "whole")
    promoted = [number for number, row in expected.items() if row[2] is not None]
    assert len(promoted) > 1
    with open_run(tmp_path / "whole") as reader:
        copies = [trial.id for trial in reader.trials() if trial.kind == "carried"]
    assert bool(copies) == ("fidelity_max" in options)

    for method, at in (
        ("trial_started", promoted[0]),
        ("trial_finished", promoted[0]),
        ("trial_finished", promoted[-1]),
    ):
        folder = killed(monkeypatch, tmp_path / f"{method}-{at}", method=method, at=at, **options)
        resumed = resume_folder(folder)
        assert expected == rows(folder)
        assert np.array_equal(predictions(outcome.predictor), predictions(resumed.predictor))


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["grid", "evolution", "gp"])
def test_what_samplers_propose_is_the_same_after_a_kill(tmp_path, monkeypatch, sampler):
    options = {"strategy": sampler, "trials": 14, "baselines": False}
    outcome = run(tmp_path / "whole", **options)
    folder = killed(monkeypatch, tmp_path / "run", method="trial_finished", at=9, **options)

    resumed = resume_folder(folder)

    assert rows(tmp_path / "whole") == rows(folder)
    assert np.array_equal(predictions(outcome.predictor), predictions(resumed.predictor))


def test_a_run_may_be_killed_again_and_again(tmp_path, monkeypatch, whole):
    folder = killed(monkeypatch, tmp_path / "run", method="job_finished", at=3)
    original = Store.job_finished
    for _ in range(30):
        calls = itertools.count(1)

        def write(self, *values, calls=calls, **named):
            if next(calls) == 4:
                raise Killed
            return original(self, *values, **named)

        with monkeypatch.context() as patch:
            patch.setattr(Store, "job_finished", write)
            try:
                made = automl.resume(folder)
            except Killed:
                continue
        break

    assert rows(whole[0]) == rows(folder)
    assert np.array_equal(predictions(whole[1].predictor), predictions(made))


def test_more_trials_go_on_with_the_same_search(tmp_path, monkeypatch, whole):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=5)

    outcome = resume_folder(folder, More(trials=2))

    found = rows(folder)
    assert {number: row for number, row in rows(whole[0]).items() if number in found} == found
    assert 5 == outcome.trials  # without the dummy


@pytest.mark.slow
def test_a_second_layer_is_completed(tmp_path, monkeypatch):
    options = {"models": ["linear", "nearest_neighbours", "extra_trees"], "trials": 14, "stacking": True}
    outcome = run(tmp_path / "whole", **options)
    layered = [number for number, row in rows(tmp_path / "whole").items() if row[0].base]
    assert layered
    for method, at in (("trial_started", layered[0]), ("trial_finished", layered[-1])):
        folder = killed(monkeypatch, tmp_path / method, method=method, at=at, **options)
        resumed = resume_folder(folder)
        assert rows(tmp_path / "whole") == rows(folder)
        assert np.array_equal(predictions(outcome.predictor), predictions(resumed.predictor))


def test_time_goes_on_where_it_stopped(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="job_finished", at=4, trials=None, time=8.0)
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        shift = 1000.0  # it happened a while ago
        database.execute("UPDATE trials SET started = started - ?, finished = finished - ?", (shift, shift))
        database.execute("UPDATE jobs SET finished = finished - ?", (shift,))
        database.execute("UPDATE events SET time = time - ?", (shift,))
        begun = database.execute("SELECT value FROM meta WHERE key = 'sittings'").fetchone()[0]
        ((moment, _),) = json.loads(begun)
        database.execute("UPDATE meta SET value = ? WHERE key = 'sittings'", (f"[[{moment - shift}, null]]",))

    outcome = resume_folder(folder)

    assert 6.0 < outcome.seconds < 60.0, "the quarter of an hour between is not the run's"
    with open_run(folder) as reader:
        assert 2 == len(reader.meta["sittings"])
        assert max(end for _, end in reader.moments().values()) < 60.0


def test_what_there_was_no_time_for_is_tried_in_more_time(tmp_path, monkeypatch):
    """Its number is not given to another trial."""
    folder = killed(monkeypatch, tmp_path / "run", method="job_finished", at=6, trials=None, time=30.0)
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        last = database.execute("SELECT max(id) FROM trials").fetchone()[0]
        database.execute(
            "UPDATE trials SET status = 'failed', kind = 'skipped', message = 'about 99.0 s needed, 2.0 s left' WHERE id = ?",
            (last,),
        )
    with open_run(folder) as reader:
        skipped = next(trial.candidate for trial in reader.trials() if trial.is_skipped)

    resume_folder(folder, More(time=6.0))

    with open_run(folder) as reader:
        of_it = [trial for trial in reader.trials() if trial.candidate.id == skipped.id]
    assert (last, "failed") == (of_it[0].id, of_it[0].status)
    assert [trial.status for trial in of_it[1:] if trial.id > last] == ["done"]


def test_money_bounds_what_more_time_is_asked_for(tmp_path, monkeypatch):
    prices = tmp_path / "prices.toml"
    prices.write_text("cpu_hour = 3600.0")  # one unit a second
    options = {"trials": None, "max_cost": 6.0, "prices": str(prices), "jobs": 1}
    folder = killed(monkeypatch, tmp_path / "run", method="job_finished", at=4, **options)
    prices.unlink()

    outcome = resume_folder(folder, More(time="1h"))

    assert outcome.seconds < 60.0, "not an hour"
    assert any(reason.startswith("cost: ") for reason in outcome.reasons)


def test_with_no_time_left_the_predictor_is_made_of_what_there_is(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="job_finished", at=9, trials=None, time=30.0)
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        begun = database.execute("SELECT min(started) FROM trials WHERE started > 0").fetchone()[0]
        database.execute("UPDATE meta SET value = ? WHERE key = 'sittings'", (f"[[{begun - 40.0}, null]]",))

    outcome = resume_folder(folder)
    assert not outcome.interrupted, "nobody stopped this command"
    assert outcome.score is not None


def test_a_run_that_ended_keeps_its_predictor_and_takes_no_more(tmp_path):
    outcome = run(tmp_path / "run")

    for folder in (tmp_path / "run", tmp_path / "run" / "predictor"):
        assert np.array_equal(predictions(outcome.predictor), predictions(automl.resume(folder)))
        assert np.array_equal(predictions(outcome.predictor), predictions(automl.finish(folder)))
    with pytest.raises(RunError, match=r"has ended, and its table is no longer there.*fit --baselines"):
        automl.resume(tmp_path / "run", time="10m")


def test_a_run_without_trials_cannot_go_on(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_finished", at=1)
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        database.execute("DELETE FROM trials")

    with pytest.raises(RunError, match="before its first trial"):
        automl.resume(folder)
    assert rows(folder) == {}


@pytest.mark.parametrize("trials", [0, -1, True, 1.5, "7"])
def test_trials_must_be_a_whole_number(tmp_path, monkeypatch, trials):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=3)

    with pytest.raises(SettingsError, match="must be a whole number of at least 1"):
        automl.resume(folder, trials=trials)


def test_a_table_that_is_damaged_is_told(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=3)
    (folder / "data" / "numbers.npy").write_bytes(b"\x93NUMPY")

    with pytest.raises(RunError, match=r"the table of the run in .* is damaged.*automl finish"):
        automl.resume(folder)


def test_a_table_that_is_gone_and_splits_cut_short_are_told(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=3)
    splits = (folder / "splits.npz").read_bytes()
    (folder / "splits.npz").write_bytes(splits[:100])
    with pytest.raises(RunError, match=r"is damaged.*automl finish"):
        automl.resume(folder)

    (folder / "splits.npz").write_bytes(splits)
    (folder / "data").rename(tmp_path / "data")
    for more in ({}, {"trials": 4}):
        with pytest.raises(RunError, match=r"the table of the run in .* is gone.*automl finish"):
            automl.resume(folder, **more)
    (tmp_path / "data").rename(folder / "data")
    (folder / "splits.npz").write_bytes(splits[:100])
    assert automl.finish(folder).score(table(30, 7)) is not None


def test_predictions_that_are_lost_cost_their_trial_only(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=6)
    (folder / "trials" / "0002" / "fold-0" / "predictions.npy").unlink()

    outcome = resume_folder(folder)

    lost = next(row for row in outcome.leaderboard if row["trial"] == 2)
    assert ("failed", "lost") == (lost["status"], lost["kind"])
    assert outcome.score is not None


def own_metric(truth, predictions, weight=None):
    return float(np.mean(np.asarray(truth) == np.asarray(predictions)[:, 1].round()))


def test_a_metric_of_the_users_own_must_be_named_again(tmp_path, monkeypatch):
    name = f"{__name__}:own_metric"
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=4, metric=name)

    with pytest.raises(SettingsError, match="reading a record runs no code; name it again: --metric"):
        automl.resume(folder)
    with pytest.raises(SettingsError, match="is judged by"):
        automl.resume(folder, metric="roc_auc")
    assert automl.resume(folder, metric=name).task.metric == name


def test_settings_come_back_as_they_were(tmp_path, monkeypatch):
    space = ["linear.C=0.1..1:log", {"linear": {"penalty": ["l1", "l2"], "choice": "fixed"}}]
    options = {"space": space, "columns": {"a": "number"}, "drop": ("c",), "max_size_mb": 50.0}
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=4, **options)

    with open_run(folder) as reader:
        recalled = recall_settings(reader.meta["settings"], reader.meta["space"])

    assert replace(make_settings("win", {**RUN, **options}), strategy=recalled.strategy) == recalled
    assert resume_folder(folder).limits_kept, "measured, as the rows for that are kept"


def test_members_on_all_rows_are_made_again(tmp_path, monkeypatch):
    outcome = run(tmp_path / "whole", refit=True)
    with monkeypatch.context() as patch:
        patch.setattr("automl.searching.finish_run", lambda *_, **__: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            run(tmp_path / "run", refit=True)
    assert list((tmp_path / "run").glob("trials/*/all"))

    resumed = resume_folder(tmp_path / "run")

    assert np.array_equal(predictions(outcome.predictor), predictions(resumed.predictor))
    assert not any(reason.startswith("refit: ") for reason in resumed.reasons)


def stopped_twice(monkeypatch, folder, *, at, **options):
    """A run that is stopped by Ctrl+C when it writes its `at`-th job, and once more before its predictor is written."""
    calls, original = itertools.count(1), Store.job_finished

    def write(self, *values, **named):
        original(self, *values, **named)
        if next(calls) == at:
            raise KeyboardInterrupt

    def no_more(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "job_finished", write)
        patch.setattr("automl.searching.finish_run", no_more)
        with pytest.raises(Killed):
            run(folder, **options)
    return folder


@pytest.mark.parametrize("at", [2, 3, 7])
def test_what_a_stop_cut_off_is_completed(tmp_path, monkeypatch, whole, at):
    """The first Ctrl+C closes open trials, and one may count with the folds that it has: `resume` takes that back."""
    folder = stopped_twice(monkeypatch, tmp_path / "run", at=at)

    made = automl.resume(folder)

    assert rows(whole[0]) == rows(folder)
    assert np.array_equal(predictions(whole[1].predictor), predictions(made))


def test_more_trials_keep_the_clock_of_the_default_budget(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=5, trials=None, strategy="kde")

    outcome = resume_folder(folder, More(trials=3))

    assert not outcome.faults
    with open_run(folder) as reader:
        assert reader.meta["settings"]["seconds"] == 600.0
    assert 6 == outcome.trials  # three of before, three more, and the dummy does not count


@pytest.mark.slow
def test_more_trials_after_a_second_layer(tmp_path, monkeypatch):
    options = {"models": ["linear", "nearest_neighbours", "extra_trees"], "trials": 14, "stacking": True}
    folder = killed(monkeypatch, tmp_path / "run", method="trial_finished", at=14, strategy="kde", **options)
    before = len(rows(folder))

    outcome = resume_folder(folder, More(trials=6))

    assert not outcome.faults
    first = [row for row in list(rows(folder).values())[before:] if not row[0].base]
    assert 6 == len(first)


def test_torn_predictions_of_a_trial_that_was_cut_off_are_made_again(tmp_path, monkeypatch, whole):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_finished", at=4)
    torn = folder / "trials" / "0004" / "fold-0" / "predictions.npy"
    torn.write_bytes(b"")

    automl.resume(folder)

    assert rows(whole[0]) == rows(folder)


@pytest.mark.parametrize("at", [5, 7], ids=["trial cut off", "trial done"])
@pytest.mark.parametrize("name", ["model", "member.json"])
def test_torn_models_are_fitted_again(tmp_path, monkeypatch, whole, at, name):
    """A predictor with such a model could not be loaded."""
    with open_run(whole[0]) as reader:
        assert 5 in reader.weights()
    folder = killed(monkeypatch, tmp_path / "run", method="trial_finished", at=at)
    torn = folder / "trials" / "0005" / "fold-0" / name
    if torn.is_dir():
        torn = next(path for path in torn.iterdir() if path.is_file())
    torn.write_bytes(b"")

    made = automl.resume(folder)

    assert rows(whole[0]) == rows(folder)
    assert np.array_equal(predictions(whole[1].predictor), predictions(made))
    assert np.array_equal(predictions(made), predictions(automl.load(folder)))


@pytest.mark.parametrize("fidelity", ["trees", "folds"])
def test_torn_models_of_a_smaller_budget_are_not_gone_on_from(tmp_path, monkeypatch, fidelity):
    """The larger one failed at loading them, or had such a fold as its own."""
    options = {"strategy": "random+asha", "models": ["extra_trees"], "folds": 3, "fidelity": fidelity, "trials": 12}
    run(tmp_path / "whole", **options)
    number, parent = next((number, row[2]) for number, row in rows(tmp_path / "whole").items() if row[2] is not None)
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=number, **options)
    next(path for path in (folder / f"trials/{parent:04d}/fold-0/model").iterdir() if path.is_file()).write_bytes(b"")

    resume_folder(folder)

    assert {"done"} == {row[3] for row in rows(folder).values()}
    assert rows(tmp_path / "whole").keys() == rows(folder).keys()
    with open_run(folder) as reader:
        assert "done" == next(job["kind"] for job in reader.jobs(number) if job["fold"] == 0), "not one that is kept"


def test_seconds_of_folds_before_the_kill_count(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_finished", at=4)

    automl.resume(folder)

    with open_run(folder) as reader:
        jobs = sum(job["seconds"] for job in reader.jobs(4))
        assert jobs == pytest.approx(next(trial.seconds for trial in reader.trials() if trial.id == 4))


def test_nothing_outside_of_the_folder_is_touched(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=5)
    for name in ("cache", "encoders"):
        mine = tmp_path / f"mine-{name}"
        (mine / "my.project").mkdir(parents=True)
        if (folder / name).exists():
            (folder / name).rename(tmp_path / f"moved-{name}")
        (folder / name).symlink_to(mine)

    resume_folder(folder)

    assert all((tmp_path / f"mine-{name}" / "my.project").is_dir() for name in ("cache", "encoders"))


def test_a_record_that_says_nonsense_is_told(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=4)
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        database.execute("UPDATE meta SET value = '7' WHERE key = 'course'")

    with pytest.raises(RunError, match=r"run\.db is damaged.*automl finish"):
        automl.resume(folder)


def test_a_sampler_that_is_gone_is_told_with_what_still_can_be_done(tmp_path, monkeypatch):
    spec = SamplerSpec(name="mine", summary="Random.", factory="automl_plugins.samplers.random_search:RandomSearch")
    plugin = SimpleNamespace(register_samplers=hookimpl(lambda: [spec]))
    automl.register_plugin(plugin, "mine")
    try:
        folder = killed(monkeypatch, tmp_path / "run", method="trial_started", at=4, strategy="mine")
    finally:
        automl.unregister_plugin("mine")

    with pytest.raises(RunError, match=r"searches with strategy 'mine', which no installed plugin .* automl finish"):
        automl.resume(folder)
    assert not (folder / LOCK_FILE).exists()
    assert automl.finish(folder).predict(table(5)).shape == (5,)


def test_more_time_is_time_for_members_on_all_rows_too(tmp_path, monkeypatch):
    folder = killed(monkeypatch, tmp_path / "run", method="job_finished", at=6, trials=None, time=20.0, refit=True)
    before = len(rows(folder))

    outcome = resume_folder(folder, More(time=4.0))

    assert len(rows(folder)) > before
    assert not any("keeps its fold models" in reason for reason in outcome.reasons)
