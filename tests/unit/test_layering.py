"""What may import what: light start, layers, plugins on public names only, no unsafe file formats."""

import ast
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HEAVY = (
    "numpy", "scipy", "sklearn", "pyarrow", "pandas", "polars", "torch", "lightgbm", "smac", "ConfigSpace", "xgboost",
    "catboost", "dask", "joblib", "matplotlib",
)  # fmt: skip
PLUGIN_MODULES = sorted(PROJECT["project"]["entry-points"]["automl"].values())
LIGHT = [
    "automl",
    "automl.errors",
    "automl.fidelity",
    "automl.specs",
    "automl.protocols",
    "automl.history",
    "automl.task",
    "automl.settings",
    "automl.hookspecs",
    "automl.data.records",
    "automl.registry",
    "automl.cli.main",
    "automl_plugins",
    *PLUGIN_MODULES,
]
SOURCES = sorted(path for folder in ("automl", "plugins", "baselines") for path in (ROOT / folder).rglob("*.py"))
UNSAFE_MODULES = ("pickle", "cloudpickle", "dill", "marshal", "shelve", "joblib")
"""joblib.load unpickles; nothing of joblib is needed here."""


def test_light_modules_import_nothing_heavy():
    """One process imports them one after the other, so that the first offender is named."""
    code = f"""
import importlib, sys
for name in {LIGHT!r}:
    importlib.import_module(name)
    heavy = [module for module in {HEAVY!r} if module in sys.modules]
    if heavy:
        sys.exit(f"import {{name}} imports {{', '.join(heavy)}}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr.strip())


def test_loading_the_registry_imports_nothing_heavy():
    code = f"""
import sys
from automl.registry import load_registry
load_registry()
print(*[module for module in {HEAVY!r} if module in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "" == done.stdout.strip()


def test_public_names_load():
    """Each name of `automl.__all__` leads somewhere."""
    code = "import automl; [getattr(automl, name) for name in automl.__all__]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr.strip())


def test_public_names_are_the_ones_that_can_be_loaded():
    import automl

    assert sorted(["__version__", *automl._HOMES]) == sorted(automl.__all__)


def test_every_module_of_the_engine_has_a_layer():
    """A module outside the layers could import anything."""
    contract = PROJECT["tool"]["importlinter"]["contracts"][0]
    layered = {name for layer in contract["layers"] for name in layer.split(" : ")}
    modules = {f"automl.{path.stem}" for path in (ROOT / "automl").iterdir() if path.suffix == ".py" or path.is_dir()}

    assert set() == modules - layered - {
        "automl.__init__",
        "automl.__main__",
        "automl.py",
        "automl.testing",
        "automl.__pycache__",
    }


def test_unknown_public_name_is_an_attribute_error():
    import automl

    with pytest.raises(AttributeError, match="module 'automl' has no attribute 'ModelSpecs'"):
        automl.ModelSpecs  # noqa: B018


@pytest.mark.skipif(importlib.util.find_spec("importlinter") is None, reason="import-linter is not installed")
def test_layers_of_the_engine():
    script = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(script), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr


def imported_modules(path):
    """Absolute names of the modules that a file imports anywhere, with the names taken from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ()
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module, tuple(alias.name for alias in node.names)


def test_plugins_import_only_public_names_of_the_engine():
    import automl

    wrong = []
    for path in SOURCES:
        if not path.is_relative_to(ROOT / "plugins"):
            continue
        for module, names in imported_modules(path):
            if module.partition(".")[0] != "automl" or module == "automl.data.records":
                continue
            if module != "automl" or not set(names) <= set(automl.__all__):
                wrong.append(f"{path.relative_to(ROOT)}: from {module} import {', '.join(names)}")

    assert [] == wrong


def test_engine_imports_no_plugin():
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in SOURCES
        if path.is_relative_to(ROOT / "automl")
        for module, _ in imported_modules(path)
        if module.partition(".")[0] in ("automl_plugins", "plugins")
    ]

    assert [] == wrong


def test_nothing_reads_a_pickle():
    """Only executors pickle: the records that travel between our own processes."""
    wrong = []
    for path in SOURCES:
        if path.is_relative_to(ROOT / "plugins" / "executors"):
            continue
        wrong += [
            f"{path.relative_to(ROOT)} imports {module}"
            for module, _ in imported_modules(path)
            if module.partition(".")[0] in UNSAFE_MODULES
        ]
        for node in ast.walk(ast.parse(path.read_text())):
            unsafe = isinstance(node, ast.keyword) and (
                (node.arg == "allow_pickle" and getattr(node.value, "value", None) is not False)
                or (node.arg == "weights_only" and getattr(node.value, "value", None) is not True)
            )
            if unsafe:
                wrong.append(f"{path.relative_to(ROOT)}:{node.value.lineno} {node.arg}")

    assert [] == wrong


def test_the_check_for_pickles_would_find_one(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("def f():\n    import pickle\n    from joblib import load\n")

    assert [("pickle", ()), ("joblib", ("load",))] == list(imported_modules(path))
