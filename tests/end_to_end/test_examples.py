"""The examples run as they stand, with little time."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
EXPECTED = {
    "python_api.py": r"R2 on new flats: -?\d\.\d{3}\na rent: \d+",
    "custom_metric.py": r"cost of each machine: \d+\.\d\d euros",
    "images.py": r"right on new digits: 0\.\d{3}\nfolder of one digit: .+",
    "own_model_plugin.py": r"nearest_centre +log_loss \d\.\d+",
}


def run_example(name, folder, *arguments):
    variables = {**os.environ, "AUTOML_EXAMPLE_TIME": "10s", "PYTHONWARNINGS": "error::SyntaxWarning"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder, env=variables, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout + done.stderr
    return done


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_example(name, tmp_path):
    if name == "images.py":
        pytest.importorskip("torch")
    done = run_example(name, tmp_path)

    assert re.search(EXPECTED[name], done.stdout), done.stdout
    assert "" == done.stderr
    assert [] == list(tmp_path.iterdir())


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*EXPECTED, "export_demo.py"}


def test_the_demo_s_tables_are_what_the_makefile_says(tmp_path):
    done = run_example("export_demo.py", tmp_path, "demo")
    train, test = ((tmp_path / "demo" / name).read_text().splitlines() for name in ("train.csv", "test.csv"))

    assert "diagnosis" == train[0].split(",")[-1]
    assert train[0] == test[0]
    assert 569 == len(train) + len(test) - 2
    assert set() == set(train[1:]) & set(test[1:])
    assert "190 rows" in done.stdout
    assert "--target diagnosis" in (EXAMPLES.parent / "Makefile").read_text()
