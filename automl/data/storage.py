"""Encoded tables and decoded images as plain array files that workers map instead of receiving copies."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from automl.data.image_store import PixelFolder
from automl.data.records import ImageData, Split, TableData, TableLayout
from automl.run_folder import SPLITS_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

LAYOUT_FILE = "layout.json"
IMAGES_FILE = "images.json"
SAMPLE_FILE = "sample.feather"
JUDGED_BY = ("target", "weight", "groups")
TEXT_PARTS = ("data", "indices", "indptr")


def save_data(folder: Path, data: TableData | ImageData) -> None:
    """Write training data into a new folder; the files of decoded images are moved there."""
    if isinstance(data, ImageData):
        _save_images(folder, data)
    else:
        save_table(folder, data)


def open_data(folder: Path) -> TableData | ImageData:
    """The same over read-only mapped files."""
    return _open_images(folder) if (folder / IMAGES_FILE).is_file() else open_table(folder)


def open_judged_by(folder: Path) -> dict[str, NDArray[Any]]:
    """The arrays by which predictions are judged, ``target``, and ``weight`` and ``groups`` where the data have them; raises
    what a missing or damaged file makes: OSError, ValueError, KeyError, TypeError or EOFError.
    """
    import numpy as np

    about = json.loads((folder / (IMAGES_FILE if (folder / IMAGES_FILE).is_file() else LAYOUT_FILE)).read_text())
    names = [name for name in about["arrays"] if name in JUDGED_BY]
    return {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in names}


def save_sample(folder: Path, sample: pa.Table | None) -> None:
    """Write the rows by which the finished predictor is timed beside the data; None: it is not timed."""
    if sample is not None:
        from pyarrow import feather

        feather.write_feather(sample, folder / SAMPLE_FILE)


def open_sample(folder: Path) -> pa.Table | None:
    """What `save_sample` wrote."""
    if not (folder / SAMPLE_FILE).is_file():
        return None
    from pyarrow import feather

    return feather.read_table(folder / SAMPLE_FILE)


def _save_arrays(folder: Path, arrays: Mapping[str, NDArray[Any] | None]) -> list[str]:
    """Write those that are there; their names."""
    import numpy as np

    there = {name: array for name, array in arrays.items() if array is not None}
    for name, array in there.items():
        np.save(folder / f"{name}.npy", array)
    return list(there)


def _open_arrays(folder: Path, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Those that were written, mapped. FileNotFoundError when one is gone: without its weights, a table would be another one."""
    import numpy as np

    return {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names}


def _save_images(folder: Path, data: ImageData) -> None:
    source = data.source
    assert isinstance(source, PixelFolder)
    shutil.move(source.folder, folder)
    arrays = _save_arrays(folder, {"rows": data.rows, "target": data.target, "weight": data.weight})
    about = {"key": source.key, "side": source.side, "height": data.height, "width": data.width, "arrays": arrays}
    (folder / IMAGES_FILE).write_text(json.dumps({**about, "channels": data.channels}))


def _open_images(folder: Path) -> ImageData:
    about = json.loads((folder / IMAGES_FILE).read_text())
    arrays = _open_arrays(folder, about["arrays"])
    return ImageData(
        source=PixelFolder(folder=str(folder), key=about["key"], side=about["side"]),
        rows=arrays["rows"],
        height=about["height"],
        width=about["width"],
        channels=about["channels"],
        target=arrays.get("target"),
        weight=arrays.get("weight"),
    )


def save_table(folder: Path, data: TableData) -> None:
    """Write an encoded table into a new folder."""
    folder.mkdir(parents=True)
    arrays = {name: getattr(data, name) for name in ("numbers", "codes", "target", "weight", "groups")}
    shape = None
    if data.text is not None:
        shape = list(data.text.shape)
        arrays |= {f"text_{part}": getattr(data.text, part) for part in TEXT_PARTS}
    about = {"layout": asdict(data.layout), "text": shape, "arrays": _save_arrays(folder, arrays)}
    (folder / LAYOUT_FILE).write_text(json.dumps(about))


def open_table(folder: Path) -> TableData:
    """The same table over read-only mapped files; only what is touched is read."""
    about = json.loads((folder / LAYOUT_FILE).read_text())
    arrays = _open_arrays(folder, about["arrays"])
    text = None
    if about["text"] is not None:
        from scipy.sparse import csr_matrix

        parts = tuple(arrays[f"text_{part}"] for part in TEXT_PARTS)
        text = csr_matrix(parts, shape=tuple(about["text"]), copy=False)
    layout = TableLayout(**{name: tuple(values) for name, values in about["layout"].items()})
    return TableData(
        layout=layout,
        numbers=arrays["numbers"],
        codes=arrays["codes"],
        text=text,
        target=arrays.get("target"),
        weight=arrays.get("weight"),
        groups=arrays.get("groups"),
    )


def save_splits(folder: Path, splits: list[Split]) -> None:
    """Write the row numbers of all folds for workers to find."""
    import numpy as np

    arrays = {}
    for number, split in enumerate(splits):
        arrays[f"train_{number}"] = split.train
        arrays[f"valid_{number}"] = split.valid
    np.savez(folder / SPLITS_FILE, **arrays)  # type: ignore[arg-type]


def read_splits(folder: Path) -> list[Split]:
    """What `save_splits` wrote; raises OSError, ValueError, KeyError or EOFError for what is missing or damaged."""
    import zipfile

    import numpy as np

    try:
        # Opened here: where numpy finds no archive in it, it would leave the file open.
        with (folder / SPLITS_FILE).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            count = len(arrays.files) // 2
            return [Split(train=arrays[f"train_{n}"], valid=arrays[f"valid_{n}"]) for n in range(count)]
    except zipfile.BadZipFile as error:
        raise ValueError(f"{folder / SPLITS_FILE}: {error}") from error
