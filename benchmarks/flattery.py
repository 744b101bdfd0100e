"""How much better models look on the rows that judge their folds than on rows that nobody saw.

    python benchmarks/flattery.py --data FOLDER --only german_credit,titanic --models catboost,lightgbm,linear --out flattery.jsonl
    python benchmarks/flattery.py --data FOLDER --only german_credit --shuffled

Trains the default of each model on eight folds of each data set (a folder of train.csv, test.csv, meta.json as the exporter writes it)
and prints three errors (1-AUC, log loss or RMSE): the mean of the folds on the rows that judge them, the mean of the
folds' models on the test rows, and that of their mean prediction on the test rows. Models that stop early by the rows
that judge them look too good on few rows. With ``--shuffled`` the target of the training rows is shuffled first: there is nothing to
learn, an AUC above .5 out of fold is flattery alone, and the test rows say nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
from ablation import _Members
from tabular import METRICS

from automl.api import fit_run, make_settings
from automl.data.read import read_table
from automl.metrics import load_metric
from automl.predictor import Predictor
from automl.registry import load_registry

MODELS = "catboost,lightgbm,xgboost,hist_gradient_boosting,mlp,kernel_machine,extra_trees"


def training_table(folder: Path, target: str, shuffled: bool) -> Any:
    """The training rows, perhaps with their targets in another order."""
    table = read_table(str(folder / "train.csv")).table
    if not shuffled:
        return table
    order = pa.array(np.random.default_rng(0).permutation(len(table)))
    place = table.column_names.index(target)
    return table.set_column(place, target, table.column(target).take(order))


def errors_of(folder: Path, models: list[str], run: Path, *, shuffled: bool) -> list[dict[str, Any]]:
    """A row for each model: the errors out of fold, of single models and of all together on the test rows."""
    meta = json.loads((folder / "meta.json").read_text())
    registry = load_registry()
    settings = make_settings(
        meta["target"],
        {
            "metric": METRICS[meta["task"]],
            "models": models,
            "trials": len(models),
            "folds": 8,
            "early_discard": False,
            "executor": "inline",
        },
    )
    with mock.patch("automl.outcome.drop_models"):  # those outside the predictor are looked at, too
        outcome = fit_run(training_table(folder, meta["target"], shuffled), settings, out=run, registry=registry)
    metric, parts = load_metric(METRICS[meta["task"]], registry), outcome.predictor.parts
    records = {row["trial"]: row for row in outcome.leaderboard if row["score"] is not None}
    made, table = _Members(run, records, registry), str(folder / "test.csv")
    rows = []
    for number in made.trials():
        whole = replace(parts, members=(made.record(number, 1.0),), files={}, calibration=None)

        def error(folders: tuple[str, ...], whole: Any = whole) -> float:
            member = replace(whole.members[0], folders=folders)
            return metric.distance(Predictor(replace(whole, members=(member,)), run, registry).score(table))

        folders = whole.members[0].folders
        rows.append(
            {
                "data": folder.name,
                "model": records[number]["model"],
                "shuffled": shuffled,
                "out_of_fold": _mean_of_folds(run, number),
                "single": float(np.mean([error((one,)) for one in folders])),
                "together": error(folders),
            }
        )
    return rows


def _mean_of_folds(run: Path, trial: int) -> float:
    from automl.run_reader import open_run

    with open_run(run) as reader:
        losses = [job["loss"] for job in reader.jobs() if job["trial"] == trial and job["loss"] is not None]
    return float(np.mean(losses))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of exported data sets")
    parser.add_argument("--only", required=True, help="these data sets, comma-separated")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--shuffled", action="store_true", help="shuffle the target of the training rows")
    parser.add_argument("--out", type=Path, help="append the rows to this file of JSON lines")
    options = parser.parse_args()
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory() as scratch:
            for row in errors_of(
                options.data / name, options.models.split(","), Path(scratch) / "run", shuffled=options.shuffled
            ):
                print(
                    f"{row['data']:20} {row['model']:24} out of fold {row['out_of_fold']:.4g}, single {row['single']:.4g}, "
                    f"together {row['together']:.4g}",
                    flush=True,
                )
                if options.out is not None:
                    with options.out.open("a") as stream:
                        stream.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
