"""Executors: places where jobs run."""

from __future__ import annotations

from automl import ExecutorSpec, hookimpl


@hookimpl
def register_executors() -> list[ExecutorSpec]:
    """Worker processes from a preloaded fork server, and the calling process itself."""
    return [
        ExecutorSpec(
            name="processes",
            summary="Worker processes, forked from a server that has its libraries loaded; limits are enforced from outside.",
            factory="automl_plugins.executors.pool:ProcessPool",
            default=True,
        ),
        ExecutorSpec(
            name="inline",
            summary="The calling process: no limits can be enforced; for tests and tiny tables.",
            factory="automl_plugins.executors.inline:Inline",
        ),
    ]
