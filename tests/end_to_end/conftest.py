"""A fresh environment with a wheel of the checkout and one stranger's plugin, and a small table to use there."""

import csv
import os
import random
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory):
    """Make an environment for a plugin of ``tests/third_party``; `imports` are modules to compile beforehand."""

    def make(plugin, imports):
        folder = tmp_path_factory.mktemp("fresh")
        # The sources are copied, since setuptools builds in place and would pack what an earlier build left.
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist")
        for name in ("automl", "plugins", "baselines"):
            shutil.copytree(ROOT / name, folder / "source" / name, ignore=ignored)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, folder / "source")
        shutil.copytree(ROOT / "tests" / "third_party" / plugin, folder / plugin, ignore=ignored)
        venv.create(folder / "env", with_pip=False)
        environment = FreshEnvironment(folder)
        install = [sys.executable, "-m", "pip", "--python", str(environment.scripts / "python"), "install", "--quiet"]
        options = ["--no-compile", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
        subprocess.run(
            [*install, *options, str(folder / "source"), str(folder / plugin)], check=True, env=environment.variables
        )
        # pip compiles all that it installs, which takes longer than the rest; here, only what will be used.
        environment.run("python", "-c", f"import automl.api, automl.cli.fit, {imports}, sklearn.ensemble, lightgbm")
        return environment

    return make


@pytest.fixture(scope="session")
def write_table():
    """Write a table of two clouds and a category; `y` says which cloud, with a little noise."""

    def write(path, rows, seed):
        draw = random.Random(seed)
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["a", "b", "colour", "y"])
            for _ in range(rows):
                cloud = draw.choice(["left", "right"])
                shift = 1.5 if cloud == "right" else -1.5
                first = "" if draw.random() < 0.05 else round(draw.gauss(shift, 1), 3)
                writer.writerow([first, round(draw.gauss(-shift, 1), 3), draw.choice(["red", "green"]), cloud])

    return write
