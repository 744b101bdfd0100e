"""Fixtures for tests of the registry: distributions with plugins that exist only in a temporary folder."""

import sys
import textwrap

import pytest

from automl import plugin_discovery, registry

MODEL = """
    from automl import ModelSpec, hookimpl

    @hookimpl
    def register_models():
        return [ModelSpec(name={name!r}, summary="A toy.", factory="toy:Model", space="toy:space")]
"""


class PluginSite:
    """A folder on ``sys.path`` with installed distributions; the only one that discovery sees."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self.modules = set()
        self._capsys = capsys

    def add(self, distribution, code="", *, plugin="toy", version="1.0", module=None, entry=None):
        """Install a distribution of one module that holds `code`, as a plugin called `plugin`."""
        module = module or f"{distribution.replace('-', '_')}_module"
        (self.folder / f"{module}.py").write_text(textwrap.dedent(code))
        self.modules.add(module)
        self.add_metadata(distribution, version, f"[automl]\n{plugin} = {entry or module}\n")

    def add_model(self, distribution, model, *, plugin="toy", version="1.0"):
        """Install a plugin that offers one model."""
        self.add(distribution, MODEL.format(name=model), plugin=plugin, version=version)

    def add_metadata(self, distribution, version, entry_points):
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points)

    def load(self, **options):
        """The registry of what is installed here; what it prints to stderr is then in `lines`."""
        self._capsys.readouterr()
        found = registry.load_registry(refresh=True, **options)
        self.lines = self._capsys.readouterr().err.splitlines()
        return found


@pytest.fixture
def site(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(plugin_discovery, "search_path", lambda: [folder])
    for variable in ("AUTOML_DISABLE_PLUGINS", "AUTOML_STRICT_PLUGINS", "AUTOML_PLUGIN_SECONDS"):
        monkeypatch.delenv(variable, raising=False)
    made = PluginSite(folder, capsys)
    yield made
    monkeypatch.undo()
    for module in made.modules:
        sys.modules.pop(module, None)
    registry._local.clear()
    registry._cache.clear()
    registry._told.clear()
