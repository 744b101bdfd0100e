"""The whole story by the installed command: fit, predict, score; streams, signals, budgets."""

import csv
import json
import os
import pty
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("automl")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def write_table(path, rows, seed):
    """Two noisy numbers, a category with a comma in its name, and which of three sorts it is."""
    draw = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "width", "colour, outside", "sort"])
        for _ in range(rows):
            sort = draw.choice(["alpha", "beta", "gamma"])
            shift = {"alpha": -3, "beta": 0, "gamma": 3}[sort]
            writer.writerow(
                [round(draw.gauss(shift, 1), 3), "" if draw.random() < 0.1 else round(draw.gauss(0, 1), 3),
                 "red" if draw.random() < 0.7 and sort == "beta" else draw.choice(["green", "blue"]), sort]
            )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow")
    write_table(folder / "train.csv", 240, seed=1)
    write_table(folder / "test.csv", 60, seed=2)
    return folder


def automl(folder, *arguments, expect=0):
    done = subprocess.run([str(SCRIPT), *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert expect in (None, done.returncode), done.stdout + done.stderr
    return done


def test_fit_predict_score_show(folder):
    """What a new user does, in worker processes and without a terminal."""
    fitted = automl(folder, "fit", "train.csv", "--target", "sort", "--trials", "2", "--folds", "3", "--models", "linear,lightgbm", "--test",
                    "test.csv", "--out", "run")  # fmt: skip

    assert not CONTROL.search(fitted.stdout + fitted.stderr)
    assert "" == fitted.stderr
    following = fitted.stdout.splitlines()[-1]
    assert following.endswith("automl predict run NEW.csv --out predictions.csv")

    automl(folder, *following.replace("NEW.csv", "test.csv").split()[2:])
    with (folder / "predictions.csv").open(newline="") as file:
        predicted = [row["sort"] for row in csv.DictReader(file)]
    with (folder / "test.csv").open(newline="") as file:
        truth = [row["sort"] for row in csv.DictReader(file)]
    hits = sum(one == other for one, other in zip(predicted, truth, strict=True))
    assert hits > 45

    told = json.loads(automl(folder, "score", "run", "test.csv", "--metric", "accuracy", "--json").stdout)
    assert hits / 60 == pytest.approx(told["score"])
    assert "done" == json.loads(automl(folder, "show", "run", "--json").stdout)["status"]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [5, 12])
def test_the_command_ends_inside_its_budget(folder, seconds):
    """Measured from outside: the start of Python, all imports and the end of the process count, too."""
    started = time.monotonic()
    done = automl(
        folder, "fit", "train.csv", "--target", "sort", "--time", f"{seconds}s", "--out", f"in{seconds}", expect=None
    )
    wall = time.monotonic() - started

    assert wall <= seconds * 1.02 + 3
    assert done.returncode in (0, 3)
    assert (folder / f"in{seconds}" / "predictor" / "predictor.json").is_file()


@pytest.mark.slow
def test_a_table_too_large_for_the_budget_is_sampled_within_it(folder):
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    rng = np.random.default_rng(0)
    columns = {f"x{place}": rng.normal(size=600_000).round(6) for place in range(20)}
    columns["y"] = np.where(columns["x0"] + rng.normal(size=600_000) > 0, "up", "down")
    arrow_csv.write_csv(pa.table(columns), folder / "large.csv")
    started = time.monotonic()
    done = automl(folder, "fit", "large.csv", "--target", "y", "--time", "8s", "--out", "large", expect=None)
    wall = time.monotonic() - started

    assert wall <= 8 * 1.02 + 3
    assert "of the rows are used" in done.stderr + done.stdout
    assert (folder / "large" / "predictor" / "predictor.json").is_file()


def test_json_is_the_only_thing_on_standard_output(folder):
    """Also when a plugin prints, in this process or in a worker, from Python or from native code."""
    (folder / "loud.py").write_text(
        "import os\n"
        "def loud(truth, prediction, weight=None):\n"
        "    print('printed by Python')\n"
        "    os.write(1, b'printed by native code\\n')\n"
        "    return float((truth == prediction).mean())\n"
        "loud.needs = 'labels'\n"
    )
    done = automl(folder, "fit", "train.csv", "--target", "sort", "--trials", "1", "--models", "linear", "--folds", "2",
                  "--metric", "loud:loud", "--out", "loud", "--json")  # fmt: skip

    assert 1 == len(done.stdout.splitlines())
    assert json.loads(done.stdout)["score"] > 0.7
    assert "printed by native code" in done.stderr


def test_columns_with_commas_can_be_named(folder):
    told = json.loads(
        automl(folder, "check", "train.csv", "--target", "sort", "--drop", '"colour, outside",width', "--json").stdout
    )

    assert ["length"] == [column["name"] for column in told["columns"] if column["used"]]


def test_a_table_from_standard_input(folder):
    with (folder / "train.csv").open() as table:
        done = subprocess.run(
            [str(SCRIPT), "check", "-", "--target", "sort", "--json"],
            cwd=folder,
            stdin=table,
            capture_output=True,
            text=True,
        )

    assert 240 == json.loads(done.stdout)["rows"]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["fit", "train.csv", "--target", "srot", "--time", "5s"], 2, "'sort'"),
        (["fit", "missing.csv", "--target", "sort"], 2, "missing.csv does not exist"),
        (["fit", "train.csv", "--target", "sort", "--models", "lnear"], 2, "did you mean linear"),
        (["fit", "train.csv", "--target", "sort", "--drop", "nothing"], 2, "nothing"),
        (["fit", "train.csv", "--target", "sort", "--metric", "rmsee"], 2, "rmse"),
        (["leaderboard", "nowhere"], 4, "does not exist"),
    ],
)
def test_a_mistake_costs_one_line_and_no_folder(folder, arguments, code, expected):
    before = sorted(path.name for path in folder.iterdir())
    done = automl(folder, *arguments, expect=code)

    assert 1 == len(done.stderr.splitlines())
    assert done.stderr.startswith("automl: ")
    assert expected in done.stderr
    assert before == sorted(path.name for path in folder.iterdir())


def test_plugins_are_switched_off_in_workers_too(folder):
    done = automl(
        folder, "--disable-plugin", "linear", "fit", "train.csv", "--target", "sort", "--models", "linear", expect=2
    )

    assert "Plugins switched off: linear" in done.stderr


def read_until(descriptor, wanted, seconds):
    """What a terminal shows until `wanted` is on it, or until its program ends."""
    shown, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
        if wanted and wanted in shown:
            break
    return shown


def on_a_terminal(folder, *arguments):
    child, descriptor = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(SCRIPT, [str(SCRIPT), *arguments], {**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    return child, descriptor


@pytest.mark.slow
def test_progress_on_a_terminal_and_ctrl_c_keeps_the_best_so_far(folder):
    child, descriptor = on_a_terminal(folder, "fit", "train.csv", "--target", "sort", "--time", "10m", "--models", "linear",
                                      "--out", "stopped")  # fmt: skip
    shown = read_until(descriptor, b"best log_loss", 60)
    assert re.search(rb"\d+ trials?, best log_loss [\d.]+, 9:\d\d min left", shown), shown
    time.sleep(1.0)
    os.write(descriptor, b"\x03")
    shown += read_until(descriptor, b"", 30)
    _, status = os.waitpid(child, 0)

    assert 130 == os.waitstatus_to_exitcode(status), shown
    assert b"stopped early; this is the best of what was found" in shown
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h") > 0
    assert (
        json.loads(automl(folder, "score", "stopped", "test.csv", "--metric", "accuracy", "--json").stdout)["score"]
        > 0.7
    )


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code", "out"), [(signal.SIGTERM, 143, "ended"), (signal.SIGHUP, 129, "hung-up")])
def test_a_signal_to_stop_keeps_the_best_so_far(folder, sent, code, out):
    process = subprocess.Popen(
        [str(SCRIPT), "fit", "train.csv", "--target", "sort", "--time", "10m", "--models", "linear", "--out", out, "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    database = folder / out / "run.db"
    end = time.monotonic() + 60
    while time.monotonic() < end and not (database.exists() and finished_trials(database) >= 3):
        time.sleep(0.2)
    process.send_signal(sent)
    printed, err = process.communicate(timeout=30)
    told = json.loads(printed)

    assert (code, "") == (process.returncode, err)
    assert told["interrupted"]
    assert Path(told["predictor"], "predictor.json").is_file()


def finished_trials(database):
    try:
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        try:
            return connection.execute("SELECT count(*) FROM trials WHERE status = 'done'").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.OperationalError:  # the tables are being made
        return 0


def test_a_reader_that_goes_away_is_no_error(folder):
    done = subprocess.run(
        f"'{SCRIPT}' metrics | head -1", shell=True, cwd=folder, capture_output=True, text=True
    )  # fmt: skip

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("metric")
