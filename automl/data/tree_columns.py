"""What tree models see of a table: numbers, categories in the form they use best, text as a few dense columns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from automl.data.crosses import Crosses
from automl.data.target_encoding import TargetEncoding
from automl.data.text_features import TextFeatures
from automl.data.twins import categories_without_twins
from automl.errors import PredictorError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from automl.data.records import TableData
    from automl.task import Task

NATIVE_LEVELS = 1000
"""Categories with more levels are given as target means instead: their levels are too rare to be grouped."""
ORDINAL_LEVELS = 6

ONE_HOT_LEVELS = 12
MOST_CELLS = 100_000_000
"""Rows x columns of levels at most, 400 MB: of longer tables, fewer levels have a column each."""
WHOLE_FROM = 100
"""Rows from which a level's target mean is that of all its rows. Of 20, 50 and 100, which were tried with boosted trees on parts of
nine tables, the largest cost least where a category has some fifty levels of as many rows.
"""

Handling = Literal["native", "encoded", "ordered", "one_hot"]


class TreeColumns:
    """Dense float32 columns from a table, fitted on training rows only.

    ``native`` keeps categories as codes (NaN for missing and unseen) and says which columns they are; ``encoded`` replaces
    those with more than a few levels by out-of-fold target means; ``ordered`` keeps all as codes, in the order of
    their levels, and adds target means of those with more than a few, of frequent levels by all their rows; ``one_hot`` gives each level
    of smaller ones a column and takes the others as ``ordered`` does. Where the task wants no target means, there are none, and
    ``encoded`` keeps all categories as codes.
    """

    def __init__(self, task: Task, seed: int, handling: Handling, crosses: int = 0) -> None:
        """`crosses`: pairs of categories that are added at most as target means (`automl.data.crosses`)."""
        self._task, self._seed, self._handling = task, seed, handling
        self._most_crosses = crosses if task.target_encoding else 0
        self._crosses: Crosses | None = None
        self._plain: list[int] = []
        self._by_target: list[int] = []
        self._levels: list[int] = []
        self._hot: list[tuple[int, int]] = []
        """Place and number of levels of the categories whose levels have columns."""
        self._encoding: TargetEncoding | None = None
        self._text: TextFeatures | None = None
        self.names: list[str] = []
        self.categorical: list[int] = []

    def fit_transform(self, data: TableData) -> NDArray[np.float32]:
        """Fit, and return the training rows ``(rows, columns)``."""
        assert data.target is not None
        self._place(data)
        classes = self._task.class_count if self._task.is_classification else 0
        self._levels = [data.layout.levels[place] for place in self._plain]
        categories = data.layout.categories
        self.names = [*data.layout.numbers, *(categories[place] for place in self._plain)]
        self.names += [f"{categories[place]}={level}" for place, levels in self._hot for level in range(levels)]
        if self._handling == "native":
            first = len(data.layout.numbers)
            self.categorical = list(range(first, first + len(self._plain)))
        blocks = [np.asarray(data.numbers), self._codes(data), self._columns_of_levels(data)]
        if self._by_target:
            whole_from = WHOLE_FROM if self._handling in ("ordered", "one_hot") else None
            self._encoding = TargetEncoding(self._seed, whole_from=whole_from)
            levels_of = tuple(data.layout.levels[place] for place in self._by_target)
            encoded = self._encoding.fit_transform(
                data.codes[:, self._by_target], data.target, levels_of, classes, data.groups
            )
            self.names += [f"target mean {place}" for place in range(encoded.shape[1])]
            blocks.append(encoded)
        if self._most_crosses:
            self._crosses = Crosses(self._seed, self._most_crosses)
            crossed = self._crosses.fit_transform(data, self._used(), classes)
            self.names += [f"crossed mean {place}" for place in range(crossed.shape[1])]
            blocks.append(crossed)
        if data.text is not None:
            self._text = TextFeatures(self._seed)
            self._text.fit(data.text, data.target, self._task.problem_type)
            words = self._text.transform(data.text)
            self.names += [f"text {place}" for place in range(words.shape[1])]
            blocks.append(words)
        return np.ascontiguousarray(np.concatenate(blocks, axis=1, dtype=np.float32))

    def transform(self, data: TableData) -> NDArray[np.float32]:
        """Other rows in the same columns."""
        blocks = [np.asarray(data.numbers), self._codes(data), self._columns_of_levels(data)]
        if self._encoding is not None:
            blocks.append(self._encoding.transform(data.codes[:, self._by_target]))
        if self._crosses is not None:
            blocks.append(self._crosses.transform(data))
        if self._text is not None:
            assert data.text is not None
            blocks.append(self._text.transform(data.text))
        return np.ascontiguousarray(np.concatenate(blocks, axis=1, dtype=np.float32))

    def _place(self, data: TableData) -> None:
        """Which categories stay codes, have a column for each level, and are encoded by the target."""
        classes = self._task.class_count if self._task.is_classification else 0
        used, levels = categories_without_twins(data, classes), data.layout.levels
        self._plain, self._by_target, self._hot = used, [], []
        if self._handling == "one_hot":
            room = MOST_CELLS // max(len(data), 1)
            for place in sorted(used, key=lambda each: levels[each]):
                if 2 < levels[place] <= min(ONE_HOT_LEVELS, room):
                    self._hot.append((place, levels[place]))
                    room -= levels[place]
            hot = {place for place, _ in self._hot}
            self._plain = [place for place in used if place not in hot]
        if self._task.target_encoding:
            few = NATIVE_LEVELS if self._handling == "native" else ORDINAL_LEVELS
            self._by_target = [place for place in self._plain if levels[place] > few]
            if self._handling in ("native", "encoded"):
                self._plain = [place for place in self._plain if levels[place] <= few]

    def _used(self) -> list[int]:
        """Places of all categories in use."""
        return sorted({*self._plain, *self._by_target, *(place for place, _ in self._hot)})

    def _columns_of_levels(self, data: TableData) -> NDArray[np.float32]:
        """A column for each level of the categories that have them; a row of a missing or unseen one has only zeros."""
        if not self._hot:
            return np.zeros((len(data), 0), dtype=np.float32)
        codes = np.asarray(data.codes)
        return np.concatenate(
            [(codes[:, [place]] == np.arange(levels)).astype(np.float32) for place, levels in self._hot], axis=1
        )

    def _codes(self, data: TableData) -> NDArray[np.float32]:
        codes = np.asarray(data.codes[:, self._plain])
        # For a booster a level never seen is as good as missing.
        unknown = (codes < 0) | (codes >= np.array(self._levels, dtype=np.int64).reshape(1, -1))
        return np.where(unknown, np.nan, codes).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        about = {
            "handling": self._handling,
            "plain": self._plain,
            "by_target": self._by_target,
            "hot": self._hot,
            "levels": self._levels,
            "names": self.names,
            "categorical": self.categorical,
            "encoding": self._encoding is not None,
            "text": self._text is not None,
            "crosses": self._crosses is not None and bool(self._crosses.pairs),
        }
        (folder / "columns.json").write_text(json.dumps(about))
        if self._encoding is not None:
            self._encoding.save(folder)
        if self._crosses is not None and self._crosses.pairs:
            self._crosses.save(folder)
        if self._text is not None:
            self._text.save(folder)

    @classmethod
    def load(cls, folder: Path, task: Task, seed: int) -> TreeColumns:
        """The inverse of :meth:`save`; PredictorError when files are missing or damaged."""
        try:
            about: dict[str, Any] = json.loads((folder / "columns.json").read_text())
            columns = cls(task, seed, about["handling"])
            columns._plain, columns._by_target, columns._levels = about["plain"], about["by_target"], about["levels"]
            columns._hot = [(int(place), int(levels)) for place, levels in about.get("hot", [])]
            columns.names, columns.categorical = about["names"], about["categorical"]
            columns._encoding = TargetEncoding.load(folder) if about["encoding"] else None
            columns._crosses = Crosses.load(folder) if about.get("crosses") else None
            columns._text = TextFeatures.load(folder) if about["text"] else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PredictorError(f"the columns in {folder} are missing or damaged ({error}); fit again") from error
        return columns


def boosting_patience(rows: int, best_round: int) -> int:
    """Rounds without progress after which boosting on so many rows stops, when `best_round` was the best so far.

    40 rounds and a quarter of what led to the best, never more than 300 up to 10,000 rows and fewer above (the rule
    published with AutoGluon), at least 20. A fixed number is too long for fast learning rates and too short for slow
    ones: on eight tables this took half of the rounds of a fixed 300, and the test error rose by less than 0.1 %.
    """
    most = 300 if rows <= 10_000 else max(20, round(300 * 10_000 / rows))
    return min(most, 40 + best_round // 4)


def boosting_rate(rate: float, rounds: float, *, steps: float = 30.0, fastest: float = 0.3) -> float:
    """The learning rate for boosting that has time for so many more rounds: `rate`, or a faster one.

    Rounds times rate should come to `steps`: thirty rounds at rate 1 would fit any curve, so that a slower rate needs as
    many more. Above `fastest` steps overshoot.
    """
    return max(rate, min(fastest, steps / max(rounds, 1.0)))
