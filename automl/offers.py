"""The registry record: what the enabled plugins offer, by kind and name, put together from all of them.

Everything is sorted by name, so the order of installation or registration never matters. `clashes` says what comes of
names that several plugins claim.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from automl.clashes import SINGULAR, Clash, settle_defaults, table_of, without_twins
from automl.errors import PluginError, UnknownNameError
from automl.plugin_discovery import describe
from automl.plugin_loading import LoadedPlugin, hook_types, kind_of, load_local

if TYPE_CHECKING:
    from automl.fidelity import Fidelity
    from automl.specs import (
        CommandSpec,
        ExecutorSpec,
        MetricSpec,
        ModelSpec,
        PortfolioSpec,
        SamplerSpec,
        SchedulerSpec,
        SectionSpec,
        Spec,
        StrategySpec,
        TrackerSpec,
    )

KINDS = tuple(SINGULAR)
"""The kinds of things that plugins add, as the attributes of a `Registry` are called."""


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """One plugin, as ``automl plugins`` lists it."""

    name: str
    distribution: str
    """Installed distribution it came in; empty for a plugin registered in this process."""
    version: str
    status: Literal["ok", "broken", "off"]
    message: str = ""
    """Why it is broken, or what looks wrong about it; one line."""
    provides: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Kind -> names, only kinds with at least one."""
    details: str = ""
    """Traceback behind the message."""
    seconds: float = 0.0
    """What its import and its hooks cost at start-up, wall clock."""

    def __str__(self) -> str:
        return describe(self.name, self.distribution, self.version)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**vars(self), "provides": {kind: list(names) for kind, names in self.provides.items()}}


@dataclass(frozen=True, kw_only=True, eq=False)
class Registry:
    """What the enabled plugins offer: a dict for each kind, sorted by name.

    Shared by everyone in the process: read it, do not change it. `register` makes a new one.
    """

    models: dict[str, ModelSpec] = field(default_factory=dict)
    fidelities: dict[str, Fidelity] = field(default_factory=dict)
    """The engine's own ``rows`` and ``folds`` are among them."""
    samplers: dict[str, SamplerSpec] = field(default_factory=dict)
    schedulers: dict[str, SchedulerSpec] = field(default_factory=dict)
    strategies: dict[str, StrategySpec] = field(default_factory=dict)
    executors: dict[str, ExecutorSpec] = field(default_factory=dict)
    metrics: dict[str, MetricSpec] = field(default_factory=dict)
    portfolios: dict[str, PortfolioSpec] = field(default_factory=dict)
    trackers: dict[str, TrackerSpec] = field(default_factory=dict)
    commands: dict[str, CommandSpec] = field(default_factory=dict)
    report_sections: dict[str, SectionSpec] = field(default_factory=dict)
    plugins: tuple[PluginInfo, ...] = ()
    """Every plugin found, sorted by name: used, broken and switched off."""
    clashes: tuple[str, ...] = ()
    """What several plugins claim and what came of it, a message each."""
    contested: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    """Kind and name -> why nobody has it, or only one of those who claim it."""
    loaded: tuple[LoadedPlugin, ...] = field(default=(), repr=False)

    @property
    def broken(self) -> tuple[PluginInfo, ...]:
        """The plugins that were skipped because they are broken."""
        return tuple(info for info in self.plugins if info.status == "broken")

    def get(self, kind: str, name: str) -> Any:
        """The spec of this kind (``models``, ``samplers``, ...; singular too) and name or alias.

        Raises UnknownNameError with the nearest names, the broken plugins that may have brought it and
        those that are switched off.
        """
        plural = next((many for many, one in SINGULAR.items() if kind in (many, one)), None)
        if plural is None:
            raise PluginError(f"there is no kind {kind!r} of plugin; the kinds are {', '.join(KINDS)}")
        table: dict[str, Any] = getattr(self, plural)
        if name in table:
            return table[name]
        for spec in table.values():
            if name in getattr(spec, "aliases", ()):
                return spec
        if (plural, name) in self.contested:
            raise UnknownNameError(self.contested[plural, name])
        raise UnknownNameError(self._unknown(SINGULAR[plural], name, list(table)))

    def default(self, kind: str) -> Any:
        """The spec of this kind that is used where nobody names one; None when no plugin offers one."""
        found = [spec for spec in getattr(self, kind).values() if spec.default]
        return found[0] if len(found) == 1 else None

    def _unknown(self, word: str, name: str, known: list[str]) -> str:
        near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}."
        message = f"no {word} is called {name!r}; {hint}"
        if self.broken:
            reasons = "; ".join(f"{info}: {info.message}" for info in self.broken)
            message += f" It may belong to a plugin that is broken: {reasons}."
        off = [info.name for info in self.plugins if info.status == "off"]
        if off:
            message += f" Plugins switched off: {', '.join(off)}."
        return message

    def unusable(self, spec: Spec) -> str | None:
        """Why `spec` cannot be used here (a package is missing), with the pip line; None when it can."""
        missing = spec.missing()
        if not missing:
            return None
        return f"needs {', '.join(missing)}, which is not installed: pip install '{spec.install or ' '.join(missing)}'"

    def register(self, plugin: object, name: str) -> Registry:
        """A new registry with `plugin` added: a module or an object with marked hook functions.

        This one stays as it is, so a test need not clean up. To make the whole process use a plugin that
        is not installed, call `register_plugin`. Raises PluginError when the plugin is broken or clashes.
        """
        return assemble((*self.loaded, load_local(plugin, name)), off=self._off())

    def _off(self) -> tuple[PluginInfo, ...]:
        return tuple(info for info in self.plugins if info.status == "off")


# -- putting plugins together ---------------------------------------------------------------------


def assemble(loaded: tuple[LoadedPlugin, ...], *, off: tuple[PluginInfo, ...], strict: bool = False) -> Registry:
    """One registry of all plugins. Of what several claim, the engine's own keep theirs and strangers lose theirs;
    PluginError when that hits a plugin that was registered in this process, and for each such clash when `strict`.
    """
    ordered = tuple(sorted(loaded, key=lambda plugin: (plugin.source.name, plugin.source.distribution)))
    ordered, clashes = without_twins(ordered)
    tables: dict[str, dict[str, Any]] = {}
    for kind in (kind_of(hook) for hook in hook_types()):
        tables[kind], more = table_of(kind, ordered)
        clashes += [*more, *settle_defaults(kind, tables[kind], ordered)]
    raised = [clash.message for clash in clashes if strict or clash.deliberate]
    if raised:
        raise PluginError("\n".join(raised))
    infos = [*off, *(_info(plugin, tables, clashes) for plugin in ordered)]
    infos.sort(key=lambda info: (info.name, info.distribution))
    told = tuple(clash.message for clash in clashes)
    return Registry(**tables, plugins=tuple(infos), clashes=told, contested=_contested(clashes), loaded=ordered)


def _contested(clashes: list[Clash]) -> dict[tuple[str, str], str]:
    return {claim: clash.message for clash in reversed(clashes) for claim in clash.names}


def _owns(plugin: LoadedPlugin, found: Any, spec: Any) -> bool:
    """Whether `found`, which has the name of the plugin's `spec`, is this plugin's."""
    if found is None or not hasattr(spec, "plugin"):  # a fidelity is the one that was returned, or another's
        return found is spec
    return (found.plugin, found.distribution) == (plugin.source.name, plugin.source.distribution)


def _info(plugin: LoadedPlugin, tables: dict[str, dict[str, Any]], clashes: list[Clash]) -> PluginInfo:
    provides = {
        kind: tuple(spec.name for spec in specs if _owns(plugin, tables[kind].get(spec.name), spec))
        for kind, specs in plugin.offers.items()
    }
    lost = [clash.message for clash in clashes if plugin.source in clash.losers]
    return PluginInfo(
        name=plugin.source.name,
        distribution=plugin.source.distribution,
        version=plugin.source.version,
        status="broken" if plugin.problem else "ok",
        message=plugin.problem or "; ".join((*plugin.warnings, *lost)),
        provides={kind: names for kind, names in provides.items() if names},
        details=plugin.details,
        seconds=plugin.seconds,
    )
