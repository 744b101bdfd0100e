"""``automl --help`` is quick and imports nothing heavy; neither does any command before it works."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from automl.cli.main import COMMANDS

HEAVY = (
    "numpy",
    "scipy",
    "sklearn",
    "pyarrow",
    "pandas",
    "polars",
    "torch",
    "lightgbm",
    "ConfigSpace",
    "rich",
    "sqlite3",
)
SCRIPT = Path(sys.executable).with_name("automl")
LEAST_REPEATS, MOST_REPEATS = 5, 25
MOST_TIMES = 3.0


def modules_after(*arguments):
    """Modules that the command imports; it ends with SystemExit."""
    code = f"""
import sys
sys.argv = ["automl", *{list(arguments)!r}]
from automl.cli.main import main
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
finally:
    print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["plugins"], ["models"], ["metrics"], *([name, "--help"] for name in COMMANDS)],
)
def test_nothing_heavy_is_imported(arguments):
    modules = modules_after(*arguments)

    assert "click" in modules
    assert [] == [name for name in HEAVY if name in modules]


def wall_seconds(command):
    # Installed packages are compiled once, not at each start, whatever the shell of the tests says.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - started


def test_help_takes_at_most_three_times_the_import_of_click():
    """The best of several runs in turn: other work on the machine only ever adds time, so a busy one gets more."""
    assert SCRIPT.exists(), f"{SCRIPT} is missing: install the package into the environment of the tests"
    commands = {"click": [sys.executable, "-c", "import click"], "automl": [str(SCRIPT), "--help"]}
    best = dict.fromkeys(commands, float("inf"))
    for repeat in range(MOST_REPEATS):
        for name, command in commands.items():
            best[name] = min(best[name], wall_seconds(command))
        if repeat + 1 >= LEAST_REPEATS and best["automl"] <= MOST_TIMES * best["click"]:
            break

    assert best["automl"] <= MOST_TIMES * best["click"], best


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
def test_the_start_of_the_process_is_known_before_python_was_ready():
    code = (
        "import time; t = time.monotonic(); from automl.cli.start import process_started; print(t - process_started())"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    wall = time.monotonic() - started

    assert 0.0 < float(done.stdout) <= wall + 0.02


def test_python_runs_the_package_as_the_command():
    done = subprocess.run([sys.executable, "-m", "automl", "--version"], capture_output=True, text=True, check=True)

    assert subprocess.run([SCRIPT, "--version"], capture_output=True, text=True, check=True).stdout == done.stdout
