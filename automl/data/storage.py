"""Encoded tables and decoded images as plain array files that workers map instead of receiving copies."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING

from automl.data.image_store import PixelFolder
from automl.data.records import ImageData, Split, TableData, TableLayout
from automl.run_folder import SPLITS_FILE

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

LAYOUT_FILE = "layout.json"
IMAGES_FILE = "images.json"
SAMPLE_FILE = "sample.feather"


def save_data(folder: Path, data: TableData | ImageData) -> None:
    """Write training data into a new folder; the files of decoded images are moved there."""
    if isinstance(data, ImageData):
        _save_images(folder, data)
    else:
        save_table(folder, data)


def open_data(folder: Path) -> TableData | ImageData:
    """The same over read-only mapped files."""
    return _open_images(folder) if (folder / IMAGES_FILE).is_file() else open_table(folder)


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


def _save_images(folder: Path, data: ImageData) -> None:
    import numpy as np

    source = data.source
    assert isinstance(source, PixelFolder)
    shutil.move(source.folder, folder)
    np.save(folder / "rows.npy", data.rows)
    if data.target is not None:
        np.save(folder / "target.npy", data.target)
    if data.weight is not None:
        np.save(folder / "weight.npy", data.weight)
    about = {"key": source.key, "side": source.side, "height": data.height, "width": data.width}
    (folder / IMAGES_FILE).write_text(json.dumps({**about, "channels": data.channels}))


def _open_images(folder: Path) -> ImageData:
    import numpy as np

    about = json.loads((folder / IMAGES_FILE).read_text())

    def array(name: str) -> np.ndarray | None:
        path = folder / f"{name}.npy"
        return np.load(path, mmap_mode="r", allow_pickle=False) if path.exists() else None

    rows = array("rows")
    assert rows is not None
    return ImageData(
        source=PixelFolder(folder=str(folder), key=about["key"], side=about["side"]),
        rows=rows,
        height=about["height"],
        width=about["width"],
        channels=about["channels"],
        target=array("target"),
        weight=array("weight"),
    )


def save_table(folder: Path, data: TableData) -> None:
    """Write an encoded table into a new folder."""
    import numpy as np

    folder.mkdir(parents=True)
    np.save(folder / "numbers.npy", data.numbers)
    np.save(folder / "codes.npy", data.codes)
    if data.target is not None:
        np.save(folder / "target.npy", data.target)
    if data.weight is not None:
        np.save(folder / "weight.npy", data.weight)
    if data.groups is not None:
        np.save(folder / "groups.npy", data.groups)
    shape = None
    if data.text is not None:
        shape = list(data.text.shape)
        for part in ("data", "indices", "indptr"):
            np.save(folder / f"text_{part}.npy", getattr(data.text, part))
    (folder / LAYOUT_FILE).write_text(json.dumps({"layout": asdict(data.layout), "text": shape}))


def open_table(folder: Path) -> TableData:
    """The same table over read-only mapped files; only what is touched is read."""
    import numpy as np

    about = json.loads((folder / LAYOUT_FILE).read_text())

    def array(name: str) -> np.ndarray | None:
        path = folder / f"{name}.npy"
        return np.load(path, mmap_mode="r", allow_pickle=False) if path.exists() else None

    text = None
    if about["text"] is not None:
        from scipy.sparse import csr_matrix

        parts = tuple(array(f"text_{part}") for part in ("data", "indices", "indptr"))
        text = csr_matrix(parts, shape=tuple(about["text"]), copy=False)
    numbers, codes = array("numbers"), array("codes")
    assert numbers is not None
    assert codes is not None
    layout = TableLayout(**{name: tuple(values) for name, values in about["layout"].items()})
    return TableData(
        layout=layout,
        numbers=numbers,
        codes=codes,
        text=text,
        target=array("target"),
        weight=array("weight"),
        groups=array("groups"),
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
