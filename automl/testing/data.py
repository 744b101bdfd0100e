"""Small tasks and tables to try a model on. Their arrays are read-only, like the mapped data of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from automl.data.image_store import PixelArrays
from automl.data.records import ImageData, MatrixData, TableData, TableLayout
from automl.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from automl.specs import ProblemType

Data = TypeVar("Data", bound=TableData | MatrixData | ImageData)

LEVELS = (4, 12)
"""Levels of the category columns of a toy table."""
TEXT_FEATURES = 64
LABELS: dict[str, tuple[str, ...]] = {"binary": ("no", "yes"), "multiclass": ("ant", "bee", "cat"), "regression": ()}
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
ODD_NAMES = (
    "plain", 'quote"s', "[brackets]", "{braces}", "a,b:c", "less<more>", "", " ", "größe °C", "日本語", "line\nbreak",
    "x" * 300, "0", "-1.5", "nan", "a=b;c", "tab\tbed", "back\\slash", "per%cent", "#hash",
)  # fmt: skip
"""Column names that users have and libraries stumble over."""


def toy_task(problem_type: ProblemType, *, rows: int = 200, metric: str | None = None, texts: int = 0) -> Task:
    """The task behind `toy_table` and `toy_matrix`."""
    return Task(
        target="y",
        problem_type=problem_type,
        metric=metric or METRICS[problem_type],
        rows=rows,
        features=6 + len(LEVELS) + texts,
        classes=LABELS[problem_type],
        categories=len(LEVELS),
        texts=texts,
        reasons=("a toy",),
    )


def toy_table(
    problem_type: ProblemType, rows: int = 200, seed: int = 0, *, text: bool = False, missing: bool = True
) -> tuple[TableData, TableData]:
    """Training rows and half as many validation rows: six numbers, two categories, and text if asked for.

    The target follows two numbers, one category and the text, with little noise. With `missing`, a tenth of
    the numbers and codes is missing; the validation rows then hold unseen codes too.
    """
    total = rows + max(rows // 2, 3)
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(total, 6)).astype(np.float32)
    numbers[:, 2] = np.exp(2 * numbers[:, 2])  # skewed
    numbers[:, 3] = np.round(numbers[:, 3])  # few values
    codes = np.column_stack([rng.integers(0, levels, total) for levels in LEVELS]).astype(np.int32)
    signal = 2.0 * numbers[:, 0] - 1.5 * numbers[:, 1] + np.array([-1.0, 0.5, 1.5, 0.0])[codes[:, 0]]
    block = None
    if text:
        block, topic = _toy_text(total, rng)
        signal = 0.3 * signal + 2.5 * topic
    target = toy_target(problem_type, signal + rng.normal(scale=0.2, size=total))
    if missing:
        numbers[rng.random(numbers.shape) < 0.1] = np.nan
        codes[rng.random(codes.shape) < 0.1] = -1
        unseen = rng.random((total - rows, len(LEVELS))) < 0.1
        codes[rows:] = np.where(unseen, np.array(LEVELS, dtype=np.int32), codes[rows:])
    layout = TableLayout(
        numbers=tuple(f"number {index}" for index in range(6)),
        categories=("colour", "town"),
        levels=LEVELS,
        texts=("review",) if text else (),
    )
    table = TableData(layout=layout, numbers=numbers, codes=codes, text=block, target=target)
    return _parts(table.take, rows, total)


def toy_matrix(problem_type: ProblemType, rows: int = 200, seed: int = 0) -> tuple[MatrixData, MatrixData]:
    """The rows of `toy_table` as a dense standardised matrix: imputed, categories as one-hot columns."""
    train, valid = toy_table(problem_type, rows, seed, missing=False)
    numbers = np.vstack([train.numbers, valid.numbers])
    numbers = (numbers - train.numbers.mean(axis=0)) / (train.numbers.std(axis=0) + 1e-6)
    codes = np.vstack([train.codes, valid.codes])
    hot = [codes[:, [index]] == np.arange(levels) for index, levels in enumerate(LEVELS)]
    values = np.ascontiguousarray(np.hstack([numbers, *hot]).astype(np.float32))
    assert train.target is not None
    assert valid.target is not None
    names = tuple(f"feature {index}" for index in range(values.shape[1]))
    whole = MatrixData(names=names, values=values, target=np.concatenate([train.target, valid.target]))
    return _parts(lambda kept: take_rows(whole, kept), rows, len(whole))


def take_rows(data: Data, rows: NDArray[np.int64]) -> Data:
    """These rows of a table or a matrix, copied, or of images."""
    any_data: Any = data
    if isinstance(any_data, TableData | ImageData):
        return any_data.take(rows)  # type: ignore[return-value]
    taken: dict[str, Any] = {name: np.ascontiguousarray(array[rows]) for name, array in arrays_of(data).items()}
    return replace(data, **taken)


def arrays_of(data: TableData | MatrixData | ImageData) -> dict[str, NDArray[Any]]:
    """Every array behind `data`, by name."""
    found: dict[str, Any] = {"target": data.target, "weight": data.weight}
    if isinstance(data, MatrixData):
        found["values"] = data.values
    elif isinstance(data, ImageData):
        found["rows"] = data.rows
        if isinstance(data.source, PixelArrays):
            found["images"] = data.source.images
    else:
        found |= {"numbers": data.numbers, "codes": data.codes}
        if data.text is not None:
            found |= {f"text.{part}": getattr(data.text, part) for part in ("data", "indices", "indptr")}
    return {name: array for name, array in found.items() if array is not None}


def read_only(data: Data) -> Data:
    """`data`, its arrays locked: writing into one raises ValueError, as it does for memory-mapped files."""
    for array in arrays_of(data).values():
        array.setflags(write=False)
    return data


def changed(data: Data, **changes: Any) -> Data:
    """`data` with fields replaced, locked again."""
    return read_only(replace(data, **changes))


def renamed(data: Data, names: tuple[str, ...]) -> Data:
    """`data` with other column names, as many as are needed."""
    any_data: Any = data
    if isinstance(any_data, MatrixData):
        return changed(data, names=_enough(names, len(any_data.names)))
    layout = any_data.layout
    first, second = len(layout.numbers), len(layout.numbers) + len(layout.categories)
    every = _enough(names, second + len(layout.texts))
    parts: dict[str, Any] = {"numbers": every[:first], "categories": every[first:second], "texts": every[second:]}
    return changed(data, layout=replace(layout, **parts))


def _enough(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    return tuple(name if turn == 0 else f"{name}{turn}" for turn in range(count) for name in names)[:count]


def _parts(take: Callable[[NDArray[np.int64]], Data], rows: int, total: int) -> tuple[Data, Data]:
    return read_only(take(np.arange(rows))), read_only(take(np.arange(rows, total)))


def toy_target(problem_type: ProblemType, signal: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Values, or codes of classes of about equal size; the first rows hold every class."""
    if problem_type == "regression":
        return 10.0 + 3.0 * signal.astype(np.float64)
    classes = len(LABELS[problem_type])
    limits = np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1])
    target = np.searchsorted(limits, signal).astype(np.int64)
    target[:classes] = np.arange(classes)
    return target


def _toy_text(total: int, rng: np.random.Generator) -> tuple[csr_matrix, NDArray[np.floating[Any]]]:
    """Counts of hashed words, and what the words say about the target: words below 8 speak for it or against it."""
    from scipy.sparse import csr_matrix

    counts = rng.poisson(0.15, size=(total, TEXT_FEATURES)).astype(np.float32)
    topic = rng.choice([-1.0, 1.0], size=total)
    words = np.where(topic > 0, rng.integers(0, 4, total), rng.integers(4, 8, total))
    counts[:, :8] = 0
    counts[np.arange(total), words] = 2
    return csr_matrix(counts), topic


def layout_parts(data: TableData) -> Mapping[str, TableData]:
    """Tables that hold only the numbers, only the categories or only the text of `data`."""
    rows, layout = len(data), data.layout
    no_numbers, no_codes = np.empty((rows, 0), dtype=np.float32), np.empty((rows, 0), dtype=np.int32)
    only = {
        "only numbers": changed(data, layout=TableLayout(numbers=layout.numbers), codes=no_codes, text=None),
        "only categories": changed(
            data,
            layout=TableLayout(categories=layout.categories, levels=layout.levels),
            numbers=no_numbers,
            text=None,
        ),
    }
    if data.text is not None:
        only["only text"] = changed(data, layout=TableLayout(texts=layout.texts), numbers=no_numbers, codes=no_codes)
    return only
