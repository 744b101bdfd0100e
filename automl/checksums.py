"""Sizes and SHA-256 sums of the files of a predictor: what was cut short or changed on the way is told, not loaded.

They guard against damage. Whoever forges a file can forge its sum, too; what then keeps harm away is that no format runs
code and that models check what they read.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from automl.errors import PredictorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


def sum_files(folder: Path, skip: Iterable[str] = ()) -> dict[str, list[Any]]:
    """Relative path -> ``[bytes, SHA-256]`` of all files below `folder`."""
    left_out = set(skip)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: [path.stat().st_size, _sum(path)] for name, path in named.items() if name not in left_out}


def sum_text(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_files(folder: Path, sums: Mapping[str, tuple[int, str]]) -> None:
    """PredictorError for the first file that is missing or not what it was."""
    for name, (size, expected) in sums.items():
        path = folder / name
        try:
            told = f"has {path.stat().st_size} bytes instead of {size}" if path.stat().st_size != size else ""
            if not told and _sum(path) != expected:
                told = "does not have the content that it was saved with"
        except OSError as error:
            told = f"cannot be read ({error.strerror or error})"
        if told:
            raise PredictorError(f"{path} {told}; copy the whole predictor again or fit again")


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
