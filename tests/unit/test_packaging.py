"""pyproject.toml lists every package, asks for ranges, and keeps the core install light."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HEAVY = {
    "torch", "torchvision", "tensorflow", "smac", "dask", "distributed", "ray", "pandas", "polars", "xgboost", "xgboost-cpu",
    "catboost", "mlflow", "optuna",
}  # fmt: skip
OWN_FOLDERS = {"automl": "automl", "plugins": "automl_plugins", "baselines": "automl_baselines"}


def name_of(requirement):
    return re.match(r"[A-Za-z0-9._-]+", requirement).group().lower()


def all_requirements():
    yield from PROJECT["project"]["dependencies"]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        yield from extra


def test_every_package_is_listed():
    """setuptools packs only what is listed, and a forgotten folder is missed only in the wheel."""
    found = set()
    for folder, package in OWN_FOLDERS.items():
        for path in (ROOT / folder).rglob("__init__.py"):
            parts = path.parent.relative_to(ROOT / folder).parts
            found.add(".".join([package, *parts]))

    assert sorted(found) == PROJECT["tool"]["setuptools"]["packages"]


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for folder in OWN_FOLDERS for path in (ROOT / folder).rglob("*.py")}

    assert [] == sorted(str(folder) for folder in folders if not (folder / "__init__.py").exists())


def test_every_entry_point_names_a_listed_package():
    packages = PROJECT["tool"]["setuptools"]["packages"]
    entry_points = PROJECT["project"]["entry-points"]["automl"]

    assert [] == [module for module in entry_points.values() if module not in packages]


def test_every_plugin_folder_has_an_entry_point():
    """But those that hold what several plugins share and offer nothing themselves."""
    folders = {
        f"automl_plugins.{path.parent.name}"
        for path in (ROOT / "plugins").glob("*/__init__.py")
        if "@hookimpl" in path.read_text() or not path.parent.name.endswith("_common")
    }

    assert folders | {"automl_baselines"} == set(PROJECT["project"]["entry-points"]["automl"].values())


@pytest.mark.parametrize("requirement", sorted(set(all_requirements())))
def test_dependencies_are_ranges(requirement):
    if not name_of(requirement).startswith("automl-pluggy"):
        assert ">=" in requirement
    assert "==" not in requirement


def test_core_install_is_light():
    assert set() == HEAVY & {name_of(requirement) for requirement in PROJECT["project"]["dependencies"]}


def test_extras_are_there():
    assert {"torch", "smac", "xgboost", "catboost", "all", "dev"} <= set(PROJECT["project"]["optional-dependencies"])


def test_xgboost_extra_is_the_small_build():
    """The plain distribution pulls hundreds of megabytes of NVIDIA libraries."""
    assert ["xgboost-cpu"] == [name_of(line) for line in PROJECT["project"]["optional-dependencies"]["xgboost"]]


def test_version_stands_in_one_form():
    tree = ast.parse((ROOT / "automl" / "__init__.py").read_text())
    versions = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__version__"
    ]

    assert [PROJECT["project"]["version"]] == versions


def test_package_data_exists():
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        (folder,) = [own for own, name in OWN_FOLDERS.items() if name == package]
        for pattern in patterns:
            assert list((ROOT / folder).glob(pattern)), f"{package}: nothing matches {pattern}"
