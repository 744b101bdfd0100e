"""The registry of this process: plugins found, loaded once, switched off by name, told when broken.

Plugins are found by entry points of the group ``automl``, the built-in ones like any other. A broken plugin
is skipped with one line on stderr, listed by ``automl plugins`` and named in later "unknown name" messages.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import threading
from typing import TYPE_CHECKING, Any

from automl.clashes import DISABLE_VARIABLE
from automl.errors import PluginError
from automl.offers import KINDS, PluginInfo, Registry, assemble
from automl.plugin_discovery import PluginSource, installed_sources
from automl.plugin_loading import (
    LoadedPlugin,
    inside,
    limit_seconds,
    load_local,
    load_plugin,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from automl.specs import ModelSpec

__all__ = [
    "KINDS",
    "PluginInfo",
    "Registry",
    "installed_models",
    "load_registry",
    "register_plugin",
    "unregister_plugin",
]

STRICT_VARIABLE = "AUTOML_STRICT_PLUGINS"

_lock = threading.RLock()
_cache: dict[tuple[Any, ...], tuple[Registry, list[str]]] = {}
_local: dict[str, LoadedPlugin] = {}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_told: set[str] = set()


def load_registry(*, disabled: Iterable[str] = (), refresh: bool = False, quiet: bool = False) -> Registry:
    """The registry of all installed plugins and those of `register_plugin`, made once and then kept.

    Args:
        disabled: plugins to switch off, beside those in ``AUTOML_DISABLE_PLUGINS``: a plugin's name, or
            ``NAME@DISTRIBUTION`` when two distributions use one name.
        refresh: look again at what is installed.
        quiet: print no line about broken plugins and clashes; for workers, as their parent has told.

    What is wrong with installed plugins is told and passed over (`Registry.broken`, `Registry.clashes`); under
    ``AUTOML_STRICT_PLUGINS=1`` it raises PluginError, as does a plugin of `register_plugin` whose name is taken.
    """
    if getattr(inside, "plugin", None):
        raise PluginError("a hook must not load the registry; it only returns what its plugin adds")
    names = frozenset(_names(disabled) | _names([os.environ.get(DISABLE_VARIABLE, "")]))
    strict = os.environ.get(STRICT_VARIABLE, "").strip().lower() not in ("", "0", "false", "no")
    key = (names, strict, limit_seconds())
    with _lock:
        if refresh:
            _cache.clear()
            _told.clear()
        if key not in _cache:
            _cache[key] = _load(names, strict=strict)
        registry, lines = _cache[key]
        if not quiet:
            _tell(lines)
        return registry


def installed_models() -> dict[str, ModelSpec]:
    """The models of all plugins that have what they require, by name: for models that are built on other models."""
    registry = load_registry(quiet=True)
    return {name: spec for name, spec in registry.models.items() if not registry.unusable(spec)}


def register_plugin(plugin: object, name: str) -> None:
    """Let this process use a plugin that is not installed: a module or an object with marked hook functions.

    For notebooks and tests. Registering a name again replaces what was registered under it before. Worker
    processes import what the specs name, so the factories must be importable there: not from ``__main__``.
    Raises PluginError when the plugin is broken.
    """
    loaded = load_local(plugin, name)
    with _lock:
        _local[name] = loaded
        _cache.clear()


def unregister_plugin(name: str) -> None:
    """Undo `register_plugin`; raises PluginError when nothing is registered under `name`."""
    with _lock:
        if name not in _local:
            raise PluginError(
                f"no plugin called {name!r} was registered in this process; there are: {', '.join(_local) or 'none'}"
            )
        del _local[name]
        _cache.clear()


def _names(texts: Iterable[str]) -> set[str]:
    return {name.strip() for text in texts for name in text.split(",") if name.strip()}


def _load(names: frozenset[str], *, strict: bool) -> tuple[Registry, list[str]]:
    """The registry, and the lines to print about it."""
    seconds = limit_seconds()
    sources = installed_sources()
    everything = [*sources, *(loaded.source for loaded in _local.values())]
    off = [source for source in everything if any(source.is_named(name) for name in names)]
    lines = [
        _unknown_disabled(name, everything)
        for name in sorted(names)
        if not any(source.is_named(name) for source in off)
    ]
    loaded = [load_plugin(source, seconds) for source in sources if source not in off]
    loaded += [plugin for plugin in _local.values() if plugin.source not in off]
    for plugin in loaded:
        switch = f"(switch it off: --disable-plugin {plugin.source.name})"
        if plugin.problem:
            lines.append(f"{plugin.source} is broken and skipped: {plugin.problem} {switch}")
        else:
            lines += [f"{plugin.source}: {warning} {switch}" for warning in plugin.warnings]
        if strict and (plugin.problem or plugin.warnings):
            error = PluginError(f"{lines[-1]}; raised because {STRICT_VARIABLE} is set")
            error.add_note(plugin.details)
            raise error
    switched_off = tuple(
        PluginInfo(name=source.name, distribution=source.distribution, version=source.version, status="off")
        for source in off
    )
    registry = assemble(tuple(loaded), off=switched_off, strict=strict)
    return registry, [*lines, *registry.clashes]


def _tell(lines: list[str]) -> None:
    for line in lines:
        if line not in _told and sys.stderr is not None:
            _told.add(line)
            # What a plugin raised may hold anything, also what a terminal would obey.
            print(f"automl: {_CONTROL.sub('?', ' '.join(line.split()))}", file=sys.stderr)  # noqa: T201


def _unknown_disabled(name: str, sources: list[PluginSource]) -> str:
    known = sorted({source.name for source in sources})
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}"
    return f"no plugin is called {name!r}, so nothing was switched off; {hint}"
