"""What a predictor is made of, as its folder holds it: read and written whole or not at all."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from automl.calibration import Calibration
from automl.checksums import sum_files, sum_text
from automl.data.image_schema import ImageSchema
from automl.data.schema import Schema
from automl.data.target import TargetCoding
from automl.errors import PredictorError
from automl.plugin_discovery import ENGINE_DISTRIBUTION
from automl.run_folder import PREDICTOR_FOLDER, link_tree
from automl.store import dumps
from automl.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.decisions import Factors
    from automl.protocols import Config

PREDICTOR_FILE = "predictor.json"
FORMAT = 3


@dataclass(frozen=True, kw_only=True)
class MemberRecord:
    """One weighted member: a trial's models, one for each fold or one for all rows."""

    trial: int
    weight: float
    model: str
    plugin: str
    distribution: str
    config: Config
    folders: tuple[str, ...]
    """Relative to the predictor's folder."""
    source: str = ""
    base: tuple[int, ...] = ()
    """Trials whose predictions it takes beside the table's own columns; empty: none, it is of the first layer."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a predictor is made of, as written to its JSON file."""

    task: Task
    schema: Schema
    coding: TargetCoding
    members: tuple[MemberRecord, ...]
    constant: tuple[float, ...]
    """What is predicted without members: class shares, or one value."""
    only_baseline: bool = False
    factors: Factors = ()
    """By which labels are decided from probabilities; empty: the most probable."""
    calibration: Calibration | None = None
    """What is done to the weighted mean of the members; None: nothing."""
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Relative path -> bytes and SHA-256 of each file as saved; empty before it is saved, and in older predictors."""
    images: ImageSchema | None = None
    """How images become pixels; None for tables."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Distribution -> its version when the predictor was saved; empty before."""


def read_parts(folder: Path) -> Parts:
    """Read ``predictor.json``; PredictorError when it is missing, damaged or of another format."""
    path = folder / PREDICTOR_FILE
    if not path.is_file():
        raise PredictorError(
            f"{folder} holds no predictor ({PREDICTOR_FILE} is missing); give a run folder or a saved predictor"
        )
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        expected = plain.pop("sha256", None)
        if expected is not None and expected != sum_text(dumps(plain)):
            raise ValueError("it does not have the content that it was saved with")
        if plain["format"] != FORMAT:
            other = plain["version"] != metadata.version(ENGINE_DISTRIBUTION)
            remedy = f"pip install 'automl-pluggy=={plain['version']}'" if other else "fit again"
            raise PredictorError(f"{path} has format {plain['format']!r}, this version reads {FORMAT}: {remedy}")
        return Parts(
            task=Task.from_dict(plain["task"]),
            schema=Schema.from_dict(plain["schema"]),
            coding=TargetCoding.from_dict(plain["coding"]),
            members=tuple(
                MemberRecord(**{**record, "folders": tuple(record["folders"]), "base": tuple(record.get("base", ()))})
                for record in plain["members"]
            ),
            constant=tuple(float(value) for value in plain["constant"]),
            only_baseline=bool(plain["only_baseline"]),
            factors=tuple(float(factor) for factor in plain.get("factors", ())),
            calibration=Calibration.from_dict(plain["calibration"]) if plain.get("calibration") else None,
            files={str(name): (int(size), str(told)) for name, (size, told) in plain.get("files", {}).items()},
            versions={str(name): str(told) for name, told in plain.get("versions", {}).items()},
            images=None if plain.get("images") is None else ImageSchema.from_dict(plain["images"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PredictorError(
            f"{path} is damaged ({type(error).__name__}: {error}); copy it again or fit again"
        ) from error


def write_predictor(parts: Parts, run_folder: Path, versions: Mapping[str, str]) -> Path:
    """Put a predictor together inside a run folder; it appears complete or not at all.

    Fitted files are hard links where the file system allows it: saving costs milliseconds.
    """
    final = run_folder / PREDICTOR_FOLDER
    building = run_folder / f".{PREDICTOR_FOLDER}.building"
    shutil.rmtree(building, ignore_errors=True)
    try:
        _build(parts, run_folder, building, versions)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    if final.exists():  # moved away first: a folder is removed file by file
        before = run_folder / f".{PREDICTOR_FOLDER}.before"
        shutil.rmtree(before, ignore_errors=True)
        final.rename(before)
        building.rename(final)
        shutil.rmtree(before, ignore_errors=True)
    else:
        building.rename(final)
    return final


def _build(parts: Parts, run_folder: Path, building: Path, versions: Mapping[str, str]) -> None:
    """The predictor's folder under another name."""
    building.mkdir()
    records = []
    for record in parts.members:
        folders = []
        for source in record.folders:
            folder = Path("members") / f"{record.trial:04d}" / Path(source).name
            link_tree(run_folder / source, building / folder, skip=("predictions.npy",))
            folders.append(folder.as_posix())
        records.append({**asdict(record), "config": dict(record.config), "folders": folders})
    encoders = run_folder / "encoders"
    for name in sorted(_shared_encoders(run_folder, parts.members)):
        link_tree(encoders / name, building / "encoders" / name)
    plain = {
        "format": FORMAT,
        "version": versions.get(ENGINE_DISTRIBUTION, ""),
        "versions": dict(versions),
        "task": parts.task.to_dict(),
        "schema": parts.schema.to_dict(),
        "coding": parts.coding.to_dict(),
        "members": records,
        "constant": list(parts.constant),
        "only_baseline": parts.only_baseline,
        "factors": list(parts.factors),
        "calibration": None if parts.calibration is None else parts.calibration.to_dict(),
        **({} if parts.images is None else {"images": parts.images.to_dict()}),
    }
    plain = json.loads(dumps({**plain, "files": sum_files(building)}))
    (building / PREDICTOR_FILE).write_text(dumps({**plain, "sha256": sum_text(dumps(plain))}), encoding="utf-8")


def _shared_encoders(run_folder: Path, members: Sequence[MemberRecord]) -> set[str]:
    names = set()
    for record in members:
        for source in record.folders:
            shared = json.loads((run_folder / source / "member.json").read_text())["shared_encoder"]
            names |= {shared} if shared else set()
    return names
