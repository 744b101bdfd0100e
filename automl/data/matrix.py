"""The form ``matrix``: numbers imputed and scaled, categories encoded, text reduced, all fitted inside the fold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from automl.data.codes import ONE_HOT_LEVELS, categories_worth_adding
from automl.data.records import MatrixData, TableData
from automl.data.scaling import CLIP, NumberScaling, soften
from automl.data.target_encoding import TargetEncoding
from automl.data.target_unit import find_unit
from automl.data.text_features import TextFeatures

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.task import Task

LEAST_ROWS_OF_LEVEL = 2
"""Levels with fewer training rows have no column: they look like an unseen one."""
MOST_FEATURES = 2000
"""Most one-hot columns; categories beyond are encoded by the target. Numbers keep a column each whatever their count,
with 500 indicators of missing values at most, and text adds 350 columns at most."""
MOST_CELLS = 200_000_000
"""With many rows there are fewer one-hot columns, so that they stay below 800 MB."""
SMALLEST_SCALE = 0.1
"""Target means are not blown up beyond ten standard deviations of the target."""


class MatrixEncoder:
    """Fitted on the training rows of one fold; the same for all models of the form ``matrix``.

    Numbers: see `NumberScaling`. Categories with few levels: one-hot, missing being a level, rare and unseen ones
    all zero. Categories with many levels: shrunken target means, out of fold on the training rows (unless the task wants
    none), and the logarithm of how often the level occurs in other rows. Text: see `TextFeatures`.
    """

    def __init__(self) -> None:
        self._numbers = NumberScaling()
        self._arrays: dict[str, NDArray[Any]] = {}
        self._names: tuple[str, ...] = ()
        self._one_hot: list[tuple[int, list[int]]] = []
        self._target_columns: list[int] = []
        self._target: TargetEncoding | None = None
        self._text: TextFeatures | None = None

    def fit(self, data: TableData, task: Task, seed: int) -> None:
        """Fit on these rows. To get them encoded use `fit_transform`: `transform` would tell them their targets."""
        self.fit_transform(data, task, seed)

    def fit_transform(self, data: TableData, task: Task, seed: int) -> MatrixData:
        """Fit on these rows and return them encoded; target encodings of them are out of fold."""
        import numpy as np

        assert data.target is not None, "the training rows need their target"
        self._arrays, self._target, self._text = {}, None, None
        self._numbers.fit(data.numbers, seed)
        self._choose_categories(data, task.class_count if task.is_classification else 0)
        blocks: list[NDArray[Any]] = [self._numbers.transform(data.numbers), self._hot(data.codes)]
        if self._target_columns:
            blocks += self._fit_many_levels(data, task, seed)
        if data.text is not None:
            self._text = TextFeatures(seed)
            self._text.fit(data.text, data.target, task.problem_type)
            dense = self._text.transform(data.text)
            self._arrays["text_scale"] = np.sqrt((dense**2).mean(axis=0)) + 1e-6
            blocks.append(np.clip(dense / self._arrays["text_scale"], -CLIP, CLIP))
        self._names = tuple(self._all_names(data, blocks))
        return self._put_together(blocks, data)

    def transform(self, data: TableData) -> MatrixData:
        """Rows encoded with what was fitted."""
        import numpy as np

        blocks: list[NDArray[Any]] = [self._numbers.transform(data.numbers), self._hot(data.codes)]
        if self._target_columns:
            codes = data.codes[:, self._target_columns]
            if self._target is not None:
                blocks.append(self._scale_means(self._target.transform(codes)))
            blocks.append(self._frequency(codes, own=0))
        if self._text is not None:
            assert data.text is not None, "the encoder was fitted with text"
            blocks.append(np.clip(self._text.transform(data.text) / self._arrays["text_scale"], -CLIP, CLIP))
        return self._put_together(blocks, data)

    def save(self, folder: Path) -> None:
        """Write arrays and JSON into an existing folder."""
        import numpy as np

        np.savez(folder / "matrix.npz", **self._arrays)  # type: ignore[arg-type]
        np.savez(folder / "scaling.npz", **self._numbers.arrays)  # type: ignore[arg-type]
        about = {
            "names": self._names,
            "one_hot": self._one_hot,
            "target_columns": self._target_columns,
            "target": self._target is not None,
            "text": self._text is not None,
        }
        (folder / "matrix.json").write_text(json.dumps(about))
        if self._target is not None:
            self._target.save(folder)
        if self._text is not None:
            self._text.save(folder)

    @classmethod
    def load(cls, folder: Path) -> MatrixEncoder:
        """The inverse of :meth:`save`; PredictorError when files are missing or damaged."""
        from automl.data.arrays import read_arrays
        from automl.errors import PredictorError

        encoder = cls()
        try:
            about = json.loads((folder / "matrix.json").read_text())
            encoder._arrays = read_arrays(folder / "matrix.npz")
            encoder._numbers.arrays = read_arrays(folder / "scaling.npz")
            encoder._names = tuple(about["names"])
            encoder._one_hot = [(place, list(levels)) for place, levels in about["one_hot"]]
            encoder._target_columns = list(about["target_columns"])
            encoder._target = TargetEncoding.load(folder) if about["target"] else None
            encoder._text = TextFeatures.load(folder) if about["text"] else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PredictorError(
                f"the encoder in {folder} is missing or damaged ({error}); copy it again or fit again"
            ) from error
        return encoder

    def _put_together(self, blocks: list[NDArray[Any]], data: TableData) -> MatrixData:
        import numpy as np

        values = np.concatenate(blocks, axis=1, dtype=np.float32, casting="unsafe")
        if not values.shape[1]:  # every column is constant here: models still need one
            values = np.zeros((len(data), 1), dtype=np.float32)
        return MatrixData(
            names=self._names,
            values=np.ascontiguousarray(values),
            target=data.target,
            weight=data.weight,
            groups=data.groups,
        )

    def _all_names(self, data: TableData, blocks: list[NDArray[Any]]) -> list[str]:
        categories = data.layout.categories
        names = self._numbers.names(data.layout.numbers)
        names += [f"{categories[place]}={level}" for place, levels in self._one_hot for level in levels]
        if self._target is not None:
            outputs = range(self._target.outputs)
            names += [f"{categories[place]} target {output}" for place in self._target_columns for output in outputs]
        names += [f"{categories[place]} frequency" for place in self._target_columns]
        if self._text is not None:
            names += [f"text {place}" for place in range(blocks[-1].shape[1])]
        return names or ["nothing"]

    # -- few levels -------------------------------------------------------------------------------

    def _choose_categories(self, data: TableData, classes: int) -> None:
        """One-hot for few levels, the target's mean for many; a code that is a number too only when levels tell more."""
        import numpy as np

        self._one_hot, self._target_columns = [], []
        most = min(MOST_FEATURES, max(MOST_CELLS // max(len(data), 1), 100))
        width = 0
        for place in categories_worth_adding(data, classes):
            levels = data.layout.levels[place]
            counts = np.bincount(np.asarray(data.codes[:, place]) + 1, minlength=levels + 2)
            known = [int(level) for level in np.flatnonzero(counts[: levels + 1] >= LEAST_ROWS_OF_LEVEL) - 1]
            if len(known) <= ONE_HOT_LEVELS and width + len(known) <= most:
                if np.count_nonzero(counts) <= 2:
                    known = known[1:]  # of two kinds of rows one column tells all
                width += len(known)
                self._one_hot.append((place, known))
            else:
                self._target_columns.append(place)

    def _hot(self, codes: NDArray[np.int32]) -> NDArray[np.float32]:
        import numpy as np

        width = sum(len(levels) for _, levels in self._one_hot)
        hot = np.zeros((len(codes), width), dtype=np.float32)
        start = 0
        for place, levels in self._one_hot:
            np.equal(codes[:, [place]], levels, out=hot[:, start : start + len(levels)], casting="unsafe")
            start += len(levels)
        return hot

    # -- many levels ------------------------------------------------------------------------------

    def _fit_many_levels(self, data: TableData, task: Task, seed: int) -> list[NDArray[Any]]:
        import numpy as np

        assert data.target is not None
        codes = data.codes[:, self._target_columns]
        levels = tuple(data.layout.levels[place] for place in self._target_columns)
        means = self._fit_means(data, codes, levels, task, seed) if task.target_encoding else []
        for place, count in enumerate(levels):
            self._arrays[f"counts_{place}"] = np.bincount(codes[:, place] + 1, minlength=count + 2)
        self._arrays["frequency_mean"], self._arrays["frequency_scale"] = np.zeros(len(levels)), np.ones(len(levels))
        raw = self._frequency(codes, own=1)
        self._arrays["frequency_mean"], self._arrays["frequency_scale"] = raw.mean(axis=0), raw.std(axis=0) + 1e-6
        return [*means, self._frequency(codes, own=1)]

    def _fit_means(
        self, data: TableData, codes: NDArray[np.int32], levels: tuple[int, ...], task: Task, seed: int
    ) -> list[NDArray[Any]]:
        """Target means of the training rows, out of fold and scaled."""
        import numpy as np

        assert data.target is not None
        classes = task.class_count if task.is_classification else 0
        self._target = TargetEncoding(seed)
        # Encodings are float32, in which values near 1e9 that differ little would all be the same.
        target = data.target if classes else find_unit(data.target).to_model(data.target)
        means = self._target.fit_transform(codes, target, levels, classes, data.groups)
        least = np.tile(SMALLEST_SCALE * self._target.spread, len(levels))
        self._arrays["target_mean"] = means.mean(axis=0)
        self._arrays["target_scale"] = np.maximum(np.maximum(means.std(axis=0), least), 1e-12)
        return [self._scale_means(means)]

    def _scale_means(self, means: NDArray[np.float32]) -> NDArray[np.float64]:
        return soften((means - self._arrays["target_mean"]) / self._arrays["target_scale"])

    def _frequency(self, codes: NDArray[np.int32], *, own: int) -> NDArray[np.float64]:
        """Scaled log counts of each row's level in the training rows; `own` 1 leaves the row itself out.

        Without that, levels of one row would look frequent to the model in training and unseen later.
        """
        import numpy as np

        raw = np.empty((len(codes), codes.shape[1]))
        for place in range(codes.shape[1]):
            counts = self._arrays[f"counts_{place}"]
            raw[:, place] = np.log1p(counts[codes[:, place] + 1] - own)
        return np.asarray((raw - self._arrays["frequency_mean"]) / self._arrays["frequency_scale"])
