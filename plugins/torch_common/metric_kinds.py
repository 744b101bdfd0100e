"""Metrics by what a network must do for them. Imports nothing: search spaces ask, too."""

from __future__ import annotations

ABSOLUTE = ("mae", "median_ae", "d2_absolute_error")
BALANCED = ("balanced_accuracy", "recall_macro", "f1_macro", "jaccard_macro")
"""Metrics in which a rare class counts as much as a frequent one."""
_OF_LABELS = ("accuracy", "f1", "jaccard", "mcc", "precision", "recall")


def is_of_labels(metric: str) -> bool:
    """Whether a metric looks at which class is named and not at how sure a model is."""
    return metric in BALANCED or metric.startswith(_OF_LABELS)
