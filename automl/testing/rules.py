"""What a broken rule looks like: an AssertionError that tells the plugin's author what to do."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class RuleBroken(AssertionError):  # noqa: N818 - what it says is clearer than an Error at its end
    """A plugin does not keep a rule of its protocol."""


@contextlib.contextmanager
def rule(owner: str, text: str) -> Iterator[None]:
    """Turn whatever the plugin raises inside into RuleBroken: `owner` must do what `text` says."""
    try:
        yield
    except RuleBroken:
        raise
    except Exception as error:
        raise RuleBroken(f"{owner} {text}; it raised {type(error).__name__}: {error}") from error


def require(condition: Any, message: str) -> None:
    """Raise RuleBroken with `message` unless `condition` holds."""
    if not condition:
        raise RuleBroken(message)
