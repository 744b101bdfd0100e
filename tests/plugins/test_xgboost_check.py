"""Forged XGBoost files: what would crash the library, or never end, is told before it reads the file."""

import json

import numpy as np
import pytest

from automl import Task

xgboost = pytest.importorskip("xgboost")
from automl_plugins.xgboost.check import check_booster  # noqa: E402
from automl_plugins.xgboost.ubj import read_ubj  # noqa: E402

TASK = Task(target="y", problem_type="multiclass", metric="log_loss", rows=90, features=4, classes=("a", "b", "c"))


@pytest.fixture(scope="module")
def content():
    rng = np.random.default_rng(0)
    data = xgboost.DMatrix(rng.normal(size=(90, 4)), label=rng.integers(0, 3, 90), nthread=1)
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1, "max_depth": 3}, data, 2)
    return bytes(booster.save_raw("ubj"))


def model_of(document):
    return document["learner"]["gradient_booster"]["model"]


def test_a_real_booster_passes(content):
    check_booster(content, TASK, 4)


def test_what_is_read_is_what_xgboost_writes_as_json(content):
    booster = xgboost.Booster(model_file=bytearray(content))
    expected = json.loads(booster.save_raw("json"))

    trees = zip(model_of(expected)["trees"], model_of(read_ubj(content))["trees"], strict=True)
    for written, read in trees:
        for name, values in written.items():
            if isinstance(values, list):
                assert values == pytest.approx(np.asarray(read[name]).tolist(), rel=1e-5), name
    assert model_of(expected)["tree_info"] == model_of(read_ubj(content))["tree_info"]


def first_tree(change):
    return lambda learner: change(learner["gradient_booster"]["model"]["trees"][0])


def put(name, place, value):
    def change(tree):
        tree[name] = np.array(tree[name])
        tree[name][place] = value

    return first_tree(change)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put("left_children", 0, 10**6), "out of range"),
        (put("left_children", 0, 0), "out of range"),
        (put("right_children", 0, -7), "out of range"),
        (put("left_children", 0, 2), "child of two others"),
        (put("split_indices", 0, 4), "column that is not there"),
        (put("split_indices", 0, -1), "column that is not there"),
        (put("split_type", 0, 1), "categories"),
        (put("split_conditions", 0, np.nan), "not finite"),
        (first_tree(lambda tree: tree.update(sum_hessian=tree["sum_hessian"][:2])), "nodes that it says"),
        (first_tree(lambda tree: tree["tree_param"].update(num_nodes="1000000")), "nodes that it says"),
        (first_tree(lambda tree: tree["tree_param"].update(size_leaf_vector="99")), "size_leaf_vector"),
        (lambda learner: learner["learner_model_param"].update(num_class="400000000"), "num_class"),
        (lambda learner: learner["learner_model_param"].update(num_feature="400000000"), "num_feature"),
        (lambda learner: learner["learner_model_param"].update(base_score="[1,2]"), "base_score"),
        (lambda learner: learner["gradient_booster"].update(name="dart"), "gbtree"),
        (lambda learner: learner["gradient_booster"]["model"].update(tree_info=[0, 1, 2, 0, 1, 9]), "other classes"),
        (lambda learner: learner["gradient_booster"]["model"].update(iteration_indptr=[0, 3, 9]), "other trees"),
        (lambda learner: learner["objective"].update(name="rank:ndcg"), "objective"),
    ],
)
def test_forged_trees_are_refused(content, monkeypatch, change, told):
    document = read_ubj(content)
    change(document["learner"])
    monkeypatch.setattr("automl_plugins.xgboost.check.read_ubj", lambda _: document)

    with pytest.raises(ValueError, match=told):
        check_booster(b"", TASK, 4)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[" * 100, b"[$", b"[$U#L\x7f" + b"\xff" * 7, b"{L\x00\x00\x00\x00\x00\x00\x00\x01", b"Z{}", b"\x80\x04K.",
        b"{i\x01ai\x01i\x01ai\x02}", b"[$Z#i\x05",
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(content):
    with pytest.raises(ValueError, match=r"."):
        read_ubj(content)


def test_damage_in_later_trees_is_told_as_in_the_first(content):
    """Trees that look like the first are read another way than it: cut or changed anywhere, both ways say the same."""
    places = range(content.index(b"left_children"), len(content), 37)
    for place in places:
        with pytest.raises(ValueError, match=r"."):
            read_ubj(content[:place])

    second = content.index(b"num_nodes", content.index(b"num_nodes") + 1)
    longer = bytearray(content)
    longer[second + 11 : second + 19] = b"\x7f" + b"\xff" * 7
    with pytest.raises(ValueError, match="wrong length"):
        read_ubj(bytes(longer))


def test_a_key_that_stands_twice_in_a_later_tree_is_told(content):
    later = content.rindex(b"loss_changes")
    forged = content[:later] + b"base_weights" + content[later + len(b"base_weights") :]

    with pytest.raises(ValueError, match="'base_weights' stands there twice"):
        read_ubj(forged)
