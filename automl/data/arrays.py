"""Reading array files of a saved model: no pickles, no open files left behind, one kind of error."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from automl.errors import PredictorError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an ``.npz`` file by name; PredictorError when it is missing, damaged or holds objects."""
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise PredictorError(f"{path} is missing or damaged ({error}); copy it again or fit again") from error
