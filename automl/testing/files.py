"""Whether saved files are safe to load: no pickle in them, whatever they are called and packed into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.saved_files import fault_of
from automl.testing.rules import require

if TYPE_CHECKING:
    from pathlib import Path


def check_no_pickle(folder: Path) -> None:
    """Raise AssertionError for any file under `folder` that holds a pickle, and for any link."""
    fault = fault_of(folder)
    require(not fault, fault)
