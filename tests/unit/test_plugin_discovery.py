"""Reading metadata folders directly finds what importlib.metadata finds, only sooner."""

import importlib.metadata
import subprocess
import sys
import zipfile

import pytest

from automl import plugin_discovery
from automl.plugin_discovery import installed_sources


def listed(sources):
    return [(source.name, source.distribution, source.version) for source in sources]


def test_same_plugins_as_importlib_metadata():
    expected = [
        (entry.name, entry.dist.name, entry.dist.version) for entry in importlib.metadata.entry_points(group="automl")
    ]

    assert sorted(expected) == listed(installed_sources())


def test_importlib_metadata_is_not_even_imported():
    """It would be a third of what the start of the command line may cost."""
    code = "import sys; from automl.registry import load_registry; load_registry(); print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False\n" == done.stdout


def test_comments_extras_spaces_and_other_sections(site):
    site.add_metadata(
        "automl-one",
        "1.0",
        "[console_scripts]\nautoml = a:main\n\n[automl]\n# a comment\n one=json\ntwo = json [extra]\n\n[automl.other]\nc = d\n",
    )

    assert [("one", "automl-one", "1.0"), ("two", "automl-one", "1.0")] == listed(installed_sources())
    assert [sys.modules["json"]] * 2 == [source.load() for source in installed_sources()]


def test_egg_info_of_a_checkout(site):
    folder = site.folder / "automl_old.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: automl-old\nVersion: 3\n\nName: not this\n")
    (folder / "entry_points.txt").write_text("[automl]\nold = json\n")

    assert [("old", "automl-old", "3")] == listed(installed_sources())


def test_first_of_two_copies_counts_even_when_it_has_dropped_the_plugin(site, monkeypatch, tmp_path):
    """Its modules are the ones that are imported, so the entry points of the second would lead astray."""
    site.add_metadata("automl-toy", "1.0", "[automl]\ntoy = json\n")
    (tmp_path / "Automl_Toy-2.0.dist-info").mkdir()
    monkeypatch.setattr(plugin_discovery, "search_path", lambda: [tmp_path, site.folder])

    assert [] == installed_sources()


def test_odd_things_among_the_metadata_are_passed_over(site):
    (site.folder / "file.egg-info").write_text("a file, as distutils wrote it")
    (site.folder / "empty-1.dist-info").mkdir()
    site.add_metadata("plain", "1.0", "")

    assert [] == installed_sources()


def test_folder_without_metadata_file_is_a_broken_plugin(site):
    site.add_metadata("automl-toy", "1.0", "[automl]\ntoy = json\n")
    (site.folder / "automl_toy-1.0.dist-info" / "METADATA").unlink()

    assert "automl_toy-1.0.dist-info cannot be read" in site.load().broken[0].message


@pytest.mark.parametrize("target", ["", "a b", ".relative", "module:", "json:nowhere", "json.nowhere"])
def test_entry_point_that_leads_nowhere_is_a_broken_plugin(site, target):
    site.add_metadata("automl-toy", "1.0", f"[automl]\ntoy = {target}\n")

    assert ["toy"] == [info.name for info in site.load().broken]


@pytest.mark.parametrize("name", ["Plugin", "plugin"])
def test_entry_point_may_name_a_class_or_an_object(site, name):
    code = """
        from automl import SamplerSpec, hookimpl

        class Plugin:
            @hookimpl
            def register_samplers(self):
                return [SamplerSpec(name="toy", summary="", factory="a:b")]

        plugin = Plugin()
    """
    site.add("automl-toy", code, entry=f"automl_toy_module:{name}")

    assert ["toy"] == list(site.load().samplers)


def test_plugin_in_a_zip_file(site, monkeypatch, tmp_path):
    path = tmp_path / "plugins.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "automl_zipped-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: automl-zipped\nVersion: 1.0\n"
        )
        archive.writestr("automl_zipped-1.0.dist-info/entry_points.txt", "[automl]\nzipped = json\n")
    monkeypatch.setattr(plugin_discovery, "search_path", lambda: [path])

    assert [("zipped", "automl-zipped", "1.0")] == listed(installed_sources())


def test_plugin_of_an_import_hook(site, monkeypatch):
    site.add_metadata("automl-toy", "1.0", "[automl]\ntoy = json\n")
    distribution = importlib.metadata.Distribution.at(site.folder / "automl_toy-1.0.dist-info")

    class Hook:
        def find_spec(self, *args):
            return None

        def find_distributions(self, context):
            return [distribution]

    monkeypatch.setattr(plugin_discovery, "search_path", list)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Hook()])

    assert [("toy", "automl-toy", "1.0")] == listed(installed_sources())


def test_a_second_finder_of_the_same_folders_adds_nothing(site, monkeypatch):
    """Packages of others bring importlib_metadata, whose finder searches ``sys.path`` unless told where to look."""
    site.add_metadata("automl-toy", "1.0", "[automl]\ntoy = json\n")
    asked = []

    class Backport:
        def find_spec(self, *args):
            return None

        def find_distributions(self, context):
            asked.append(list(context.path))
            return []

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Backport()])

    assert [("toy", "automl-toy", "1.0")] == listed(installed_sources())
    assert [[]] == asked
