"""Importing what is needed later beside work that leaves the interpreter free, such as reading a table with Arrow."""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NEEDED_LATER = ("pandas", "ConfigSpace")
"""Arrow imports pandas, where it is installed, as soon as a value is made; the search space is built after reading."""


def import_beside(modules: Sequence[str] = NEEDED_LATER) -> threading.Thread:
    """Start importing; whoever imports one of these meanwhile waits for it as for any import.

    numpy and pyarrow are imported here first: no two threads then initialise a library that both begin with.
    """
    import numpy  # noqa: F401, ICN001
    import pyarrow  # noqa: F401, ICN001

    thread = threading.Thread(target=_import_all, args=(tuple(modules),), name="imports", daemon=True)
    thread.start()
    return thread


def _import_all(modules: Sequence[str]) -> None:
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:  # whoever needs it will say so; pandas need not be there
            continue
