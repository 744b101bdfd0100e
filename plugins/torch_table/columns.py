"""What networks see of a table: scaled numbers, a dense block, codes for embeddings. Fitted on training rows only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from automl_plugins.torch_table.scaling import NumberColumns

from automl import PredictorError, TextFeatures, categories_worth_adding, read_arrays

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from automl import TableData, Task

LEAST_ROWS_OF_LEVEL = 2
"""Levels with fewer training rows are taken for unknown ones, which so get trained, too."""
TEXT_CLIP = 5.0
"""Text columns are scaled to unit size and cut off here: rare words would be the largest numbers of all."""

Scaling = Literal["robust", "quantile"]


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Rows as a network takes them."""

    numbers: NDArray[np.float32]
    """``(rows, numbers)``, scaled, missing ones 0"""
    dense: NDArray[np.float32]
    """``(rows, columns)``: indicators of missing numbers, small categories one-hot, text"""
    codes: NDArray[np.int64]
    """``(rows, categories)``: 0 for unknown and rare levels, then the levels, perhaps missing as one of them"""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a network must know of its input to be built."""

    numbers: int
    dense: int
    levels: tuple[int, ...]
    """Codes of each embedded category, the unknown one included."""


class NetworkColumns:
    """From `TableData` to what networks take.

    Numbers: see `NumberColumns`. Categories with at most `one_hot_levels` levels in the training rows become one-hot
    columns, unknown levels all zeros; larger ones become codes for embeddings. Text becomes a few hundred dense columns
    (`TextFeatures`): the most telling words and a projection of all.
    """

    def __init__(self, seed: int, *, scaling: Scaling, one_hot_levels: int, most_numbers: int | None = None) -> None:
        self._seed, self._one_hot_levels, self._most_numbers = seed, one_hot_levels, most_numbers
        self._numbers = NumberColumns(scaling)
        self._maps: list[NDArray[np.int64]] = []
        """For each category column, the new code of each code; the last two are for unseen and missing."""
        self._text: TextFeatures | None = None
        self._text_scale: NDArray[np.float32] = np.zeros(0, dtype=np.float32)

    @property
    def shape(self) -> Shape:
        """Sizes of what `transform` returns."""
        counts = [int(one.max(initial=0)) for one in self._maps]
        tokens, rest = self._split_numbers()
        hot = sum(count for count in counts if 2 <= count <= self._one_hot_levels)
        return Shape(
            numbers=tokens,
            dense=rest + self._numbers.indicators + hot + len(self._text_scale),
            levels=tuple(count + 1 for count in counts if self._is_embedded(count)),
        )

    def fit_transform(self, data: TableData, task: Task) -> Encoded:
        """Fit, and return the training rows."""
        assert data.target is not None
        self._numbers.fit(np.asarray(data.numbers), self._seed)
        chosen = set(categories_worth_adding(data, task.class_count if task.is_classification else 0, curves=True))
        self._maps = [
            _level_map(np.asarray(data.codes[:, place]), levels)
            if place in chosen
            else np.zeros(levels + 2, dtype=np.int64)
            for place, levels in enumerate(data.layout.levels)
        ]
        self._text, self._text_scale = None, np.zeros(0, dtype=np.float32)
        if data.text is not None:
            self._text = TextFeatures(self._seed)
            self._text.fit(data.text, data.target, task.problem_type)
            found = self._text.transform(data.text)
            self._text_scale = (np.sqrt((found**2).mean(axis=0)) + 1e-6).astype(np.float32)
        return self.transform(data)

    def transform(self, data: TableData) -> Encoded:
        """Rows encoded with what was fitted."""
        scaled, missing = self._numbers.transform(np.asarray(data.numbers))
        tokens, _ = self._split_numbers()
        dense = [scaled[:, tokens:], missing]
        codes = []
        for place, levels in enumerate(self._maps):
            count = int(levels.max(initial=0))
            if count < 2:  # one level only, or none that is known
                continue
            column = np.asarray(data.codes[:, place]).astype(np.int64)
            last = len(levels) - 1
            found = levels[np.where(column < 0, last, np.minimum(column, last - 1))]
            if self._is_embedded(count):
                codes.append(found)
            else:
                dense.append((found[:, None] == np.arange(1, count + 1)).astype(np.float32))
        if self._text is not None:
            assert data.text is not None
            words = self._text.transform(data.text) / self._text_scale
            dense.append(np.clip(words, -TEXT_CLIP, TEXT_CLIP).astype(np.float32))
        return Encoded(
            numbers=np.ascontiguousarray(scaled[:, :tokens]),
            dense=np.concatenate(dense, axis=1),
            codes=np.stack(codes, axis=1) if codes else np.zeros((len(data), 0), dtype=np.int64),
        )

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        arrays: dict[str, Any] = {f"map {place}": one for place, one in enumerate(self._maps)}
        arrays |= self._numbers.arrays
        np.savez(folder / "columns.npz", text_scale=self._text_scale, **arrays)
        about = {
            "scaling": self._numbers.scaling,
            "one_hot_levels": self._one_hot_levels,
            "most_numbers": self._most_numbers,
            "categories": len(self._maps),
            "text": self._text is not None,
        }
        (folder / "columns.json").write_text(json.dumps(about))
        if self._text is not None:
            self._text.save(folder)

    @classmethod
    def load(cls, folder: Path, seed: int) -> NetworkColumns:
        """The inverse of :meth:`save`; PredictorError when files are missing or damaged."""
        try:
            about: dict[str, Any] = json.loads((folder / "columns.json").read_text())
            columns = cls(
                seed,
                scaling=about["scaling"],
                one_hot_levels=about["one_hot_levels"],
                most_numbers=about["most_numbers"],
            )
            arrays = read_arrays(folder / "columns.npz")
            columns._text_scale = arrays.pop("text_scale")
            columns._maps = [arrays.pop(f"map {place}") for place in range(about["categories"])]
            columns._numbers.arrays = arrays
            columns._text = TextFeatures.load(folder) if about["text"] else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PredictorError(f"the columns in {folder} are missing or damaged ({error}); fit again") from error
        return columns

    def _is_embedded(self, count: int) -> bool:
        return count >= 2 and count > self._one_hot_levels

    def _split_numbers(self) -> tuple[int, int]:
        """Numbers that are given as such, and those that join the dense block as there are too many."""
        count = self._numbers.kept
        tokens = count if self._most_numbers is None else min(count, self._most_numbers)
        return tokens, count - tokens


def _level_map(codes: NDArray[np.int32], levels: int) -> NDArray[np.int64]:
    """The new code of each code: ``(levels + 2,)``, the last two for unseen and missing."""
    found = np.zeros(levels + 2, dtype=np.int64)
    known = codes[(codes >= 0) & (codes < levels)]
    frequent = np.bincount(known, minlength=levels)[:levels] >= LEAST_ROWS_OF_LEVEL
    found[:levels][frequent] = np.arange(1, int(frequent.sum()) + 1)
    if int((codes < 0).sum()) >= LEAST_ROWS_OF_LEVEL:
        found[-1] = int(frequent.sum()) + 1
    return found
