"""Checks of LightGBM's text format before it is given to LightGBM, whose code checks no index."""

from __future__ import annotations

import numpy as np

NODES = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
"""Lines with one value for each inner node."""
FIELDS = (*NODES, "num_leaves", "num_cat", "leaf_value", "cat_boundaries", "cat_threshold", "is_linear")
CATEGORICAL = 1
"""The bit of `decision_type` that says that a node asks for a category."""


def check_text(text: str, columns: int) -> None:
    """Raise ValueError when a tree is cut off, goes round in a circle, or asks for what is not there."""
    if not text.startswith("tree") or "end of trees" not in text:
        raise ValueError("the text is cut off")
    tree: dict[str, str] | None = None
    for line in text[: text.index("end of trees")].splitlines():
        name, _, value = line.partition("=")
        if name == "Tree":
            if tree is not None:
                _check_tree(tree, columns)
            tree = {}
        elif tree is not None and name in FIELDS:
            tree[name] = value
    if tree is not None:
        _check_tree(tree, columns)


def _check_tree(tree: dict[str, str], columns: int) -> None:
    """Inner nodes are numbered in the order of growing, so that a child that is an inner node has a larger number than
    its parent; a leaf is written as the complement of its number.
    """
    leaves = int(tree.get("num_leaves", "0"))
    if leaves < 1 or len(tree.get("leaf_value", "").split()) != leaves:
        raise ValueError("leaf_value of a tree has not one value for each leaf")
    if tree.get("is_linear", "0").strip() != "0":
        raise ValueError("a tree has linear models in its leaves, which automl never trains")
    if leaves == 1:
        return
    for name in NODES:
        if tree.get(name, "").count(" ") != leaves - 2:
            raise ValueError(f"{name} of a tree has not one value for each node")
    features = _integers(tree, "split_feature")
    _refuse("split_feature", (features < 0) | (features >= columns))
    for name in ("left_child", "right_child"):
        numbers = _integers(tree, name)
        inside = (numbers > np.arange(len(numbers))) & (numbers < leaves - 1)
        _refuse(name, np.where(numbers >= 0, ~inside, ~numbers >= leaves))
    categorical = (_integers(tree, "decision_type") & CATEGORICAL) > 0
    sets = int(tree.get("num_cat", "0"))
    if sets or categorical.any():
        _check_categories(tree, categorical, sets)


def _check_categories(tree: dict[str, str], categorical: np.ndarray, sets: int) -> None:
    """A categorical node's threshold is the number of a set; the sets are bits in `cat_threshold`, 32 in each number,
    cut at `cat_boundaries`.
    """
    chosen = np.array(tree["threshold"].split(), dtype=np.float64)[categorical]
    _refuse("threshold", ~((chosen >= 0) & (chosen < sets)))
    bounds = _integers(tree, "cat_boundaries")
    words = len(tree.get("cat_threshold", "").split())
    if len(bounds) != sets + 1 or bounds[0] != 0 or bounds[-1] != words or (np.diff(bounds) < 0).any():
        raise ValueError("cat_boundaries of a tree do not fit its cat_threshold")


def _integers(tree: dict[str, str], name: str) -> np.ndarray:
    """The numbers of a line; ValueError for anything else in it."""
    return np.array(tree.get(name, "").split(), dtype=np.int64)


def _refuse(name: str, wrong: np.ndarray) -> None:
    if wrong.any():
        raise ValueError(f"{name} of a tree points outside of it")
