"""Whether `automl fit` keeps its wall-clock promise, and ends with a real model, whatever the shape of the table.

    python benchmarks/shapes.py [NAME ...] [--seconds 5,10] [--json shapes.json] [--folder DIR]

Each shape is a table made from a seed, with signal in it and rows held out. `automl fit` runs on it as a stranger would
start it, in a new process; the wall clock covers everything from start to exit. The promise is the budget times 1.02 and
3 s. Told are the models that came of it, their held-out score, and the held-out log loss as a share of that of the best
constant. Something was learned where the area under the ROC curve is above 0.52, or, with many classes, the log loss is
below that of a constant. Shapes in memory (`dict_of_lists`) are timed around `automl.fit`.
Exit code 1 when a promise was broken or nothing but a constant came out.
"""

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

PROMISED_SHARE, PROMISED_SECONDS = 1.02, 3.0
HELD_OUT = 2000
"""Rows held out of each table, at most; a tenth of small ones."""
LEAST_AREA = 0.52
"""Area under the ROC curve that nobody reaches who guesses."""
CONSONANTS = np.array(list("bcdfghklmnprstvz"))


def labels(score, rng):
    """Yes where the score, with noise as large, is above its median."""
    noisy = score + rng.normal(size=len(score)) * score.std() * 0.3
    return pa.array(np.where(noisy > np.median(noisy), "yes", "no"))


def signal(values):
    """A score from the first columns of an array."""
    return values[:, 0] + np.abs(values[:, 1]) + values[:, -1] * (values[:, 0] > 0)


def words(rng, count):
    """Different made-up words."""
    letters = rng.integers(0, len(CONSONANTS), (count, 5))
    return np.array([f"{''.join(CONSONANTS[row])}{place % 10}" for place, row in enumerate(letters)])


def wide(rows, columns, *, mixed=0.0, decimals=3):
    """Numbers; a share `mixed` of the columns are categories, and as many of the cells are missing."""

    def make(rng):
        values = np.round(rng.normal(size=(rows, columns)), decimals)
        score = values[:, :6].sum(axis=1)
        arrays = {}
        for place in range(columns):
            mask = rng.random(rows) < mixed if mixed else None
            if rng.random() < mixed and place >= 6:
                levels = np.array([f"level{number}" for number in range(12)])
                arrays[f"x{place}"] = pa.array(levels[rng.integers(0, 12, rows)], mask=mask)
            else:
                arrays[f"x{place}"] = pa.array(values[:, place], mask=mask)
        return pa.table({**arrays, "y": labels(score, rng)})

    return make


def numeric(rows, columns, kind="float64"):
    """Numbers and a class."""

    def make(rng):
        values = np.round(rng.normal(size=(rows, columns)), 3).astype(kind)
        arrays = {f"x{place}": values[:, place] for place in range(columns)}
        return pa.table({**arrays, "y": labels(signal(values), rng)})

    return make


def texts(rows, columns, length):
    """Texts of `length` words; some words speak for a class."""

    def make(rng):
        vocabulary = words(rng, 5000)
        yes = rng.random(rows) < 0.5
        arrays = {}
        for column in range(columns):
            places = rng.integers(0, 5000, (rows, length))
            spoken = rng.random((rows, length)) < 1.0 / (length * columns) * 3
            places[spoken] = (rng.integers(0, 20, (rows, length)) + 20 * yes[:, None])[spoken]
            chosen = vocabulary[places]
            arrays[f"text{column}"] = pa.array([" ".join(row) for row in chosen.tolist()])
        return pa.table({**arrays, "y": pa.array(np.where(yes, "yes", "no"))})

    return make


def levels(rows, columns, count):
    """Columns of `count` different levels, drawn at random, and one number with signal."""

    def make(rng):
        known = pa.array([f"k{number:x}" for number in range(count)])
        arrays = {}
        for place in range(columns):
            arrays[f"x{place}"] = known.take(pa.array(rng.integers(0, count, rows)))
        number = rng.normal(size=rows)
        return pa.table({**arrays, "number": number, "y": labels(number, rng)})

    return make


def many_classes(rows, classes):
    """Classes that three of ten numbers tell apart in part."""

    def make(rng):
        target = rng.integers(0, classes, rows)
        centres = rng.normal(size=(classes, 3)) * 4
        values = rng.normal(size=(rows, 10))
        values[:, :3] += centres[target]
        arrays = {f"x{place}": values[:, place] for place in range(10)}
        return pa.table({**arrays, "y": pa.array([f"class{number}" for number in target])})

    return make


def constants(rows, columns):
    """Columns that are constant but for three."""

    def make(rng):
        values = rng.normal(size=(rows, 3))
        arrays = {f"x{place}": np.full(rows, place % 7) for place in range(columns)}
        for place in range(3):
            arrays[f"x{columns // 2 + place}"] = values[:, place]
        return pa.table({**arrays, "y": labels(signal(values), rng)})

    return make


def dates(rows, columns):
    """Dates as text, with month and year telling."""

    def make(rng):
        days = rng.integers(10_000, 20_000, (rows, columns)).astype("datetime64[D]")
        arrays = {}
        for place in range(columns):
            text = pa.array(days[:, place]).cast(pa.string())
            if place % 2:
                text = pa.compute.replace_substring_regex(text, r"(\d+)-(\d+)-(\d+)", r"\3/\2/\1")
            arrays[f"day{place}"] = text
        score = days[:, 0].astype(float) / 3000 + (days[:, 1].astype("datetime64[M]").astype(int) % 12 > 5)
        return pa.table({**arrays, "y": labels(score, rng)})

    return make


def to_text(path, table, separator=",", encoding="utf-8"):
    """A text table; spaces as separators come in runs."""
    options = csv.WriteOptions(delimiter=separator, quoting_style="none")
    csv.write_csv(table, path, options)
    if separator == " ":
        path.write_bytes(path.read_bytes().replace(b" ", b"   "))
    if encoding != "utf-8":
        path.write_bytes(path.read_bytes().decode().encode(encoding))


def packed(path, table):
    """Text within a gz or zip file."""
    plain = path.with_suffix("")
    to_text(plain, table)
    if path.suffix == ".gz":
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(plain.read_bytes())
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(plain, plain.name)
    plain.unlink()


def spaced(path, table):
    """Cells between runs of spaces."""
    to_text(path, table, separator=" ")


def utf16(path, table):
    """Text in UTF-16."""
    to_text(path, table, encoding="utf-16")


def columnar(path, table):
    """A Parquet file."""
    parquet.write_table(table, path, compression="snappy")


SHAPES = {
    "wide_parquet": (wide(550, 10_000), columnar, "table.parquet", (5, 10)),
    "wide_csv": (wide(550, 10_000), to_text, "table.csv", (5, 10)),
    "square": (wide(2200, 2000), to_text, "table.csv", (5, 10, 30)),
    "wide_mixed": (wide(1100, 10_000, mixed=0.05), to_text, "table.csv", (5, 10, 30)),
    "long_texts": (texts(62_000, 1, 120), columnar, "table.parquet", (10,)),
    "spaces": (numeric(2_000_000, 10), spaced, "table.txt", (5, 10)),
    "utf16": (numeric(2_000_000, 10), utf16, "table.csv", (5, 10)),
    "gz": (numeric(3_000_000, 10), packed, "table.csv.gz", (5, 10)),
    "zip": (numeric(3_000_000, 10), packed, "table.csv.zip", (5, 10)),
    "dict_of_lists": (numeric(1_500_000, 2), None, "", (5, 10)),
    "tall_csv": (numeric(5_000_000, 4), to_text, "table.csv", (10, 20)),
    "middle": (numeric(200_000, 300, "float32"), columnar, "table.parquet", (10, 30)),
    "levels": (levels(1_000_000, 50, 1_000_000), columnar, "table.parquet", (10, 20)),
    "classes": (many_classes(62_000, 1000), to_text, "table.csv", (10,)),
    "constants": (constants(5500, 2000), to_text, "table.csv", (5, 10)),
    "dates": (dates(102_000, 20), to_text, "table.csv", (5, 10)),
    "many_texts": (texts(22_000, 20, 12), to_text, "table.csv", (10,)),
}


def loss_share(predictor, held_out):
    """Held-out log loss as a share of that of the held-out shares of the classes."""
    found = predictor.predict_proba(held_out.drop_columns(["y"]))
    places = {str(label): place for place, label in enumerate(predictor.classes)}
    truth = np.array([places.get(label, -1) for label in held_out.column("y").to_pylist()])
    found, truth = found[truth >= 0], truth[truth >= 0]
    model = -np.log(np.clip(found[np.arange(len(truth)), truth], 1e-9, 1)).mean()
    shares = np.bincount(truth, minlength=len(places)) / len(truth)
    return float(model / -np.log(shares[truth]).mean())


def fit_file(path, seconds, task, run):
    """Exit code of `automl fit` in a new process, and what it wrote."""
    command = [str(Path(sys.executable).with_name("automl")), "fit", str(path), "--target", "y"]
    command += ["--time", f"{seconds}s", "--task", task, "--out", str(run), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20 * seconds + 300)
    return done.returncode, done.stdout, done.stderr


def fit_in_memory(table, seconds, run):
    """The same for a dict of lists, which is made first: only `automl.fit` counts."""
    import automl

    plain = table.to_pydict()
    started = time.perf_counter()
    automl.fit(plain, target="y", time=seconds, out=run)
    print(json.dumps({"wall": time.perf_counter() - started}))


def judged(run, held_out):
    """Weights of the models in a run's predictor, and its held-out log loss as a share of that of a constant."""
    import automl

    predictor = automl.load(run)
    weights = {}
    for row in predictor.leaderboard():
        if row["weight"] > 0:
            weights[row["model"]] = round(weights.get(row["model"], 0) + row["weight"], 2)
    share, metric = loss_share(predictor, held_out), predictor.task.metric
    score = float(predictor.score(held_out))
    real = set(weights) != {"dummy"} and bool(weights) and (score > LEAST_AREA if metric == "roc_auc" else share < 1)
    return {"models": weights, metric: round(score, 3), "loss of constant's": round(share, 3), "learned": real}


def cpu_of_children():
    """Seconds of CPU of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(name, budgets, folder, seed=0):
    """One line of figures for each budget."""
    make, write, file, usual = SHAPES[name]
    rng = np.random.default_rng(seed)
    table = make(rng)
    rows = min(HELD_OUT, table.num_rows // 11)
    held_out, table = table.slice(table.num_rows - rows), table.slice(0, table.num_rows - rows)
    path = folder / (file or "table.parquet")
    (write or columnar)(path, table)
    size, shape = path.stat().st_size / 1e6, (table.num_rows, table.num_columns - 1)
    del table
    for seconds in budgets or usual:
        run = folder / f"run-{seconds}"
        started, used = time.perf_counter(), cpu_of_children()
        if write is None:
            command = [
                sys.executable,
                __file__,
                "--in-memory",
                str(path),
                "--seconds",
                str(seconds),
                "--folder",
                str(run),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            code, out, err = done.returncode, done.stdout, done.stderr
            wall = json.loads(out.splitlines()[-1])["wall"] if code == 0 else time.perf_counter() - started
        else:
            code, out, err = fit_file(path, seconds, "multiclass" if name == "classes" else "binary", run)
            wall = time.perf_counter() - started
        found = {
            "shape": name,
            "rows": shape[0],
            "columns": shape[1],
            "MB": round(size, 1),
            "budget": seconds,
            "wall": round(wall, 2),
            "in time": wall <= PROMISED_SHARE * seconds + PROMISED_SECONDS,
            "CPU": round(cpu_of_children() - used, 1),
            "exit": code,
        }
        if (run / "predictor").exists():
            found |= judged(run, held_out)
        else:
            found["error"] = err[-500:]
        yield found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--seconds")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--in-memory", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_memory:
        fit_in_memory(parquet.read_table(options.in_memory), float(options.seconds), options.folder)
        return 0
    budgets = [int(one) for one in options.seconds.split(",")] if options.seconds else None
    found, good = [], True
    for name in options.names or SHAPES:
        with tempfile.TemporaryDirectory(prefix="automl-shapes-", dir=options.folder) as folder:
            for one in measure(name, budgets, Path(folder)):
                one["load"] = round(os.getloadavg()[0], 1)
                print(json.dumps(one), flush=True)
                found.append(one)
                good = good and one["in time"] and one.get("learned", False)
        if options.json is not None:
            options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
