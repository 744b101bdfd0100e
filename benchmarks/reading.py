"""What it costs to get a large text table ready for training, beside what pandas needs to read it.

    python benchmarks/reading.py [--rows 1000000] [--repeat 5] [--json reading.json]

The table has 30 columns: floats, whole numbers, short categories, texts of many levels, dates and truth values, some
with missing cells. Ours is all that `automl fit` does with the features before it trains: reading, finding out what
the columns hold, encoding and checking them, storing the arrays that workers map. Pandas reads with its fastest engine (Arrow's)
and codes the text columns with `factorize`, the least that has to be done before a model can be trained; it neither
reads numbers out of dates nor writes anything. The bar is on reading, encoding and checking; with storing, which depends on how
busy the disk is, the ratio is told besides.

Each measurement is a fresh process that has imported its libraries before. The two alternate, in turns of who is
first; the ratio is the median of the pairs' wall-clock ratios. The ratio of CPU times suffers less from other work on
the machine and is told beside it. Peak memory is the high-water mark of the resident memory less the
resident memory after the imports; it is compared with `memory_usage(deep=True)` of the frame that pandas made.
Exit code 1 when a bar is missed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

RATIO_BAR = 1.5
PEAK_BAR = 3.0
TARGET = "float_0"
STATUS = Path("/proc/self/status")


def make_table(rows, seed=0):
    """A table of 30 columns, always the same for a seed."""
    import numpy as np
    import pyarrow as pa

    rng = np.random.default_rng(seed)

    def gaps(share):
        return rng.random(rows) < share

    def words(levels, skew, share):
        places = (levels * rng.random(rows) ** skew).astype(np.int32)
        texts = pa.array([f"{'abcdefgh'[place % 8]}{place * 7919 % 1_000_003:x}" for place in range(levels)])
        return pa.DictionaryArray.from_arrays(pa.array(places, mask=gaps(share)), texts).cast(pa.string())

    columns = {}
    for place in range(11):
        values = np.round(rng.normal(size=rows) * 10.0 ** (place % 5), 4)
        columns[f"float_{place}"] = pa.array(values, mask=gaps(0.03 * (place % 3)))
    for place, high in enumerate((5, 60, 1000, 100_000, 10**9, 24)):
        columns[f"whole_{place}"] = pa.array(rng.integers(0, high, rows), mask=gaps(0.02 * (place % 2)))
    for place, levels in enumerate((3, 8, 20, 60, 300)):
        columns[f"short_{place}"] = words(levels, 2, 0.02 * place)
    for place, levels in enumerate((20_000, 50_000)):
        columns[f"many_{place}"] = words(levels, 1.5, 0.05 * place)
    days = rng.integers(10_000, 20_000, size=(2, rows)).astype("datetime64[D]")
    columns["day_0"], columns["day_1"] = pa.array(days[0]), pa.array(days[1], mask=gaps(0.1))
    columns["moment"] = pa.array(days[0].astype("datetime64[s]") + rng.integers(0, 86_400, rows))
    for place in range(3):
        columns[f"truth_{place}"] = pa.array(rng.random(rows) < 0.3, mask=gaps(0.04 * place))
    return pa.table(columns)


def write_table(path, rows):
    """The table as a CSV file."""
    from pyarrow import csv

    csv.write_csv(make_table(rows), path, csv.WriteOptions(quoting_style="none"))


def resident_bytes(name):
    """`VmRSS` or `VmHWM` of this process."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"{STATUS} has no {name}; run this on Linux")


def measured(steps):
    """Seconds of each step, and bytes of peak memory above the start; each step gets what the one before gave.

    The steps are lists and hand over what they let go, so that nothing is kept alive from outside.
    """
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before = resident_bytes("VmRSS")
    seconds, value, used = {}, None, time.process_time()
    for name, step in steps.items():
        started = time.perf_counter()
        value = step(value)
        seconds[name] = time.perf_counter() - started
    figures = {"seconds": seconds, "cpu_seconds": time.process_time() - used}
    return {**figures, "peak_bytes": resident_bytes("VmHWM") - before}, value


def measure_ours(path, folder):
    """Our way, step by step."""
    import numpy  # noqa: ICN001, F401
    import pandas  # noqa: ICN001, F401 - Arrow imports it for its first array
    import pyarrow.compute
    import pyarrow.csv  # noqa: F401

    from automl.data import encode, kinds, kinds_text, read_csv  # noqa: F401
    from automl.data.checks import check_table
    from automl.data.read import read_table
    from automl.data.schema import Roles, fit_schema
    from automl.data.storage import save_table

    def schema(raw):
        found, _ = fit_schema(raw, Roles(target=TARGET))
        return found, raw.table

    def encoded(both):
        found, table = both
        data = found.encode(table)[0]
        return found, replace(data, target=table.column(TARGET).to_numpy())

    def checked(both):
        found, data = both
        check_table(None, found, data, None)
        return data

    return measured(
        {
            "read": lambda _: read_table(path),
            "schema": schema,
            "encode": encoded,
            "check": checked,
            "store": lambda data: save_table(folder / "data", data),
        }
    )[0]


def measure_pandas(path, folder):
    """The way of pandas."""
    import pandas as pd
    import pyarrow.csv  # noqa: F401

    del folder

    def factorized(frame):
        texts = [name for name in frame.columns if name.startswith(("short", "many"))]
        return frame, {name: pd.factorize(frame[name])[0] for name in texts}

    found, (frame, _) = measured({"read": lambda _: pd.read_csv(path, engine="pyarrow"), "factorize": factorized})
    return {**found, "frame_bytes": int(frame.memory_usage(deep=True).sum()), "pandas": pd.__version__}


SIDES = {"ours": measure_ours, "pandas": measure_pandas}


def in_fresh_process(side, path):
    """One measurement of one side."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, __file__, "--side", side, "--path", str(path), "--folder", folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def compare(rows, repeat):
    """All figures."""
    found = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory(prefix="automl-reading-") as folder:
        path = Path(folder) / "table.csv"
        # In a process of its own: memory that this one has used would count for its children.
        subprocess.run([sys.executable, __file__, "--write", str(path), "--rows", str(rows)], check=True)
        size = path.stat().st_size
        for turn in range(repeat):
            for side in list(SIDES)[:: 1 if turn % 2 else -1]:
                found[side].append(in_fresh_process(side, path))
    cpu = {side: statistics.median(one["cpu_seconds"] for one in found[side]) for side in SIDES}
    totals = {
        side: [sum(value for name, value in one["seconds"].items() if name != "store") for one in found[side]]
        for side in SIDES
    }
    stored = [sum(one["seconds"].values()) for one in found["ours"]]
    frame = found["pandas"][0]["frame_bytes"]
    peaks = {side: statistics.median(one["peak_bytes"] for one in found[side]) for side in SIDES}
    steps = {
        f"{side} {name} seconds": statistics.median(one["seconds"][name] for one in found[side])
        for side in SIDES
        for name in found[side][0]["seconds"]
    }
    return {
        "rows": rows,
        "file MB": size / 1e6,
        "frame MB": frame / 1e6,
        **steps,
        **{f"{side} seconds": statistics.median(totals[side]) for side in SIDES},
        **{f"{side} CPU seconds": cpu[side] for side in SIDES},
        **{f"{side} peak MB": peaks[side] / 1e6 for side in SIDES},
        **{f"{side} peak in frames": peaks[side] / frame for side in SIDES},
        "ratio": statistics.median(one / other for one, other in zip(totals["ours"], totals["pandas"], strict=True)),
        "ratio with storing": statistics.median(
            one / other for one, other in zip(stored, totals["pandas"], strict=True)
        ),
        "least ratio": min(one / other for one, other in zip(totals["ours"], totals["pandas"], strict=True)),
        "CPU ratio": cpu["ours"] / cpu["pandas"],
        "load average": os.getloadavg()[0],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    for hidden in ("--side", "--path", "--folder", "--write"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_table(options.write, options.rows)
        return 0
    if options.side:
        print(json.dumps(SIDES[options.side](Path(options.path), Path(options.folder))))
        return 0
    figures = compare(options.rows, options.repeat)
    for name, value in figures.items():
        print(f"{name:28s} {value:12,.2f}")
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    good = figures["ratio"] <= RATIO_BAR and figures["ours peak in frames"] <= PEAK_BAR
    print("both bars met" if good else f"a bar is missed: {RATIO_BAR} times pandas, peak of {PEAK_BAR} frames")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
