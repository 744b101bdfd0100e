"""The scikit-learn estimators on images: arrays, lists of paths, tables of paths, folders and files of arrays."""

import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.model_selection import cross_val_score

import automl
from automl import AutoClassifier, AutoRegressor
from automl.testing import toy_images

COLOURS = {"blue": (30, 40, 200), "red": (200, 50, 40)}
QUICK = {"trials": 1, "models": ("toy_images",), "executor": "inline", "folds": 2}


@pytest.fixture(autouse=True, scope="module")
def _toy():
    automl.register_plugin(toy_images, "toy_images")
    yield
    automl.unregister_plugin("toy_images")


@pytest.fixture(scope="module")
def pictures():
    """Images ``(rows, height, width, 3)`` and the names of their colours."""
    rng = np.random.default_rng(0)
    labels = np.array(["blue", "red"] * 12)
    base = np.array([COLOURS[name] for name in labels])[:, None, None, :]
    return np.clip(base + rng.normal(0, 25, (24, 10, 12, 3)), 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def photos(pictures, tmp_path_factory):
    """The same in a folder for each class, with names that need care."""
    folder = tmp_path_factory.mktemp("data") / "my photos"
    for row, (image, label) in enumerate(zip(*pictures, strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / label / f"bild {row:02} ü.png")
    return folder


@pytest.fixture(scope="module")
def paths(photos):
    return sorted(photos.rglob("*.png"))


def test_arrays(pictures):
    X, y = pictures
    model = AutoClassifier(**QUICK).fit(X[:16], y[:16])

    assert list(y[16:]) == list(model.predict(X[16:]))
    assert 1.0 == model.score(X[16:], y[16:])
    assert (8, 2) == model.predict_proba(X[16:]).shape
    assert ["blue", "red"] == list(model.classes_)
    assert "images" == model.predictor_.task.modality
    assert list(y[:3]) == list(AutoClassifier(**QUICK).fit(list(X), y).predict(list(X[:3])))


def test_a_list_of_paths(paths):
    y = [path.parent.name for path in paths]
    model = AutoClassifier(**QUICK).fit(paths, y)

    assert y == list(model.predict(paths))
    assert y == list(model.predict(np.array([str(path) for path in paths])))
    assert y == list(model.predict(pd.Series([str(path) for path in paths])))


def test_a_folder_brings_its_classes(photos, paths):
    model = AutoClassifier(**QUICK).fit(photos)
    again = pickle.loads(pickle.dumps(model))

    assert ["blue", "red"] == list(model.classes_)
    assert [path.parent.name for path in paths] == list(again.predict(photos))
    assert 1.0 == again.score(photos)
    assert ["red"] == list(model.predict(str(paths[-1])))


def test_files_of_arrays(pictures, tmp_path):
    X, y = pictures
    np.savez(tmp_path / "train.npz", X=X, y=y)
    np.save(tmp_path / "train.npy", X)
    by_npz = AutoClassifier(**QUICK).fit(tmp_path / "train.npz")
    by_npy = AutoClassifier(**QUICK).fit(tmp_path / "train.npy", y)

    assert list(y) == list(by_npz.predict(tmp_path / "train.npz"))
    assert 1.0 == by_npz.score(tmp_path / "train.npz")
    assert list(y) == list(by_npy.predict(tmp_path / "train.npy"))


def test_a_table_of_paths(paths):
    X = pd.DataFrame({"file": [str(path) for path in paths], "note": "x"})
    y = [path.parent.name for path in paths]
    found = AutoClassifier(**QUICK).fit(X, y)
    named = AutoClassifier(image_column="file", **QUICK).fit(X, y)

    assert y == list(found.predict(X))
    assert y == list(named.predict(paths))
    with pytest.raises(ValueError, match="image column 'pictures' is not in"):
        AutoClassifier(image_column="pictures", **QUICK).fit(X, y)


def test_numbers_are_learned(pictures, paths):
    X, _ = pictures
    bright = X.mean(axis=(1, 2, 3))
    by_array = AutoRegressor(**QUICK).fit(X, bright)

    assert by_array.score(X, bright) > 0.9
    with pytest.raises(ValueError, match="folders are classes"):
        AutoRegressor(**QUICK).fit(paths[0].parents[1])


def test_an_image_that_cannot_be_read_has_no_label(paths, tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    given = [paths[0], tmp_path / "empty.png", paths[-1]]
    y = [path.parent.name for path in paths]
    coded, named = AutoClassifier(**QUICK).fit(paths, y), AutoClassifier(**QUICK).fit(paths[0].parents[1])

    assert ["blue", None, "red"] == list(coded.predict(given))
    assert ["blue", None, "red"] == list(named.predict(given))
    assert [False, True, False] == np.isnan(coded.predict_proba(given)).any(axis=1).tolist()
    assert [None] == list(coded.predict(given[1:2]))


def test_weights_go_with_their_images(pictures, paths):
    X, y = pictures
    wrong = np.where(np.arange(24) < 4, "green", y)  # a class that nothing weighs is not learned
    weight = np.where(np.arange(24) < 4, 0.0, 1.0)
    model = AutoClassifier(**QUICK).fit(X, wrong, weight)

    assert list(y) == list(model.predict(X))
    assert np.array_equal(np.zeros(24), model.predict_proba(X)[:, 1])
    with pytest.raises(ValueError, match="sample_weight is for images whose y is given"):
        AutoClassifier(**QUICK).fit(paths[0].parents[1], sample_weight=weight)


def test_cross_validation(pictures):
    assert 1.0 == cross_val_score(AutoClassifier(**QUICK), *pictures, cv=2).mean()


def test_the_size_of_images_and_a_fidelity(pictures):
    X, y = pictures
    options = {**QUICK, "trials": 3, "strategy": "random+successive_halving", "fidelity": "resolution"}
    model = AutoClassifier(image_side=5, fidelity_max=4, **options).fit(X, y)

    assert 5 == model.predictor_.parts.images.side
    with pytest.raises(ValueError, match=r"--resolution-max 1 \(fidelity_max\) must be a whole number of at least 2"):
        AutoClassifier(fidelity_max=1, **options).fit(X, y)


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ("nowhere", None, "nowhere does not exist"),
        ("nowhere.npy", [0, 1], "nowhere.npy cannot be read as .npy"),
        ("nowhere.npz", [0, 1], "brings its own target"),
        (np.zeros((6, 8, 8)), None, "requires y to be passed"),
        (np.zeros((6, 3, 8, 8), np.uint8), [0, 1] * 3, "channels come last"),
        (np.zeros((6, 8, 8), object), [0, 1] * 3, "type object"),
        (np.zeros((6, 8, 8)), [0, 1], "inconsistent numbers of samples"),
        (np.zeros((6, 8, 8)), [0] * 6, "one class only"),
        ({"X": np.zeros((6, 8, 8))}, [0, 1] * 3, "X is a mapping"),
        ([np.zeros((8, 8)), np.zeros((8, 9))] * 3, [0, 1] * 3, "different shapes, such as 8 x 8 and 8 x 9"),
        ([f"{name}.png" for name in "abcdef"], ["a", "b"] * 3, "6 of 6 images cannot be read"),
    ],
)
def test_what_cannot_be_used(X, y, words):
    with pytest.raises(ValueError, match=words):
        AutoClassifier(**QUICK).fit(X, y)
