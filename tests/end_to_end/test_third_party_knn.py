"""A stranger's plugin, installed beside a wheel of the checkout in a fresh environment, just works."""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "tests" / "third_party" / "automl_knn"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class FreshEnvironment:
    """An environment with nothing but the two distributions and what they need."""

    def __init__(self, folder):
        self.folder = folder
        self.scripts = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
        self.variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "AUTOML_", "VIRTUAL_ENV"))
        }

    def run(self, *command, check=True):
        program, *arguments = map(str, command)
        done = subprocess.run(  # noqa: PLW1510 - the status is asserted below
            [str(self.scripts / program), *arguments],
            cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert not check or 0 == done.returncode, (
            f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fresh")
    # The sources are copied, since setuptools builds in place and would pack what an earlier build left.
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist")
    for name in ("automl", "plugins", "baselines"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    shutil.copytree(PLUGIN, folder / "automl_knn", ignore=ignored)
    venv.create(folder / "env", with_pip=False)
    environment = FreshEnvironment(folder)
    install = [sys.executable, "-m", "pip", "--python", str(environment.scripts / "python"), "install", "--quiet"]
    subprocess.run(
        [*install, "--no-compile", "--disable-pip-version-check", str(folder / "source"), str(folder / "automl_knn")],
        check=True, env=environment.variables,
    )  # fmt: skip
    # pip compiles all that it installs, which takes longer than the rest; here, only what will be used.
    environment.run("python", "-c", "import automl.api, automl.cli.fit, automl_knn.model, sklearn.ensemble, lightgbm")
    return environment


def write_table(path, rows, seed):
    """Two clouds and a category; `y` says which cloud, with a little noise."""
    draw = random.Random(seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "colour", "y"])
        for _ in range(rows):
            cloud = draw.choice(["left", "right"])
            shift = 1.5 if cloud == "right" else -1.5
            first = "" if draw.random() < 0.05 else round(draw.gauss(shift, 1), 3)
            writer.writerow([first, round(draw.gauss(-shift, 1), 3), draw.choice(["red", "green"]), cloud])


def test_fit_and_predict_with_a_stranger_s_model(fresh):
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
