"""What networks cost on a CPU, relative to the plan's unit: what `relative_cost` of their plugins should say.

    python benchmarks/network_costs.py [--only mlp,cnn] [--out costs.json]

CPU seconds of one thread, so that other programs hardly matter. A network's default configuration is trained for one and for
three epochs on tasks of several sizes; the difference tells what an epoch costs, the rest what comes before and after. Full
training is then taken to last `TYPICAL_SHARE` of the model's epochs, as early stopping ends most of them. The unit is
`automl.fold_plan.fit_seconds` of the task.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

TYPICAL_SHARE = 0.5
TABLES = {"1,000 x 10": (1_000, 10, 0), "2,000 x 20, 4 classes": (2_000, 20, 4), "8,000 x 20": (8_000, 20, 0)}
"""Rows, numbers, classes (0: values)."""
IMAGES = {"1,000 of 8 x 8": (1_000, 8, 1), "400 of 32 x 32": (400, 32, 3), "150 of 96 x 96": (150, 96, 3)}
"""Images, side, channels."""
MOST_ROWS = {"tabm": 2_000, "ft_transformer": 2_000}
"""More rows would take minutes."""


def table_task(rows, columns, classes):
    """Noisy sums of the columns."""
    from automl import TableData, TableLayout, Task

    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(rows, columns)).astype(np.float32)
    value = numbers[:, :4].sum(axis=1) + rng.normal(size=rows)
    target = np.digitize(value, [-1.5, 0.0, 1.5]).astype(np.int64) if classes else value.astype(np.float64)
    layout = TableLayout(numbers=tuple(f"n{place}" for place in range(columns)))
    data = TableData(layout=layout, numbers=numbers, codes=np.empty((rows, 0), np.int32), target=target)
    kind, metric = ("multiclass", "log_loss") if classes else ("regression", "rmse")
    task = Task(
        target="y", problem_type=kind, metric=metric, rows=rows, features=columns, classes=tuple(range(classes))
    )
    return task, data


def image_task(rows, side, channels):
    """Noise, brighter for one of ten classes."""
    from automl import ImageData, Task

    rng = np.random.default_rng(0)
    target = np.arange(rows) % 10
    images = rng.normal(100.0 + 5.0 * target[:, None, None, None], 30.0, (rows, side, side, channels))
    data = ImageData.of(np.clip(images, 0, 255).astype(np.uint8), target)
    task = Task(
        target="y", problem_type="multiclass", metric="log_loss", rows=rows, features=side * side * channels,
        modality="images", height=side, width=side, channels=channels, classes=tuple(range(10)),
    )  # fmt: skip
    return task, data


def fit_cpu_seconds(spec, task, data, epochs):
    """One fit on one thread; `epochs` None: the whole of it."""
    from automl import Effort
    from automl.space import model_space

    config = dict(model_space(spec, task).get_default_configuration())
    model = spec.load()(config, task, 0)
    given = {} if epochs is None else {"epochs": float(epochs)}
    started = time.process_time()
    model.fit(data, None, Effort(fidelity=given, full={"epochs": 1000.0} if epochs else {}, threads=1))
    return time.process_time() - started


def measure(spec, registry):
    """Relative cost by task."""
    from automl.fold_plan import fit_seconds
    from automl.ready import with_weights
    from automl.settings import Settings

    epochs = next((one.high for one in spec.fidelities if getattr(one, "name", "") == "epochs"), None)
    found = {}
    for name, size in (TABLES if spec.modality == "table" else IMAGES).items():
        if size[0] > MOST_ROWS.get(spec.name, size[0]):
            continue
        task, data = (table_task if spec.modality == "table" else image_task)(*size)
        task = replace(with_weights(task, Settings(target="y"), registry), reasons=())
        if epochs is None:
            seconds = fit_cpu_seconds(spec, task, data, None)
        else:
            one, three = (fit_cpu_seconds(spec, task, data, count) for count in (1, 3))
            epoch = max(three - one, 0.0) / 2
            seconds = one + epoch * (TYPICAL_SHARE * epochs - 1)
        found[name] = seconds / fit_seconds(task)
        print(f"{spec.name:20} {name:24} {seconds:8.1f} s  {found[name]:8.1f}", flush=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only these models, comma-separated")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    from automl.registry import load_registry

    registry = load_registry()
    only = set(filter(None, chosen.only.split(",")))
    specs = [spec for spec in registry.models.values() if "torch" in spec.requires and not registry.unusable(spec)]
    specs = [spec for spec in specs if not only or spec.name in only]
    # Whatever is imported at first use counts for none.
    for spec, (task, data) in ((spec, table_task(60, 3, 0)) for spec in specs if spec.modality == "table"):
        fit_cpu_seconds(spec, task, data, 1)
    told = {}
    for spec in specs:
        found = measure(spec, registry)
        told[spec.name] = {"stated": spec.relative_cost, "measured": found}
        print(
            f"{spec.name:20} stated {spec.relative_cost:g}, median {statistics.median(found.values()):.1f}", flush=True
        )
        if chosen.out:
            chosen.out.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
