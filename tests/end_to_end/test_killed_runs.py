"""Real runs that are killed, at random moments: no process stays behind, and the folder becomes a predictor."""

import contextlib
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

import automl
from automl import RunError
from automl.run_folder import DATABASE
from automl.run_reader import open_run

SCRIPT = Path(sys.executable).with_name("automl")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(400, 4)), columns=list("abcd"))
    frame["win"] = np.where(frame["a"] + rng.normal(size=400) > 0, "yes", "no")
    frame.to_csv(folder / "train.csv", index=False)
    return folder


@pytest.fixture
def start(folder):
    started = []

    def start_run(name, *options):
        started.append(start_in(folder, name, *options))
        return started[-1]

    def resume_run(name):
        command = [str(SCRIPT), "resume", name, "--json"]
        started.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    start_run.resume = resume_run
    yield start_run
    for process in started:
        process.kill()
        process.communicate(timeout=10)


def start_in(folder, name, *options):
    process = subprocess.Popen(
        [str(SCRIPT), "fit", "train.csv", "--target", "win", "--models", "linear,lightgbm", "--out", name, *options],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    database, until = folder / name / DATABASE, time.monotonic() + 60
    while not database.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    return process


def wait_for_trials(run, least):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(RunError, sqlite3.Error), open_run(run) as reader:
            if sum(trial.status == "done" for trial in reader.trials()) >= least:
                return
        time.sleep(0.1)
    pytest.fail(f"{run} did not finish {least} trials in 60 s")


def all_gone(processes, seconds=10.0):
    gone, alive = psutil.wait_procs(processes, timeout=seconds)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", range(4))
def test_a_run_killed_at_any_moment_can_be_finished(folder, start, number):
    chosen = random.Random(number)
    name = f"random-{number}"
    process = start(name, *(("--time", "60s") if number % 2 else ("--trials", "500")))
    time.sleep(chosen.uniform(0.0, 6.0))
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate(timeout=10)

    assert children
    assert all_gone(children), [one for one in children if one.is_running()]
    with open_run(folder / name) as reader:
        begun = "coding" in reader.meta
    if not begun:  # killed in its first moments
        with pytest.raises(RunError, match="before its search began"):
            automl.finish(folder / name)
        return
    made = automl.finish(folder / name)
    rows = pd.read_csv(folder / "train.csv").drop(columns="win")
    assert made.predict(rows).shape == (400,)
    assert np.array_equal(made.predict_proba(rows), automl.finish(folder / name).predict_proba(rows))


def what_was_found(run):
    """What matters of each trial, by number."""
    with open_run(run) as reader:
        return {one.id: (one.candidate, one.budget, one.parent, one.loss) for one in reader.trials()}


SEARCH = ("--strategy", "hyperband", "--trials", "40", "--folds", "3", "--seed", "3")


@pytest.fixture(scope="module")
def whole(folder):
    process = start_in(folder, "whole", *SEARCH)
    process.communicate(timeout=300)
    return what_was_found(folder / "whole")


@pytest.mark.parametrize("number", range(2))
def test_a_run_killed_at_any_moment_goes_on_as_if_it_had_not_been(folder, start, whole, number):
    """Two workers, half-written files, jobs that were under way: the same trials come out in the end."""
    name = f"resumed-{number}"
    wait = random.Random(100 + number).uniform(0.3, 3.0)
    process = start(name, *SEARCH)
    for _ in range(3):  # killed several times
        wait_for_trials(folder / name, 1)
        time.sleep(wait)
        process.kill()
        process.communicate(timeout=10)
        with open_run(folder / name) as reader:
            before = {one.id: one for one in reader.trials() if one.status == "done"}
        process = start.resume(name)
    _, err = process.communicate(timeout=300)

    assert 0 == process.returncode, err
    assert whole == what_was_found(folder / name)
    with open_run(folder / name) as reader:
        after = {one.id: one for one in reader.trials()}
    assert before == {number: after[number] for number in before}
    assert automl.load(folder / name).score(folder / "train.csv") > 0.7


def test_what_was_found_before_the_kill_is_used(folder, start):
    process = start("late", "--trials", "500")
    wait_for_trials(folder / "late", 3)
    process.kill()
    process.communicate(timeout=10)

    done = subprocess.run(
        [str(SCRIPT), "finish", "late", "--json"], cwd=folder, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)

    assert told["score"] > 0.7
    assert automl.load(folder / "late").score(folder / "train.csv") > 0.7


def test_two_signals_end_a_run_at_once(folder, start):
    process = start("twice", "--time", "10m")
    wait_for_trials(folder / "twice", 2)
    children = psutil.Process(process.pid).children(recursive=True)
    started = time.monotonic()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, err = process.communicate(timeout=30)

    assert time.monotonic() - started < 10
    assert 130 == process.returncode
    assert all_gone(children)
    if not (folder / "twice" / "predictor").is_dir():  # the second came before the predictor was written
        assert "finish twice" in err
        assert automl.finish(folder / "twice").score(folder / "train.csv") > 0.7


def test_a_second_run_in_a_folder_in_use_is_refused(folder, start):
    process = start("shared", "--time", "10m")
    second = subprocess.run(
        [str(SCRIPT), "fit", "train.csv", "--target", "win", "--out", "shared"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    finish = subprocess.run([str(SCRIPT), "finish", "shared"], cwd=folder, capture_output=True, text=True)

    assert 4 == second.returncode
    assert f"in use by a run (process {process.pid})" in second.stderr
    assert 4 == finish.returncode
    assert "wait until it is over" in finish.stderr


def test_a_run_killed_before_its_first_trial_does_not_stand_in_the_way(tmp_path):
    """At many instants of its first moments: the same command works again, until there is a trial."""
    script = Path(__file__).with_name("killed_early.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "10", "19"], capture_output=True, text=True, check=True
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]

    assert len(told) > 5
    assert {"1 trials"} == {one["again"] for one in told[:-1]}, told
    assert any("data" in (one["left"] or ()) for one in told[:-1])
    assert f"automl finish {tmp_path}/at-{told[-1]['at']}/run, or delete" in told[-1]["again"]
