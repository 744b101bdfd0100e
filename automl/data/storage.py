"""Encoded tables as plain array files that workers map instead of receiving copies."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from automl.data.records import TableData, TableLayout

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT_FILE = "layout.json"


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
        layout=layout, numbers=numbers, codes=codes, text=text, target=array("target"), weight=array("weight")
    )
