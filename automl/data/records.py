"""Records that carry data between the steps: raw tables, encoded tables, findings, splits.

numpy, scipy and pyarrow are imported only for typing here, so that a plugin may import this module.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

Kind = Literal["number", "integer_code", "boolean", "category", "date", "text", "id", "constant"]
"""What a column holds. ``id`` and ``constant`` columns (all-missing ones too) are not used."""

MISSING_TOKENS = (
    "", "NA", "N/A", "n/a", "na", "NaN", "nan", "-nan", "NULL", "Null", "null", "None", "none",
    "#N/A", "#NA", "<NA>", "N.A.", "n.a.", "?", "-", "--", "---", "\u2013", "\u2014", ".", "..", "...", "missing", "Missing",
    "\\N", "NaT", "NONE", "nil", "Nil", "NIL", "(null)", "(NULL)", "[null]", "[NULL]", "<null>", "<NULL>", "(blank)", "(none)",
    "0000-00-00", "0000-00-00 00:00:00",
    "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!",
)  # fmt: skip
"""Cells that mean "missing" in a number, date or boolean column (compared after stripping), those of failed
spreadsheet formulas too."""

DECLARED = "declared-category"
"""Code of the finding that a frame declares numbers to be a category."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something noticed or changed in the data, told to the user and stored with the run."""

    level: Literal["info", "repair", "warning"]
    code: str
    """Short stable name such as ``numbers-as-text``, for programs."""
    message: str
    """One sentence: what was found, how often, what was done."""
    column: str | None = None
    count: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """A table as read: unique string column names, Arrow types, nothing interpreted yet."""

    table: pa.Table
    findings: tuple[Finding, ...] = ()
    source: str = ""
    """Path, or what kind of object it was."""
    written: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Of numbers and truth values of a text file: by column, how cells are written, as far as was seen, and how often."""
    positional: bool = False
    """Whether the table came without names: those of its columns are only their positions."""

    @property
    def declared(self) -> dict[str, str]:
        """Kinds of columns of which the table itself tells more than their values do."""
        told = {one.column for one in self.findings if one.code == DECLARED}
        return {name: "category" for name in self.table.column_names if name in told} if told else {}


@dataclass(frozen=True, kw_only=True)
class TableLayout:
    """Names behind the arrays of a `TableData`, in column order."""

    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    """Number of known levels of each category column; codes are 0..levels-1."""
    texts: tuple[str, ...] = ()
    """Text columns that were hashed into the sparse block."""


@dataclass(frozen=True, kw_only=True)
class TableData:
    """Rows in the form ``table``: what models of this form receive.

    Numbers are float32 with NaN for missing and are finite otherwise. Codes are int32: -1 for missing,
    ``levels`` (one past the last) for a level unseen when the schema was fitted.
    """

    layout: TableLayout
    numbers: NDArray[np.float32]
    """``(rows, numbers)``, C order"""
    codes: NDArray[np.int32]
    """``(rows, categories)``, C order"""
    text: csr_matrix | None = None
    """``(rows, hashed features)`` term counts of all text columns, float32; None without text columns"""
    target: NDArray[Any] | None = None
    """int64 class codes or float64 values, ``(rows,)``; None at predict time"""
    weight: NDArray[np.float64] | None = None
    """``(rows,)`` or None"""
    groups: NDArray[np.int64] | None = None
    """``(rows,)`` or None; rows of one number belong together (the user's groups, stretches of time): whatever is fitted out
    of fold on training rows must not deal them apart"""

    def __len__(self) -> int:
        return int(self.numbers.shape[0])

    @property
    def cells(self) -> int:
        """Numbers and codes in a row."""
        return int(self.numbers.shape[1] + self.codes.shape[1])

    def take(self, rows: NDArray[np.int64]) -> TableData:
        """These rows, copied."""
        return replace(
            self,
            numbers=self.numbers[rows],
            codes=self.codes[rows],
            text=None if self.text is None else self.text[rows],
            target=None if self.target is None else self.target[rows],
            weight=None if self.weight is None else self.weight[rows],
            groups=None if self.groups is None else self.groups[rows],
        )


@dataclass(frozen=True, kw_only=True)
class MatrixData:
    """Rows in the form ``matrix``: dense, imputed, scaled, encoded, all fitted inside the fold."""

    names: tuple[str, ...]
    values: NDArray[np.float32]
    """``(rows, features)``, C order, no NaN, roughly unit scale"""
    target: NDArray[Any] | None = None
    """int64 class codes or float64 values, ``(rows,)``; None at predict time"""
    weight: NDArray[np.float64] | None = None
    groups: NDArray[np.int64] | None = None
    """As in `TableData`."""

    def __len__(self) -> int:
        return int(self.values.shape[0])


class PixelSource(Protocol):
    """Where the pixels of decoded images are: a folder of array files (`automl.data.image_store`), or arrays."""

    def pixels(self, rows: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
        """These images at ``(rows, side, side, channels)``."""


@dataclass(frozen=True, kw_only=True)
class ImageData:
    """Rows in the form ``images``: what models of this form receive to fit and to predict.

    The pixels stay where they are until :meth:`pixels` asks for some: take a batch of rows, then its pixels.
    """

    source: PixelSource
    rows: NDArray[np.int64]
    """Which images of the source these rows are, in order: ``(rows,)``"""
    height: int
    """Median height of the training images in pixels, at predict time, too"""
    width: int
    """Median width of the training images in pixels, at predict time, too"""
    channels: int
    """1 (grey) or 3 (red, green, blue): the same for all"""
    target: NDArray[Any] | None = None
    """int64 class codes or float64 values, ``(rows,)``; None at predict time"""
    weight: NDArray[np.float64] | None = None
    """``(rows,)`` or None"""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def cells(self) -> int:
        """Numbers in a row, about: pixels times channels."""
        return self.height * self.width * self.channels

    def take(self, rows: NDArray[np.int64]) -> ImageData:
        """These rows; no pixel is read."""
        return replace(
            self,
            rows=self.rows[rows],
            target=None if self.target is None else self.target[rows],
            weight=None if self.weight is None else self.weight[rows],
        )

    def pixels(self, side: int) -> NDArray[np.uint8]:
        """All these rows at one resolution: uint8 ``(rows, side, side, channels)``, a copy.

        An image is squeezed or stretched into the square, averaging where it shrinks, so that nothing of it is cut
        off. Each side is made once for all images of a run and kept on disk: ask for few different ones.
        """
        return self.source.pixels(self.rows, side)

    @classmethod
    def of(
        cls,
        images: NDArray[np.uint8],
        target: NDArray[Any] | None = None,
        weight: NDArray[np.float64] | None = None,
    ) -> ImageData:
        """Images that are in memory: uint8 ``(rows, height, width)`` or ``(rows, height, width, 1 or 3)``."""
        import numpy as np

        from automl.data.image_store import PixelArrays

        images = images[..., None] if images.ndim == 3 else images
        rows, height, width, channels = images.shape
        return cls(
            source=PixelArrays(images=images),
            rows=np.arange(rows, dtype=np.int64),
            height=height,
            width=width,
            channels=channels,
            target=target,
            weight=weight,
        )


@dataclass(frozen=True, kw_only=True)
class Split:
    """Row numbers of one job: fit on `train`, judge on `valid`; the two never overlap."""

    train: NDArray[np.int64]
    valid: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How trials are validated, the same for all of them."""

    kind: Literal["holdout", "folds", "groups", "time", "column", "file"]
    splits: Sequence[Split]
    reason: str
    folds: int
    repeats: int = 1
    groups: NDArray[np.int64] | None = None
    """Group of each row where the user declared groups or time; inner splits keep them whole, too."""
