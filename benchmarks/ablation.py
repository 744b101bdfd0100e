"""What each part of the engine is worth: one run, and its predictor put together again without the part.

    python benchmarks/ablation.py --data FOLDER --trials 24 --seeds 1,2 --only vehicle,ames --out ablation.jsonl
    python benchmarks/ablation.py --data FOLDER --time 60 --out ablation.jsonl

For each data set (a folder of train.csv, test.csv, meta.json as the exporter writes it) and seed there is one run, by a
number of trials or by seconds; all variants share its trained models, so that they differ in nothing but the part, whatever
else the machine is doing:

- calibration: the weighted mean as it is
- bagging:     one fold's model for each member, with the same weights
- ensemble:    the best trial alone, with the models of all its folds
- stored:      weights chosen among default and sampled configurations only
- discard:     with early discard: weights chosen among the trials that it would have kept. The run itself gives all folds to
               all trials, so that wrong discards show; the fits that are saved are counted
- stacking:    weights chosen among trials of the first layer only; the same as it is where no second layer was kept

The last four, whose predictions nothing calibrates, are compared with the weighted mean as it is. ``--switches
target_encoding`` makes one more run of each, which differs in what its models see:

- target_encoding: no means of the target instead of categories

Errors are 1-AUC, log loss or RMSE on the test rows. Results are appended to a file of JSON lines and read back from it, so
that a second call goes on where the first one stopped. What changes the run itself is compared by ``benchmarks/stored.py``,
with one run for each variant at the same moment: early discard
at equal time (``--variant plain= --variant all=--no-early-discard``), target encoding (``--variant plain= --variant
codes=--no-target-encoding``), stored configurations at equal time (its default).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
from discards import Judged, early_discard
from tabular import METRICS

from automl.api import fit_run, make_settings
from automl.data.storage import read_splits
from automl.ensemble import select
from automl.evaluate import PREDICTIONS_FILE
from automl.metrics import load_metric
from automl.oof import OutOfFold
from automl.predictor import Predictor
from automl.predictor_file import MemberRecord, Parts
from automl.registry import load_registry
from automl.run_folder import fold_folder
from automl.run_reader import open_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from automl.registry import Registry

VARIANTS = ("full", "calibration", "bagging", "ensemble", "stored", "discard", "stacking")
UNCALIBRATED = frozenset({"ensemble", "stored", "discard", "stacking"})
SWITCHES = {"target_encoding": False}
"""Settings that switch off what changes the run itself."""


def run_switched(folder: Path, options: dict[str, Any], switch: str, run: Path) -> float:
    """The test error of a run without something, in all else as `run_once` makes it."""
    meta = json.loads((folder / "meta.json").read_text())
    changed = {"metric": METRICS[meta["task"]], "early_discard": False, **options, switch: SWITCHES[switch]}
    outcome = fit_run(str(folder / "train.csv"), make_settings(meta["target"], changed), out=run)
    return load_metric(METRICS[meta["task"]], load_registry()).distance(
        outcome.predictor.score(str(folder / "test.csv"))
    )


def run_once(folder: Path, options: dict[str, Any], run: Path) -> tuple[dict[str, float], dict[str, float]]:
    """One run and the test error of its predictor, whole and without each part; and what early discard would save."""
    meta = json.loads((folder / "meta.json").read_text())
    settings = make_settings(meta["target"], {"metric": METRICS[meta["task"]], "early_discard": False, **options})
    registry = load_registry()
    with mock.patch("automl.outcome.drop_models"):  # those outside the predictor are looked at, too
        outcome = fit_run(str(folder / "train.csv"), settings, out=run, registry=registry)
    parts, table = outcome.predictor.parts, str(folder / "test.csv")

    def error(changed: Parts) -> float:
        predictor = Predictor(changed, run, registry)
        return load_metric(METRICS[meta["task"]], registry).distance(predictor.score(table))

    records = {row["trial"]: row for row in outcome.leaderboard if row["score"] is not None}
    made = _Members(run, records, registry)
    members = tuple(made.record(number.trial, number.weight) for number in parts.members)
    # The files of trials are those of the predictor, and others, which it has no sums of.
    whole = replace(parts, members=members, files={})
    bare = replace(whole, calibration=None)
    best = min(filter(made.is_first, made.trials()), key=made.loss)
    first = tuple(replace(member, folders=member.folders[:1]) for member in members)
    weights = made.weights(folder, meta["target"], parts, lambda row: not str(row["origin"]).startswith("baseline:"))
    kept, saved = made.kept(folder, meta["target"], parts)
    of_kept = made.weights(folder, meta["target"], parts, lambda row: row["trial"] in kept)
    of_first = made.weights(folder, meta["target"], parts, lambda row: made.is_first(row["trial"]))
    stacked = any(member.base and member.weight for member in members)
    errors = {
        "full": error(whole),
        "calibration": error(bare),
        "ensemble": error(replace(bare, members=(made.record(best, 1.0),))),
        "bagging": error(replace(whole, members=first)),
        "stored": error(replace(bare, members=tuple(made.record(*pair) for pair in weights.items()))),
        "discard": error(replace(bare, members=tuple(made.record(*pair) for pair in of_kept.items()))),
        "stacking": error(
            replace(bare, members=tuple(made.record(*pair) for pair in of_first.items())) if stacked else bare
        ),
    }
    return errors, saved


class _Members:
    """Trials of a run as members of a predictor that stands in the run's folder."""

    def __init__(self, run: Path, records: dict[int, dict[str, Any]], registry: Registry) -> None:
        self._run, self._records, self._registry = run, records, registry
        self._splits = read_splits(run)
        with open_run(run) as reader:
            self._base = {trial.id: trial.candidate.base for trial in reader.trials()}

    def is_first(self, number: int) -> bool:
        """Whether a trial stands on no others."""
        return not self._base[number]

    def trials(self) -> list[int]:
        """Trials that may join: no baselines, and their models are there."""
        return [
            number
            for number, row in self._records.items()
            if not self._registry.models[row["model"]].is_baseline and self.folds(number)
        ]

    def loss(self, number: int) -> float:
        return float(self._records[number]["loss"])

    def folds(self, number: int) -> list[int]:
        paths = fold_folder(self._run, number, 0).parent.glob("fold-*/member.json")
        return sorted(int(path.parent.name.removeprefix("fold-")) for path in paths)

    def record(self, number: int, weight: float) -> MemberRecord:
        row = self._records[number]
        spec = self._registry.models[row["model"]]
        folders = tuple(
            fold_folder(self._run, number, fold).relative_to(self._run).as_posix() for fold in self.folds(number)
        )
        return MemberRecord(
            trial=number,
            weight=weight,
            model=spec.name,
            plugin=spec.plugin,
            distribution=spec.distribution,
            config=row["config"],
            folders=folders,
            base=self._base[number],
        )

    def kept(self, folder: Path, target: str, parts: Parts) -> tuple[list[int], dict[str, float]]:
        """Trials that early discard would have kept, and what it would have saved."""
        metric = load_metric(parts.task.metric, self._registry)
        truth = _truth(folder, target, parts)
        judged = Judged(run=self._run, task=parts.task, metric=metric, splits=self._splits, truth=truth)
        return early_discard(judged, {number: self.folds(number) for number in self.trials() if self.is_first(number)})

    def weights(
        self, folder: Path, target: str, parts: Parts, wanted: Callable[[dict[str, Any]], bool]
    ) -> dict[int, float]:
        """Greedy weights among the trials of a kind, by their out-of-fold predictions."""
        truth = _truth(folder, target, parts)
        chosen = [number for number in self.trials() if self.is_first(number) and wanted(self._records[number])]
        splits = [self._splits[fold] for fold in self.folds(chosen[0])]
        pooled = OutOfFold(splits, len(truth))
        predictions = {
            number: pooled.combine(
                {
                    place: np.load(fold_folder(self._run, number, fold) / PREDICTIONS_FILE)
                    for place, fold in enumerate(self.folds(number))
                }
            )[1]
            for number in chosen
        }
        metric = load_metric(parts.task.metric, self._registry)
        rows = pooled.covered
        return dict(select(predictions, lambda mean: metric.loss(truth[rows], mean)).weights)


def _truth(folder: Path, target: str, parts: Parts) -> NDArray[np.generic]:
    from automl.data.read import read_table

    codes, usable = parts.coding.encode(read_table(str(folder / "train.csv"), dedupe=True).table.column(target))
    return np.asarray(np.asarray(codes)[np.asarray(usable)])


def table(rows: list[dict[str, Any]]) -> str:
    """By how much the error is higher without each part: mean and median over data sets of the mean over seeds. Of `discard`
    it is the error with it.
    """
    names = [*VARIANTS, *SWITCHES]
    lines = [f"{'data set':22} {'seed':>4} " + " ".join(f"{name:>12}" for name in names)]
    lines += [
        f"{row['data']:22} {row['seed']:>4} " + " ".join(f"{row['errors'].get(name, math.nan):12.6g}" for name in names)
        for row in rows
    ]
    for name in names[1:]:
        by_data: dict[str, list[float]] = {}
        for row in rows:
            if name not in row["errors"]:
                continue
            base = row["errors"]["calibration" if name in UNCALIBRATED else "full"]
            by_data.setdefault(row["data"], []).append(row["errors"][name] / base - 1.0)
        worse = [statistics.mean(values) for values in by_data.values()]
        if worse:
            lines.append(
                f"{'with' if name == 'discard' else 'without'} {name}: error {100 * statistics.mean(worse):+.2f} % on the mean of {len(worse)} data sets, "
                f"{100 * statistics.median(worse):+.2f} % on the median; worse on {sum(one > 0 for one in worse)}"
            )
    saved = [row["saved"] for row in rows if row.get("saved")]
    if saved:
        jobs, seconds = (
            100 * sum(one[key] for one in saved) / sum(one[f"all_{key}"] for one in saved)
            for key in ("jobs", "seconds")
        )
        lines.append(f"early discard saves {jobs:.1f} % of the fits and {seconds:.1f} % of the seconds of workers")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", default="", help="only these data sets, comma-separated")
    parser.add_argument("--trials", type=int, help="trials of each run, without a clock")
    parser.add_argument("--time", type=float, help="seconds of each run, instead of trials")
    parser.add_argument("--folds", type=int, help="as in automl fit")
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--jobs", type=int, help="workers")
    parser.add_argument("--switches", default="", help=f"more runs, without these: {', '.join(SWITCHES)}")
    parser.add_argument("--out", type=Path, default=Path("ablation.jsonl"))
    chosen = parser.parse_args()
    if (chosen.trials is None) == (chosen.time is None):
        parser.error("give either --trials or --time")
    budget = {"trials": chosen.trials, "seconds": chosen.time, "folds": chosen.folds, "jobs": chosen.jobs}
    options = {name: value for name, value in budget.items() if value is not None}
    rows = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    done = {(row["data"], row["seed"]) for row in rows if row["options"] == options}
    only = set(filter(None, chosen.only.split(",")))
    for seed in map(int, chosen.seeds.split(",")):
        for path in sorted(chosen.data.iterdir()):
            ready = (path / "train.csv").is_file() and (not only or path.name in only)
            if not ready or (path.name, seed) in done:
                continue
            with tempfile.TemporaryDirectory(prefix="automl-ablation-") as work:
                errors, saved = run_once(path, {**options, "seed": seed}, Path(work) / "run")
                for switch in filter(None, chosen.switches.split(",")):
                    errors[switch] = run_switched(path, {**options, "seed": seed}, switch, Path(work) / switch)
            row = {"data": path.name, "seed": seed, "options": options, "errors": errors, "saved": saved}
            row["date"] = datetime.now(UTC).isoformat(timespec="seconds")
            rows.append(row)
            with chosen.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(path.name, seed, {name: round(value, 5) for name, value in errors.items()}, flush=True)
    print(table([row for row in rows if row["options"] == options]))


if __name__ == "__main__":
    main()
