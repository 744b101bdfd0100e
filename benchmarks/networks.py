"""Networks for tables: what the engine's loop costs, how good their defaults are, and whether they pay in long runs.

    python benchmarks/networks.py speed                                      # (a) samples per second against a bare loop
    python benchmarks/networks.py defaults --data FOLDER --time 20 --out d.json   # (b) against scikit-learn's networks
    python benchmarks/networks.py runs --data FOLDER --time 300 --out r.json      # (c) trees + networks against trees
    python benchmarks/networks.py show --out d.json                           # the table of what is there so far

FOLDER holds SEED/NAME/ with train.csv, test.csv and meta.json, as `datasets.py export open FOLDER/SEED --seed SEED` writes
them. (b) and (c) go on where they stopped: what the result file holds is not run again. Errors are 1-AUC, log loss or RMSE
on the test rows. With `--cpu-time` the seconds of (b) are those of one core: for a machine that is busy.

(b) is about the networks alone: all see the same columns, encoded by the engine on the training rows, with no search and no
ensemble. scikit-learn's get numbers scaled to a few units, missing ones imputed and told, categories of up to 25 levels as
one-hot columns and others as target means, and values to predict standardised, which they would not do themselves; they
train on all training rows, ours on 85 % of them. With `--trials` ours are what the engine makes of the default configuration in
the same seconds: `automl fit --models NAME --trials 1`, start included, with its folds, on one core of a machine that has nothing else to do.
The bar is: better by the mean over seeds on at least 80 % of the sets.
(c): `--models` names all models for tables that are installed, with and without the networks; the bar is: better on at least
half of the sets, no more than 1 % worse on the others. `--sides` may add `unasked`, where the plan decides on networks.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

ROWS, FEATURES, WIDTH, BATCH = 10_000, 50, 256, 256
NETWORKS = ("mlp", "realmlp")
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
BARS = {"defaults": 80.0, "runs": 50.0}
"""Per cent of the sets on which ours must be better."""
SIDES = {"defaults": ("sklearn", "mlp", "realmlp"), "runs": ("trees", "networks")}
"""What is compared, the rival first."""
HELD_OUT = 0.15
"""Share of the training rows that networks stop early on, as the one fold of a run would be."""


# -- (a) speed ------------------------------------------------------------------------------------


def bare_loop(numbers, target, threads: int, epochs: int) -> float:
    """Samples per second of a plain loop: same layers, optimiser and batches, nothing around it."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    inputs, codes = torch.from_numpy(numbers), torch.from_numpy(target)
    layers: list[nn.Module] = []
    for place in range(3):
        layers += [nn.Linear(FEATURES if place == 0 else WIDTH, WIDTH), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Linear(WIDTH, 2))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    loss = nn.CrossEntropyLoss()
    started = time.perf_counter()
    for _ in range(epochs):
        order = torch.randperm(ROWS)
        for start in range(0, ROWS - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            optimiser.zero_grad(set_to_none=True)
            loss(network(inputs[rows]), codes[rows]).backward()
            optimiser.step()
    return epochs * (ROWS // BATCH) * BATCH / (time.perf_counter() - started)


def our_fit(data, threads: int, epochs: int, config: dict) -> float:
    """Samples per second of a whole fit of `mlp`, encoding included."""
    from automl import Effort

    model = make_model("mlp", data, 2, 0, {"batch_size": BATCH, "width": WIDTH, "layers": 3} | config)
    effort = Effort(fidelity={"epochs": float(epochs)}, full={"epochs": float(epochs)}, threads=threads)
    started = time.perf_counter()
    model.fit(data, None, effort)
    return epochs * (ROWS // BATCH) * BATCH / (time.perf_counter() - started)


def speed(chosen: argparse.Namespace) -> None:
    from automl import TableData, TableLayout

    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
    target = (numbers[:, :5].sum(axis=1) + rng.normal(size=ROWS) > 0).astype(np.int64)
    layout = TableLayout(numbers=tuple(f"n{place}" for place in range(FEATURES)))
    data = TableData(layout=layout, numbers=numbers, codes=np.empty((ROWS, 0), np.int32), target=target)
    plain = {"embedding": "plain", "norm": "none", "dropout": 0.0}
    found: dict[str, list[float]] = {"bare": [], "mlp, same layers": [], "mlp, default embeddings": []}
    for turn in range(chosen.turns + 1):
        seen = (
            bare_loop(numbers, target, chosen.threads, chosen.epochs),
            our_fit(data, chosen.threads, chosen.epochs, plain),
            our_fit(data, chosen.threads, chosen.epochs, {}),
        )
        for name, value in zip(found, seen, strict=True):
            found[name] += [value] if turn else []  # the first turn warms up
    bare = statistics.median(found["bare"])
    for name, values in found.items():
        middle = statistics.median(values)
        print(f"{name:24} {middle:10,.0f} samples/s  {100 * middle / bare:5.1f} % of bare")
    print(f"threads {chosen.threads}, load {os.getloadavg()[0]:.1f}, medians of {chosen.turns} turns")


# -- (b) defaults ---------------------------------------------------------------------------------


def make_model(name: str, data, classes: int, seed: int, config: dict):
    """A network with its default configuration for this table, some values changed."""
    from automl import Task

    problem = "regression" if not classes else "binary" if classes == 2 else "multiclass"
    task = Task(
        target="y",
        problem_type=problem,
        metric="rmse" if problem == "regression" else "log_loss",
        rows=len(data),
        features=len(data.layout.numbers) + len(data.layout.categories),
        classes=tuple(range(classes)),
    )
    return default_model(name, task, seed, config)


def default_model(name: str, task, seed: int, config: dict):
    from automl.registry import load_registry
    from automl.space import model_space

    spec = load_registry().models[name]
    return spec.load()(dict(model_space(spec, task).get_default_configuration()) | config, task, seed)


def load_set(folder: Path, seed: int):
    """Task, encoded training rows, encoded test rows and the test rows' codes or values."""
    from automl.api import make_settings
    from automl.data.read import read_table
    from automl.prepare import prepare
    from automl.registry import load_registry

    meta = json.loads((folder / "meta.json").read_text())
    kind = "regression" if meta["task"] == "regression" else "classification"
    options = {"metric": METRICS[meta["task"]], "task": kind, "seed": seed}
    ready = prepare(read_table(folder / "train.csv"), make_settings(meta["target"], options), load_registry())
    table = read_table(folder / "test.csv").table
    test, _ = ready.schema.encode(table)
    truth, usable = ready.coding.encode(table.column(meta["target"]))
    if not usable.all():
        raise SystemExit(f"{folder}: {int((~usable).sum())} test rows have a target that training did not see")
    return ready.task, ready.data, test, truth


def error_of(task, truth, predicted) -> float:
    """1-AUC, log loss or RMSE."""
    from sklearn.metrics import log_loss, roc_auc_score

    if task.problem_type == "regression":
        return float(np.sqrt(np.mean((truth - predicted) ** 2)))
    if task.problem_type == "binary":
        return 1.0 - float(roc_auc_score(truth, predicted[:, 1]))
    return float(log_loss(truth, np.clip(predicted, 1e-15, 1.0), labels=np.arange(task.class_count)))


def our_error(name: str, loaded, seconds: float, seed: int, config: dict) -> dict:
    """A default network: a part of the training rows is held out for early stopping."""
    from dataclasses import replace

    from sklearn.model_selection import train_test_split

    from automl import Effort

    task, data, test, truth = loaded
    strata = data.target if task.is_classification else None
    rows = np.arange(len(data))
    kept, held = train_test_split(rows, test_size=HELD_OUT, random_state=seed, stratify=strata)
    started = time.perf_counter()
    model = default_model(name, task, seed, config)
    facts = model.fit(data.take(np.sort(kept)), data.take(np.sort(held)), Effort(deadline=time.monotonic() + seconds))
    taken = time.perf_counter() - started
    predicted = model.predict(replace(test, target=None, weight=None))
    return {"error": error_of(task, truth, predicted), "seconds": round(taken, 2), "epochs": facts["epochs"]}


def their_error(loaded, seconds: float, seed: int) -> dict:
    """scikit-learn's network with its defaults, on the engine's own matrix (imputed, scaled, encoded) and with values
    standardised, which it does not do itself; epoch by epoch, so that it can stop at the deadline.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    from automl.data.matrix import MatrixEncoder

    task, data, test, truth = loaded
    started = time.perf_counter()
    encoder = MatrixEncoder()
    train = encoder.fit_transform(data, task, seed)
    target, centre, scale = train.target, 0.0, 1.0
    network = MLPClassifier(random_state=seed)
    if task.problem_type == "regression":
        network = MLPRegressor(random_state=seed)
        centre, scale = float(target.mean()), float(target.std())
        target = (target - centre) / scale
    best, waited, epochs = np.inf, 0, 0
    while epochs < network.max_iter:
        epochs += 1
        if task.is_classification:
            network.partial_fit(train.values, target, classes=np.arange(task.class_count))
        else:
            network.partial_fit(train.values, target)
        # The rule by which `fit` itself stops.
        waited = waited + 1 if network.loss_ > best - network.tol else 0
        best = min(best, network.loss_)
        if waited > network.n_iter_no_change or time.perf_counter() - started > seconds:
            break
    taken = time.perf_counter() - started
    values = encoder.transform(test).values
    predicted = network.predict_proba(values) if task.is_classification else centre + scale * network.predict(values)
    return {"error": error_of(task, truth, predicted), "seconds": round(taken, 2), "epochs": epochs}


def sets_of(chosen: argparse.Namespace):
    """Seed, name and folder of each exported data set that is asked for."""
    only = set(filter(None, chosen.only.split(",")))
    for folder in sorted(chosen.data.iterdir()):
        for path in sorted(folder.iterdir()) if folder.name.isdecimal() else ():
            if (path / "train.csv").is_file() and (not only or path.name in only):
                yield int(folder.name), path.name, path


def defaults(chosen: argparse.Namespace) -> None:
    """Each data set, seed and system once; what is there already is kept. Libraries are imported before the clock runs."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)  # one thread each; those of NumPy would spin on a busy core
    from tabular import run_engine

    record = Record(chosen, {"time": chosen.time, "cpu_time": chosen.cpu_time, "config": chosen.config})
    config = json.loads(chosen.config)
    networks = chosen.networks.split(",")
    sides = [f"{one} trial" for one in networks] if chosen.trials else networks
    warmed = False
    for seed, name, path in sets_of(chosen):
        row = record.row(name, seed)
        wanted = [one for one in ("sklearn", *sides) if "error" not in row.get(one, {})]
        if not wanted:
            continue
        loaded = load_set(path, seed)
        if not warmed:  # whatever is imported at first use
            their_error(loaded, 0.1, seed)
            for one in () if chosen.trials else networks:
                our_error(one, loaded, 0.5, seed, config)
            warmed = True
        for one in wanted:
            if one == "sklearn":
                row[one] = their_error(loaded, chosen.time, seed)
            elif chosen.trials:
                meta = json.loads((path / "meta.json").read_text())
                extra = ["--models", one.removesuffix(" trial"), "--trials", "1"]
                row[one] = run_engine(path, meta, chosen.time, seed, 1, extra)
            else:
                row[one] = our_error(one, loaded, chosen.time, seed, config)
            record.write()
        print(name, seed, json.dumps(row), flush=True)
    show(chosen)


class Record:
    """The file of results: `name seed` -> side -> what came of it."""

    def __init__(self, chosen: argparse.Namespace, settings: dict) -> None:
        self._path = chosen.out
        self._content = {"what": chosen.what, "settings": settings, "results": {}}
        if self._path.exists():
            found = json.loads(self._path.read_text())
            if (found["what"], found["settings"]) != (chosen.what, settings):
                raise SystemExit(
                    f"{self._path} holds {found['what']} with {found['settings']}, not {chosen.what} with {settings}; "
                    "give another --out"
                )
            self._content = found

    def row(self, name: str, seed: int) -> dict:
        return self._content["results"].setdefault(f"{name} {seed}", {})

    def write(self) -> None:
        """Whole or not at all: a run that is killed goes on from here."""
        building = self._path.with_name(self._path.name + ".new")
        building.write_text(json.dumps(self._content, indent=1))
        building.replace(self._path)


def show(chosen: argparse.Namespace) -> None:
    """The table, by the mean over seeds, and whether the bar is reached."""
    record = json.loads(chosen.out.read_text())
    results = record["results"]
    rival, usual = SIDES[record["what"]][0], SIDES[record["what"]][1:]
    ours = [*usual, *sorted({side for row in results.values() for side in row} - {rival, *usual})]
    for side in ours:
        told(results, side, rival, BARS[record["what"]])
    failed = [f"{key} {side}" for key, row in results.items() for side, one in row.items() if "error" not in one]
    if failed:
        print(f"failed: {', '.join(failed)}")


def told(results: dict, ours: str, theirs: str, bar: float) -> None:
    """How often and by how much `ours` is better, by the mean over seeds."""
    errors: dict[str, list[tuple[float, float]]] = {}
    for key, row in results.items():
        if "error" in row.get(ours, {}) and "error" in row.get(theirs, {}):
            errors.setdefault(key.rpartition(" ")[0], []).append((row[ours]["error"], row[theirs]["error"]))
    if not errors:
        return
    means = {name: tuple(np.mean(pairs, axis=0)) for name, pairs in errors.items()}
    cuts = {name: 100.0 * (other - own) / max(other, 1e-12) for name, (own, other) in means.items()}
    print(f"\n{'data set':22} {'seeds':>5} {theirs:>12} {ours:>12}   cut")
    for name, cut in sorted(cuts.items(), key=lambda each: each[1]):
        own, other = means[name]
        print(f"{name:22} {len(errors[name]):5} {other:12.5g} {own:12.5g} {cut:+6.1f} %")
    better = sum(cut > 0 for cut in cuts.values())
    share = 100.0 * better / len(cuts)
    worst = min(cuts.values())
    print(
        f"{ours} better than {theirs} on {better} of {len(cuts)} ({share:.0f} %, bar {bar:.0f} %), median cut "
        f"{statistics.median(cuts.values()):.1f} %, worst {worst:+.1f} %"
    )


# -- (c) whole runs -------------------------------------------------------------------------------


def runs(chosen: argparse.Namespace) -> None:
    """`automl fit` with all models but the networks, and with them, at equal seconds."""
    from tabular import run_engine

    record = Record(chosen, {"time": chosen.time, "cores": chosen.cores, "networks": chosen.networks})
    trees = tuple(table_models())
    models = {"trees": trees, "networks": (*trees, *chosen.networks.split(",")), "unasked": ()}
    for seed, name, path in sets_of(chosen):
        meta = json.loads((path / "meta.json").read_text())
        row = record.row(name, seed)
        for side in chosen.sides.split(","):
            if row.get(side, {}).get("status") != "ok":
                extra = ["--models", ",".join(models[side])] if models[side] else []
                row[side] = run_engine(path, meta, chosen.time, seed, chosen.cores, extra)
                record.write()
                print(name, seed, side, json.dumps(row[side])[:300], flush=True)
    show(chosen)


def table_models() -> list[str]:
    """Names of the models for tables that can be used here and need no torch."""
    from automl.registry import load_registry

    registry = load_registry()
    return [
        spec.name
        for spec in registry.models.values()
        if spec.modality == "table" and "torch" not in spec.requires and not registry.unusable(spec)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    subs = parser.add_subparsers(dest="what", required=True)
    one = subs.add_parser("speed")
    one.add_argument("--threads", type=int, default=1)
    one.add_argument("--epochs", type=int, default=10)
    one.add_argument("--turns", type=int, default=3)
    for name, seconds in (("defaults", 20.0), ("runs", 300.0)):
        one = subs.add_parser(name)
        one.add_argument("--data", type=Path, required=True, help="folder of SEED/NAME/train.csv")
        one.add_argument("--only", default="", help="only these data sets, comma-separated")
        one.add_argument("--networks", default=",".join(NETWORKS))
        one.add_argument("--time", type=float, default=seconds, help="seconds of a fit, or of a run")
        one.add_argument("--out", type=Path, required=True)
        if name == "defaults":
            one.add_argument("--config", default="{}", help="changes to the networks' defaults, as JSON")
            one.add_argument("--cpu-time", action="store_true", help="count seconds of one core, for a busy machine")
            one.add_argument("--trials", action="store_true", help="ours as trials of `automl fit`, folds and all")
        else:
            one.add_argument("--cores", type=int, default=2)
            one.add_argument("--sides", default="trees,networks", help="of trees, networks and unasked")
    one = subs.add_parser("show")
    one.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    if getattr(chosen, "cpu_time", False) and chosen.trials:
        parser.error("--cpu-time counts the seconds of this process; with --trials others train")
    if getattr(chosen, "cpu_time", False):  # everything runs in this process
        time.monotonic = time.perf_counter = time.process_time
    warnings.simplefilter("ignore")
    {"speed": speed, "defaults": defaults, "runs": runs, "show": show}[chosen.what](chosen)


if __name__ == "__main__":
    main()
