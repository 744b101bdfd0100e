"""The run folder."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from automl import Candidate, RunError, Trial
from automl.run_folder import check_new_folder
from automl.run_lock import who_works
from automl.run_reader import open_run
from automl.store import SCHEMA_VERSION, Store


def _trial(number, **changes):
    candidate = Candidate(model="a", config={"x": 0.5, "y": None, "z": "s"}, origin="default")
    return Trial(id=number, candidate=candidate, **changes)


def test_what_is_written_is_read_back(tmp_path):
    store = Store(tmp_path / "run")
    running = _trial(1)
    store.trial_started(running)
    done = _trial(2, status="done", loss=0.1, score=0.9, fold_losses=(0.1, 0.2), seconds=3.0, facts={"rounds": 7.0})
    store.trial_started(_trial(2))
    store.trial_finished(done)
    store.set_weights({2: 1.0})
    store.job_finished(2, 0, kind="done", loss=0.1, seconds=1.5, parts=(0.1, 1.0, 0.4), facts={"rounds": 7.0})
    store.set_facts({"task": {"classes": ["a", "b"], "bad": float("nan")}})
    with open_run(tmp_path / "run") as run:  # while the writer is still open
        assert [running, done] == run.trials()
        assert run.meta["task"] == {"classes": ["a", "b"], "bad": None}
        assert run.leaderboard()[0]["weight"] == 1.0
        assert run.leaderboard()[0]["trial"] == 2
        assert run.jobs(2)[0]["fit_seconds"] == 1.0
    store.close()


def test_failures_stand_last_with_their_reason(tmp_path):
    store = Store(tmp_path / "run")
    store.trial_finished(_trial(1, status="failed", kind="timeout", message="too slow"))
    store.trial_finished(_trial(2, status="done", loss=0.5, score=0.5))
    store.close()
    with open_run(tmp_path / "run") as run:
        rows = run.leaderboard()

    assert [2, 1] == [row["trial"] for row in rows]
    assert (rows[1]["rank"], rows[1]["kind"], rows[1]["message"]) == (None, "timeout", "too slow")


def test_what_another_version_began_is_left_alone(tmp_path):
    store = Store(tmp_path)
    store.trial_started(_trial(1))
    store.set_facts({"schema_version": 2})
    store.close()
    with pytest.raises(
        RunError, match=f"has schema 2, this version of automl writes {SCHEMA_VERSION}; finish it with the version"
    ):
        Store.reopen(tmp_path)

    assert who_works(tmp_path) is None


def test_a_run_is_never_written_over(tmp_path):
    store = Store(tmp_path / "run")
    store.trial_started(_trial(1))
    store.close()

    with pytest.raises(RunError, match="holds a run already that was interrupted.* automl finish .*run, or delete"):
        Store(tmp_path / "run")

    (tmp_path / "run" / "predictor").mkdir()
    with pytest.raises(RunError, match="holds a run already; give another name with --out, or delete"):
        Store(tmp_path / "run")


def test_a_run_without_a_trial_makes_room_for_the_next(tmp_path):
    first = Store(tmp_path)
    first.set_facts({"left": "behind"})
    (tmp_path / "data").mkdir()
    with pytest.raises(RunError, match="in use by a run"):
        Store(tmp_path)
    first.close()

    check_new_folder(tmp_path)
    assert (tmp_path / "data").is_dir()  # looking changes nothing
    Store(tmp_path).close()

    assert ["run.db", "trials"] == sorted(path.name for path in tmp_path.iterdir())
    with closing(sqlite3.connect(tmp_path / "run.db")) as database:
        assert [] == database.execute("SELECT * FROM meta WHERE key = 'left'").fetchall()


@pytest.mark.parametrize(
    ("name", "content"), [("notes.txt", b"mine"), ("run.db", b"no database"), ("trials/0001/file", b"of a trial")]
)
def test_what_is_not_a_leftover_is_left_alone(tmp_path, name, content):
    Store(tmp_path).close()
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(content)

    for refused in (check_new_folder, Store):
        with pytest.raises(RunError, match="nothing was changed"):
            refused(tmp_path)
    assert content == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("name", ["data/train.csv", "splits.npz"])
@pytest.mark.parametrize("database", [False, True])
def test_files_of_the_user_that_are_called_like_a_runs_are_left_alone(tmp_path, name, database):
    """As when a project with a folder `data` is given as the run folder; a database without tables is no run's either."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    if database:
        (tmp_path / "run.db").touch()

    for refused in (check_new_folder, Store):
        with pytest.raises(RunError, match="nothing was changed"):
            refused(tmp_path)
    assert "mine" == (tmp_path / name).read_text()


def test_a_database_of_somebody_else_is_left_alone(tmp_path):
    with closing(sqlite3.connect(tmp_path / "run.db")) as database:
        database.execute("CREATE TABLE poems (line TEXT)")
        database.commit()

    with pytest.raises(RunError, match="nothing was changed"):
        Store(tmp_path)


def test_where_locks_are_not_known_the_process_must_have_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("automl.run_lock._lock", lambda file, shared: None)
    store = Store(tmp_path)
    with pytest.raises(RunError, match="holds a run already that was interrupted"):
        check_new_folder(tmp_path)
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (tmp_path / "run.lock").write_bytes(ended.stdout.strip())

    check_new_folder(tmp_path)
    store.close()


def test_foreign_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match=r"thesis\.txt"):
        check_new_folder(tmp_path)

    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_file_is_no_run_folder(tmp_path):
    path = tmp_path / "x"
    path.write_text("")

    with pytest.raises(RunError, match="is a file"):
        check_new_folder(path)


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(RunError, match="not a run folder"):
        open_run(tmp_path)


def test_a_damaged_database_is_told(tmp_path):
    (tmp_path / "run.db").write_bytes(b"this is no database at all" * 100)

    with pytest.raises(RunError, match="damaged"):
        open_run(tmp_path)


def test_plain_sqlite_reads_it(tmp_path):
    store = Store(tmp_path / "run")
    store.trial_finished(_trial(1, status="done", loss=0.5))
    store.close()
    assert ["run.db"] == [path.name for path in (tmp_path / "run").glob("run.db*")]
    with closing(sqlite3.connect(tmp_path / "run" / "run.db")) as database, database:
        assert [("delete",)] == database.execute("PRAGMA journal_mode").fetchall()
        assert [("a", 0.5)] == database.execute("SELECT model, loss FROM trials").fetchall()
    database.close()
