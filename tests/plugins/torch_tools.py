"""What tests of networks share: torch is an extra, but where CI runs it must be there."""

import importlib.util
import os

import pytest


def need_torch():
    """Skip, with the reason, where torch is not installed; under CI that is a failure."""
    if importlib.util.find_spec("torch") is None:
        if os.environ.get("CI"):
            raise AssertionError("torch is not installed; CI runs the tests of networks: pip install -e '.[dev]'")
        pytest.skip("extra [torch] is not installed", allow_module_level=True)
