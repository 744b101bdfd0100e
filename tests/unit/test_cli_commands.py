"""The commands one by one, in this process, on a small run."""

import csv
import io
import json
import random
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from automl.cli.fit import name_of
from automl.cli.fit_report import program
from automl.cli.main import run
from automl.cli.output import Session
from automl.workspace import reserved_folder

QUICK = ["--executor", "inline", "--trials", "2", "--folds", "2"]


def write_table(path, rows, seed, *, target=True):
    draw = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "colour", "row id", *(["kind"] if target else [])])
        for number in range(rows):
            label = draw.choice(["big, red", "small"])
            size = draw.gauss(2.0 if label == "small" else -2.0, 1)
            writer.writerow([round(size, 3), draw.choice("xyz"), f"r{number:05d}", *([label] if target else [])])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with tables and a finished run called ``run``."""
    folder = tmp_path_factory.mktemp("cli")
    write_table(folder / "train.csv", 120, seed=1)
    write_table(folder / "test.csv", 40, seed=2)
    write_table(folder / "new.csv", 15, seed=3, target=False)
    code = run(
        ["fit", f"{folder}/train.csv", "--target", "kind", "--models", "linear", "--out", f"{folder}/run", *QUICK],
        Session(started=0.0),
    )
    assert 0 == code
    return folder


@pytest.fixture
def call(folder, monkeypatch, capsys):
    """Run a command in the folder; what it printed is in `call.out`, its JSON is returned with ``--json``."""
    monkeypatch.chdir(folder)

    def call(*arguments, expect=0):
        as_json = "--json" in arguments
        code = run(list(arguments), Session(started=0.0, json_stream=sys.stdout if as_json else None))
        call.out, call.err = capsys.readouterr()
        assert expect == code, call.err
        return json.loads(call.out) if as_json else call.out

    return call


def rows_of(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_fit_tells_data_plan_result_and_next_command(call, tmp_path):
    out = call("fit", "train.csv", "--target", "kind", "--models", "linear", "--out", f"{tmp_path}/r u n", "--test",
               "test.csv", *QUICK)  # fmt: skip
    lines = out.splitlines()

    assert lines[0].startswith("data ")
    assert "120 rows" in lines[0]
    assert {"machine", "task", "validation", "score", "test", "predictor", "next"} <= {
        line.partition(" ")[0] for line in lines
    }
    assert f"next        automl predict '{tmp_path}/r u n' NEW.csv --out predictions.csv" == lines[-1]
    assert "\x1b" not in out
    assert "" == call.err


def test_a_model_that_was_asked_for_and_is_not_used_is_told(call, tmp_path, monkeypatch):
    """Those that nobody asked for are among the reasons only (-v)."""
    monkeypatch.setattr("automl.specs._is_installed", lambda module: module not in ("xgboost", "catboost"))
    call("fit", "train.csv", "--target", "kind", "--models", "linear,xgboost", "--out", f"{tmp_path}/run", *QUICK)

    assert call.err.startswith("automl: model 'xgboost', which was asked for, is not used: needs xgboost, which is not")
    assert "pip install 'automl-pluggy[xgboost]'" in call.err
    assert "catboost" not in call.err


def test_quiet_fit_tells_scores_and_path_only(call, tmp_path):
    out = call("fit", "train.csv", "--target", "kind", "--models", "linear", "--out", f"{tmp_path}/run", "-q", *QUICK)

    assert ["score", "predictor"] == [line.split()[0] for line in out.splitlines()]


def test_fit_as_json(call, tmp_path):
    told = call("fit", "train.csv", "--target", "kind", "--models", "linear", "--out", f"{tmp_path}/run", "--test",
                "test.csv", "--json", *QUICK)  # fmt: skip

    assert str(tmp_path / "run") == told["folder"]
    assert Path(told["predictor"], "predictor.json").is_file()
    assert ("roc_auc", "test.csv", None) == (told["metric"], told["test"]["file"], told["test"]["error"])
    assert told["score"] > 0.9
    assert told["test"]["score"] > 0.9
    assert {"linear", "dummy"} == {row["model"] for row in told["leaderboard"]}
    assert "binary" == told["task"]["problem_type"]
    assert {"trials", "failed", "seconds", "only_baseline", "interrupted", "reasons", "findings"} <= set(told)


def test_only_the_dummy_has_an_exit_code_of_its_own(call, tmp_path):
    call("fit", "train.csv", "--target", "kind", "--models", "dummy", "--out", f"{tmp_path}/run", *QUICK, expect=3)

    assert "only the dummy could be fitted" in call.err


def test_a_test_table_without_target_is_refused_before_the_search(call, tmp_path):
    call("fit", "train.csv", "--target", "kind", "--models", "linear", "--out", f"{tmp_path}/run", "--test",
         "new.csv", *QUICK, expect=2)  # fmt: skip

    assert "--test new.csv has no column 'kind', which --target names; " in call.err
    assert not (tmp_path / "run").exists()


def test_a_test_table_that_lacks_columns_does_not_cost_the_run(call, tmp_path):
    narrow = tmp_path / "narrow.csv"
    narrow.write_text("kind,other\n" + "".join(f'"{row["kind"]}",1\n' for row in rows_of("test.csv")))
    out = call("fit", "train.csv", "--target", "kind", "--models", "linear", "--out", f"{tmp_path}/run", "--test",
               str(narrow), *QUICK, expect=2)  # fmt: skip

    assert "predictor" in out
    assert "narrow.csv could not be scored" in call.err


def test_a_folder_with_files_is_refused_and_kept(call, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    call("fit", "train.csv", "--target", "kind", "--out", str(tmp_path), *QUICK, expect=4)

    assert "is not empty" in call.err
    assert ["mine.txt"] == [path.name for path in tmp_path.iterdir()]


def test_default_folders_never_clash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: "20250101-120000")

    with reserved_folder(name_of("some/train.csv.gz")) as first, reserved_folder(name_of("train.csv")) as second:
        assert Path("runs/train-20250101-120000") == first
        assert Path("runs/train-20250101-120000-2") == second
        (second / "run.db").touch()
    with reserved_folder(name_of("-")) as third:
        assert Path("runs/stdin-20250101-120000") == third
    assert [second] == list(Path("runs").iterdir())


def test_predict_keeps_the_order_and_names_the_column_after_the_target(call):
    out = call("predict", "run", "new.csv", "--out", "predictions.csv")
    predicted, given = rows_of("predictions.csv"), rows_of("new.csv")

    assert "15 predictions\npredictions.csv\n" == out
    assert [{"kind"}] * 15 == [set(row) for row in predicted]
    expected = ["small" if float(row["size"]) > 0 else "big, red" for row in given]
    assert sum(row["kind"] == label for row, label in zip(predicted, expected, strict=True)) >= 13


def test_predict_with_probabilities(call):
    told = call("predict", "run", "new.csv", "--out", "p.csv", "--proba", "--json")
    rows = rows_of("p.csv")

    assert (15, ["kind", "proba_big, red", "proba_small"]) == (told["rows"], told["columns"])
    for row in rows:
        first, second = float(row["proba_big, red"]), float(row["proba_small"])
        assert first + second == pytest.approx(1.0)
        assert ("small" if second > first else "big, red") == row["kind"]


def test_probabilities_do_not_take_the_place_of_a_target_of_that_name(call):
    Path("odd.csv").write_text("size,proba_1\n" + "".join(f"{one % 9},{int(one % 9 > 4)}\n" for one in range(60)))
    call(
        "fit",
        "odd.csv",
        "--target",
        "proba_1",
        "--trials",
        "1",
        "--models",
        "linear",
        "--out",
        "odd",
        "--folds",
        "2",
        "-q",
    )

    told = call("predict", "odd", "odd.csv", "--out", "odd_p.csv", "--proba", "--json")

    assert ["proba_1", "proba_0", "proba_1.2"] == told["columns"]
    assert {"0", "1"} == {row["proba_1"] for row in rows_of("odd_p.csv")}


def test_predict_writes_parquet_and_feather(call):
    call("predict", "run", "new.csv", "--out", "p.csv", "-q")
    call("predict", "run", "new.csv", "--out", "p.parquet", "-q")
    call("predict", "run", "new.csv", "--out", "p.feather", "-q")
    expected = [row["kind"] for row in rows_of("p.csv")]

    assert expected == pq.read_table("p.parquet").column("kind").to_pylist()
    assert expected == feather.read_table("p.feather").column("kind").to_pylist()


def test_predict_reads_standard_input(call, monkeypatch):
    call("predict", "run", "new.csv", "--out", "p.csv", "-q")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("new.csv").read_bytes())))
    call("predict", "run", "-", "--out", "q.csv", "-q")

    assert Path("p.csv").read_bytes() == Path("q.csv").read_bytes()


def test_predict_refuses_to_overwrite_its_table(call):
    before = Path("new.csv").read_bytes()
    call("predict", "run", "new.csv", "--out", "./new.csv", expect=2)

    assert "nothing was changed" in call.err
    assert before == Path("new.csv").read_bytes()


def test_missing_columns_are_named_and_can_be_allowed(call):
    Path("narrow.csv").write_text("colour\nx\ny\n")
    call("predict", "run", "narrow.csv", "--out", "p.csv", expect=2)
    assert "size" in call.err
    call("predict", "run", "narrow.csv", "--out", "p.csv", "--allow-missing")

    assert 2 == len(rows_of("p.csv"))


def test_a_failed_prediction_leaves_no_file(call, tmp_path):
    Path("narrow.csv").write_text("colour\nx\n")
    call("predict", "run", "narrow.csv", "--out", f"{tmp_path}/p.csv", expect=2)

    assert [] == list(tmp_path.iterdir())


def test_probabilities_of_a_number_are_refused(call, tmp_path):
    call("fit", "train.csv", "--target", "size", "--models", "linear", "--out", f"{tmp_path}/run", *QUICK)
    call("predict", f"{tmp_path}/run", "new.csv", "--out", "p.csv", "--proba", expect=2)

    assert "leave --proba out" in call.err


def test_truth_values_are_written_as_words(call, tmp_path):
    draw = random.Random(1)
    lines = [f"{size},{size > 0}" for size in (round(draw.gauss(0, 1), 3) for _ in range(60))]
    (tmp_path / "t.csv").write_text("\n".join(["size,good", *lines]))
    call("fit", f"{tmp_path}/t.csv", "--target", "good", "--models", "linear", "--out", f"{tmp_path}/run", *QUICK)
    call("predict", f"{tmp_path}/run", f"{tmp_path}/t.csv", "--out", f"{tmp_path}/p.csv", "--proba")

    rows = rows_of(tmp_path / "p.csv")
    assert {"True", "False"} == {row["good"] for row in rows}
    assert {"good", "proba_False", "proba_True"} == set(rows[0])


def test_score_by_the_run_s_metric_and_by_others(call):
    assert call("score", "run", "test.csv").startswith("roc_auc 0.9")
    told = call("score", "run", "test.csv", "--metric", "accuracy,log_loss", "--metric", "f1_macro", "--json")

    assert ["accuracy", "log_loss", "f1_macro"] == list(told["scores"])
    assert ("accuracy", told["scores"]["accuracy"], 40) == (told["metric"], told["score"], told["rows"])


def test_score_with_weights(call):
    rows = rows_of("test.csv")
    with Path("weighted.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "w"])
        writer.writeheader()
        writer.writerows({**row, "w": number % 3} for number, row in enumerate(rows))
    plain = call("score", "run", "weighted.csv", "--metric", "log_loss", "--json")["score"]
    weighted = call("score", "run", "weighted.csv", "--metric", "log_loss", "--weight", "w", "--json")["score"]

    assert plain != weighted


def test_scoring_without_target_is_refused(call):
    call("score", "run", "new.csv", expect=2)

    assert "needs the target column 'kind'" in call.err


def test_unknown_metric_is_refused_with_near_names(call):
    call("score", "run", "test.csv", "--metric", "roc_acu", expect=2)

    assert "did you mean roc_auc" in call.err


def test_leaderboard(call):
    lines = call("leaderboard", "run").splitlines()
    told = call("leaderboard", "run", "--json")

    assert ["rank", "model", "roc_auc"] == lines[0].split()[:3]
    assert "linear" in lines[1]
    assert ["dummy", "linear", "linear"] == sorted(row["model"] for row in told["leaderboard"])
    losses = [row["loss"] for row in told["leaderboard"]]
    assert losses == sorted(losses)
    assert ("done", "roc_auc") == (told["status"], told["metric"])
    assert 2 == sum(
        line.startswith("trial") and "linear {" in line for line in call("leaderboard", "run", "-v").splitlines()
    )


def test_show(call):
    out = call("show", "run")
    told = call("show", "run", "--json")

    assert "status      done" in out
    assert "asked       models = ['linear']" in out
    assert ("kind", "done") == (told["task"]["target"], told["status"])
    assert {"settings", "reasons", "findings", "columns", "versions", "events", "leaderboard"} <= set(told)


def test_show_of_the_predictor_s_folder_is_that_of_its_run(call):
    assert call("show", "run", "--json") == call("show", "run/predictor", "--json") | {"folder": "run"}


def test_show_one_trial(call):
    out = call("show", "run", "--trial", "2")
    told = call("show", "run", "--trial", "2", "--json")

    assert out.startswith("trial 2: linear")
    assert [0, 1] == [job["fold"] for job in told["jobs"]]
    call("show", "run", "--trial", "9", expect=2)
    assert "has trials 1 to 3" in call.err


def test_check_tells_kinds_with_reasons(call):
    out = call("check", "train.csv", "--target", "kind", "--column", "colour=text")
    told = call("check", "train.csv", "--target", "kind", "--column", "colour=text", "--json")

    kinds = {column["name"]: (column["kind"], column["used"]) for column in told["columns"]}
    assert {"size": ("number", True), "colour": ("text", True), "row id": ("id", False)} == kinds
    assert all(column["reason"] for column in told["columns"])
    assert ("binary", 120) == (told["task"]["problem_type"], told["rows"])
    assert "id, not used" in out
    assert not Path("runs").exists()


def test_check_of_a_wide_table_stays_short(call, tmp_path):
    names = [f"c{number}" for number in range(80)]
    rows = [",".join(str((row * 7 + number * row) % 11 + row / 100) for number in range(80)) for row in range(30)]
    (tmp_path / "wide.csv").write_text("\n".join([",".join(names), *rows]))
    short = call("check", f"{tmp_path}/wide.csv", "--target", "c0")
    long = call("check", f"{tmp_path}/wide.csv", "--target", "c0", "-v")

    assert "and 19 more columns (-v shows all)" in short
    assert "c79" not in short
    assert "c79" in long


@pytest.mark.parametrize(("command", "name"), [("models", "linear"), ("metrics", "roc_auc"), ("plugins", "linear")])
def test_lists(call, command, name):
    assert name in call(command)
    assert name in call(command, "-q").split()
    told = call(command, "--json")
    (row,) = [row for row in told[command] if row["name"] == name]
    if command == "models":
        assert row["usable"]
        assert ["binary", "multiclass", "regression"] == row["problem_types"]


def test_models_tell_what_is_missing(call, monkeypatch):
    monkeypatch.setattr("automl.specs._is_installed", lambda module: module != "xgboost")

    assert "pip install 'automl-pluggy[xgboost]'" in call("models")
    told = {row["name"]: row for row in call("models", "--json")["models"]}
    assert not told["xgboost"]["usable"]
    assert "needs xgboost" in told["xgboost"]["reason"]
    assert "xgboost" not in call("models", "-q").split()


def test_version(call):
    from automl import __version__

    assert f"automl {__version__}\n" == call("--version")


def test_the_next_command_is_one_that_the_shell_finds(tmp_path, monkeypatch):
    script = tmp_path / ".venv" / "bin" / "automl"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), "fit"])

    monkeypatch.setenv("PATH", "/nowhere")
    assert ".venv/bin/automl" == program()
    monkeypatch.setenv("PATH", str(script.parent))
    assert "automl" == program()
