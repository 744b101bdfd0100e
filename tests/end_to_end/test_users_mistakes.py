"""What users get wrong, or do in passing, is told in words, and nothing is silently read as something else."""

import errno
import io
import logging
import sys
import time

import numpy as np
import pandas as pd
import pytest

import automl
from automl.api import fit_run, make_settings
from automl.cli import exits
from automl.cli.main import _flushed
from automl.cli.main import run as run_command
from automl.cli.output import Session
from automl.errors import DataError, SettingsError
from automl.fold_plan import choose_folds
from automl.prices import Money, Prices
from automl.task import Task

QUICK = {"trials": 1, "models": ["linear"], "folds": 2, "executor": "inline"}


def table(rows=60):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=rows), "c": rng.choice(["red", "blue"], size=rows)})
    frame["when"] = [f"{1 + row % 28}.03.2021" for row in range(rows)]
    return frame.assign(y=np.where(frame["x"] > 0, "yes", "no"))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    """Learned from `table`."""
    folder = tmp_path_factory.mktemp("mistakes") / "run"
    return fit_run(table(), make_settings("y", QUICK), out=folder).predictor


def test_a_row_of_a_table_is_predicted_as_a_row(predictor):
    frame = table()

    assert [predictor.predict(frame)[3]] == predictor.predict(frame.iloc[3]).tolist()
    with pytest.raises(DataError, match="lacks a column that is needed: 'c'"):
        predictor.predict(frame.iloc[3].drop("c"))


def test_python_tells_what_it_could_not_read(predictor, caplog):
    with caplog.at_level(logging.WARNING, logger="automl"):
        predictor.predict({"x": 0.5, "c": "green", "when": "garbage"})

    told = "\n".join(record.getMessage() for record in caplog.records)

    assert "levels that training did not see ('green')" in told
    assert "are no dates ('garbage') and count as missing" in told
    caplog.clear()
    predictor.predict({"x": 0.5, "c": "red", "when": "1.1.2022"})

    assert [] == caplog.records


def test_the_command_tells_once_what_it_could_not_read(predictor, tmp_path, capfd):
    table().assign(c="green").to_csv(tmp_path / "new.csv", index=False)
    words = ["predict", str(predictor.folder), str(tmp_path / "new.csv"), "--out", str(tmp_path / "p.csv")]

    assert 0 == run_command(words, Session(started=time.monotonic()))

    out, err = capfd.readouterr()

    assert ("", 1) == (err, out.count("'green'"))


def test_a_folder_that_cannot_be_written_is_told_by_the_users_path(predictor, tmp_path, capfd, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system", ".p.csv.123")

    monkeypatch.setattr("pyarrow.csv.write_csv", refuse)
    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    table().to_csv(tmp_path / "new.csv", index=False)
    target = tmp_path / "p.csv"
    words = ["predict", str(predictor.folder), str(tmp_path / "new.csv"), "--out", str(target)]

    assert exits.INPUT == run_command(words, Session(started=time.monotonic()))
    assert f"--out {target} cannot be written: Read-only file system" in capfd.readouterr().err


def test_output_that_cannot_be_written_is_no_bug(monkeypatch, capfd):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(errno.ENOSPC, "No space left on device")

        def fileno(self):
            return spare.fileno()

    with open("/dev/null", "w") as spare:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", Full())

        assert exits.RUN == _flushed(exits.DONE, Session(started=0.0))

    err = capfd.readouterr().err

    assert "No space left on device" in err
    assert "bug" not in err


def test_the_target_cannot_be_dropped():
    with pytest.raises(SettingsError, match="'y' was given two roles: the target, and one to drop"):
        automl.check(table(), target="y", drop=("y",))


def test_a_target_to_ignore_is_told():
    found = automl.check(table(), target="y", ignore=("y",))

    assert "target-ignored" in [finding.code for finding in found.findings]


def test_a_validation_file_that_lacks_columns_is_told_what_to_do(tmp_path):
    table().drop(columns=["c", "x"]).to_csv(tmp_path / "validation.csv", index=False)

    with pytest.raises(DataError, match="lacks columns of the training table: 'x', 'c'; add them, or drop") as caught:
        automl.check(table(), target="y", validation=tmp_path / "validation.csv")
    assert "allow" not in str(caught.value)


@pytest.mark.parametrize(("rows", "folds"), [(6, 3), (9, 4), (12, 5), (100, 8)])
def test_the_heading_of_the_folds_is_what_is_made(rows, folds):
    task = Task(target="y", problem_type="regression", metric="rmse", rows=rows, features=3)
    _, found, _, reason = choose_folds(task, make_settings("y", {}), None, 2)

    assert folds == found
    assert reason.startswith(f"{folds} folds x ")


def test_small_sums_of_money_are_told_with_their_digits():
    money = Money(most=0.001, prices=Prices(cpu_hour=0.05, currency="$"), cores=2)

    assert money.spent(10.0).startswith("$0.00028 of $0.0010 (10 s of 2 cores)")
    assert "$3.50" == money.prices.told(3.5)
