"""Trackers: listeners to a run."""

from __future__ import annotations

from automl import TrackerSpec, hookimpl


@hookimpl
def register_trackers() -> list[TrackerSpec]:
    """One progress line on the terminal."""
    return [
        TrackerSpec(
            name="progress",
            summary="One line on the terminal: trials done, best score, time left.",
            factory="automl_plugins.trackers.progress:ProgressLine",
            default=True,
        )
    ]
