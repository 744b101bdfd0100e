"""A run whose database is damaged or gone: told in one line by every command that reads it, and nobody is locked out."""

import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from automl import RunError, open_run
from automl.api import fit_run, make_settings
from automl.cli import main as cli
from automl.cli.output import Session
from automl.store import Store

RUN = {"models": ["linear", "nearest_neighbours"], "folds": 2, "trials": 3, "executor": "inline", "seed": 1}
COMMANDS = (["show"], ["leaderboard"], ["show", "--rungs"], ["show", "--trial", "1"], ["finish"], ["resume"])


class Killed(BaseException):
    """Nobody catches it: what is left is what a kill leaves."""


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=list("abc"))
    return frame.assign(win=np.where(frame["a"] + rng.normal(size=120) > 0, "yes", "no"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory, table):
    """A run that ended, and one that was killed."""
    place = tmp_path_factory.mktemp("runs")
    fit_run(table, make_settings("win", RUN), out=place / "ended")

    def write(self, trial, *, shown=0):
        if trial.id == 3:
            raise Killed
        return started(self, trial, shown=shown)

    started = Store.trial_started
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "trial_started", write)
        with pytest.raises(Killed):
            fit_run(table, make_settings("win", RUN), out=place / "killed")
    return place


@pytest.fixture(params=["ended", "killed"])
def folder(folders, request, tmp_path):
    """A copy that may be damaged."""
    shutil.copytree(folders / request.param, tmp_path / "run", ignore=shutil.ignore_patterns("run.lock"))
    with closing(sqlite3.connect(tmp_path / "run" / "run.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return tmp_path / "run"


def told(capsys, command, folder):
    """Exit code and standard error."""
    code = cli.run([command[0], str(folder), *command[1:]], Session(started=0.0, json_stream=None))
    return code, capsys.readouterr().err


def overwrite(path, *, start, seed=0):
    """Bytes here and there, as a bad disk does."""
    found, rng = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(len(found) // 50):
        found[rng.randrange(start, len(found))] = rng.randrange(256)
    path.write_bytes(found)


FILES = {
    "empty": lambda path: path.write_bytes(b""),
    "of something else": lambda path: path.write_text("a,b\n" * 50),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "overwritten": lambda path: overwrite(path, start=100),
}
RECORDS = {
    "no trials": "DROP TABLE trials",
    "no weights": "DROP TABLE weights",
    "half a configuration": "UPDATE trials SET config = '{'",
    "a word for a loss": "UPDATE trials SET loss = 'low'",
    "a word for seconds": "UPDATE trials SET seconds = 'long'",
    "a status that there is not": "UPDATE trials SET status = 'odd'",
    "a number for a configuration": "UPDATE trials SET config = '3'",
    "no loss of a trial that is done": "UPDATE trials SET loss = NULL",
    "a word for a moment": "UPDATE trials SET started = 'then'",
    "half a fact": "UPDATE meta SET value = '[' WHERE key = 'plan'",
    "a trial that goes on with itself": "UPDATE trials SET parent = id, kind = 'carried'",
    "numbers for reasons": "INSERT OR REPLACE INTO meta VALUES ('reasons', '[1, 2]')",
    "a number for settings": "UPDATE meta SET value = '3' WHERE key IN ('settings', 'task')",
}


@pytest.mark.parametrize("damage", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_damaged_file_is_told(folder, capsys, command, damage):
    damage(folder / "run.db")
    for left in ("run.db-wal", "run.db-shm"):
        (folder / left).unlink(missing_ok=True)

    code, error = told(capsys, command, folder)

    assert 4 == code
    assert "run.db is damaged and cannot be read" in error
    assert "with another --out" in error
    assert 1 == len(error.splitlines())
    assert (folder / "predictor").exists() == ("the predictor does not need it" in error)
    assert not (folder / "run.lock").exists()


@pytest.mark.parametrize("damage", RECORDS.values(), ids=RECORDS.keys())
def test_a_damaged_record_is_told(folder, capsys, damage):
    with closing(sqlite3.connect(folder / "run.db")) as database, database:
        database.execute(damage)

    for command in (["show"], ["finish"], ["resume"]):
        code, error = told(capsys, command, folder)

        assert (4, 1) == (code, len(error.splitlines())), error
        assert "run.db is damaged and cannot be read" in error
        assert not (folder / "run.lock").exists()


def test_half_a_task_is_told(folder, capsys):
    with closing(sqlite3.connect(folder / "run.db")) as database, database:
        database.execute("UPDATE meta SET value = '{}' WHERE key = 'task'")

    code, error = told(capsys, ["show"], folder)

    assert 4 == code
    assert "run.db is damaged and cannot be read" in error


def test_facts_that_are_not_there_are_told(folder, capsys):
    with closing(sqlite3.connect(folder / "run.db")) as database, database:
        database.execute("DELETE FROM meta WHERE key IN ('metric', 'settings')")

    for command in (["finish"], ["resume"]):
        code, error = told(capsys, command, folder)
        assert 4 == code
        assert "KeyError" in error


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_record_that_is_gone_is_told(folder, capsys, command):
    (folder / "run.db").unlink()

    code, error = told(capsys, command, folder)

    assert 4 == code
    assert "run.db is gone" in error


def test_the_predictor_needs_no_record(folders, table, tmp_path, capsys):
    shutil.copytree(folders / "ended", tmp_path / "run")
    (tmp_path / "run" / "run.db").write_bytes(b"")
    table.to_csv(tmp_path / "new.csv", index=False)

    asked = ["predict", str(tmp_path / "run"), str(tmp_path / "new.csv"), "--out", str(tmp_path / "told.csv")]
    assert 0 == cli.run(asked, Session(started=0.0, json_stream=None))
    assert len(table) == len(pd.read_csv(tmp_path / "told.csv"))


def test_a_run_that_was_killed_at_once_is_no_strange_folder(tmp_path):
    (tmp_path / "trials").mkdir()
    (tmp_path / "run.lock").write_text("4194305")  # a number that no process has

    with pytest.raises(RunError, match="was interrupted before its search began"):
        open_run(tmp_path)


def test_a_run_that_was_killed_before_its_first_table_is_no_damage(tmp_path):
    (tmp_path / "trials").mkdir()
    (tmp_path / "run.db").write_bytes(b"")

    with pytest.raises(RunError, match="was interrupted before its search began"):
        open_run(tmp_path)


def test_a_run_that_is_being_set_up_is_told(tmp_path):
    if sys.platform == "win32":
        pytest.skip("no file locks there")
    code = "import pathlib, sys; from automl.run_lock import RunLock; lock = RunLock(pathlib.Path(sys.argv[1])); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        for name in ("", "run.db"):
            if name:
                (tmp_path / name).write_bytes(b"")
            with pytest.raises(RunError, match=rf"is being set up by a run \(process {other.pid}\)"):
                open_run(tmp_path)
        other.communicate("\n")


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        open_run(tmp_path / "nowhere")


def test_a_locked_record_is_not_called_damaged(folder, monkeypatch):
    original = sqlite3.connect
    monkeypatch.setattr("automl.run_reader.sqlite3.connect", lambda path, **_: original(path, timeout=0.01))
    with closing(original(folder / "run.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(RunError, match="in use by another process"):
            open_run(folder)
