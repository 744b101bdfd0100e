"""Every error leads to its documented exit code and one plain line; only bugs leave a traceback, in a file."""

import json
import sys
import types

import click
import pytest

from automl import CommandSpec, errors, hookimpl
from automl.cli import exits
from automl.cli.main import run
from automl.cli.output import Session
from automl.interrupts import Terminated
from automl.registry import register_plugin, unregister_plugin


@pytest.fixture
def raising(monkeypatch, tmp_path):
    """Make a command ``explode``, brought by a plugin, that raises what it is given."""
    holder = types.ModuleType("explode_module")

    @click.command()
    @click.option("--json", is_flag=True)
    def explode(json):
        raise holder.error

    class Plugin:
        @hookimpl
        def register_commands(self):
            return [CommandSpec(name="explode", summary="Fails as asked.", factory="explode_module:command")]

    holder.command = explode
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(sys.modules, "explode_module", holder)
    register_plugin(Plugin(), "explosive")
    yield holder
    unregister_plugin("explosive")


def call(*arguments, as_json=False, verbose=False):
    session = Session(started=0.0, json_stream=sys.stdout if as_json else None, verbose=verbose)
    return run(list(arguments), session)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DataError("x"), 2),
        (errors.SettingsError("x"), 2),
        (errors.UnknownNameError("x"), 2),
        (errors.MetricError("x"), 2),
        (errors.RunError("x"), 4),
        (errors.PredictorError("x"), 4),
        (errors.PluginError("x"), 5),
        (errors.MissingDependencyError("x"), 5),
        (PermissionError(13, "Permission denied", "file.csv"), 4),
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
        (Terminated(1), 129),
        (ZeroDivisionError("x"), 1),
        (errors.AutomlError("x"), 1),
        (OSError("no file in it"), 1),
    ],
)
def test_exit_codes(raising, capsys, error, code):
    raising.error = error

    assert code == call("explode")
    told = capsys.readouterr().err.strip().splitlines()
    assert 1 == len(told)
    assert told[0].startswith("automl: ")


def test_every_exit_code_is_explained():
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}

    assert codes == set(exits.MEANINGS)
    assert all(f"{code:>3}  {meaning}" in exits.EPILOG for code, meaning in exits.MEANINGS.items())


def test_a_bug_leaves_its_traceback_in_a_file(raising, capsys, tmp_path):
    raising.error = ZeroDivisionError("deep inside")

    assert 1 == call("explode")
    told = capsys.readouterr().err
    (log,) = tmp_path.glob("automl-error-*.log")
    assert f"the traceback is in {log}" in told
    assert "unexpected ZeroDivisionError: deep inside" in told
    assert "Traceback" not in told
    assert "raise holder.error" in log.read_text()


def test_verbose_shows_the_traceback_of_a_bug(raising, capsys):
    raising.error = ZeroDivisionError("deep inside")
    call("explode", verbose=True)

    assert "Traceback" in capsys.readouterr().err


def test_errors_as_json(raising, capsys):
    raising.error = errors.DataError("column 'x' is wrong")

    assert 2 == call("explode", "--json", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert {"error": {"type": "DataError", "message": "column 'x' is wrong", "exit_code": 2}} == told


def test_wrong_use_as_json(capsys):
    assert 2 == call("fit", "--json", as_json=True)
    assert "UsageError" == json.loads(capsys.readouterr().out)["error"]["type"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["fti"], "there is no command 'fti'; did you mean fit?"),
        (["zzz"], "there are fit, predict, score"),
        (["fit", "t.csv", "--targt", "y"], "--target"),
        (["fit", "t.csv"], "Missing option '--target'"),
        (["fit", "t.csv", "--target", "y", "--task", "regresion"], "did you mean regression?"),
        (["fit", "t.csv", "--target", "y", "--time", "soon"], "write it as 90, 90s, 10m or 1h"),
        (["fit", "t.csv", "--target", "y", "--time", "0"], "must be above zero"),
        (["fit", "t.csv", "--target", "y", "--memory", "lots"], "write it as 500MB or 2GB"),
        (["fit", "t.csv", "--target", "y", "--folds", "1"], "at least 2"),
        (["fit", "t.csv", "--target", "y", "--trials", "many"], "'many' is not a valid integer"),
        (["fit", "t.csv", "--target", "y", "--group", "a", "--time-column", "b"], "choose one way to validate"),
        (["fit", "t.csv", "--target", "y", "--test", "missing.csv"], "--test missing.csv is not there"),
        (["fit", "t.csv", "--target", "y"], "t.csv does not exist"),
        (["fit", "t.csv", "--target", "y", "--models", "ligthgbm"], "did you mean lightgbm"),
        (["fit", "t.csv", "--target", "y", "--strategy", "randon"], "random"),
        (["fit", "t.csv", "--target", "y", "--executor", "inlin"], "did you mean inline"),
        (["fit", "t.csv", "--target", "y", "--tracker", "progres"], "did you mean progress"),
        (["predict", "run", "t.csv", "--out", "p.txt"], "use .csv, .parquet or .feather"),
        (["predict", "run", "t.csv", "--out", "no/p.csv"], "the folder of --out no/p.csv does not exist"),
    ],
)
def test_mistakes_are_told_in_one_line(capsys, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)

    assert 2 == call(*arguments)
    told = capsys.readouterr().err.strip()
    assert expected in told
    assert 1 == len(told.splitlines())
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["leaderboard", "show"])
def test_a_folder_without_a_run_is_told(capsys, tmp_path, command):
    assert 4 == call(command, str(tmp_path))
    assert "is not a run folder" in capsys.readouterr().err


def test_a_folder_without_a_predictor_is_told(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert 4 == call("predict", str(tmp_path), "t.csv", "--out", "p.csv")
    assert "holds no predictor" in capsys.readouterr().err


def test_commands_of_plugins_are_listed_and_run(raising, capsys):
    assert 0 == call("--help")
    assert "Fails as asked." in capsys.readouterr().out


def test_a_plugin_s_command_must_be_one(raising, capsys):
    raising.command = "no command"

    assert 5 == call("explode")
    assert "it must be a click command" in capsys.readouterr().err


def test_a_plugin_can_be_switched_off(raising, capsys, monkeypatch):
    monkeypatch.setenv("AUTOML_DISABLE_PLUGINS", "")

    assert 2 == call("--disable-plugin", "explosive", "explode")
    assert "there is no command 'explode'" in capsys.readouterr().err
