"""Runs that were interrupted: their predictors are made from the record."""

import errno
import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import automl
from automl import PredictorError, RunError
from automl.api import fit_run, make_settings
from automl.interrupts import held_back
from automl.registry import load_registry
from automl.run_folder import DATABASE, PREDICTOR_FOLDER, check_new_folder
from automl.run_lock import LOCK_FILE, who_works
from automl.run_reader import open_run
from automl.searching import keep_logs
from automl.store import Store
from automl.unfinished import finish_folder


def table(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    return frame.assign(win=np.where(frame["a"] + rng.normal(size=rows) > 0, "yes", "no"))


def run(folder, **options):
    options = {"models": ["linear", "nearest_neighbours"], "folds": 2, "trials": 4, "executor": "inline", **options}
    return fit_run(table(), make_settings("win", options), out=folder)


def stop_at_once(*_, **__):
    raise KeyboardInterrupt


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """A run that was stopped when its search was over and nothing was written of its predictor."""
    with monkeypatch.context() as patch:
        patch.setattr("automl.searching.finish_run", stop_at_once)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run")
    return tmp_path / "run"


def tear(fold, damage):
    """Leave the files of a fold as a power cut may."""
    path = next(path for path in (fold / "model").iterdir() if path.is_file())
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:-9])
        case "gone":
            path.unlink()
        case "member":
            (fold / "member.json").write_bytes(b"")


def predictions(predictor):
    return predictor.predict_proba(table(30, 7).drop(columns="win"))


def test_an_interrupted_run_is_finished_as_it_would_have_ended(interrupted, tmp_path):
    whole = run(tmp_path / "whole")
    with pytest.raises(PredictorError, match=f"its run was interrupted.*automl finish {interrupted}"):
        automl.load(interrupted)

    made = automl.finish(interrupted)

    assert np.array_equal(predictions(whole.predictor), predictions(made))
    assert np.array_equal(predictions(made), predictions(automl.load(interrupted)))
    with open_run(interrupted) as reader:
        assert ("done", True) == (reader.meta["status"], reader.meta["interrupted"])
        assert whole.score == pytest.approx(reader.meta["score"])
    assert not (interrupted / LOCK_FILE).exists()


def test_finishing_twice_changes_nothing(interrupted):
    first = finish_folder(interrupted)
    written = {path: path.stat().st_mtime_ns for path in interrupted.rglob("*") if path.is_file()}

    again = finish_folder(interrupted)

    assert written == {path: path.stat().st_mtime_ns for path in interrupted.rglob("*") if path.is_file()}
    assert (first.score, first.trials, first.leaderboard) == (again.score, again.trials, again.leaderboard)


def test_a_run_that_ended_keeps_its_predictor(tmp_path):
    outcome = run(tmp_path / "run")

    assert np.array_equal(predictions(outcome.predictor), predictions(automl.finish(tmp_path / "run")))


def test_without_weights_the_ensemble_is_chosen_from_the_predictions(interrupted):
    """A run by trials weighs them at its end only; killed before, it has none."""
    forget(interrupted, "weights", "trial > 0")

    assert finish_folder(interrupted).score is not None
    with open_run(interrupted) as reader:
        assert reader.weights()


def test_without_the_table_the_recorded_weights_count(interrupted):
    with open_run(interrupted) as reader:
        weights, score = reader.weights(), reader.meta["score"]
    (interrupted / "data" / "target.npy").unlink()

    outcome = finish_folder(interrupted)

    assert score == outcome.score
    with open_run(interrupted) as reader:
        assert weights == reader.weights()


@pytest.mark.parametrize("name", ["weight", "groups"])
def test_nothing_is_judged_without_the_weights_or_groups_that_there_were(tmp_path, monkeypatch, name):
    """Another score was told, of another ensemble."""
    option, column = ("weight", "w") if name == "weight" else ("group", "g")
    rng = np.random.default_rng(3)
    frame = table().assign(**{column: rng.integers(1, 30, 120)})
    options = {"models": ["linear"], "folds": 2, "trials": 2, "executor": "inline", option: column}
    with monkeypatch.context() as patch:
        patch.setattr("automl.searching.finish_run", stop_at_once)
        with pytest.raises(KeyboardInterrupt):
            fit_run(frame, make_settings("win", options), out=tmp_path / "run")
    (tmp_path / "run" / "data" / f"{name}.npy").unlink()
    with open_run(tmp_path / "run") as reader:
        weights, score = reader.weights(), reader.meta["score"]
    seen = []
    monkeypatch.setattr("automl.unfinished.LiveEnsemble", lambda *_, **named: seen.append(named))

    outcome = finish_folder(tmp_path / "run")

    assert (score, []) == (outcome.score, seen)
    with open_run(tmp_path / "run") as reader:
        assert weights == reader.weights()


def test_damaged_predictions_leave_their_trial_out(interrupted):
    with open_run(interrupted) as reader:
        best = next(row for row in reader.leaderboard() if row["model"] == "linear")["trial"]
    (interrupted / "trials" / f"{best:04d}" / "fold-0" / "predictions.npy").write_bytes(b"\x93NUMPY")

    outcome = finish_folder(interrupted)

    assert best not in {row["trial"] for row in outcome.leaderboard if row["weight"] > 0}
    assert any(f"trial {best} is left out" in reason for reason in outcome.reasons)


@pytest.mark.parametrize("damage", ["cut", "gone", "member"])
def test_a_damaged_model_leaves_its_trial_out(interrupted, damage):
    """A predictor with it could not be loaded, and all other fitted models are removed at the end."""
    with open_run(interrupted) as reader:
        best = max(reader.weights(), key=reader.weights().get)
    tear(interrupted / "trials" / f"{best:04d}" / "fold-1", damage)

    outcome = finish_folder(interrupted)

    assert best not in {row["trial"] for row in outcome.leaderboard if row["weight"] > 0}
    assert f"finish: trial {best} is left out: files of its models are damaged" in outcome.reasons
    assert len(predictions(automl.load(interrupted))) == 30
    with open_run(interrupted) as reader:
        assert "lost" == next(trial for trial in reader.trials() if trial.id == best).kind


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("way", [automl.finish, automl.resume])
def test_a_damaged_encoder_that_models_share_is_mended_or_made_again(interrupted, tmp_path, way, copy):
    """The predictor could not be loaded."""
    whole = run(tmp_path / "whole")
    for path in (interrupted / "encoders").glob("*/*"):
        path.write_bytes(b"")
    if not copy:
        for path in (interrupted / "cache").glob("*/*.npy"):
            path.write_bytes(b"")

    made = way(interrupted)

    if copy or way is automl.resume:
        assert np.array_equal(predictions(whole.predictor), predictions(made))
    assert len(predictions(automl.load(interrupted))) == 30


def test_without_the_table_a_damaged_model_is_left_out_too(interrupted):
    with open_run(interrupted) as reader:
        best = max(reader.weights(), key=reader.weights().get)
    tear(interrupted / "trials" / f"{best:04d}" / "fold-1", "cut")
    (interrupted / "data" / "target.npy").unlink()

    outcome = finish_folder(interrupted)

    assert best not in {row["trial"] for row in outcome.leaderboard if row["weight"] > 0}
    assert len(predictions(automl.load(interrupted))) == 30


def test_whole_folds_of_a_damaged_trial_count_when_nothing_else_was_done(interrupted):
    forget(interrupted, "trials", "id > 2")
    tear(interrupted / "trials" / "0002" / "fold-1", "cut")

    outcome = finish_folder(interrupted)

    assert "finish: trial 2 counts with the 1 folds that were done" in outcome.reasons
    assert not any("is left out" in reason for reason in outcome.reasons)
    assert len(predictions(automl.load(interrupted))) == 30


def test_a_trial_cut_off_counts_when_nothing_else_was_done(interrupted):
    forget(interrupted, "trials", "id > 2")
    with closing(sqlite3.connect(interrupted / DATABASE)) as database, database:
        database.execute(
            "UPDATE trials SET status = 'running', finished = NULL, score = NULL, loss = NULL WHERE id = 2"
        )
        database.execute("DELETE FROM jobs WHERE trial = 2 AND fold = 1")

    outcome = finish_folder(interrupted)

    assert "finish: trial 2 counts with the 1 folds that were done" in outcome.reasons
    assert {2} == {row["trial"] for row in outcome.leaderboard if row["weight"] > 0}


def test_a_model_that_is_not_installed_is_left_out(interrupted):
    registry = load_registry()
    models = {name: spec for name, spec in registry.models.items() if name != "linear"}
    outcome = finish_folder(interrupted, replace(registry, models=models))

    assert any("model linear is not installed" in reason for reason in outcome.reasons)
    assert {"nearest_neighbours", "dummy"} >= {row["model"] for row in outcome.leaderboard if row["weight"] > 0}


def test_nothing_can_be_made_of_a_run_that_had_not_begun(tmp_path):
    Store(tmp_path / "run").close()

    with pytest.raises(RunError, match="interrupted before its search began"):
        automl.finish(tmp_path / "run")
    with pytest.raises(RunError, match="not a run folder"):
        automl.finish(tmp_path)


def test_a_run_without_a_finished_trial_is_finished_as_a_constant(interrupted):
    """As a run ends whose time was too short for anything."""
    forget(interrupted, "trials", "id > 0")
    forget(interrupted, "jobs", "trial > 0")
    forget(interrupted, "weights", "trial > 0")

    outcome = finish_folder(interrupted)

    assert (True, None) == (outcome.only_baseline, outcome.score)
    assert len(np.unique(predictions(outcome.predictor), axis=0)) == 1


@pytest.mark.parametrize("damage", ["columns", "coding", "settings"])
def test_a_damaged_record_is_told(interrupted, damage):
    with closing(sqlite3.connect(interrupted / DATABASE)) as database, database:
        database.execute("UPDATE meta SET value = '7' WHERE key = ?", (damage,))

    with pytest.raises(RunError, match="is damaged"):
        automl.finish(interrupted)


def test_a_database_cut_off_is_told(interrupted):
    content = (interrupted / DATABASE).read_bytes()
    (interrupted / DATABASE).write_bytes(content[: len(content) // 3])

    with pytest.raises(RunError, match="is damaged|cannot be written"):
        automl.finish(interrupted)


def forget(folder, of, where):
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        database.execute(f"DELETE FROM {of} WHERE {where}")


# -- one process at a time ----------------------------------------------------------------------------


def test_a_folder_in_use_is_refused(tmp_path):
    folder = tmp_path / "run"
    store = Store(folder)
    told = f"in use by a run \\(process {os.getpid()}\\)"
    for refused in (check_new_folder, Store, Store.reopen, automl.finish):
        with pytest.raises(RunError, match=told):
            refused(folder)
    with pytest.raises(PredictorError, match="is at work there; wait"):
        automl.load(folder)
    store.close()

    assert who_works(folder) is None
    Store(folder).close()


def test_a_lock_left_by_a_killed_process_locks_nobody_out(tmp_path):
    (tmp_path / LOCK_FILE).write_text("1")

    Store(tmp_path).close()


# -- a full disk --------------------------------------------------------------------------------------


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x")


def test_a_full_disk_while_the_predictor_is_written(tmp_path, monkeypatch):
    """One clear error, no half of a predictor; with more space the run is finished."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("automl.predictor_file.link_tree", full_disk)
        with pytest.raises(RunError, match=f"cannot be written: No space left on device; .*automl finish {folder}"):
            run(folder)
    assert not [path for path in folder.iterdir() if PREDICTOR_FOLDER in path.name]

    assert predictions(automl.finish(folder)).shape == (30, 2)


def test_a_full_disk_while_the_table_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("automl.data.storage.save_data", full_disk)

    with pytest.raises(RunError, match="cannot be written: No space left on device"):
        run(tmp_path / "run")


def test_a_full_disk_while_the_record_is_written(tmp_path):
    store = Store(tmp_path / "run")
    store._db.execute("PRAGMA max_page_count=1")

    with pytest.raises(RunError, match="cannot be written: database or disk is full"):
        store.set_facts({"much": "x" * 100_000})
    store.close()
    with open_run(tmp_path / "run") as reader:
        assert "much" not in reader.meta


@pytest.mark.parametrize(("number", "told"), [(errno.ENOSPC, 0), (errno.EDQUOT, 0), (errno.EACCES, 1)])
def test_a_log_that_cannot_be_kept_hides_no_error(tmp_path, monkeypatch, number, told):
    """On a full disk its own error took the place of the one that names the run's folder and the way on."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "workers.log").write_text("words")

    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("automl.searching.shutil.copyfileobj", refused)
    with closing(Store(tmp_path / "run")) as store:
        keep_logs(SimpleNamespace(notes=()), logs, store)

    with open_run(tmp_path / "run") as reader:
        events = [event["message"] for event in reader.events() if event["code"] == "executor"]
    words = f"workers.log of the workers cannot be kept in the run's folder: [Errno {number}] {os.strerror(number)}"
    assert [words] * told == events


def test_writing_a_predictor_again_leaves_the_old_one_when_it_fails(interrupted, monkeypatch):
    made = finish_folder(interrupted)
    before = predictions(made.predictor)
    with closing(sqlite3.connect(interrupted / DATABASE)) as database, database:
        database.execute("UPDATE meta SET value = '\"running\"' WHERE key = 'status'")
    with monkeypatch.context() as patch:
        patch.setattr("automl.predictor_file.link_tree", full_disk)
        with pytest.raises(RunError, match="No space left"):
            finish_folder(interrupted)

    assert np.array_equal(before, predictions(automl.load(interrupted)))


# -- Ctrl+C -------------------------------------------------------------------------------------------


def test_the_first_signal_is_held_back_where_the_end_is_near():
    with held_back(stopped=False):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)


def test_whoever_stopped_before_is_obeyed_at_once():
    with held_back(stopped=True), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_after_the_search_keeps_what_it_found(tmp_path, monkeypatch):
    monkeypatch.setattr("automl.choosing.choose_within", stop_at_once)

    outcome = run(tmp_path / "run")

    assert outcome.interrupted
    assert outcome.score is not None
    assert predictions(outcome.predictor).shape == (30, 2)
