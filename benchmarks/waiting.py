"""Do suggestions hold up the workers? A model that sleeps for a second, two workers, and each strategy in turn.

    python benchmarks/waiting.py --strategies random,gp,smac --time 40

Prints, for each strategy, how many seconds each worker spent in jobs, and this as a share of what it is for the first
strategy. Sleeping needs no core, so that the machine need not be quiet for a hint.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from automl import Fidelity, ModelSpec, hookimpl

SECONDS = 1.0


class Sleeper:
    """Learns nothing, slowly."""

    def __init__(self, config: Any, task: Any, seed: int) -> None:
        self._values = [float(value) for value in dict(config).values()]

    def fit(self, train: Any, valid: Any, effort: Any) -> dict[str, float]:
        time.sleep(SECONDS)
        return {}

    def predict(self, data: Any) -> np.ndarray:
        return np.full(len(data.values), sum((value - 0.3) ** 2 for value in self._values))

    def save(self, folder: Path) -> None:
        (folder / "nothing").write_text(repr(self._values))

    @classmethod
    def load(cls, folder: Path, config: Any, task: Any, seed: int) -> Sleeper:  # noqa: ARG003 - nothing was learned
        return cls(config, task, seed)


def space(task: Any) -> Any:
    from ConfigSpace import ConfigurationSpace, Float

    return ConfigurationSpace(space=[Float(f"x{number}", (0.0, 1.0)) for number in range(6)])


class Plugin:
    """What a stranger would write."""

    @hookimpl
    def register_models(self) -> list[ModelSpec]:
        return [
            ModelSpec(
                name="sleeper",
                summary="Sleeps.",
                factory="waiting:Sleeper",
                space="waiting:space",
                fidelities=(Fidelity(name="steps", unit="steps", low=1, high=27),),
            )
        ]


def worker_seconds(folder: Path, workers: int) -> tuple[float, int]:
    """Seconds that each worker spent in jobs, and how many jobs there were."""
    with closing(sqlite3.connect(folder / "run.db")) as database, database:
        found = database.execute("SELECT sum(seconds), count(*) FROM jobs WHERE kind = 'done'").fetchone()
    return found[0] / workers, found[1]


def measured(strategy: str, seconds: float, workers: int) -> tuple[float, int]:
    import pandas as pd

    from automl.api import fit_run, make_settings
    from automl.machine import find_machine
    from automl.registry import load_registry

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60), "y": rng.normal(size=60)})
    options = {"models": ["sleeper"], "folds": 2, "time": seconds, "jobs": workers, "strategy": strategy}
    settings = make_settings("y", options)
    found = find_machine(settings).workers  # fewer cores than asked for have fewer workers
    if found != workers:
        print(f"{workers} workers were asked for, this machine has {found}")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        fit_run(table, settings, out=out, registry=load_registry().register(Plugin(), "waiting"))
        return worker_seconds(out, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategies", default="random,gp,smac")
    parser.add_argument("--time", type=float, default=40.0)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    first = None
    print(f"{'strategy':20} {'jobs':>5} {'worker seconds':>15} {'of the first':>13}")
    for strategy in chosen.strategies.split(","):
        busy, jobs = measured(strategy, chosen.time, chosen.workers)
        first = first or busy
        print(f"{strategy:20} {jobs:5} {busy:15.1f} {busy / first:13.3f}", flush=True)


if __name__ == "__main__":
    main()
