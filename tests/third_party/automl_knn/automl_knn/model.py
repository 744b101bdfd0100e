"""The model, imported when it is used."""

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Integer
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor


def space(task):
    neighbours = Integer("n_neighbors", (1, 100), default=5, log=True)
    return ConfigurationSpace(space=[neighbours, Categorical("weights", ["uniform", "distance"])])


class Knn:
    def __init__(self, config, task, seed):
        self.config, self.task = config, task

    def fit(self, train, valid, effort):
        self.keep(train.values, train.target)

    def keep(self, values, target):
        self.rows = {"values": values, "target": target}
        kind = KNeighborsClassifier if self.task.is_classification else KNeighborsRegressor
        neighbours = min(self.config["n_neighbors"], len(target))
        self.model = kind(neighbours, weights=self.config["weights"]).fit(values, target)

    def predict(self, data):
        predict = self.model.predict_proba if self.task.is_classification else self.model.predict
        return predict(data.values)

    def save(self, folder):
        np.savez(folder / "rows.npz", **self.rows)

    @classmethod
    def load(cls, folder, config, task, seed):
        model = cls(config, task, seed)
        with np.load(folder / "rows.npz", allow_pickle=False) as rows:
            model.keep(rows["values"], rows["target"])
        return model
