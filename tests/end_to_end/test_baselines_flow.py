"""Stored configurations from end to end: suggest, learn from a run, start the next one from that."""

import csv
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

import automl
from automl.cli.main import run
from automl.cli.output import Session
from automl.portfolio_record import SCHEMA
from automl.run_reader import open_run

PLAIN = ["--folds", "2", "--models", "extra_trees,linear,nearest_neighbours"]
QUICK = [*PLAIN, "--executor", "inline"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow")
    draw = random.Random(1)
    with (folder / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "weight", "kind"])
        for _ in range(120):
            size, weight = draw.gauss(0, 1), draw.gauss(0, 1)
            writer.writerow([round(size, 3), round(weight, 3), "big" if size + 0.3 * draw.gauss(0, 1) > 0 else "small"])
    plain = {
        "schema": SCHEMA,
        "date": "2026-01-01",
        "candidates": [
            {"model": "nearest_neighbours", "config": {"neighbours": 7}},
            {"model": "linear", "config": {"choice": "fixed", "C": 0.5}},
            {"model": "catboost", "config": {"depth": 5}},
        ],
    }
    (folder / "won.json").write_text(json.dumps(plain))
    return folder


@pytest.fixture
def call(folder, monkeypatch, capsys):
    """Run a command in the folder; with ``--json`` the document is returned, else what was printed."""
    monkeypatch.chdir(folder)

    def call(*arguments, expect=0):
        as_json = "--json" in arguments
        code = run(list(arguments), Session(started=0.0, json_stream=sys.stdout if as_json else None))
        call.out, call.err = capsys.readouterr()
        assert expect == code, call.err
        return json.loads(call.out) if as_json else call.out

    return call


def origins(folder):
    with open_run(folder) as reader:
        return [trial.candidate.origin for trial in reader.trials()]


def test_a_run_starts_from_the_file_and_tells_where_members_came_from(call, tmp_path):
    document = call("fit", "train.csv", "--target", "kind", "--baselines", "won.json", "--trials", "6", "--json",
                    "--out", f"{tmp_path}/run", *QUICK)  # fmt: skip

    assert ["baseline", "default", "default", "default", "baseline:won#1", "baseline:won#2", "random"] == origins(
        tmp_path / "run"
    )
    assert {"baseline:won#1", "baseline:won#2"} <= {row["origin"] for row in document["leaderboard"]}
    assert "baselines: 2 stored configurations follow the default ones" in document["reasons"]


def test_no_baselines_leaves_defaults_and_sampler(call, tmp_path):
    call("fit", "train.csv", "--target", "kind", "--no-baselines", "--trials", "5", "--out", f"{tmp_path}/run", *QUICK)

    assert ["baseline", "default", "default", "default", "random", "random"] == origins(tmp_path / "run")


def test_every_strategy_starts_from_them_and_the_first_has_the_full_budget(call, tmp_path):
    call("fit", "train.csv", "--target", "kind", "--strategy", "random+hyperband", "--trials", "6", "--baselines", "won.json",
         "--out", f"{tmp_path}/run", *QUICK)  # fmt: skip
    with open_run(tmp_path / "run") as reader:
        first = next(trial for trial in reader.trials() if trial.candidate.origin == "default")
        stored = [trial for trial in reader.trials() if trial.candidate.origin.startswith("baseline:won")]

    assert first.is_full
    assert stored


def test_the_same_again_gives_the_same(call, tmp_path):
    for name in ("one", "two"):
        call(
            "fit",
            "train.csv",
            "--target",
            "kind",
            "--trials",
            "6",
            "--seed",
            "3",
            "--out",
            f"{tmp_path}/{name}",
            *QUICK,
        )
    with open_run(tmp_path / "one") as one, open_run(tmp_path / "two") as two:
        first, second = (
            [(t.candidate.id, t.candidate.origin, t.loss) for t in reader.trials()] for reader in (one, two)
        )

    assert first == second
    assert any(origin.startswith("baseline:table-binary") for _, origin, _ in first)


def test_suggest_tells_what_a_run_would_try(call, tmp_path):
    found = call("suggest", "train.csv", "--target", "kind", "--trials", "7", "--json", *PLAIN)
    call("fit", "train.csv", "--target", "kind", "--trials", "7", "--out", f"{tmp_path}/run", *QUICK)

    assert [{"model", "config", "origin"}] * len(found) == [set(row) for row in found]
    assert [row["origin"] for row in found] == origins(tmp_path / "run")[1 : 1 + len(found)]
    assert 3 < len(found) < 7


def test_suggest_for_people_and_quietly(call):
    told = call("suggest", "train.csv", "--target", "kind", "--most", "2", *PLAIN)
    quiet = call("suggest", "train.csv", "--target", "kind", "--most", "2", "-q", *PLAIN)

    assert "place  model" in told
    assert 2 == len(quiet.splitlines())


def test_suggest_trains_nothing_and_writes_nothing(call, folder):
    before = sorted(folder.iterdir())
    call("suggest", "train.csv", "--target", "kind")

    assert before == sorted(folder.iterdir())


def test_suggest_in_python_is_the_same(folder):
    found = automl.suggest(folder / "train.csv", target="kind", models=["linear"], most=2)

    assert ["default"] == [one.origin for one in found]
    with pytest.raises(automl.SettingsError, match="most=0 must be a whole number"):
        automl.suggest(folder / "train.csv", target="kind", most=0)


def test_the_program_that_suggest_prints_runs(call, folder, tmp_path):
    code = call("suggest", str(folder / "train.csv"), "--target", "kind", "--python", "--most", "4", *PLAIN,
                "--baselines", "won.json", "--seed", "2")  # fmt: skip
    (tmp_path / "program.py").write_text(code)
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert 0 == done.returncode, done.stderr
    assert 4 == sum(line.split()[-1] in ("default", "baseline:won#1") for line in done.stdout.splitlines())
    assert "seed=2" in code


def test_python_code_and_json_are_not_asked_for_together(call):
    call("suggest", "train.csv", "--target", "kind", "--python", "--json", expect=2)

    assert "--python and --json were both given" in call.err


def test_a_team_s_runs_become_its_baselines(call, tmp_path):
    for seed in ("1", "2"):
        call(
            "fit",
            "train.csv",
            "--target",
            "kind",
            "--trials",
            "6",
            "--seed",
            seed,
            "--out",
            f"{tmp_path}/{seed}",
            *QUICK,
        )
    told = call("baselines", "learn", f"{tmp_path}/1", f"{tmp_path}/2", "--out", f"{tmp_path}/ours.json", "--json")
    checked = call("baselines", "check", f"{tmp_path}/ours.json", "--json")
    shown = call("baselines", "show", f"{tmp_path}/ours.json", "--json")
    call("fit", "train.csv", "--target", "kind", "--trials", "8", "--baselines", f"{tmp_path}/ours.json",
         "--out", f"{tmp_path}/3", *QUICK)  # fmt: skip

    assert told["candidates"] == checked["candidates"] == len(shown["candidates"]) > 0
    assert ["1", "2"] == [task["name"] for task in shown["tasks"]]
    assert any(origin.startswith("baseline:ours#") for origin in origins(tmp_path / "3"))


def test_lists_show_what_plugins_bring(call):
    rows = call("baselines", "list", "--json")["baselines"]
    told = call("baselines", "show", "table-regression")

    assert ["table-binary", "table-mlp", "table-multiclass", "table-regression"] == [row["name"] for row in rows]
    assert all(
        row["file"].startswith(row["name"]) and row["candidates"] > (5 if row["name"] == "table-mlp" else 50)
        for row in rows
    )
    assert "AutoGluon" in told
    assert 50 < len(told.splitlines())
    assert "#1 " not in told
    assert "changed" not in call("baselines", "list")
    assert ["table-binary", "table-mlp", "table-multiclass", "table-regression"] == call(
        "baselines", "list", "-q"
    ).split()


WRONG_FILES = {
    "not json": ("{", r"is not JSON"),
    "unknown model": ({"candidates": [{"model": "lightgmb", "config": {}}]}, r"did you mean lightgbm"),
    "unknown name": ({"candidates": [{"model": "lightgbm", "config": {"num_leafs": 3}}]}, r"did you mean num_leaves"),
    "out of range": ({"candidates": [{"model": "lightgbm", "config": {"num_leaves": 5000}}]}, r"candidate 1 \(lightgbm\)"),
    "wrong type": ({"candidates": [{"model": "linear", "config": {"choice": 3}}]}, r"choice=3 is none of"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_FILES)
def test_check_tells_what_is_wrong_with_a_file(call, tmp_path, case):
    content, message = WRONG_FILES[case]
    text = content if isinstance(content, str) else json.dumps({"schema": SCHEMA, "date": "2026-01-01", **content})
    (tmp_path / "wrong.json").write_text(text)
    call("baselines", "check", f"{tmp_path}/wrong.json", expect=2)

    import re

    assert re.search(message, call.err), call.err
    assert "Traceback" not in call.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["baselines", "show", "table-binry"], 2, "did you mean table-binary"),
        (["baselines", "learn", ".", "--out", "x.json"], 4, "is not a run folder"),
        (["baselines", "learn", ".", "--out", "x.txt"], 2, "write it as x.json"),
        (["baselines", "learn", ".", "--out", "won.json"], 2, "never overwritten"),
        (["baselines", "lst"], 2, "there is no command 'lst'; did you mean list?"),
        (["baselines"], 2, "Missing command"),
        (["fit", "train.csv", "--target", "kind", "--baselines", "none.json"], 2, "none.json is not there"),
        (["suggest", "train.csv", "--target", "kin"], 2, "kin"),
    ],
    ids=["show", "no run", "suffix", "overwrite", "command", "no command", "fit", "target"],
)
def test_mistakes_are_told_in_one_line(call, folder, arguments, code, message):
    before = sorted(folder.iterdir())
    call(*arguments, expect=code)

    assert message in call.err
    assert 1 == len(call.err.splitlines())
    assert before == sorted(folder.iterdir())


def test_a_file_with_an_unknown_model_is_refused_before_anything_is_read(call, tmp_path):
    plain = {"schema": SCHEMA, "date": "2026-01-01", "candidates": [{"model": "lightgmb", "config": {}}]}
    (tmp_path / "wrong.json").write_text(json.dumps(plain))
    call(
        "fit",
        "train.csv",
        "--target",
        "kind",
        "--baselines",
        f"{tmp_path}/wrong.json",
        "--out",
        f"{tmp_path}/run",
        expect=2,
    )

    assert "did you mean lightgbm" in call.err
    assert not Path(tmp_path / "run").exists()


def test_a_stranger_s_portfolio_takes_turns_with_ours(folder, tmp_path, monkeypatch):
    from automl import PortfolioSpec, hookimpl
    from automl.api import fit_run, make_settings
    from automl.registry import load_registry

    package = tmp_path / "stranger_won"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "won.json").write_text((folder / "won.json").read_text())
    monkeypatch.syspath_prepend(str(tmp_path))

    class Plugin:
        @hookimpl
        def register_portfolios(self):
            return [PortfolioSpec(name="won", summary="Won elsewhere.", file="stranger_won:won.json")]

    registry = load_registry().register(Plugin(), "stranger")
    options = {"models": ("linear", "extra_trees"), "folds": 2, "trials": 6, "executor": "inline"}
    outcome = fit_run(
        str(folder / "train.csv"), make_settings("kind", options), out=tmp_path / "run", registry=registry
    )
    found = [origin.partition("-")[0] for origin in origins(tmp_path / "run")]

    assert ["baseline", "default", "default"] == found[:3]
    assert {"baseline:table", "baseline:won#2"} == set(found[3:5])
    assert "baseline:won#2" in {row["origin"] for row in outcome.predictor.leaderboard()}
