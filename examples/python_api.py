"""Fit, predict, score, save and load in Python.

    python examples/python_api.py

Text, categories, dates and missing values need no preparation.
"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import automl

SECONDS = os.environ.get("AUTOML_EXAMPLE_TIME", "30s")


def make_flats(rows: int, seed: int) -> dict[str, list]:
    """Flats with their rent; some sizes are unknown."""
    draw = random.Random(seed)
    table: dict[str, list] = {"size": [], "district": [], "built": [], "note": [], "rent": []}
    for _ in range(rows):
        size = draw.uniform(25, 140)
        district = draw.choice(["north", "south", "harbour"])
        year = draw.randint(1900, 2020)
        garden = draw.random() < 0.3
        factor = {"north": 9.0, "south": 11.0, "harbour": 15.0}[district]
        rent = size * factor + 150 * garden + (year > 2000) * 120 + draw.gauss(0, 40)
        table["size"].append(None if draw.random() < 0.05 else round(size, 1))
        table["district"].append(district)
        table["built"].append(f"{year}-{draw.randint(1, 12):02d}-01")
        table["note"].append("bright flat with garden" if garden else draw.choice(["quiet house", "newly painted"]))
        table["rent"].append(round(rent))
    return table


def main(folder: Path) -> None:
    train, test = make_flats(400, seed=1), make_flats(100, seed=2)

    # A path, a pandas, polars or Arrow table, a dict of columns or a list of dicts: all are tables.
    predictor = automl.fit(train, target="rent", time=SECONDS, out=folder / "run")
    print("problem type:", predictor.task.problem_type)
    for row in predictor.leaderboard()[:3]:
        print(f"{row['model']:24} {predictor.task.metric} {row['score']:.1f}")

    print(f"R2 on new flats: {predictor.score(test, 'r2'):.3f}")
    one = {"size": 80.0, "district": "harbour", "built": "2015-06-01", "note": "quiet house"}
    print(f"a rent: {predictor.predict(one)[0]:.0f}")

    # The predictor is a folder in which nothing is a pickle; it works wherever automl is installed.
    predictor.save(folder / "rents")
    again = automl.load(folder / "rents")
    assert (again.predict(test) == predictor.predict(test)).all()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        main(Path(work))
