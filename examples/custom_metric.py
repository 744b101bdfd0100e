"""Optimise what mistakes really cost.

    python examples/custom_metric.py
    automl fit train.csv --target broken --metric custom_metric:cost    # from the folder of this file

Worker processes import the metric, so it lives in a file and is named as ``module:function``.
"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import numpy as np

import automl

SECONDS = os.environ.get("AUTOML_EXAMPLE_TIME", "30s")


def cost(truth, prediction, weight=None):
    """Euros per machine: a breakdown that was not foreseen costs 500, a needless inspection 20."""
    missed = (truth == 1) & (prediction == 0)
    needless = (truth == 0) & (prediction == 1)
    return float(np.average(500.0 * missed + 20.0 * needless, weights=weight))


cost.needs = "labels"
cost.greater_is_better = False
cost.problem_types = ("binary",)


def make_machines(rows: int, seed: int) -> dict[str, list]:
    """Machines of which a few break; labels are sorted, so that "yes" is class 1."""
    draw = random.Random(seed)
    table: dict[str, list] = {"hours": [], "vibration": [], "maker": [], "broken": []}
    for _ in range(rows):
        hours, vibration, maker = draw.uniform(0, 9000), draw.gauss(1.0, 0.3), draw.choice("ABC")
        risk = hours / 9000 + vibration - 1.3 + 0.2 * (maker == "C") + draw.gauss(0, 0.15)
        for name, value in zip(
            table, (round(hours), round(vibration, 3), maker, "yes" if risk > 0.4 else "no"), strict=True
        ):
            table[name].append(value)
    return table


def main(folder: Path) -> None:
    train, test = make_machines(500, seed=1), make_machines(200, seed=2)
    metric = "custom_metric:cost"
    predictor = automl.fit(train, target="broken", time=SECONDS, metric=metric, out=folder / "run")
    print(f"cost of each machine: {predictor.score(test):.2f} euros")
    print(f"share of right answers: {predictor.score(test, 'accuracy'):.3f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        main(Path(work))
