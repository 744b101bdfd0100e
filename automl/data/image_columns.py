"""Columns of tables that hold paths of images: found by how their values end, and by what is on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from automl.data.image_files import ENDINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from automl.data.records import RawTable

LOOKED_AT = 200
"""Values of a column that are looked at to see whether it holds paths of images, and what they are relative to."""
MOSTLY = 0.5


def image_column(raw: RawTable) -> str | None:
    """The column of a table whose values are mostly paths of images that are there, or None.

    A column that is not text, or whose values do not end like images, costs no look at the disk.
    """
    for name, like, looked_at in _columns_like_images(raw):
        base = folder_of(like, raw.source)
        if sum((base / value).is_file() for value in like) > MOSTLY * looked_at:
            return name
    return None


def absent_images(raw: RawTable) -> str | None:
    """What to say of a table without an image column whose values end like images, or None."""
    for name, like, _ in _columns_like_images(raw):
        return (
            f"the values of column {name!r} end like images ({like[0]}), but most are not there, neither beside the table nor "
            f"below the current folder: they are read as text; to learn from the images mend the paths"
        )
    return None


def _columns_like_images(raw: RawTable) -> Iterator[tuple[str, list[str], int]]:
    """Text columns most of whose values end like images: name, such values, and how many were looked at."""
    import pyarrow as pa

    for name in raw.table.column_names:
        column = raw.table.column(name)
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            continue
        values = [str(value) for value in column.slice(0, LOOKED_AT).to_pylist() if value]
        like = [value for value in values if value.lower().endswith(ENDINGS)]
        if values and len(like) > MOSTLY * len(values):
            yield name, like, len(values)


def folder_of(values: Sequence[str], source: str) -> Path:
    """The folder that paths are relative to: the table's or the current one, whichever holds more of them."""
    beside = Path(source).expanduser().parent
    there = [sum((folder / value).is_file() for value in values) for folder in (beside, Path())]
    return (beside if there[0] >= there[1] else Path()).absolute()
