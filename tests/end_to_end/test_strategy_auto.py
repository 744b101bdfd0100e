"""A run whose strategy chooses another one, from a stranger's plugin too."""

import numpy as np
import pandas as pd
import pytest

from automl import StrategySpec, hookimpl
from automl.api import fit_run, make_settings
from automl.registry import load_registry
from automl.run_reader import open_run


def always(facts):
    return "random+screen", f"{facts.rows} rows, {facts.folds} folds, {facts.starting} to start from"


class Plugin:
    @hookimpl
    def register_strategies(self):
        return [
            StrategySpec(
                name="mine", summary="Screens.", sampler="random", scheduler="full", choose=f"{__name__}:always"
            )
        ]


@pytest.mark.parametrize(
    ("strategy", "told", "partial"),
    [
        ("auto", "auto chose random: 3 trials leave", False),
        ("mine", "mine chose random+screen: 120 rows, 2 folds, 2 to start from", True),
    ],
)
def test_the_run_tells_what_was_chosen_and_uses_it(tmp_path, strategy, told, partial):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=120), "b": rng.normal(size=120)}).assign(y=lambda one: one["a"] * 2)
    settings = make_settings(
        "y",
        {
            "models": ["linear", "nearest_neighbours"],
            "folds": 2,
            "executor": "inline",
            "trials": 3,
            "baselines": False,
            "strategy": strategy,
        },
    )
    outcome = fit_run(frame, settings, out=tmp_path / "run", registry=load_registry().register(Plugin(), "mine"))
    with open_run(tmp_path / "run") as reader:
        trials = reader.trials()

    assert any(told in reason for reason in outcome.reasons), outcome.reasons
    assert partial == any(trial.budget < 1 for trial in trials)
