"""A folder for what is made before the run folder is there; it is gone afterwards, whatever happens."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Workspace:
    """Made when it is asked for, on the disk of the run folder where one is named: what it holds can then be moved."""

    def __init__(self, run_folder: Path | None = None) -> None:
        self._run_folder = run_folder
        self._made: Path | None = None

    def folder(self) -> Path:
        """The folder, made at the first call."""
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix=".automl-", dir=self._beside()))
        return self._made

    def _beside(self) -> Path | None:
        if self._run_folder is None:
            return None
        return next(folder for folder in self._run_folder.absolute().parents if folder.is_dir())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)
