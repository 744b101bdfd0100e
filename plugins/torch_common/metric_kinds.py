"""Metrics by what a network must do for them. Imports nothing: search spaces ask, too."""

from __future__ import annotations

ABSOLUTE = ("mae", "median_ae", "d2_absolute_error")
BALANCED = ("balanced_accuracy", "recall_macro", "f1_macro", "jaccard_macro")
"""Metrics in which a rare class counts as much as a frequent one."""
LOGARITHMIC = ("msle", "rmsle")
RELATIVE = ("mape", "gamma_deviance")
"""Metrics that measure an error against the value."""
