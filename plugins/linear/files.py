"""Saving a fitted linear model as arrays."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.linear.problems import Solution

from automl import PredictorError, Task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

FILE = "linear.npz"


def save_arrays(folder: Path, solution: Solution, others: Mapping[str, NDArray[Any]]) -> None:
    """Write the solution and other arrays."""
    arrays: dict[str, Any] = dict(others)
    np.savez(folder / FILE, coefficients=solution.coefficients, intercepts=solution.intercepts, **arrays)


def load_arrays(folder: Path, task: Task, names: tuple[str, ...]) -> tuple[Solution, dict[str, NDArray[Any]]]:
    """Read them back. Raises PredictorError when they are missing, damaged or of another task."""
    path = folder / FILE
    try:
        # Opened here, since numpy leaves a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            solution = Solution(arrays["coefficients"], arrays["intercepts"])
            others = {name: arrays[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise PredictorError(f"{path} is missing or damaged ({error}); copy it again or fit again") from error
    outputs = task.class_count if task.class_count > 2 else 1
    shape = solution.coefficients.shape
    if len(shape) != 2 or shape[1] != outputs or solution.intercepts.shape != (outputs,):
        raise PredictorError(f"{path} has coefficients {shape} for {outputs} outputs of the task; fit again")
    return solution, others
