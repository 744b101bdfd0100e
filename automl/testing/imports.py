"""Whether a module that is imported at every start stays light."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY_MODULES = (
    "numpy", "scipy", "sklearn", "pyarrow", "pandas", "polars", "torch", "lightgbm", "smac", "ConfigSpace", "xgboost",
    "catboost", "joblib", "matplotlib",
)  # fmt: skip
"""Modules that cost a good part of a second each."""

_CODE = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps([name for name in json.loads(sys.argv[2]) if name in sys.modules]))
"""


def check_plugin_is_light(module: str, heavy: tuple[str, ...] = HEAVY_MODULES) -> None:
    """Import `module` in a fresh process and look at what came with it.

    A plugin's entry module is imported at every start of ``automl``, also for ``automl --help``. Raises
    AssertionError when the module cannot be imported, or when it imports one of `heavy`.
    """
    command = [sys.executable, "-W", "ignore", "-c", _CODE, module, json.dumps(heavy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{module} cannot be imported:\n{done.stderr.strip()}")
    found = json.loads(done.stdout.splitlines()[-1])
    if found:
        raise AssertionError(
            f"{module} imports {', '.join(found)}, which every start of automl would pay for. Name implementations "
            "as strings ('package.module:Class') and import heavy modules in the module of the implementation"
        )
