"""Where plugins come from: the entry points of group ``automl`` of all installed distributions.

``importlib.metadata`` finds the same. But it costs 40 ms to import (``email``, ``csv``, ``zipfile``), a third of what
``automl --help`` may take, so the metadata folders on ``sys.path`` are read directly. It is still asked about
everything that is not a folder: zip files, and import hooks that bring distributions of their own.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from dataclasses import dataclass
from functools import partial
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GROUP = "automl"
ENGINE_DISTRIBUTION = "automl-pluggy"
"""Whose plugins keep their names and defaults, whatever strangers claim."""


class WrongPluginError(PluginError):
    """What we find wrong with a plugin, as opposed to an error that its own code raises."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PluginSource:
    """Where a plugin comes from; `load` imports it."""

    name: str
    distribution: str = ""
    """Name of the installed distribution; empty for a plugin registered in this process."""
    version: str = ""
    load: Callable[[], object]

    def __str__(self) -> str:
        return describe(self.name, self.distribution, self.version)

    @property
    def is_own(self) -> bool:
        """Whether the engine itself brings it."""
        return _normal(self.distribution) == ENGINE_DISTRIBUTION

    def is_named(self, name: str) -> bool:
        """Whether `name` means this plugin: its name, or ``NAME@DISTRIBUTION``."""
        own, _, distribution = name.partition("@")
        return own == self.name and (not distribution or _normal(distribution) == _normal(self.distribution))


def describe(name: str, distribution: str, version: str) -> str:
    """A plugin as messages name it."""
    return f"plugin {name!r} ({f'{distribution} {version}'.strip() or 'registered in this process'})"


def search_path() -> list[Path]:
    """Where installed distributions are looked for."""
    return [Path(entry) for entry in sys.path]  # an empty entry is the current folder


def installed_sources() -> list[PluginSource]:
    """The plugins of all installed distributions, sorted by name.

    A distribution that is seen twice (a checkout beside its installed copy) counts once: the first one on
    ``sys.path`` is the one whose code is imported.
    """
    found: dict[tuple[str, str], PluginSource] = {}
    seen: set[str] = set()
    for root in search_path():
        for folder in _metadata_folders(root):
            name = _normal(folder.name.partition("-")[0].removesuffix(".egg-info"))
            if name in seen:
                continue
            seen.add(name)
            for source in _sources_in(folder):
                found.setdefault((_normal(source.distribution), source.name), source)
    for source in _sources_elsewhere():
        found.setdefault((_normal(source.distribution), source.name), source)
    return sorted(found.values(), key=lambda source: (source.name, source.distribution))


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _metadata_folders(root: Path) -> list[Path]:
    """The folders with metadata of distributions directly in `root`; none when it is not a readable folder."""
    try:
        names = sorted(os.listdir(root))  # noqa: PTH208 - a Path for each of hundreds of names would take longer
        return [root / name for name in names if name.endswith((".dist-info", ".egg-info"))]
    except OSError:  # sys.path commonly names folders that do not exist, and zip files
        return []


def _sources_in(folder: Path) -> Iterator[PluginSource]:
    try:
        text = (folder / "entry_points.txt").read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):  # nothing to offer, or an egg-info that is a file
        return
    except (OSError, UnicodeDecodeError) as error:
        yield _unreadable(folder, error)
        return
    entries = _entries(text) if GROUP in text else []
    if not entries:
        return
    try:
        name, version = _name_and_version(folder)
    except (OSError, UnicodeDecodeError) as error:
        yield _unreadable(folder, error)
        return
    for plugin, target in entries:
        yield PluginSource(name=plugin, distribution=name, version=version, load=partial(_import, target))


def _entries(text: str) -> list[tuple[str, str]]:
    """Name and target of each entry point in section ``[automl]``."""
    entries, section = [], ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[] ")
        elif section == GROUP and line and not line.startswith(("#", ";")):
            name, _, target = line.partition("=")
            entries.append((name.strip(), target.partition("[")[0].strip()))
    return entries


def _name_and_version(folder: Path) -> tuple[str, str]:
    """What the header of the metadata says."""
    file_name = "METADATA" if folder.suffix == ".dist-info" else "PKG-INFO"
    header: dict[str, str] = {}
    with (folder / file_name).open(encoding="utf-8") as file:
        for line in file:
            if not line.strip():  # the description follows
                break
            key, _, value = line.partition(":")
            header.setdefault(key.lower(), value.strip())
    return header.get("name", folder.stem), header.get("version", "")


def _import(target: str) -> object:
    """The module, or the object in it, that an entry point names as ``module`` or ``module:object``."""
    module, _, attributes = target.partition(":")
    if not re.fullmatch(r"[\w.]+(:[\w.]+)?", target) or module.startswith("."):
        raise WrongPluginError(f"its entry point {target!r} is not of the form 'package.module'")
    found: Any = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    return found


def _unreadable(folder: Path, error: Exception) -> PluginSource:
    """Stands for a distribution whose metadata cannot be read, so that it is told as a broken plugin."""

    def load() -> object:
        raise WrongPluginError(f"the metadata in {folder} cannot be read: {error}") from error

    return PluginSource(name=folder.name.partition("-")[0], distribution=folder.name, load=load)


def _sources_elsewhere() -> Iterator[PluginSource]:
    """Plugins in zip files on ``sys.path`` and those of import hooks that bring distributions."""
    files = [str(path) for path in search_path() if path.is_file()]
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions") and finder is not PathFinder]
    if not files and not finders:
        return
    from importlib.metadata import DistributionFinder, distributions

    found = list(distributions(path=files)) if files else []
    for finder in finders:
        # Some search sys.path once more (the importlib_metadata backport): they are given what was not read yet.
        found += finder.find_distributions(DistributionFinder.Context(path=files))
    for distribution in found:
        for entry in distribution.entry_points.select(group=GROUP):
            yield PluginSource(
                name=entry.name,
                distribution=distribution.name,
                version=distribution.version,
                load=partial(_import, entry.value.partition("[")[0].strip()),
            )
