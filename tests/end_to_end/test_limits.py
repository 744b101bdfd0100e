"""Limits on the finished predictor, presets, and the front of score against latency and size."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from automl.api import fit_run, make_settings
from automl.cli.main import run as run_command
from automl.cli.output import Session
from automl.latency import folder_megabytes

TREES = ["lightgbm", "random_forest", "linear"]


def table(rows=400, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 6)), columns=list("abcdef"))
    frame["kind"] = rng.choice(["red", "green", "blue"], size=rows)
    signal = frame["a"] * frame["b"] + (frame["kind"] == "red") + 0.5 * rng.normal(size=rows)
    return frame.assign(win=np.where(signal > 0.3, "yes", "no"))


def run(folder, **options):
    settings = make_settings("win", {"trials": 4, "models": TREES, "folds": 3, "executor": "inline", **options})
    return fit_run(table(), settings, out=folder)


@pytest.fixture(scope="module")
def free(tmp_path_factory):
    """A run without limits."""
    return run(tmp_path_factory.mktemp("free") / "run")


def test_a_limit_on_the_size_is_kept(free, tmp_path):
    size = folder_megabytes(free.predictor.folder)
    outcome = run(tmp_path / "run", max_size_mb=0.4 * size)

    assert outcome.limits_kept
    assert folder_megabytes(outcome.predictor.folder) <= 0.4 * size
    assert not outcome.only_baseline
    assert any(reason.startswith("limits: kept") for reason in outcome.reasons)
    assert outcome.predictor.predict(table(20, 1)).shape == (20,)


def test_a_limit_on_the_latency_is_kept_in_a_new_process(free, tmp_path):
    outcome = run(tmp_path / "run", max_latency_ms=40.0, latency_rows=4)

    assert outcome.limits_kept
    assert any("in batches of 4 (measured in a new process)" in reason for reason in outcome.reasons)
    assert {member.model for member in outcome.predictor.parts.members} <= set(TREES)


def test_limits_are_measured_without_pandas(tmp_path):
    table(200).to_csv(tmp_path / "table.csv", index=False)
    options = "--target win --trials 1 --models linear --max-size-mb 100 --executor inline --out run".split()
    code = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)

sys.meta_path.insert(0, Hidden())
from automl.cli.main import main
sys.argv[1:] = {["fit", "table.csv", *options]!r}
main()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    assert " kept: " in done.stdout


def test_a_fault_while_measuring_loses_nothing(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise ImportError("nothing to measure with")

    monkeypatch.setattr("automl.limits.measure", fail)
    outcome = run(tmp_path / "run", max_size_mb=100.0, trials=1)

    assert not outcome.limits_kept
    assert any("measuring the predictor failed (ImportError: nothing to" in reason for reason in outcome.reasons)
    assert not outcome.only_baseline
    assert set(outcome.predictor.predict(table(20, 1))) <= {"yes", "no"}


def test_a_limit_that_nothing_can_keep_leaves_a_usable_predictor(tmp_path):
    outcome = run(tmp_path / "run", max_latency_ms=1e-7)

    assert not outcome.limits_kept
    assert any(reason.startswith("limits: not kept") for reason in outcome.reasons)
    assert set(outcome.predictor.predict(table(20, 1))) <= {"yes", "no"}


def test_the_dummy_is_what_remains_where_only_it_is_small_enough(tmp_path):
    outcome = run(tmp_path / "run", max_size_mb=0.009, models=["random_forest"])

    assert outcome.limits_kept
    assert [member.model for member in outcome.predictor.parts.members] == ["dummy"]
    assert "predictor: no model keeps the limits on latency and size: the predictor is the baseline" in outcome.reasons
    assert outcome.only_baseline_fits
    assert not outcome.nothing_learned


def test_the_command_says_so_where_only_the_dummy_is_small_enough(tmp_path, capsys):
    table().to_csv(tmp_path / "train.csv", index=False)
    code = run_command(
        ["fit", str(tmp_path / "train.csv"), "--target", "win", "--trials", "1", "--models", "random_forest", "--executor", "inline",
         "--max-size-mb", "0.009", "--out", str(tmp_path / "run")],
        Session(started=0.0),
    )  # fmt: skip

    assert code == 6
    assert "no model keeps the limits on latency and size: the predictor is the dummy" in capsys.readouterr().err


def test_the_fast_preset_has_one_model_for_each_member(free, tmp_path):
    outcome = run(tmp_path / "run", preset="fast")

    assert {len(member.folders) for member in free.predictor.parts.members} == {3}
    assert {len(member.folders) for member in outcome.predictor.parts.members} == {1}


def test_a_predictor_is_measured_by_a_program(free, tmp_path):
    from pyarrow import Table, feather

    feather.write_feather(Table.from_pandas(table(50).drop(columns="win")), tmp_path / "sample.feather")
    command = [sys.executable, "-m", "automl.measure", str(free.predictor.folder), str(tmp_path / "sample.feather")]
    done = subprocess.run([*command, "200"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)

    assert told["megabytes"] == pytest.approx(folder_megabytes(free.predictor.folder))
    assert 0 < told["row_ms"] < 100


def test_the_command_says_by_its_exit_code_that_a_limit_was_not_kept(tmp_path, capsys):
    table().to_csv(tmp_path / "train.csv", index=False)
    code = run_command(
        ["fit", str(tmp_path / "train.csv"), "--target", "win", "--trials", "1", "--models", "linear", "--executor", "inline",
         "--max-latency-ms", "1e-7", "--out", str(tmp_path / "run"), "--json"],
        Session(started=0.0, json_stream=sys.stdout),
    )  # fmt: skip

    assert code == 6
    assert json.loads(capsys.readouterr().out)["limits_kept"] is False


def test_the_front_is_shown(free, capsys):
    command = ["leaderboard", str(free.folder), "--pareto"]
    run_command([*command, "--json"], Session(started=0.0, json_stream=sys.stdout))
    front = json.loads(capsys.readouterr().out)["leaderboard"]
    losses = [row["loss"] for row in front]

    assert losses == sorted(losses)
    assert all(row["row_ms"] > 0 and row["megabytes"] > 0 for row in front)
    assert losses[0] == min(row["loss"] for row in free.leaderboard if row["loss"] is not None)
    run_command(command, Session(started=0.0))
    shown = capsys.readouterr().out
    assert "rows/s" in shown
    assert len(shown.strip().splitlines()) == len(front) + 1


def test_predictions_do_not_depend_on_the_number_of_threads(free, monkeypatch):
    import automl.predictor
    from automl.resources import Limit

    rows = table(2000, 5).drop(columns="win")
    alone = {}
    for cores in (1, 3):
        monkeypatch.setattr(automl.predictor, "usable_cores", lambda cores=cores: Limit(value=cores, reason=""))
        alone[cores] = automl.load(free.folder).predict_proba(rows)
    assert (alone[1] == alone[3]).all()


def test_wide_tables_are_predicted_in_small_batches(free, monkeypatch):
    import automl.joint_predict

    rows = table(1500, 5).drop(columns="win")
    whole = free.predictor.predict_proba(rows)
    monkeypatch.setattr(automl.joint_predict, "BATCH_CELLS", 100)
    assert np.allclose(free.predictor.predict_proba(rows), whole, atol=1e-6)
