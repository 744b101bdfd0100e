"""What XGBoost itself does not check when it reads a model: that trees are trees and point at columns that are there.

A file with a child or a column out of range makes it read foreign memory, and one with a cycle predicts for ever.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.xgboost.ubj import read_ubj

if TYPE_CHECKING:
    from automl import Task

OBJECTIVES = ("binary:logistic", "multi:softprob", "reg:squarederror", "reg:absoluteerror")
NODE_ARRAYS = (
    "base_weights",
    "default_left",
    "left_children",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)
CATEGORY_ARRAYS = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def check_booster(content: bytes, task: Task, columns: int) -> None:
    """ValueError, KeyError or TypeError unless this is a booster of trees for `task` over so many columns."""
    learner = read_ubj(content)["learner"]
    classes = task.class_count if task.problem_type == "multiclass" else 0
    groups = max(classes, 1)
    told = learner["learner_model_param"]
    for name, expected in (("num_class", classes), ("num_target", 1), ("num_feature", columns)):
        _expect(name, int(told[name]), expected)
    scores = json.loads(told["base_score"])
    scores = scores if isinstance(scores, list) else [scores]
    if len(scores) not in (1, groups) or not np.isfinite(np.asarray(scores, dtype=np.float64)).all():
        raise ValueError(f"base_score is {told['base_score'][:40]}")
    if learner["objective"]["name"] not in OBJECTIVES:
        raise ValueError(f"its objective is {learner['objective']['name']!r}")
    for part in learner["objective"].values():
        if isinstance(part, dict) and int(part.get("num_class", classes) or 0) not in (classes, groups):
            raise ValueError("its objective has another number of classes")
    for name in ("feature_names", "feature_types"):
        _expect(f"the length of {name}", len(learner[name]), 0)
    _expect("the booster", learner["gradient_booster"]["name"], "gbtree")
    _check_model(learner["gradient_booster"]["model"], groups, columns)


def _check_model(model: dict[str, Any], groups: int, columns: int) -> None:
    trees, parameters = model["trees"], model["gbtree_model_param"]
    _expect("num_trees", int(parameters["num_trees"]), len(trees))
    _expect("num_parallel_tree", int(parameters["num_parallel_tree"]), 1)
    info, starts = np.asarray(model["tree_info"], dtype=np.int64), np.asarray(model["iteration_indptr"], dtype=np.int64)
    _expect("the length of tree_info", len(info), len(trees))
    if (info != np.arange(len(trees)) % groups).any() or len(trees) % groups:
        raise ValueError("its trees belong to other classes")
    if not np.array_equal(starts, np.arange(0, len(trees) + 1, groups)):
        raise ValueError("its rounds begin at other trees")
    if any(len(part) for part in model.get("cats", {}).values()):
        raise ValueError("it holds categories")
    if [int(tree["id"]) for tree in trees] != list(range(len(trees))):
        raise ValueError("its trees have other ids")
    if trees:
        _check_trees(trees, columns)


def _check_trees(trees: list[dict[str, Any]], columns: int) -> None:
    """A node is the child of one other at most, and the root of none: then nothing that begins at the root goes round.

    The nodes of all trees are looked at together: one by one, a thousand small trees would take long.
    """
    nodes = np.array([_node_count(tree, columns) for tree in trees])
    left, right, chosen = (
        _joined(trees, name, np.int64) for name in ("left_children", "right_children", "split_indices")
    )
    inner = left != -1
    begin, size = (np.repeat(counts, nodes)[inner] for counts in (np.cumsum(nodes) - nodes, nodes))
    children = np.stack([left[inner], right[inner]])
    if (right[~inner] != -1).any() or (children < 1).any() or (children >= size).any():
        raise ValueError("a child is out of range")
    if np.bincount((children + begin).ravel(), minlength=1).max() > 1:
        raise ValueError("a node is the child of two others")
    if ((chosen[inner] < 0) | (chosen[inner] >= columns)).any():
        raise ValueError("a split is on a column that is not there")
    if _joined(trees, "split_type", np.int64).any():
        raise ValueError("a split is on categories")
    if not np.isfinite(_joined(trees, "split_conditions", np.float64)).all():
        raise ValueError("a leaf or split is not finite")


def _node_count(tree: dict[str, Any], columns: int) -> int:
    told = tree["tree_param"]
    nodes = int(told["num_nodes"])
    for name, expected in (("num_deleted", 0), ("num_feature", columns), ("size_leaf_vector", 1)):
        _expect(name, int(told[name]), expected)
    if nodes < 1 or any(len(tree[name]) != nodes for name in NODE_ARRAYS):
        raise ValueError(f"a tree does not have the {nodes} nodes that it says")
    if any(len(tree[name]) for name in CATEGORY_ARRAYS):
        raise ValueError("a split is on categories")
    return nodes


def _joined(trees: list[dict[str, Any]], name: str, kind: type) -> Any:
    return np.concatenate([tree[name] for tree in trees]).astype(kind)


def _expect(name: str, found: object, expected: object) -> None:
    if found != expected:
        raise ValueError(f"{name} is {found!r} instead of {expected!r}")
