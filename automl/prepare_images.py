"""From images as the user gave them to what a search needs: decoded pixels, target, task, all checked."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.data.amount import READ_SHARE, SAMPLED, ReadLimit
from automl.data.checks import refuse_if_strict
from automl.data.image_checks import BothPictures, repeated_images
from automl.data.image_columns import absent_images, image_column
from automl.data.image_faults import left_out
from automl.data.image_fill import Decoded, Look, choose_side, decode_all, look_at
from automl.data.image_input import (
    CLASS,
    IMAGE,
    ImageOptions,
    RawImages,
    is_images,
    of_table,
    read_images,
    with_classes,
    with_target,
)
from automl.data.image_schema import ImageSchema
from automl.data.records import Finding, ImageData, RawTable
from automl.data.schema import Schema
from automl.data.target import TargetCoding, fit_target
from automl.data.weights import read_weights
from automl.errors import DataError, SettingsError
from automl.metrics import load_metric
from automl.prepare import LEAST_ROWS, Prepared, check_columns, constant_of, metric_name, prepare, read_training
from automl.task import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.clock import Clock
    from automl.data.image_input import Pictures
    from automl.metrics import Metric
    from automl.registry import Registry
    from automl.settings import Settings
    from automl.workspace import Workspace

FEW_ROWS = 100


def prepare_any(
    source: Any, settings: Settings, registry: Registry, *, work: Workspace, threads: int, clock: Clock | None
) -> Prepared:
    """Tables as `prepare` does; images where the source holds some."""
    options = ImageOptions(
        column=settings.image_column, target=settings.target, dedupe=settings.dedupe, threads=threads
    )
    if is_images(source, settings.image_column):
        raw = read_images(source, replace(options, work=work.folder()))
    else:
        table = read_training(source, settings)
        free = _unclaimed(table, settings)
        column = image_column(free)
        if column is None:
            return _prepare_table(table, absent_images(free), settings, registry)
        raw = of_table(table, replace(options, column=column))
        told = (
            f"column {column!r} holds paths of images: these are learned from (--drop {column} if they are not meant)"
        )
        raw = replace(
            raw, findings=(*raw.findings, Finding(level="info", code="image-column", message=told, column=column))
        )
    return _Preparation(settings=settings, registry=registry, options=options, work=work, clock=clock).make(source, raw)


def _unclaimed(table: RawTable, settings: Settings) -> RawTable:
    """The columns of which the user did not say what they are for."""
    claimed = {*settings.drop, *settings.ignore, *settings.columns, settings.target, settings.group}
    free = [name for name in table.table.column_names if name not in claimed]
    return replace(table, table=table.table.select(free))


def _prepare_table(table: RawTable, absent: str | None, settings: Settings, registry: Registry) -> Prepared:
    """A table as such; `absent` says why it is none of images although it looks like one."""
    if absent is None:
        return prepare(table, settings, registry)
    finding = Finding(level="warning", code="absent-images", message=absent)
    try:
        return prepare(replace(table, findings=(*table.findings, finding)), settings, registry)
    except DataError as error:
        raise DataError(f"{error}; {absent}") from error


@dataclass(frozen=True, kw_only=True)
class _Preparation:
    settings: Settings
    registry: Registry
    options: ImageOptions
    work: Workspace
    clock: Clock | None

    def make(self, source: Any, raw: RawImages) -> Prepared:
        """Everything; DataError or SettingsError for what cannot be used."""
        settings = self.settings
        if settings.monotone:
            raise SettingsError("monotone constraints are for columns of numbers; images have none")
        raw, asked = self._with_classes(source, raw)
        if raw.table.column_names == [IMAGE]:
            raise DataError(
                f"{raw.source}: there are images and no target {settings.target!r}; write an .npz file with both, "
                f"numpy.savez(path, X=images, {settings.target}=labels), give both in a dict, or a table with a column of paths"
            )
        around = RawTable(table=raw.table, findings=raw.findings, source=raw.source, written=raw.written)
        check_columns(around, settings)
        metric = None if settings.metric is None else load_metric(settings.metric, self.registry)
        spec = None if metric is None else metric.spec
        first, told = fit_target(
            raw.table.column(settings.target), name=settings.target, task=asked, metric=spec, raw=around
        )
        findings = [*raw.findings, *(one for one in told if one.code == "target-missing")]
        judging = None if settings.validation is None else self._validation(raw)
        decoded, look, notes = self._decode(raw, judging, first)
        kept, order = _in_order(decoded)
        own = kept[kept < len(raw)]
        if len(own) < LEAST_ROWS:
            raise DataError(
                f"{raw.source} has {len(own)} usable images; at least {LEAST_ROWS} are needed to train and judge"
            )
        table = raw.table.take(own)
        coding, told = fit_target(
            table.column(settings.target), name=settings.target, task=asked, metric=spec, raw=around
        )
        if asked is not None and settings.task is None:
            coding = replace(coding, reasons=(f"{coding.problem_type}: {len(coding.classes)} folders are its classes",))
        extra = None if judging is None else judging.table.take(kept[len(own) :] - len(raw))
        values, weight = self._values(coding, table, extra)
        data = ImageData(
            source=decoded.source,
            rows=order,
            height=look.height,
            width=look.width,
            channels=look.channels,
            target=values,
            weight=weight,
        )
        findings += [*notes, *told]
        digests = [decoded.digests[row] for row in order]
        findings += repeated_images(digests, values, len(own), classes=coding.problem_type != "regression")
        if len(data) < FEW_ROWS:
            message = f"{len(data)} images are few: scores will vary a lot"
            findings.append(Finding(level="warning", code="few-rows", count=len(data), message=message))
        if settings.strict:
            refuse_if_strict(findings)
        task = self._task(coding, data, metric)
        return Prepared(
            task=task,
            metric=metric or load_metric(task.metric, self.registry),
            schema=Schema(columns=(), aside=tuple(raw.table.column_names)),
            images=_schema(raw, decoded, look),
            coding=coding,
            data=data,
            table=table,
            findings=tuple(findings),
            constant=constant_of(task, values, weight),
            sample=self._sample(raw, own),
            validation_rows=len(kept) - len(own),
        )

    def _values(
        self, coding: TargetCoding, table: pa.Table, extra: pa.Table | None
    ) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Targets and weights of the training images, then of those that judge."""
        values = coding.encode(table.column(self.settings.target))[0]
        weight = self._weight(table)
        if extra is None:
            return values, weight
        values = _joined(values, coding.encode(extra.column(self.settings.target))[0])
        return values, None if weight is None else _joined(weight, self._weight(extra))

    def _with_classes(self, source: Any, raw: RawImages) -> tuple[RawImages, str | None]:
        """The classes of a folder's folders, and the problem type to go for."""
        settings = self.settings
        if not (isinstance(source, str | Path) and Path(source).expanduser().is_dir()):
            return raw, settings.task
        if settings.target != CLASS:
            raise SettingsError(
                f"target {settings.target!r}: images in folders have the target {CLASS!r}, the name of their folder; leave "
                "--target out, or give a table with a column of paths and the target"
            )
        if settings.task == "regression":
            raise SettingsError(
                "folders are classes; to learn numbers give a table with a column of paths and the target"
            )
        return with_classes(raw, Path(source).expanduser()), settings.task or "classification"

    def _validation(self, raw: RawImages) -> RawImages:
        settings = self.settings
        assert settings.validation is not None
        scale = getattr(raw.pictures, "scale", None)
        column = raw.column if self.options.column is not None or not is_images(settings.validation, None) else None
        options = replace(self.options, column=column, scale=scale, work=self.work.folder())
        found = read_images(settings.validation, options)
        found = replace(found, table=with_target(found.table, settings.target))
        if settings.target not in found.table.column_names:
            raise DataError(f"the validation images have no target {settings.target!r}")
        if settings.weight is not None and settings.weight not in found.table.column_names:
            raise DataError(f"the validation images have no weight column {settings.weight!r}")
        return found

    def _decode(
        self, raw: RawImages, judging: RawImages | None, coding: TargetCoding
    ) -> tuple[Decoded, Look, list[Finding]]:
        """Decode the training images that have a target, then those that judge, as many as the time allows."""
        import numpy as np

        settings = self.settings
        pictures: Pictures = raw.pictures
        rows = np.flatnonzero(coding.encode(raw.table.column(settings.target))[1])
        seen = rows
        if judging is not None:
            judges = np.flatnonzero(coding.encode(judging.table.column(settings.target))[1])
            if not len(judges):
                raise DataError(f"validation images {settings.validation} have none with a target")
            pictures = BothPictures(first=raw.pictures, second=judging.pictures)
            rows = np.concatenate([rows, judges + len(raw)])
        look = look_at(pictures, seen, settings.seed)
        folder = self.work.folder() / "data"
        folder.mkdir()
        side, why = choose_side(look, len(rows), folder, settings.image_side)
        until = self._until()
        if until is not None:  # whatever is decoded in time is then from all over
            rows = np.random.default_rng(settings.seed).permutation(rows)
        decoded = decode_all(pictures, rows, folder, side=side, channels=look.channels, until=until)
        findings = left_out(decoded.faults, pictures.names, decoded.tried)
        if why:
            findings.append(Finding(level="warning", code="image-side", message=f"images are {why}"))
        if decoded.tried < len(rows):
            message = (
                f"{decoded.tried:,} of {len(rows):,} images are used, drawn from all over: the time budget does not allow "
                "to decode more; give more time to use all"
            )
            findings.append(Finding(level="warning", code=SAMPLED, count=decoded.tried, message=message))
        return decoded, look, findings

    def _until(self) -> float | None:
        """When decoding must end; None: it goes on to the end."""
        seconds = self.settings.budget_seconds
        if self.clock is not None and self.clock.search_end is not None:
            return time.monotonic() + READ_SHARE * max(self.clock.search_left(), 0.0)
        return None if seconds is None else time.monotonic() + READ_SHARE * ReadLimit(seconds=seconds).useful_seconds

    def _weight(self, table: pa.Table) -> NDArray[np.float64] | None:
        name = self.settings.weight
        return None if name is None else read_weights(table.column(name), name)

    def _sample(self, raw: RawImages, rows: NDArray[np.int64]) -> pa.Table | None:
        """Paths of some images, to time the finished predictor; None when nobody asked for that."""
        import pyarrow as pa

        settings = self.settings
        if settings.max_latency_ms is None and settings.max_size_mb is None:
            return None
        paths: Sequence[str] | None = getattr(raw.pictures, "paths", None)
        if paths is None:
            raise SettingsError(
                "max_latency_ms and max_size_mb are measured on image files; give a folder or a table of paths instead of "
                "arrays, or leave the limits out"
            )
        return pa.table({raw.column: [paths[row] for row in rows[: settings.latency_rows]]})

    def _task(self, coding: TargetCoding, data: ImageData, metric: Metric | None) -> Task:
        name, why = metric_name(coding, data, self.settings, metric)
        return Task(
            target=self.settings.target,
            problem_type=coding.problem_type,
            metric=name,
            rows=len(data),
            features=data.height * data.width * data.channels,
            modality="images",
            height=data.height,
            width=data.width,
            channels=data.channels,
            classes=tuple(coding.classes),
            reasons=(*coding.reasons, f"metric {name}: {why}"),
        )


def _in_order(decoded: Decoded) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the input that were decoded, ascending, and where the source holds them."""
    import numpy as np

    order = np.argsort(decoded.rows, kind="stable")
    return decoded.rows[order], order


def _joined(first: NDArray[Any], second: NDArray[Any] | None) -> NDArray[Any]:
    import numpy as np

    assert second is not None
    return np.concatenate([first, second])


def _schema(raw: RawImages, decoded: Decoded, look: Look) -> ImageSchema:
    return ImageSchema(
        side=decoded.source.side,
        channels=look.channels,
        height=look.height,
        width=look.width,
        column=raw.column,
        scale=getattr(raw.pictures, "scale", None),
    )
