"""What the engine itself costs for each job of a run: everything but the model, which does nothing here.

    python benchmarks/engine.py [--trials 60] [--rows 2000] [--out engine.json]

A run with one worker and a model whose `fit` returns at once and which predicts a constant. The cost of a job is the
time between two jobs being recorded in the run's database: asking the strategy, sending, opening the rows of the fold,
predicting, saving the member, scoring, recording, trackers. With one worker nothing overlaps, so this is an upper bound.
Exit code 1 when the median is above 10 ms.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from automl import ModelSpec, hookimpl
from automl.api import fit_run, make_settings
from automl.registry import load_registry
from automl.store import Store

COST_BAR_MILLISECONDS = 10.0
FOLDS = 5


def space(task):
    """One number, so that there are many configurations."""
    from ConfigSpace import ConfigurationSpace, Float

    return ConfigurationSpace(space=[Float("x", (0.0, 1.0), default=0.5)])


class Nothing:
    """Learns nothing and predicts equal shares."""

    def __init__(self, config, task, seed):
        self.task = task

    def fit(self, train, valid, effort):
        """Nothing to do."""

    def predict(self, data):
        """Equal shares for every row."""
        return np.full((len(data), self.task.class_count), 1.0 / self.task.class_count)

    def save(self, folder):
        """Nothing to keep."""

    @classmethod
    def load(cls, folder, config, task, seed):
        """The same again."""
        del folder
        return cls(config, task, seed)


class Plugin:
    """Registers the model that does nothing, in both forms of input."""

    @hookimpl
    def register_models(self):
        return [
            ModelSpec(
                name=f"nothing-{form}", summary="Nothing.", factory="engine:Nothing", space="engine:space", form=form
            )
            for form in ("table", "matrix")
        ]


def costs_milliseconds(form, rows, trials):
    """Milliseconds between recorded jobs of one run."""
    rng = np.random.default_rng(0)
    table = {f"x{number}": rng.normal(size=rows) for number in range(10)}
    table["colour"] = rng.choice(["red", "green", "blue"], size=rows)
    table["y"] = rng.choice(["no", "yes"], size=rows)
    recorded = []
    original = Store.job_finished

    def job_finished(self, *values, **options):
        original(self, *values, **options)
        recorded.append(time.perf_counter())

    Store.job_finished = job_finished
    settings = make_settings(
        "y", {"models": [f"nothing-{form}"], "trials": trials, "folds": FOLDS, "jobs": 1, "metric": "log_loss"}
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            fit_run(table, settings, out=Path(folder) / "run", registry=load_registry().register(Plugin(), "nothing"))
    finally:
        Store.job_finished = original
    skipped = 4 * FOLDS  # the dummy, and what is done once for each fold: mapping rows, encoding the matrix
    return [
        1000 * (later - earlier) for earlier, later in zip(recorded[skipped:], recorded[skipped + 1 :], strict=False)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    figures = {"load_average_before": os.getloadavg()[0], "rows": options.rows}
    for form in ("table", "matrix"):
        costs = costs_milliseconds(form, options.rows, options.trials)
        figures[f"{form}_milliseconds_median"] = statistics.median(costs)
        figures[f"{form}_milliseconds_95_percent"] = sorted(costs)[int(0.95 * len(costs))]
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):32s} {value:10.2f}")
    if options.out is not None:
        options.out.write_text(json.dumps(figures, indent=2) + "\n")
    good = max(figures["table_milliseconds_median"], figures["matrix_milliseconds_median"]) <= COST_BAR_MILLISECONDS
    print("the bar is met" if good else f"the bar of {COST_BAR_MILLISECONDS:g} ms is missed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
