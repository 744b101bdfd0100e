"""A predictor inside a Python object that can be pickled and copied: it travels as a zip of its folder."""

from __future__ import annotations

import io
import shutil
import tempfile
import weakref
import zipfile
from pathlib import Path

from automl.predictor import Predictor


class PackedPredictor:
    """A predictor's folder that lives as long as this object, and travels as bytes."""

    def __init__(self, folder: Path, *, temporary: Path) -> None:
        self._predictor = Predictor.load(folder)
        self._archive = b""
        weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)

    @property
    def predictor(self) -> Predictor:
        """The predictor, unpacked when it is first needed after unpickling."""
        if self._archive:
            temporary = Path(tempfile.mkdtemp(prefix="automl-"))
            weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(self._archive)) as archive:
                archive.extractall(temporary / "predictor")
            self._predictor = Predictor.load(temporary / "predictor")
            self._archive = b""
        return self._predictor

    def __getstate__(self) -> dict[str, bytes]:
        if self._archive:
            return {"archive": self._archive}
        packed = io.BytesIO()
        folder = self._predictor.folder
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder))
        return {"archive": packed.getvalue()}

    def __setstate__(self, state: dict[str, bytes]) -> None:
        self._archive = state["archive"]
