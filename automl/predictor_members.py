"""The fitted members of a saved predictor: looked at, and loaded from their files."""

from __future__ import annotations

from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING

from automl.checksums import check_files
from automl.errors import PredictorError
from automl.member import MEMBER_FILE, Member, load_member
from automl.predictor_file import PREDICTOR_FILE, MemberRecord, Parts
from automl.saved_files import link_out_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from automl.data.matrix import MatrixEncoder
    from automl.registry import Registry


def check_members(
    records: Sequence[MemberRecord],
    folder: Path,
    registry: Registry,
    versions: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """PredictorError when a member's plugin or files are not there, or lie outside of the predictor's folder."""
    if link := link_out_of(folder):
        raise PredictorError(f"{folder / link} is a link that leads out of the predictor; do not use this predictor")
    for record in records:
        spec, contested = registry.models.get(record.model), registry.contested.get(("models", record.model), "")
        if contested and (spec is None or spec.distribution != record.distribution):
            raise PredictorError(
                f"the predictor needs model {record.model!r} of plugin {record.plugin!r}, but {contested}"
            )
        if spec is None and (other := _other_version(record, versions)):
            raise PredictorError(
                f"the predictor needs model {record.model!r} of plugin {record.plugin!r}, which does not offer it: {other}"
            )
        if spec is None:
            raise PredictorError(
                f"the predictor needs model {record.model!r} of plugin {record.plugin!r}, which is not installed or is "
                f"switched off: pip install {record.distribution or record.plugin}"
            )
        for name in record.folders:
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise PredictorError(
                    f"{PREDICTOR_FILE} names {name!r}, which is outside its folder; do not use this predictor"
                )
            if not (folder / name / MEMBER_FILE).is_file():
                raise PredictorError(
                    f"{folder / name} of the predictor is missing ({MEMBER_FILE}); copy the whole folder again"
                )
    below = {record.trial for record in records if not record.base}
    if any(not set(record.base) <= below for record in records):
        raise PredictorError(
            f"{folder / PREDICTOR_FILE} lacks members that others stand on; copy it again or fit again"
        )


def load_members(parts: Parts, folder: Path, registry: Registry) -> list[tuple[float, Sequence[Member]]]:
    """Each member's weight and its fitted models; PredictorError when a file is damaged."""
    check_files(folder, parts.files)
    encoders = _load_encoders(folder)
    members: list[tuple[float, Sequence[Member]]] = []
    for record in parts.members:
        factory = registry.models[record.model].load()
        try:
            models = [
                load_member(folder / name, factory, config=record.config, task=parts.task, seed=0, encoders=encoders)
                for name in record.folders
            ]
        except PredictorError as error:
            if other := _other_version(record, parts.versions):  # the files are as they were saved
                raise PredictorError(f"{error}; {other}") from error
            raise
        members.append((record.weight, models))
    return members


def _other_version(record: MemberRecord, versions: Mapping[str, str]) -> str:
    """What to install where the member's plugin has another version than the one that it was saved with; empty where not."""
    name = record.distribution
    before = versions.get(name) if name else None
    try:
        now = None if before is None else metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
    return (
        "" if now == before else f"{name} {now} is installed, it was made with {before}: pip install '{name}=={before}'"
    )


def _load_encoders(folder: Path) -> dict[str, MatrixEncoder]:
    parent = folder / "encoders"
    if not parent.is_dir():
        return {}
    from automl.data.matrix import MatrixEncoder

    return {path.name: MatrixEncoder.load(path) for path in sorted(parent.iterdir()) if path.is_dir()}
