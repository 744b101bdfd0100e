"""Kills a run at the n-th call of what writes its folder, then gives the same command again: prints what came of it.

python killed_early.py FOLDER FIRST STEP: a line of JSON for each STEP-th call from the FIRST one, until the run has begun
a trial.
"""

import json
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np
import pandas as pd

from automl.api import fit_run, make_settings
from automl.errors import AutomlError

WRITERS = ("store.py", "run_folder.py", "run_lock.py", "storage.py")


def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=list("ab"))
    return frame.assign(y=frame["a"] + 0.1 * rng.normal(size=60))


def fit(folder):
    options = {"trials": 1, "models": ["linear"], "folds": 2, "executor": "inline", "baselines": False}
    return fit_run(table(), make_settings("y", options), out=folder)


def kill_at(number):
    """SIGKILL at the n-th call, or return, of a function in the files that write, and of what they call."""
    counts = {"seen": 0}

    def look(frame, event, argument):
        if os.path.basename(frame.f_code.co_filename) in WRITERS and "automl" in frame.f_code.co_filename:
            counts["seen"] += 1
            if counts["seen"] >= number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(look)


def in_child(work):
    """What a forked process makes of it: None when it was killed."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        try:
            told = work()
        except AutomlError as error:
            told = f"{type(error).__name__}: {error}"
        except BaseException:
            told = traceback.format_exc()
        os.write(writer, str(told).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    _, status = os.waitpid(process, 0)
    return None if os.WIFSIGNALED(status) else told


def main(parent, number, step):
    while True:
        folder = parent / f"at-{number}" / "run"
        folder.parent.mkdir()
        tempfile.tempdir = str(folder.parent)  # what others left in the common one would be looked at, and counted

        def killed(number=number, folder=folder):
            kill_at(number)
            return fit(folder).trials

        if in_child(killed) is not None:
            return
        left = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else None
        again = in_child(lambda folder=folder: f"{fit(folder).trials} trials")
        print(json.dumps({"at": number, "left": left, "again": again}), flush=True)
        if again.startswith("RunError"):
            return
        number += step


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
