"""Bring a model of your own without packaging it, as in a notebook.

    python examples/own_model_plugin.py

A plugin is a module or an object with hook functions. Worker processes import what the spec names, so the model
lives in a file. `docs/plugins.md` shows how to make the same a distribution that others can install.
"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path

import numpy as np

import automl
from automl import ModelSpec, hookimpl

SECONDS = os.environ.get("AUTOML_EXAMPLE_TIME", "30s")


def space(task):
    """One hyperparameter: how sharply probabilities fall with the distance."""
    from ConfigSpace import ConfigurationSpace, Float

    del task
    return ConfigurationSpace(space=[Float("sharpness", (0.1, 10.0), default=1.0, log=True)])


class NearestCentre:
    """Each class is its mean; a row belongs to the nearest one."""

    def __init__(self, config, task, seed):
        self.sharpness, self.classes = config["sharpness"], task.class_count

    def fit(self, train, valid, effort):
        self.centres = np.stack([train.values[train.target == code].mean(axis=0) for code in range(self.classes)])

    def predict(self, data):
        distances = np.linalg.norm(data.values[:, None, :] - self.centres[None], axis=2)  # (rows, classes)
        scores = np.exp(-self.sharpness * (distances - distances.min(axis=1, keepdims=True)))
        return scores / scores.sum(axis=1, keepdims=True)

    def save(self, folder):
        np.savez(folder / "centres.npz", centres=self.centres)

    @classmethod
    def load(cls, folder, config, task, seed):
        model = cls(config, task, seed)
        with np.load(folder / "centres.npz", allow_pickle=False) as file:
            model.centres = file["centres"]
        return model


class Plugin:
    """What the plugin offers."""

    @hookimpl
    def register_models(self):
        return [
            ModelSpec(
                name="nearest_centre",
                summary="Each class is its mean.",
                factory="own_model_plugin:NearestCentre",
                space="own_model_plugin:space",
                problem_types=automl.CLASSIFICATION,
            )
        ]


def make_flowers(rows: int, seed: int) -> dict[str, list]:
    """Three sorts that differ in two lengths."""
    draw = random.Random(seed)
    table: dict[str, list] = {"petal": [], "leaf": [], "sort": []}
    for _ in range(rows):
        sort = draw.choice(["rose", "tulip", "daisy"])
        petal, leaf = {"rose": (3.0, 5.0), "tulip": (5.0, 9.0), "daisy": (1.0, 4.0)}[sort]
        for name, value in zip(table, (draw.gauss(petal, 0.8), draw.gauss(leaf, 1.2), sort), strict=True):
            table[name].append(value)
    return table


def main(folder: Path) -> None:
    automl.register_plugin(Plugin(), "mine")
    models = ["nearest_centre", "linear"]
    predictor = automl.fit(make_flowers(300, seed=1), target="sort", models=models, time=SECONDS, out=folder / "run")
    for name in models:
        scores = [row["score"] for row in predictor.leaderboard() if row["model"] == name and row["status"] == "done"]
        print(f"{name:16} {predictor.task.metric} {min(scores, default=float('nan')):.3f}")
    print(f"share of right answers: {predictor.score(make_flowers(200, seed=2), 'accuracy'):.3f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        main(Path(work))
