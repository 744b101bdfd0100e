"""Optuna's TPE as a stranger's sampler: one method, no knowledge of schedulers, run under every one of them."""

import json
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "third_party" / "automl_optuna"
SCHEDULERS = ("full", "successive_halving", "hyperband", "asha", "screen", "race")
CHECK = """
from automl.testing import check_plugin_is_light, check_sampler
check_plugin_is_light("automl_optuna")
check_sampler("tpe")
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def fresh(make_environment, write_table):
    environment = make_environment("automl_optuna", "automl_optuna.sampler")
    write_table(environment.folder / "train.csv", 300, seed=1)
    return environment


def test_every_scheduler_runs_it(fresh):
    listed = json.loads(fresh.run("automl", "strategies", "--json").stdout)
    assert {row["name"] for row in listed["strategies"] if row["kind"] == "scheduler"} == set(SCHEDULERS)

    for scheduler in SCHEDULERS:
        fresh.run("automl", "fit", "train.csv", "--target", "y", "--strategy", f"tpe+{scheduler}", "--trials", "12",
                  "--models", "linear,nearest_neighbours,extra_trees", "--folds", "3", "--no-baselines",
                  "--out", scheduler)  # fmt: skip
        rows = json.loads(fresh.run("automl", "leaderboard", scheduler, "--json").stdout)["leaderboard"]
        assert any(row["origin"] == "tpe" and row["status"] == "done" for row in rows), scheduler


def test_the_kit_finds_nothing_to_blame(fresh):
    fresh.run("python", "-c", CHECK)


def test_the_plugin_has_at_most_eighty_lines_of_code():
    lines = [line for path in PLUGIN.rglob("*.py") for line in path.read_text().splitlines()]

    assert 80 >= sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines)
