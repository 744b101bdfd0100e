"""The saved thing that predicts: members, weights, schema. A folder that can be copied anywhere.

::

    predictor/predictor.json          task, schema, target coding, members, versions
    predictor/encoders/fold-0/        matrix encoders that members share
    predictor/members/0007/fold-0/    fitted models, each in a format that runs no code when read

Models are found by name among the installed plugins, never by a path written in the folder.
"""

from __future__ import annotations

import logging
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.data.column_faults import refuse_faults
from automl.data.column_names import are_positions
from automl.decisions import decided
from automl.errors import DataError, PredictorError
from automl.layers import layered_sum
from automl.metrics import load_metric
from automl.predictor_file import PREDICTOR_FILE, Parts, read_parts
from automl.predictor_members import check_members, load_members
from automl.registry import Registry, load_registry
from automl.resources import usable_cores
from automl.run_folder import DATABASE, PREDICTOR_FOLDER
from automl.run_lock import who_works
from automl.run_reader import open_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.image_input import RawImages
    from automl.data.records import Finding, ImageData, RawTable, TableData
    from automl.data.schema import Schema
    from automl.member import Member
    from automl.metrics import Metric
    from automl.task import Task

LOGGER = logging.getLogger("automl")


class Predictor:
    """Predicts tables in the form in which the training table came.

    `last_findings` holds what was noticed in the table of the last call: unseen categories, extra columns. What needs a
    look, such as categories that training did not see and cells that cannot be read, goes to the logger `automl` besides.
    A predictor of images takes them in any form (docs/images.md); `last_images` are then the names of the images of the
    last call, row by row, and `last_faults` says by row why an image has no prediction (None, or NaN).
    """

    def __init__(self, parts: Parts, folder: Path, registry: Registry) -> None:
        self.parts = parts
        self.last_images: tuple[str, ...] = ()
        self.last_faults: Mapping[int, str] = {}
        self.folder = folder
        self.run_folder: Path | None = folder.parent if (folder.parent / DATABASE).is_file() else None
        self.last_findings: tuple[Finding, ...] = ()
        self._registry = registry
        self._members: list[tuple[float, Sequence[Member]]] | None = None

    @property
    def task(self) -> Task:
        """What was learned."""
        return self.parts.task

    @property
    def schema(self) -> Schema:
        """What the columns hold and how they are encoded."""
        return self.parts.schema

    @property
    def classes(self) -> tuple[Any, ...]:
        """Labels in the order of the columns of `predict_proba`; empty for regression."""
        return self.parts.task.classes

    @property
    def written_classes(self) -> tuple[str, ...]:
        """`classes` as text, as the file wrote them from which was learned: "true" where Python has True."""
        return self.parts.coding.written

    def predict(self, data: Any, *, allow_missing: bool = False) -> NDArray[Any]:
        """Labels as they came in the training table, or values: ``(rows,)``.

        Raises DataError when needed columns are missing (`allow_missing` treats them as missing values)
        or hold something that cannot be read the way the training column was.
        """
        raw = self._predict_table(data, allow_missing=allow_missing)
        return self.decide(raw) if self.task.is_classification else raw

    def decide(self, probabilities: NDArray[np.float64]) -> NDArray[Any]:
        """Labels ``(rows,)`` for probabilities ``(rows, classes)``, as `predict` gives them.

        Where the run's metric judges labels (F1, balanced accuracy, ...), they need not be the most probable ones.
        """
        import numpy as np

        missing = np.isnan(probabilities).any(axis=1)  # images that could not be read
        if not missing.any():
            return self.parts.coding.decode(decided(probabilities, self.parts.factors).argmax(axis=1))
        labels = np.full(len(probabilities), None, dtype=object)
        if not missing.all():
            labels[~missing] = self.decide(probabilities[~missing])
        return labels

    def predict_proba(self, data: Any, *, allow_missing: bool = False) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)``; PredictorError for regression."""
        if not self.task.is_classification:
            raise PredictorError(f"{self.task.target!r} was learned as a number: it has no probabilities; use predict")
        return self._predict_table(data, allow_missing=allow_missing)

    def score(self, data: Any, metric: str | None = None, *, weight: str | None = None) -> float:
        """The metric (by default the run's) on a table that holds the target.

        `weight` names a column of sample weights. Raises DataError when the target is not there.
        """
        import numpy as np

        raw = self.read(data)
        table = self._with_target(raw.table)
        refuse_faults(table, [self.task.target])
        truth, usable = self.parts.coding.encode(table.column(self.task.target))
        rows = np.flatnonzero(usable)
        if not len(rows):
            raise DataError(
                f"scoring needs values in the target column {self.task.target!r}: all {len(usable)} are missing"
            )
        weights = None if weight is None else _weights(table, weight)[rows]
        function = self._metric(metric or self.task.metric)
        predictions: NDArray[np.floating] = self._predict_raw(raw, allow_missing=False)
        if self.last_faults:  # images that cannot be read are told, not judged
            read = ~np.isin(rows, list(self.last_faults))
            rows, weights = rows[read], None if weights is None else weights[read]
            if not len(rows):
                raise DataError("scoring needs images that can be read: none could")
        if function.spec.needs == "labels":
            predictions = decided(predictions, self.parts.factors)
        return function.score(truth[rows], predictions[rows], weights)

    def _with_target(self, table: Any) -> Any:
        """A table that holds the target, as it came or as the names of image folders say; DataError where it does not."""
        if self.parts.images is not None:
            from automl.data.image_input import with_target

            table = with_target(table, self.task.target)
        if self.task.target not in table.column_names:
            raise DataError(
                f"scoring needs the target column {self.task.target!r}, which the table does not have; "
                f"it has {', '.join(table.column_names[:8])}"
            )
        return table

    def _metric(self, name: str) -> Metric:
        """A metric that can judge this task; DataError for one that cannot."""
        metric = load_metric(name, self._registry)
        if self.task.problem_type not in metric.spec.problem_types:
            raise DataError(f"metric {metric.name!r} is not for {self.task.problem_type}; choose another with --metric")
        return metric

    def leaderboard(self) -> list[dict[str, Any]]:
        """Rows of the run's leaderboard; PredictorError when the predictor was moved out of its run."""
        if self.run_folder is None:
            raise PredictorError(f"{self.folder} stands without its run folder, which holds the leaderboard")
        with open_run(self.run_folder) as run:
            return run.leaderboard()

    def save(self, folder: Path | str) -> Path:
        """Copy the predictor to a new folder and return it; PredictorError when it is there already."""
        target = Path(folder)
        if target.exists():
            raise PredictorError(f"{target} exists already; give a new name, nothing was changed")
        shutil.copytree(self.folder, target)
        return target

    @classmethod
    def load(cls, folder: Path | str, *, registry: Registry | None = None) -> Predictor:
        """Read a predictor's folder, or the run folder around it. Runs no code found there.

        Raises PredictorError when files are missing or a plugin is not installed. The members' own files are read at
        the first prediction, or by :meth:`open_members`, which raise it when one is damaged.
        """
        path = Path(folder)
        if (path / PREDICTOR_FOLDER / PREDICTOR_FILE).is_file():
            path = path / PREDICTOR_FOLDER
        elif (path / DATABASE).is_file():
            raise PredictorError(_why_none(path))
        predictor = cls(read_parts(path), path, registry or load_registry())
        check_members(predictor.parts.members, path, predictor._registry, predictor.parts.versions)
        return predictor

    def open_members(self) -> None:
        """Load all members now instead of at the first prediction."""
        self._open()

    def _open(self) -> list[tuple[float, Sequence[Member]]]:
        if self._members is None:
            self._members = load_members(self.parts, self.folder, self._registry)
        return self._members

    def read(self, data: Any) -> RawTable | RawImages:
        """A table or images as found, nothing interpreted yet: `score` takes it, too, several times if need be."""
        if self.parts.images is not None:
            from automl.data.image_input import read_again

            return read_again(data, self.parts.images, usable_cores().value)
        from automl.data.read import read_table
        from automl.data.records import RawTable as Raw

        if isinstance(data, Raw):
            return data
        raw = read_table(self._row_as_table(data), dedupe=True, text=self.schema.text_names)
        return self.schema.by_position(raw, self.task.target)

    def _row_as_table(self, data: Any) -> Any:
        """A row of a pandas table, which is labelled by columns, as a dict; anything else as it is."""
        if getattr(data, "ndim", None) != 1 or not hasattr(data, "iloc"):
            return data
        names = {column.name for column in self.schema.columns if column.used}
        if not names & set(data.index):
            # Its labels may be the numbers of columns, and those of the rows of one column.
            widths = {len(order) for order in self.schema.orders(self.task.target)}
            labels = list(data.index)
            if len(labels) not in widths or not (are_positions(labels) or names & set(map(str, labels))):
                return data
        return dict(data.items())

    def _predict_table(self, data: Any, *, allow_missing: bool) -> NDArray[np.float64]:
        raw = self.read(data)
        predictions = self._predict_raw(raw, allow_missing=allow_missing)
        self.last_findings = (*raw.findings, *self.last_findings)
        return predictions

    def _predict_raw(self, raw: RawTable | RawImages, *, allow_missing: bool) -> NDArray[np.float64]:
        if self.parts.images is not None:
            return self._predict_images(raw)
        from automl.data.decimal_sign import sign_changed
        from automl.data.records import RawTable as Raw

        assert isinstance(raw, Raw)
        encoded, noticed = self.schema.encode(raw.table, allow_missing=allow_missing)
        findings = (*noticed, *sign_changed(self.schema, raw))
        self.last_findings = findings
        for finding in findings:
            if finding.level != "info":
                LOGGER.warning("%s", finding.message)
        return self._predict_encoded(encoded)

    def _predict_images(self, raw: Any) -> NDArray[np.float64]:
        """Batch by batch; NaN for images that cannot be read."""
        from automl.data.image_faults import not_predicted
        from automl.data.image_rows import each_batch

        assert self.parts.images is not None
        outputs = self.task.class_count if self.task.is_classification else 0
        made, faults = each_batch(raw.pictures, self.parts.images, self._predict_encoded, outputs)
        self.last_images, self.last_faults = tuple(raw.pictures.names), faults
        self.last_findings = tuple(not_predicted(faults, raw.pictures.names))
        for finding in self.last_findings:
            LOGGER.warning("%s", finding.message)
        return made

    def _predict_encoded(self, encoded: TableData | ImageData) -> NDArray[np.float64]:
        import numpy as np

        shape = (len(encoded), self.task.class_count) if self.task.is_classification else (len(encoded),)
        if not self.parts.members:
            constant = np.asarray(self.parts.constant, dtype=np.float64)
            return np.broadcast_to(constant if self.task.is_classification else constant[0], shape).copy()
        outputs = self.task.class_count if self.task.is_classification else 0
        mean = layered_sum(self.parts.members, self._open(), encoded, outputs, usable_cores().value)
        calibration = self.parts.calibration
        return mean if calibration is None else np.asarray(calibration.apply(mean), dtype=np.float64)


def _why_none(run: Path) -> str:
    """Why a run folder holds no predictor, and what to do."""
    worker = who_works(run)
    if worker is not None:
        return f"{run} holds no predictor yet: {worker} is at work there; wait until it is over"
    return (
        f"{run} holds no predictor: its run was interrupted; make one from what it had found by: "
        f"automl finish {shlex.quote(str(run))}, or go on with the search by: automl resume {shlex.quote(str(run))}"
    )


def _weights(table: Any, column: str) -> NDArray[np.float64]:
    from automl.data.weights import read_weights

    if column not in table.column_names:
        raise DataError(f"the weight column {column!r} is not in the table")
    refuse_faults(table, [column])
    return read_weights(table.column(column), column)
