"""Checks of LightGBM's text format before it is given to LightGBM, whose code checks no index."""

from __future__ import annotations

import numpy as np

FIELDS = ("num_leaves=", "split_feature=", "left_child=", "right_child=")


def check_text(text: str, columns: int) -> None:
    """Raise ValueError when a tree is cut off, goes round in a circle, or asks for what is not there.

    Inner nodes are numbered in the order of growing, so that a child that is an inner node has a larger number than
    its parent; a leaf is written as the complement of its number.
    """
    if not text.startswith("tree") or "end of trees" not in text:
        raise ValueError("the text is cut off")
    leaves = 0
    for line in text.splitlines():
        if not line.startswith(FIELDS):
            continue
        name, _, value = line.partition("=")
        if name == "num_leaves":
            leaves = int(value)
            continue
        numbers = np.fromstring(value, dtype=np.int64, sep=" ")
        if name == "split_feature":
            wrong = (numbers < 0) | (numbers >= columns)
        else:
            inner = numbers >= 0
            wrong = np.where(inner, (numbers <= np.arange(len(numbers))) | (numbers >= leaves - 1), ~numbers >= leaves)
        if len(numbers) != max(leaves - 1, 0) or wrong.any():
            raise ValueError(f"{name} of a tree points outside of it")
