"""What a run had decided before its first trial, from its record; nothing is run for it but what the registry offers."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from automl.data.records import Resampling
from automl.data.storage import open_data, open_sample, read_splits
from automl.devices import choose_devices
from automl.errors import RunError
from automl.metrics import load_metric
from automl.plan import Plan
from automl.prepare import Prepared
from automl.prices import Money, Prices
from automl.ready import Ready
from automl.run_folder import DATA_FOLDER, DATABASE
from automl.settings import Settings
from automl.space_changes import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from automl.registry import Registry
    from automl.run_record import RunRecord


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Put into words what is wrong with a record that does not say what it should."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise RunError(
            f"{folder / DATABASE} is damaged and cannot be read ({type(error).__name__}: {error}); start the run again, or "
            f"make the predictor of what was found: automl finish {folder}"
        ) from error


def recall_settings(plain: Mapping[str, Any], space: list[dict[str, Any]]) -> Settings:
    """Settings from their record; nothing is read or imported for them."""
    values = {field.name: plain[field.name] for field in fields(Settings) if field.name in plain}
    for field in fields(Settings):
        if str(field.type).startswith("tuple") and field.name in values:
            values[field.name] = tuple(values[field.name])
    values["space"] = tuple(Change(**{**one, "values": tuple(one["values"])}) for one in space)
    return Settings(**values)


def recall_ready(record: RunRecord, meta: Mapping[str, Any], settings: Settings, registry: Registry) -> Ready:
    """What had been decided before the first trial."""
    import pyarrow as pa

    gone = [name for name in meta["plan"]["models"] if name not in registry.models]
    if gone:
        raise RunError(
            f"the run in {record.folder} uses the model {gone[0]!r}, which no installed plugin offers any more; install the "
            f"plugin again, or make the predictor of what was found without it: automl finish {record.folder}"
        )
    try:
        data = open_data(record.folder / DATA_FOLDER)
        splits, sample = read_splits(record.folder), open_sample(record.folder / DATA_FOLDER)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise RunError(
            f"the table of the run in {record.folder} is damaged and cannot be read ({type(error).__name__}: {error}); "
            f"make the predictor of what was found: automl finish {record.folder}"
        ) from error
    prepared = Prepared(
        task=record.task,
        metric=load_metric(record.task.metric, registry),
        schema=record.schema,
        coding=record.coding,
        data=data,
        table=pa.table({}),  # the folds are made
        findings=record.findings,
        constant=record.constant,
        sample=sample,
        images=record.images,
    )
    told, about = meta["plan"], meta["resampling"]
    models = tuple(registry.models[name] for name in told["models"])
    plan = Plan(
        models=models,
        skipped=told["skipped"],
        devices={name: device.name for name, device in choose_devices(models, settings, registry, {}).items()},
        holdout=about["kind"] == "holdout",
        folds=about["folds"],
        repeats=about["repeats"],
        resampling_reason=about["reason"],
        fit_seconds=told["fit_seconds"],
        reasons=(),
    )
    resampling = Resampling(splits=splits, groups=getattr(data, "groups", None), **about)
    return Ready(prepared=prepared, plan=plan, resampling=resampling, reasons=())


def recall_money(plain: Mapping[str, Any] | None) -> Money | None:
    """What may be spent, from its record; None: nobody asked."""
    return None if plain is None else Money(**{**plain, "prices": Prices(**plain["prices"])})
