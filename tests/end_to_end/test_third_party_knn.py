"""A stranger's plugin, installed beside a wheel of the checkout in a fresh environment, just works."""

import csv
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "tests" / "third_party" / "automl_knn"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def fresh(make_environment):
    return make_environment("automl_knn", "automl_knn.model")


def test_fit_and_predict_with_a_stranger_s_model(fresh, write_table):
    train, test = fresh.folder / "train.csv", fresh.folder / "test.csv"
    write_table(train, 300, seed=1)
    write_table(test, 100, seed=2)

    fresh.run("automl", "fit", train, "--target", "y", "--models", "knn", "--time", "20s", "--out", "run")
    fresh.run("automl", "predict", "run", test, "--out", "predictions.csv")
    leaderboard = json.loads(fresh.run("automl", "leaderboard", "run", "--json").stdout)

    rows = leaderboard if isinstance(leaderboard, list) else leaderboard["leaderboard"]
    assert "knn" in {row["model"] for row in rows if row["status"] == "done"}
    with (fresh.folder / "predictions.csv").open(newline="") as file:
        predictions = list(csv.reader(file))
    with test.open(newline="") as file:
        truth = [row["y"] for row in csv.DictReader(file)]
    assert 1 + len(truth) == len(predictions)
    hits = sum(label in row for label, row in zip(truth, predictions[1:], strict=True))
    assert hits > 90


def test_plugins_command_names_the_stranger(fresh):
    listed = json.loads(fresh.run("automl", "plugins", "--json").stdout)

    plugins = listed if isinstance(listed, list) else listed["plugins"]
    (knn,) = [plugin for plugin in plugins if plugin["distribution"] == "automl-knn"]
    assert ("knn", "0.1.0", "ok", {"models": ["knn"]}) == (
        knn["name"], knn["version"], knn["status"], knn["provides"],
    )  # fmt: skip


def test_switched_off_stranger_is_gone(fresh):
    done = fresh.run("automl", "--disable-plugin", "knn", "fit", fresh.folder / "train.csv", "--target", "y",
                     "--models", "knn", "--time", "20s", "--out", "never", check=False)  # fmt: skip

    assert 2 == done.returncode
    assert "Plugins switched off: knn" in done.stderr


def test_core_install_is_light(fresh):
    code = "import importlib.metadata as m; print(*sorted(d.name.lower() for d in m.distributions()))"
    installed = set(fresh.run("python", "-c", code).stdout.split())

    assert {"automl-pluggy", "automl-knn"} <= installed
    assert set() == installed & {
        "torch",
        "smac",
        "dask",
        "distributed",
        "pandas",
        "polars",
        "xgboost",
        "catboost",
        "ray",
    }


def test_package_comes_from_the_wheel(fresh):
    where = fresh.run(
        "python", "-c", "import automl, automl_plugins; print(automl.__file__); print(automl_plugins.__file__)"
    )

    assert all("site-packages" in line for line in where.stdout.splitlines())


def test_plugin_has_at_most_forty_lines_of_code():
    lines = [line for path in PLUGIN.rglob("*.py") for line in path.read_text().splitlines()]

    assert 40 >= sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines)
