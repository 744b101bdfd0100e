"""From what the user gave to what a search needs: table, target, schema, task, splits, all checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from automl.data.amount import ReadLimit
from automl.data.checks import check_table, refuse_if_strict
from automl.data.column_faults import refuse_faults
from automl.data.nearest import nearest
from automl.data.read import read_table
from automl.data.records import Finding, ImageData, RawTable, TableData
from automl.data.schema import TEXT_KINDS, Roles, Schema, fit_schema
from automl.data.target import TargetCoding, fit_target
from automl.data.weights import read_weights
from automl.errors import DataError, SettingsError
from automl.metrics import Metric, default_metric_name, load_metric
from automl.prepare_rows import Rows, usable_rows, with_validation, without_last
from automl.task import Task

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from automl.data.image_schema import ImageSchema
    from automl.registry import Registry
    from automl.settings import Settings

LEAST_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A task with its encoded data."""

    task: Task
    metric: Metric
    schema: Schema
    coding: TargetCoding
    data: TableData | ImageData
    """With target and weight."""
    table: pa.Table
    """The raw columns that have a role (group, time, split, weight), row by row as `data`, to make the folds."""
    findings: tuple[Finding, ...]
    constant: tuple[float, ...]
    """The best constant prediction: class shares, or the mean."""
    sample: pa.Table | None = None
    """Some raw rows without the target, to time the finished predictor; None when nobody asked for that."""
    validation_rows: int = 0
    """Rows at the end that came from the user's validation file."""
    images: ImageSchema | None = None
    """How images become pixels; None for tables."""


def read_training(source: Any, settings: Settings, schema: Schema | None = None) -> RawTable:
    """The training table, or with its `schema` one beside it, as much as the time allows; DataError for what cannot be read."""
    seconds = settings.budget_seconds
    limit = None if seconds is None else ReadLimit(seconds=seconds)
    text = (
        {name for name, kind in settings.columns.items() if kind in TEXT_KINDS} if schema is None else schema.text_names
    )
    return read_table(source, dedupe=settings.dedupe, limit=limit, seed=settings.seed, text=text)


def prepare(raw: RawTable, settings: Settings, registry: Registry) -> Prepared:
    """Check and encode the training table; DataError or SettingsError for what cannot be used."""
    check_columns(raw, settings)
    metric = None if settings.metric is None else load_metric(settings.metric, registry)
    coding, found = fit_target(
        raw.table.column(settings.target),
        name=settings.target,
        task=settings.task,
        metric=None if metric is None else metric.spec,
        raw=raw,
    )
    findings = [*raw.findings, *found, *_ignored_target(settings)]
    values, table = usable_rows(raw.table, coding)
    if len(values) < LEAST_ROWS:
        raise DataError(
            f"{raw.source or 'the table'} has {len(values)} usable rows; at least {LEAST_ROWS} are needed to train and judge"
        )
    raw = replace(raw, table=table, written={})
    schema, roles, found = _fit_schema(raw, settings)
    findings += found
    _check_monotone(settings, schema, coding)
    data, found = schema.encode(table)
    findings += found
    rows = Rows(data=data, values=values, table=table)
    if settings.validation is not None:
        validation = read_training(settings.validation, settings, schema)
        rows, found = with_validation(rows, validation, schema, coding, settings)
        findings += found
    weight = None if settings.weight is None else read_weights(rows.table.column(settings.weight), settings.weight)
    data = replace(rows.data, target=rows.values, weight=weight)
    findings += check_table(raw, schema, without_last(data, rows.validation), roles)
    if settings.strict:
        refuse_if_strict(findings)
    task = _task(coding, schema, data, settings, metric)
    # Only these are read again: the rest of the raw table would double the memory of the run.
    used = {settings.weight, settings.group, settings.time_column, settings.split_column}
    return Prepared(
        task=task,
        metric=metric or load_metric(task.metric, registry),
        schema=schema,
        coding=coding,
        data=data,
        table=rows.table.select([name for name in rows.table.column_names if name in used]),
        findings=tuple(findings),
        constant=constant_of(task, rows.values, weight),
        sample=_sample(table, settings),
        validation_rows=rows.validation,
    )


def _fit_schema(raw: RawTable, settings: Settings) -> tuple[Schema, Roles, tuple[Finding, ...]]:
    """What the columns hold, and the roles by which that was decided."""
    roles = Roles(
        target=settings.target,
        weight=settings.weight,
        group=settings.group,
        time=settings.time_column,
        split=settings.split_column,
        drop=settings.drop,
        ignore=settings.ignore,
        columns=settings.columns,
    )
    schema, found = fit_schema(raw, roles, strict=settings.strict)
    codes = {column.name: "number" for column in schema.columns if column.kind == "integer_code"}
    ordered = {name: kind for name, kind in codes.items() if name in settings.monotone}
    if ordered:  # as a category besides, a column would not be bound by its constraint
        roles = replace(roles, columns={**roles.columns, **ordered})
        schema, found = fit_schema(raw, roles, strict=settings.strict)
    return schema, roles, found


def _sample(table: pa.Table, settings: Settings) -> pa.Table | None:
    """A copy of the first rows, as many as a batch has, without the target."""
    if settings.max_latency_ms is None and settings.max_size_mb is None:
        return None
    rows = min(table.num_rows, settings.latency_rows)
    return table.drop_columns([settings.target]).take(list(range(rows)))


def check_columns(raw: RawTable, settings: Settings) -> None:
    """Every column that a setting names must be there."""
    names = raw.table.column_names
    asked = {
        "target": settings.target,
        "group column": settings.group,
        "time column": settings.time_column,
        "split column": settings.split_column,
        "weight column": settings.weight,
    }
    for what, name in asked.items():
        if name is not None and name not in names:
            raise DataError(f"{what} {name!r} is not in {raw.source or 'the table'}; {nearest(name, names)}")
    roles = [name for name in asked.values() if name is not None]
    refuse_faults(raw.table, roles)
    for name in set(roles):
        if roles.count(name) > 1:
            raise SettingsError(f"column {name!r} was given two roles; choose one")
    if settings.target in settings.drop:
        raise SettingsError(f"column {settings.target!r} was given two roles: the target, and one to drop; choose one")
    for name in settings.monotone:
        if name not in names:
            raise SettingsError(f"monotone constraint for {name!r}, which is not a column; {nearest(name, names)}")


def _ignored_target(settings: Settings) -> list[Finding]:
    if settings.target not in settings.ignore:
        return []
    message = f"column {settings.target!r} is the target: that it is among those to ignore changes nothing"
    return [Finding(level="warning", code="target-ignored", column=settings.target, message=message)]


def _check_monotone(settings: Settings, schema: Schema, coding: TargetCoding) -> None:
    """Only numbers rise, and only one value or probability can rise with them."""
    if settings.monotone and coding.problem_type == "multiclass":
        raise SettingsError(
            f"monotone constraints need a binary target or a number, and {coding.name!r} has {len(coding.classes)} classes"
        )
    for column in schema.columns:
        if column.name in settings.monotone and column.used and column.name not in column.numbers:
            raise SettingsError(
                f"monotone constraint for {column.name!r}, which is a {column.kind} and has no order; "
                f"use --column {column.name}=number if it holds numbers"
            )


def _task(coding: TargetCoding, schema: Schema, data: TableData, settings: Settings, metric: Metric | None) -> Task:
    name, why = metric_name(coding, data, settings, metric)
    return Task(
        target=settings.target,
        problem_type=coding.problem_type,
        metric=name,
        rows=len(data),
        features=sum(column.used for column in schema.columns),
        classes=tuple(coding.classes),
        categories=len(data.layout.categories),
        texts=len(data.layout.texts),
        monotone=dict(settings.monotone),
        target_encoding=settings.target_encoding,
        reasons=(*coding.reasons, f"metric {name}: {why}"),
    )


def metric_name(
    coding: TargetCoding, data: TableData | ImageData, settings: Settings, metric: Metric | None
) -> tuple[str, str]:
    """Name of the run's metric and why."""
    import numpy as np

    if metric is not None:
        direction = "higher" if metric.spec.greater_is_better else "lower"
        return metric.name, f"as asked, {direction} is better" if ":" in metric.name else "as asked"
    name = default_metric_name(coding.problem_type)
    own_rows = settings.validation is None and settings.split_column is None
    if coding.problem_type == "binary" and own_rows and data.target is not None:
        rarer = int(np.bincount(data.target, minlength=2).argmin())
        # A class with one row is always trained on and never judged: no ranking metric can say anything then.
        if int((data.target == rarer).sum()) == 1:
            return (
                "log_loss",
                f"{name} cannot judge class {coding.classes[rarer]!r}, which has one row; more rows of it would help",
            )
    return name, f"the default for {coding.problem_type}"


def constant_of(task: Task, values: NDArray[Any], weight: NDArray[np.float64] | None) -> tuple[float, ...]:
    """The best constant prediction: class shares, or the mean."""
    import numpy as np

    if not task.is_classification:
        return (float(np.average(values, weights=weight)),)
    counts = np.bincount(values, weights=weight, minlength=task.class_count)
    return tuple((counts / counts.sum()).tolist())
