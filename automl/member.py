"""One fitted model with what stands between it and an encoded table: matrix encoder, class subset, target unit.

Used by the worker that fits a fold and by the predictor that predicts with it, so that both see the same.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automl.data.records import ImageData
from automl.data.target_unit import TargetUnit
from automl.errors import PredictorError, RunError
from automl.metrics import default_metric_name
from automl.run_folder import ENCODERS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.matrix import MatrixEncoder
    from automl.data.records import MatrixData, TableData
    from automl.protocols import Config, Effort, Model
    from automl.task import Task

MEMBER_FILE = "member.json"
MODEL_FOLDER = "model"
MATRIX_FOLDER = "matrix"
NO_NUMBERS = "cSUMmV"
"""Kinds of arrays that numpy would turn into numbers, or half of them, though they are none."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A fitted model that predicts encoded tables for all classes of the task."""

    model: Model
    task: Task
    present: tuple[int, ...]
    """Codes of the classes its training rows had; the model knows only these."""
    encoder: MatrixEncoder | None
    unit: TargetUnit | None = None
    """In what the model predicts values; None: in the user's unit."""

    def predict(self, data: TableData | ImageData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` over all classes of the task, or values ``(rows,)``."""
        return self.predict_encoded(self.encoded(data))

    def encoded(self, data: TableData | ImageData) -> TableData | MatrixData | ImageData:
        """The rows in the form the model takes."""
        if self.encoder is None:
            return data
        assert not isinstance(data, ImageData), "matrices are encoded from tables"
        return self.encoder.transform(data)

    def predict_encoded(self, data: TableData | MatrixData | ImageData) -> NDArray[np.float64]:
        """The same for rows that are in the model's own form already."""
        if not len(data):  # many libraries refuse empty input, so models need not know about it
            import numpy as np

            return np.zeros((0, self.task.class_count) if self.task.is_classification else (0,))
        raw = self.model.predict(data)
        checked = check_predictions(raw, self.task, self.present, len(data))
        return checked if self.unit is None else self.unit.from_model(checked)

    def save(self, folder: Path, *, shared_encoder: str | None = None) -> None:
        """Write into `folder`; an encoder that others share is named instead of written."""
        (folder / MODEL_FOLDER).mkdir(parents=True)
        self.model.save(folder / MODEL_FOLDER)
        if self.encoder is not None and shared_encoder is None:
            (folder / MATRIX_FOLDER).mkdir()
            self.encoder.save(folder / MATRIX_FOLDER)
        about = {
            "present": list(self.present),
            "matrix": self.encoder is not None,
            "shared_encoder": shared_encoder,
            "unit": None if self.unit is None else self.unit.to_dict(),
            "files": {path.relative_to(folder).as_posix(): path.stat().st_size for path in _model_files(folder)},
        }
        (folder / MEMBER_FILE).write_text(json.dumps(about))


def _model_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*/**/*")) if path.is_file())


def is_torn(folder: Path) -> bool:
    """Whether files of a saved member are missing or cut short; not where its model was removed, for which nobody asks any
    more. Power cuts leave such files, and so do kills while a model is removed. An encoder that it shares must be there; see
    `automl.kept_folds.mend_encoders`.

    Sizes only: to read gigabytes of models again would cost a run the time that it has left.
    """
    if not (folder / MODEL_FOLDER).is_dir():
        return False
    try:
        about = json.loads((folder / MEMBER_FILE).read_text())
        files, shared = about.get("files", {}), about.get("shared_encoder")
        if shared is not None and not (folder.parents[2] / ENCODERS_FOLDER / shared).is_dir():
            return True
        return any((folder / name).stat().st_size != size for name, size in files.items())
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return True


def load_member(
    folder: Path, factory: Any, *, config: Config, task: Task, seed: int, encoders: Mapping[str, MatrixEncoder]
) -> Member:
    """Read what `Member.save` wrote; `encoders` holds the shared ones by name.

    Raises PredictorError when files are missing or damaged.
    """
    present, needs_matrix, shared, unit = _read_about(folder)
    encoder: MatrixEncoder | None = None
    if needs_matrix and shared is not None:
        if shared not in encoders:
            raise PredictorError(f"{folder}: its encoder {shared!r} is missing; copy the whole folder again")
        encoder = encoders[shared]
    elif needs_matrix:
        from automl.data.matrix import MatrixEncoder as Encoder

        encoder = Encoder.load(folder / MATRIX_FOLDER)
    try:
        model = factory.load(folder / MODEL_FOLDER, config, task_of_model(task, present, unit), seed)
    except PredictorError:
        raise
    except Exception as error:
        raise PredictorError(
            f"the model in {folder} cannot be loaded ({type(error).__name__}: {error}); copy the folder again or fit again"
        ) from error
    return Member(model=model, task=task, present=present, encoder=encoder, unit=unit)


def load_model(folder: Path, factory: Any, *, config: Config, task: Task, seed: int) -> Model:
    """The model alone of what `Member.save` wrote; raises whatever the model's `load` raises."""
    present, _, _, unit = _read_about(folder)
    model: Model = factory.load(folder / MODEL_FOLDER, config, task_of_model(task, present, unit), seed)
    return model


def _read_about(folder: Path) -> tuple[tuple[int, ...], bool, str | None, TargetUnit | None]:
    """Classes, whether it takes a matrix, the name of a shared encoder, and the target's unit; PredictorError when damaged."""
    try:
        about = json.loads((folder / MEMBER_FILE).read_text())
        unit = None if about.get("unit") is None else TargetUnit.from_dict(about["unit"])
        return tuple(int(code) for code in about["present"]), bool(about["matrix"]), about["shared_encoder"], unit
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PredictorError(f"{folder / MEMBER_FILE} is missing or damaged ({error}); fit again") from error


def task_of_model(task: Task, present: tuple[int, ...], unit: TargetUnit | None) -> Task:
    """The task as a model sees it whose training rows lack some classes, or whose target is shifted or a logarithm: then
    plain squares of its errors are what counts.
    """
    if unit is not None and (unit.shifts_proportions or unit.bend):
        return replace(task, metric=default_metric_name("regression"))
    if not task.is_classification or len(present) == task.class_count:
        return task
    classes = tuple(task.classes[code] for code in present)
    return replace(task, classes=classes, problem_type="binary" if len(classes) == 2 else "multiclass")


def fit_member(
    factory: Any,
    *,
    config: Config,
    task: Task,
    seed: int,
    train: TableData | MatrixData | ImageData,
    valid: TableData | MatrixData | ImageData | None,
    effort: Effort,
    encoder: MatrixEncoder | None,
    unit: TargetUnit | None = None,
) -> tuple[Member, dict[str, float]]:
    """Fit one model; classes that its training rows lack are hidden from it, and values are given in `unit` (None:
    as they are). Returns it with its facts.
    """
    import numpy as np

    present: tuple[int, ...] = ()
    if task.is_classification:
        assert train.target is not None
        found = np.unique(train.target)
        present = tuple(int(code) for code in found)
        if len(present) < 2:
            raise RunError(
                f"the training rows of this fold hold only class {task.classes[present[0]]!r}; "
                "use fewer folds or another way to validate"
            )
        if len(present) < task.class_count:
            train = replace(train, target=np.searchsorted(found, train.target))
            valid = _known_rows(valid, found)
    if unit is not None:
        train = _in_unit(train, unit)
        valid = None if valid is None else _in_unit(valid, unit)
    model: Model = factory(config, task_of_model(task, present, unit), seed)
    with _one_comes_back():
        facts = _checked_facts(model.fit(train, valid, effort))
    return Member(model=model, task=task, present=present, encoder=encoder, unit=unit), facts


@contextmanager
def _one_comes_back() -> Iterator[None]:
    """End child processes that the model's code forked and forgot to end: they would save into the same folder, too."""
    process = os.getpid()
    try:
        yield
    finally:
        if os.getpid() != process:
            os._exit(0)


def _checked_facts(raw: Any) -> dict[str, float]:
    """What a model's fit returned as numbers by name, or RunError saying what is wrong with it."""
    if raw is None:
        return {}
    try:
        return {str(key): float(value) for key, value in raw.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise RunError(f"the model's fit returned {raw!r:.200}; it must return numbers by name, or None") from error


def _in_unit(data: Any, unit: TargetUnit) -> Any:
    return data if data.target is None else replace(data, target=unit.to_model(data.target))


def _known_rows(valid: Any, present: NDArray[np.int64]) -> Any:
    import numpy as np

    if valid is None:
        return None
    rows = np.flatnonzero(np.isin(valid.target, present))
    if not len(rows):
        return None
    if hasattr(valid, "take"):
        kept = valid.take(rows)
    else:
        weight = None if valid.weight is None else valid.weight[rows]
        kept = replace(valid, values=valid.values[rows], target=valid.target[rows], weight=weight, groups=None)
    return replace(kept, target=np.searchsorted(present, kept.target))


def check_predictions(raw: Any, task: Task, present: tuple[int, ...], rows: int) -> NDArray[np.float64]:
    """Predictions in full shape, or RunError saying what is wrong with them."""
    import numpy as np

    kind = np.asarray(raw).dtype.kind if isinstance(raw, np.ndarray) else "O"
    if kind in NO_NUMBERS or (isinstance(raw, np.ma.MaskedArray) and np.ma.getmaskarray(raw).any()):
        what = "values that are masked" if kind not in NO_NUMBERS else f"an array of {raw.dtype}"
        raise RunError(f"the model's predict returned {what}; it must return an array of real numbers")
    try:
        values = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RunError(f"the model's predict returned something that is no array of numbers: {error}") from error
    expected = (rows, len(present)) if task.is_classification else (rows,)
    if values.shape != expected:
        raise RunError(f"the model's predict returned shape {values.shape}; it must be {expected}")
    if not np.isfinite(values).all():
        raise RunError(f"the model's predict returned {int((~np.isfinite(values)).sum())} values that are not finite")
    if not task.is_classification:
        return values
    if (values < -1e-6).any() or (rows and abs(values.sum(axis=1) - 1).max() > 1e-3):
        raise RunError("the model's predict returned probabilities that are negative or do not sum to 1")
    values = np.clip(values, 0.0, None)
    values /= values.sum(axis=1, keepdims=True) if rows else 1.0
    if len(present) == task.class_count:
        return values
    full = np.zeros((rows, task.class_count))
    full[:, list(present)] = values
    return full
