"""What the commands say of the folder of a run: in one plain line, with what was wrong and what to do."""

import itertools
import json
import sys

import numpy as np
import pandas as pd
import pytest

from automl.api import fit_run, make_settings
from automl.cli import exits
from automl.cli import main as cli
from automl.cli.output import Session
from automl.store import Store

RUN = {"models": ["linear", "nearest_neighbours"], "folds": 2, "trials": 3, "executor": "inline", "seed": 1}


class Killed(BaseException):
    """Nobody catches it: what is left is what a kill leaves."""


def table(rows=120):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    return frame.assign(win=np.where(frame["a"] + rng.normal(size=rows) > 0, "yes", "no"))


def fit(folder, **options):
    return fit_run(table(), make_settings("win", {**RUN, **options}), out=folder)


def killed(monkeypatch, folder, *, method="trial_started", at=3, **options):
    """A run that is killed when it writes for the `at`-th time with this method of its store."""
    calls, original = itertools.count(1), getattr(Store, method)

    def write(self, *values, **named):
        if next(calls) == at:
            raise Killed
        return original(self, *values, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Store, method, write)
        with pytest.raises(Killed):
            fit(folder, **options)
    return folder


@pytest.fixture
def call(capsys):
    """Run a command line: exit code, standard output and standard error."""

    def call_it(*arguments):
        session = Session(started=0.0, json_stream=sys.stdout if "--json" in arguments else None)
        code = cli.run([str(one) for one in arguments], session)
        told = capsys.readouterr()
        return code, told.out, told.err

    return call_it


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ended") / "run"
    fit(folder)
    return folder


# -- a run that has ended -------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["resume", "finish"])
def test_a_run_that_had_ended_says_so_and_why(call, ended, command):
    code, out, _ = call(command, ended)

    assert code == exits.DONE
    first = out.splitlines()[0]
    assert first.startswith(f"the run in {ended} had ended (3 trials were made): nothing was left to do")
    assert ("--time and --trials" in first) == (command == "resume")
    document = json.loads(call(command, ended, "--json")[1])
    assert document["notice"] == first


def test_the_metric_of_a_run_that_had_ended_is_checked(call, ended):
    code, _, err = call("resume", ended, "--metric", "accuracy")

    assert code == exits.INPUT
    assert err == "automl: metric 'accuracy' was given, but the run is judged by 'roc_auc'; leave it out\n"
    for name in ("roc_auc", "auc", "ROC_AUC"):
        assert call("resume", ended, "--metric", name)[0] == exits.DONE


def test_a_run_of_which_only_the_predictor_was_missing_says_so(call, monkeypatch, tmp_path):
    folder = killed(monkeypatch, tmp_path / "run", method="set_weights", at=1)
    (folder / "predictor").mkdir(exist_ok=True)

    code, out, _ = call("resume", folder)

    assert code == exits.DONE
    assert "was not searched on, as its search was over: the predictor was made of what it had found" in out
    again = call("resume", folder)[1].splitlines()[0]
    assert "had ended (it was interrupted, and its predictor was made of what it had found)" in again
