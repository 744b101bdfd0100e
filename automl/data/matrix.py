"""The form ``matrix``: numbers imputed and scaled, categories encoded, text reduced, all fitted inside the fold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from automl.data.records import MatrixData, TableData
from automl.data.target_encoding import TargetEncoding
from automl.data.text_features import TextFeatures

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.task import Task

ONE_HOT_LEVELS = 25
"""Categories with more levels in the training rows are encoded by the target."""
MISSING_SHARE = 0.005
"""Share of missing training values from which a number gets an indicator beside it."""
SKEW = 3.0
"""Numbers with a larger skewness are compressed by a signed logarithm first."""
CLIP = 5.0
"""Scaled values beyond this bend off smoothly: outliers keep their order but lose their weight."""
MOST_FEATURES = 4000


class MatrixEncoder:
    """Fitted on the training rows of one fold; the same for all models of the form ``matrix``."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._names: tuple[str, ...] = ()
        self._one_hot: list[tuple[int, list[int]]] = []
        self._target_columns: list[int] = []
        self._target: TargetEncoding | None = None
        self._text: TextFeatures | None = None

    def fit_transform(self, data: TableData, task: Task, seed: int) -> MatrixData:
        """Fit on these rows and return them encoded; target encodings of them are out of fold."""
        import numpy as np

        assert data.target is not None
        blocks: list[NDArray[Any]] = [self._fit_numbers(data)]
        names = [data.layout.numbers[place] for place in self._arrays["kept"]]
        names += [f"{data.layout.numbers[place]} missing" for place in self._arrays["indicated"]]
        self._choose_categories(data)
        blocks.append(self._hot(data.codes))
        names += [f"{data.layout.categories[place]}={level}" for place, levels in self._one_hot for level in levels]
        if self._target_columns:
            self._target = TargetEncoding(seed)
            levels = tuple(data.layout.levels[place] for place in self._target_columns)
            encoded = self._target.fit_transform(
                data.codes[:, self._target_columns],
                data.target,
                levels,
                task.class_count if task.is_classification else 0,
            )
            self._arrays["target_mean"], self._arrays["target_scale"] = encoded.mean(axis=0), encoded.std(axis=0) + 1e-9
            blocks.append((encoded - self._arrays["target_mean"]) / self._arrays["target_scale"])
            names += [
                f"{data.layout.categories[place]} target {output}"
                for place in self._target_columns
                for output in range(self._target.outputs)
            ]
        if data.text is not None:
            self._text = TextFeatures(seed)
            self._text.fit(data.text, data.target, task.problem_type)
            dense = self._text.transform(data.text)
            self._arrays["text_scale"] = np.sqrt((dense**2).mean(axis=0)) + 1e-6
            blocks.append(np.minimum(dense / self._arrays["text_scale"], CLIP))
            names += [f"text {place}" for place in range(dense.shape[1])]
        self._names = tuple(names)
        return self._put_together(blocks, data)

    def transform(self, data: TableData) -> MatrixData:
        """Rows encoded with what was fitted."""
        import numpy as np

        blocks: list[NDArray[Any]] = [self._scale(data.numbers), self._hot(data.codes)]
        if self._target is not None:
            encoded = self._target.transform(data.codes[:, self._target_columns])
            blocks.append((encoded - self._arrays["target_mean"]) / self._arrays["target_scale"])
        if self._text is not None:
            assert data.text is not None
            blocks.append(np.minimum(self._text.transform(data.text) / self._arrays["text_scale"], CLIP))
        return self._put_together(blocks, data)

    def save(self, folder: Path) -> None:
        """Write arrays and JSON into an existing folder."""
        import numpy as np

        np.savez(folder / "matrix.npz", **self._arrays)  # type: ignore[arg-type]
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
        return MatrixData(
            names=self._names, values=np.ascontiguousarray(values), target=data.target, weight=data.weight
        )

    # -- numbers ----------------------------------------------------------------------------------

    def _fit_numbers(self, data: TableData) -> NDArray[np.float64]:
        import warnings

        import numpy as np

        numbers = np.asarray(data.numbers, dtype=np.float64)
        missing = np.isnan(numbers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a column without any value here has no median
            middle = np.nan_to_num(np.nanmedian(numbers, axis=0)) if numbers.size else np.zeros(numbers.shape[1])
        filled = np.where(missing, middle, numbers) - middle
        scale = np.std(filled, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            skew = np.abs(np.mean((filled - filled.mean(axis=0)) ** 3, axis=0) / scale**3)
        kept = np.flatnonzero(scale > 1e-12 * np.maximum(np.abs(middle), 1e-12))
        self._arrays = {
            "middle": middle,
            "kept": kept,
            "bent": np.nan_to_num(skew) > SKEW,
            # A typical distance from the median that one far value cannot move.
            "unit": np.maximum(_typical(np.abs(filled)), 1e-9 * np.maximum(scale, 1e-12)),
            "indicated": np.flatnonzero(
                (missing.mean(axis=0) > MISSING_SHARE) if len(missing) else np.zeros(0, dtype=bool)
            ),
            "mean": np.zeros(len(kept)),
            "scale": np.ones(len(kept)),
        }
        raw = self._bend(numbers[:, kept])
        self._arrays["mean"], self._arrays["scale"] = raw.mean(axis=0), raw.std(axis=0) + 1e-9
        return self._scale(data.numbers)

    def _bend(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Imputed kept columns, the skewed ones through a signed logarithm."""
        import numpy as np

        kept = self._arrays["kept"]
        filled = np.where(np.isnan(numbers), 0.0, numbers - self._arrays["middle"][kept])
        bent = self._arrays["bent"][kept]
        unit = self._arrays["unit"][kept]
        filled[:, bent] = np.sign(filled[:, bent]) * np.log1p(np.abs(filled[:, bent]) / unit[bent])
        return filled

    def _scale(self, numbers: NDArray[np.float32]) -> NDArray[np.float64]:
        import numpy as np

        kept, indicated = self._arrays["kept"], self._arrays["indicated"]
        values = np.asarray(numbers, dtype=np.float64)
        scaled = (self._bend(values[:, kept]) - self._arrays["mean"]) / self._arrays["scale"]
        far = np.abs(scaled) > CLIP
        scaled[far] = np.sign(scaled[far]) * (CLIP + np.log1p(np.abs(scaled[far]) - CLIP))
        return np.concatenate([scaled, np.isnan(values[:, indicated])], axis=1)

    # -- categories -------------------------------------------------------------------------------

    def _choose_categories(self, data: TableData) -> None:
        """One-hot for few levels, the target's mean for many; a code that is a number too only when it has few."""
        import numpy as np

        numbers = set(data.layout.numbers)
        self._one_hot, self._target_columns = [], []
        width = 0
        for place, (name, levels) in enumerate(zip(data.layout.categories, data.layout.levels, strict=True)):
            counts = np.bincount(np.asarray(data.codes[:, place]) + 1, minlength=levels + 2)
            known = [int(level) for level in np.flatnonzero(counts[: levels + 1] >= 2) - 1]
            if len(known) <= ONE_HOT_LEVELS and width + len(known) <= MOST_FEATURES:
                if len(known) == 2 and -1 not in known:
                    known = known[:1]
                width += len(known)
                self._one_hot.append((place, known))
            elif name not in numbers or len(known) > 3 * ONE_HOT_LEVELS:
                self._target_columns.append(place)

    def _hot(self, codes: NDArray[np.int32]) -> NDArray[np.float32]:
        import numpy as np

        parts = [codes[:, [place]] == np.array(levels, dtype=np.int32) for place, levels in self._one_hot if levels]
        return (
            np.concatenate(parts, axis=1).astype(np.float32) if parts else np.zeros((len(codes), 0), dtype=np.float32)
        )


def _typical(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the distances below their 75 % quantile, column by column."""
    import numpy as np

    if not distances.size:
        return np.ones(distances.shape[1])
    upper = np.quantile(distances, 0.75, axis=0)
    return np.asarray(np.where(upper > 0, upper, np.mean(distances, axis=0)))
