"""What a finished predictor really costs: ``python -m automl.measure FOLDER SAMPLE ROWS`` prints it as JSON.

Run in a process of its own, so that nothing is warm but what the predictor itself keeps.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.goals import Cost
from automl.latency import folder_megabytes

if TYPE_CHECKING:
    from automl.predictor import Predictor

CALLS = 7
"""Calls of which the median counts, at most, after one that is not counted."""


def measure(predictor: Predictor, sample: Any, rows: int, *, most_seconds: float = 0.25) -> Cost:
    """Milliseconds per row in batches of `rows` rows, and megabytes. `sample` is an Arrow table of rows like those; no
    call is begun `most_seconds` after the first that counts.
    """
    import numpy as np

    frame = sample.take(np.resize(np.arange(len(sample)), rows))
    predict = predictor.predict_proba if predictor.task.is_classification else predictor.predict
    predict(frame)
    seconds: list[float] = []
    begin = time.monotonic()
    while len(seconds) < CALLS and (not seconds or time.monotonic() - begin < most_seconds):
        started = time.monotonic()
        predict(frame)
        seconds.append(time.monotonic() - started)
    return Cost(row_ms=1000.0 * statistics.median(seconds) / rows, megabytes=folder_megabytes(predictor.folder))


def main(arguments: list[str]) -> None:
    """Measure and print."""
    from pyarrow import feather

    from automl.predictor import Predictor

    folder, sample, rows = arguments
    cost = measure(Predictor.load(Path(folder)), feather.read_table(sample), int(rows), most_seconds=1.0)
    sys.stdout.write(json.dumps({"row_ms": cost.row_ms, "megabytes": cost.megabytes}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
