"""A folder of pictures: which files are pictures, and the class each has by the folder it lies in."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from automl.data.image_files import ENDINGS
from automl.data.records import Finding
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = frozenset({"train", "training", "valid", "val", "validation", "test", "testing"})
"""Names of folders that hold parts of a data set and are no classes."""


@dataclass(kw_only=True)
class Found:
    """What a folder holds."""

    paths: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """Paths below the folder, with slashes."""
    classes: list[str | None] = field(default_factory=list)
    """The first folder below; None for pictures that lie directly in it."""
    foreign: Counter[str] = field(default_factory=Counter)
    """Files that are no pictures, by ending."""
    loops: int = 0
    """Links to folders that were read already."""

    def findings(self) -> list[Finding]:
        """What was ignored."""
        found = []
        if self.foreign:
            count = sum(self.foreign.values())
            told = ", ".join(f"{name} {number:,}" for name, number in self.foreign.most_common(5))
            message = f"{count:,} files are no images and are ignored: {told}"
            found.append(Finding(level="info", code="foreign-files", count=count, message=message))
        if self.loops:
            message = f"{self.loops:,} links lead to folders that were read already and are ignored"
            found.append(Finding(level="info", code="linked-folders", count=self.loops, message=message))
        return found


def scan_folder(folder: Path) -> Found:
    """All pictures below `folder`, in the order of their names. Links are followed, each folder is read once.

    Raises DataError when there is none, or the folder cannot be read.
    """
    found = Found()
    seen = {_identity(folder)}

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}; check your rights to it") from error

    for place, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        kept = []
        for name in sorted(folders):
            identity = _identity(Path(place, name))
            if _hidden(name):
                found.foreign["hidden"] += 1
            elif identity in seen:
                found.loops += 1
            else:
                seen.add(identity)
                kept.append(name)
        folders[:] = kept
        inside = Path(place).relative_to(folder).as_posix()
        label = None if inside == "." else inside.partition("/")[0]
        for name in sorted(files):
            ending = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path for each of a million files takes long
            if _hidden(name):
                found.foreign["hidden"] += 1
            elif ending not in ENDINGS:
                found.foreign[ending or "no ending"] += 1
            else:
                found.paths.append(os.path.join(place, name))  # noqa: PTH118 - the same
                found.names.append(name if inside == "." else f"{inside}/{name}")
                found.classes.append(label)
    if not found.paths:
        seen_files = f" among its {sum(found.foreign.values()):,} files" if found.foreign else ""
        raise DataError(f"{folder} holds no image{seen_files}; images end in {', '.join(ENDINGS[:8])}, ...")
    return found


def class_folders(
    names: Sequence[str], classes: Sequence[str | None], folder: Path
) -> tuple[Sequence[str | None], list[Finding]]:
    """The class of each picture, to learn from; DataError where the folders are no classes.

    A single folder around all class folders is looked through, whatever its name.
    """
    found = {label for label in classes if label is not None}
    inner = [name.split("/", 2) for name in names]
    if len(found) == 1 and None not in classes and all(len(parts) > 2 for parts in inner):
        around = folder / found.pop()
        below = [parts[1] for parts in inner]
        _refuse_parts(set(below), around)
        message = f"the classes are the folders in {around}, which holds all images"
        return below, [Finding(level="info", code="inner-folder", message=message)]
    if not found:
        raise DataError(
            f"{folder} holds {len(names):,} images and no folder: what are they? Put the images of each class into a "
            "folder of its own, or give a table with a column of paths and a target"
        )
    _refuse_parts(found, folder)
    return classes, []


def _refuse_parts(found: set[str], folder: Path) -> None:
    if {name.lower() for name in found} <= PARTS:
        first = min(found, key=lambda name: not name.lower().startswith("train"))
        others = ", ".join(sorted(found))
        raise DataError(
            f"the folders in {folder} ({others}) are parts of a data set and no classes: fit {folder / first}, and give "
            "the part that judges with --validation"
        )


def _hidden(name: str) -> bool:
    """Files and folders that programs leave behind: .DS_Store, ._cat.jpg, .ipynb_checkpoints, __MACOSX."""
    return name.startswith(".") or name == "__MACOSX"


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
