"""What users give as images: a folder, a table with a column of paths, an .npz file, arrays, a list of paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from automl.data.image_columns import LOOKED_AT, folder_of, image_column
from automl.data.image_files import ENDINGS, PictureFiles
from automl.data.nearest import nearest
from automl.errors import DataError, SettingsError
from automl.scalars import writes_number

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.data.image_schema import ImageSchema
    from automl.data.records import Finding, RawTable

IMAGE = "image"
"""Column of names where the source is no table."""
CLASS = "class"
"""Target of a folder: the folder's name."""
ADDRESSES = ("http://", "https://", "s3://", "gs://", "ftp://")
"""How values begin that are not on this machine."""


class Pictures(Protocol):
    """Pictures that can be decoded, row by row."""

    @property
    def names(self) -> Sequence[str]:
        """What users call them."""

    def __len__(self) -> int: ...

    def shapes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Height, width and channels (1 or 3); zeros where it cannot be said: ``(rows, 3)``."""

    def load(self, rows: NDArray[np.int64], side: int, channels: int) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """``(rows, side, side, channels)``, and what is wrong by place in `rows`."""


@dataclass(frozen=True, kw_only=True)
class RawImages:
    """Images as given: pictures, and a table of what else is known of them, row by row."""

    pictures: Pictures
    table: pa.Table
    column: str
    """Column of the table that names the images."""
    findings: tuple[Finding, ...] = ()
    source: str = ""
    written: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """How cells of a text table are written, as in `RawTable`."""

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """How images are read."""

    column: str | None = None
    """Column of paths; None: found."""
    target: str | None = None
    dedupe: bool = False
    threads: int = 1
    scale: float | None = None
    """That of the training arrays, None before there are any."""
    work: Path | None = None
    """Folder for large arrays that are unpacked; None: that of temporary files."""


def is_images(source: Any, column: str | None) -> bool:
    """Whether a source is one of images, by what it is alone: tables with paths are found by `image_column`."""
    if column is not None:
        return True
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        return path.suffix.lower() in (".npz", ".npy", *ENDINGS) or path.is_dir()
    if isinstance(source, Mapping):
        return any(getattr(value, "ndim", 0) > 2 for value in source.values())
    if isinstance(source, list | tuple):
        return bool(source) and all(isinstance(one, str | Path) for one in source)
    return getattr(source, "ndim", 0) > 2


def default_target(source: Any) -> str | None:
    """The target of a source that needs no name for it: ``class`` of a folder, ``y`` of arrays; else None."""
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if path.is_dir():
            return CLASS
        return "y" if path.suffix.lower() == ".npz" else None
    return "y" if isinstance(source, Mapping) and is_images(source, None) else None


def read_images(source: Any, options: ImageOptions) -> RawImages:
    """Find the pictures of a source; nothing is decoded. DataError for what holds none."""
    if isinstance(source, str | Path):
        path = Path(source).expanduser()
        if path.is_dir():
            return _of_folder(path, options)
        ending = path.suffix.lower()
        if ending in (".npz", ".npy"):
            return _of_arrays_file(path, options)
        if ending in ENDINGS:
            return _of_paths([source], str(source), options)
    elif isinstance(source, Mapping) and is_images(source, None):
        return _of_mapping(source, options)
    elif isinstance(source, list | tuple) and is_images(source, None):
        return _of_paths(source, f"the given {type(source).__name__}", options)
    elif getattr(source, "ndim", 0) > 2:
        return _of_array(source, {}, "the given array", options)
    from automl.data.read import read_table

    return of_table(read_table(source, dedupe=options.dedupe), options)


def read_again(source: Any, schema: ImageSchema, threads: int) -> RawImages:
    """Images to predict, in any form in which the training images might have come."""
    if isinstance(source, RawImages):
        return source
    options = ImageOptions(threads=threads, scale=schema.scale, dedupe=True)
    if is_images(source, None):
        return read_images(source, options)
    _refuse_no_images(source)
    from automl.data.read import read_table

    raw = read_table(source, dedupe=True)
    return of_table(raw, replace(options, column=schema.column if schema.column in raw.table.column_names else None))


def _refuse_no_images(source: Any) -> None:
    """DataError for lists and arrays that are neither images nor a table with their paths."""
    import numpy as np

    if isinstance(source, list | tuple):
        if not source:
            raise DataError("the given list is empty; give paths of images, or an array of rows x height x width")
        place, other = next(
            ((place, one) for place, one in enumerate(source) if not isinstance(one, Mapping)), (0, source[0])
        )
        if not isinstance(other, Mapping):
            if isinstance(other, str | Path):
                place, other = next((at, one) for at, one in enumerate(source) if not isinstance(one, str | Path))
            raise DataError(
                f"the given {type(source).__name__} holds an object of type {type(other).__name__} at place {place}; "
                "give paths of images, or one array of rows x height x width"
            )
    elif isinstance(source, np.ndarray) and source.ndim < 3 and source.dtype.kind in "biufc":
        shape = " x ".join(map(str, source.shape))
        one = "; give array[None] for one image" if source.ndim == 2 else ""
        raise DataError(f"the given array is of {shape}; images are rows x height x width, or with channels last{one}")


def with_target(table: pa.Table, target: str) -> pa.Table:
    """The table with the target under its own name, where it has the one that folders or arrays give it."""
    usual = [name for name in (CLASS, "y") if name in table.column_names]
    if target in table.column_names or not usual:
        return table
    return table.rename_columns([target if name == usual[0] else name for name in table.column_names])


def of_table(raw: RawTable, options: ImageOptions) -> RawImages:
    """Pictures by the paths in a column of a table; a row without a path is one without a picture."""
    names = raw.table.column_names
    column = options.column or image_column(raw)
    if column is None:
        raise DataError(
            f"{raw.source} has no column of image paths that are there; name it with --image-column, and write paths "
            "relative to the table or to the current folder"
        )
    if column not in names:
        raise DataError(f"image column {column!r} is not in {raw.source}; {nearest(column, names)}")
    values = ["" if value is None else str(value) for value in raw.table.column(column).to_pylist()]
    address = next((value for value in values if value.startswith(ADDRESSES)), None)
    if address is not None:
        raise DataError(
            f"image column {column!r} of {raw.source} holds addresses ({address}); download the images, and give their paths"
        )
    looked_at = [value for value in values[:LOOKED_AT] if value]
    base = folder_of(looked_at, raw.source)
    if looked_at and all(writes_number(value) and not (base / value).is_file() for value in looked_at):
        raise DataError(
            f"image column {column!r} of {raw.source} holds numbers ({looked_at[0]}, ...) and no paths; name the column of paths"
        )
    return RawImages(
        pictures=PictureFiles(
            paths=[str(base / value) if value else "" for value in values],
            names=[value or f"row {row}" for row, value in enumerate(values, 1)],
            threads=options.threads,
        ),
        table=raw.table,
        column=column,
        findings=raw.findings,
        written=raw.written,
        source=raw.source,
    )


def _of_folder(folder: Path, options: ImageOptions) -> RawImages:
    import pyarrow as pa

    from automl.data.image_folder import scan_folder

    found = scan_folder(folder)
    return RawImages(
        pictures=PictureFiles(paths=found.paths, names=found.names, threads=options.threads),
        table=pa.table({IMAGE: pa.array(found.names, pa.string()), CLASS: pa.array(found.classes, pa.string())}),
        column=IMAGE,
        findings=tuple(found.findings()),
        source=str(folder),
    )


def with_classes(raw: RawImages, folder: Path) -> RawImages:
    """The images of a folder with the classes that its folders say; DataError where they say none."""
    import pyarrow as pa

    from automl.data.image_folder import class_folders

    classes, told = class_folders(raw.pictures.names, raw.table.column(CLASS).to_pylist(), folder)
    place = raw.table.column_names.index(CLASS)
    table = raw.table.set_column(place, CLASS, pa.array(classes, pa.string()))
    return replace(raw, table=table, findings=(*raw.findings, *told))


def _of_arrays_file(path: Path, options: ImageOptions) -> RawImages:
    import numpy as np

    from automl.data.image_arrays import read_npz

    if not path.is_file():
        raise DataError(f"{path} does not exist; check the path")
    if path.suffix.lower() == ".npz":
        images, columns = read_npz(path, options.target, options.work)
        return _of_array(images, columns, str(path), options)
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read as .npy ({error}); write it with numpy.save(path, images)") from error
    return _of_array(images, {}, str(path), options)


def _of_mapping(source: Mapping[Any, Any], options: ImageOptions) -> RawImages:
    import numpy as np

    images = [name for name, value in source.items() if getattr(value, "ndim", 0) > 2]
    if len(images) > 1:
        raise DataError(f"{' and '.join(map(repr, images))} both look like images; give one array of them")
    columns = {str(name): np.asarray(value) for name, value in source.items() if name != images[0]}
    return _of_array(source[images[0]], columns, "the given arrays", options)


def _of_array(images: Any, columns: Mapping[str, NDArray[Any]], source: str, options: ImageOptions) -> RawImages:
    import pyarrow as pa

    from automl.data.image_arrays import pictures_of
    from automl.data.read import read_table

    pictures = pictures_of(images, source, scale=options.scale)
    for name, values in columns.items():
        if len(values) != len(pictures):
            raise DataError(f"{source}: {name!r} has {len(values):,} values for {len(pictures):,} images")
    findings: tuple[Finding, ...] = ()
    table = pa.table({IMAGE: pa.array(pictures.names, pa.string())})
    if columns:
        raw = read_table(dict(columns))
        table, findings = raw.table, raw.findings
        if IMAGE not in table.column_names:
            table = table.add_column(0, IMAGE, pa.array(pictures.names, pa.string()))
    return RawImages(pictures=pictures, table=table, column=IMAGE, findings=findings, source=source)


def _of_paths(paths: Sequence[Any], source: str, options: ImageOptions) -> RawImages:
    import pyarrow as pa

    names = [str(path) for path in paths]
    folders = [name for name in names if Path(name).is_dir()]
    if folders:
        raise SettingsError(
            f"{folders[0]} is a folder among a list of images; give the folder alone, or paths of files"
        )
    return RawImages(
        pictures=PictureFiles(
            paths=[str(Path(name).expanduser().absolute()) for name in names], names=names, threads=options.threads
        ),
        table=pa.table({IMAGE: pa.array(names, pa.string())}),
        column=IMAGE,
        source=source,
    )
