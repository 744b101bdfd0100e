"""Images as a second kind of data: folders, tables of paths and arrays, from fit to predict and score."""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from PIL import Image

import automl
from automl.cli.main import run
from automl.cli.output import Session
from automl.store import Store
from automl.testing import toy_images

COLOURS = {"blue": (30, 40, 200), "green": (40, 180, 60), "red": (200, 50, 40)}
OPTIONS = {"models": ["toy_images"], "trials": 2, "executor": "inline", "jobs": 1, "folds": 2}


@pytest.fixture(autouse=True, scope="module")
def _toy():
    automl.register_plugin(toy_images, "toy_images")
    yield
    automl.unregister_plugin("toy_images")


def pictures(count=8, seed=0, height=12, width=16):
    """A few noisy pictures of each colour: arrays and labels."""
    rng = np.random.default_rng(seed)
    labels = [name for name in COLOURS for _ in range(count)]
    base = np.array([COLOURS[name] for name in labels])[:, None, None, :]
    images = np.clip(base + rng.normal(0, 25, (len(labels), height, width, 3)), 0, 255).astype(np.uint8)
    return images, labels


def write_folder(folder, images, labels):
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / label / f"{row:03}.png")
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "photos", *pictures())


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "more", *pictures(3, seed=1))


@pytest.fixture(scope="module")
def fitted(photos, tmp_path_factory):
    return automl.fit(photos, out=tmp_path_factory.mktemp("runs") / "run", **OPTIONS)


def call(*arguments):
    return run([str(one) for one in arguments], Session(started=0.0))


# -- folders --------------------------------------------------------------------------------------


def test_a_folder_for_each_class(fitted, more):
    again = automl.load(fitted.folder)

    assert "images" == again.task.modality
    assert ("blue", "green", "red") == again.classes
    assert (12, 16, 3) == (again.task.height, again.task.width, again.task.channels)
    assert 1.0 == again.score(more, "accuracy")
    assert again.predict(more).tolist() == [name for name in COLOURS for _ in range(3)]
    assert "blue/000.png" == again.last_images[0]


def test_nothing_is_left_beside_the_run(fitted):
    run_folder = fitted.folder.parent

    assert ["run"] == [path.name for path in run_folder.parent.iterdir()]
    assert not (run_folder / "data").exists()


def test_any_form_gives_the_same(fitted, more, tmp_path):
    """Images of the size of the training images come out alike from files, lists, tables and arrays."""
    images, _ = pictures(3, seed=1)
    paths = sorted(more.rglob("*.png"))
    np.savez(tmp_path / "more.npz", X=images)
    table = pa.table({"file": [str(path) for path in paths]})
    expected = fitted.predict_proba(more)

    assert np.array_equal(expected, fitted.predict_proba(paths))
    assert np.array_equal(expected, fitted.predict_proba(table))
    assert abs(expected - fitted.predict_proba(images)).max() < 0.02
    assert np.array_equal(fitted.predict_proba(images), fitted.predict_proba(tmp_path / "more.npz"))
    assert 1 == len(fitted.predict(paths[0]))


def test_an_unreadable_image_has_no_prediction_and_the_others_have(fitted, more, tmp_path):
    good = sorted(more.rglob("*.png"))
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(good[0].read_bytes()[:100])
    given = [good[0], tmp_path / "empty.png", tmp_path / "absent.png", tmp_path / "cut.png", good[-1]]

    shares = fitted.predict_proba(given)
    labels = fitted.predict(given)

    assert [False, True, True, True, False] == np.isnan(shares).any(axis=1).tolist()
    assert ["blue", None, None, None, "red"] == labels.tolist()
    assert [1, 2, 3] == sorted(fitted.last_faults)
    assert "is empty (0 bytes)" == fitted.last_faults[1]
    assert "there is no such file" == fitted.last_faults[2]
    assert "3 of 5 images cannot be read" in fitted.last_findings[-1].message


def test_unreadable_images_are_left_out_and_named(photos, tmp_path):
    folder = write_folder(tmp_path / "photos", *pictures())
    (folder / "red" / "broken.jpg").write_bytes(b"no image")
    (folder / "notes.txt").write_text("foreign")

    found = automl.check(folder)

    messages = {finding.code: finding.message for finding in found.findings}
    assert 24 == found.rows
    assert "1 of 25 images cannot be read and are left out: red/broken.jpg: " in messages["unreadable-images"]
    assert "1 files are no images and are ignored: .txt 1" == messages["foreign-files"]


def test_too_many_unreadable_images_are_refused(tmp_path):
    folder = write_folder(tmp_path / "photos", *pictures(2))
    for number in range(3):
        (folder / "red" / f"broken{number}.jpg").write_bytes(b"no image")

    with pytest.raises(automl.DataError, match="3 of 9 images cannot be read, more than 20%"):
        automl.check(folder)


def test_strict_refuses_a_single_unreadable_image(tmp_path):
    folder = write_folder(tmp_path / "photos", *pictures())
    (folder / "red" / "broken.jpg").write_bytes(b"no image")

    with pytest.raises(automl.DataError, match="--strict"):
        automl.check(folder, strict=True)


def test_repeated_images_are_counted_and_contradictions_told(tmp_path):
    images, labels = pictures()
    images[1] = images[0]
    images[8] = images[0]  # green as well as blue

    found = automl.check(write_folder(tmp_path / "photos", images, labels))

    codes = {finding.code: finding for finding in found.findings}
    assert 2 == codes["repeated-images"].count
    assert 1 == codes["contradicting-images"].count


def test_folders_of_parts_are_no_classes(tmp_path):
    for part in ("train", "val"):
        write_folder(tmp_path / "photos" / part, *pictures(2))

    with pytest.raises(automl.DataError, match="are parts of a data set and no classes: fit .*train.*--validation"):
        automl.check(tmp_path / "photos")


def test_folders_of_parts_inside_a_single_folder_are_no_classes_either(tmp_path):
    for part in ("train", "test"):
        write_folder(tmp_path / "zip" / "data" / part, *pictures(2))

    with pytest.raises(
        automl.DataError, match=r"the folders in .*data \(test, train\) are parts .* fit .*data.train, and"
    ):
        automl.check(tmp_path / "zip")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "the given list is empty; give paths of images"),
        (
            ["a.png", None],
            "the given list holds an object of type NoneType at place 1; give paths of images, or one array",
        ),
        (
            [np.zeros((4, 4))],
            "the given list holds an object of type ndarray at place 0; give paths of images, or one array",
        ),
        (np.zeros((4, 4)), r"the given array is of 4 x 4; images are .*give array\[None\] for one image"),
    ],
)
def test_what_is_no_image_is_told_as_such(fitted, given, message):
    with pytest.raises(automl.DataError, match=message):
        fitted.predict(given)


def test_a_column_of_numbers_is_no_column_of_paths(tmp_path):
    (tmp_path / "table.csv").write_text("bright,label\n1.5,a\n2.5,b\n")

    with pytest.raises(automl.DataError, match=r"image column 'bright' .* holds numbers \(1.5, ...\) and no paths"):
        automl.check(tmp_path / "table.csv", target="label", image_column="bright")


def test_images_named_by_numbers_and_series_of_paths_are_taken(fitted, more, tmp_path):
    import pandas as pd

    paths = sorted(more.rglob("*.png"))[:2]
    for number, path in enumerate(paths):
        shutil.copy(path, tmp_path / f"000{number}")
    (tmp_path / "table.csv").write_text("pic\n0000\n0001\n")

    assert fitted.predict(pd.Series(map(str, paths), name="image")).tolist() == fitted.predict(paths).tolist()
    found = automl.data.image_input.of_table(
        automl.data.read.read_table(tmp_path / "table.csv"), automl.data.image_input.ImageOptions(column="pic")
    )
    assert [str(tmp_path / "0000"), str(tmp_path / "0001")] == list(found.pictures.paths)


def test_images_with_the_same_fault_are_told_together():
    from automl.data.image_faults import faults_in_words

    faults = {0: "is empty", 1: "is no image", 2: "is empty", 3: "is empty"}

    assert "a, c: is empty; b: is no image" == faults_in_words(faults, ["a", "b", "c", "c"])


def test_a_flat_folder_is_refused_with_what_to_do(tmp_path):
    for row, image in enumerate(pictures(2)[0]):
        Image.fromarray(image).save(tmp_path / f"{row}.png")

    with pytest.raises(automl.DataError, match="6 images and no folder.*folder of its own"):
        automl.check(tmp_path)


def test_a_folder_around_the_class_folders_is_looked_through(tmp_path):
    write_folder(tmp_path / "photos" / "all", *pictures())

    assert 24 == automl.check(tmp_path / "photos").rows


def test_links_in_a_circle_end(tmp_path):
    folder = write_folder(tmp_path / "photos", *pictures())
    os.symlink(folder, folder / "red" / "again")

    found = automl.check(folder)

    assert 24 == found.rows
    assert "linked-folders" in {finding.code for finding in found.findings}


def test_validation_by_another_folder(photos, more, tmp_path):
    predictor = automl.fit(photos, validation=str(more), out=tmp_path / "run", **{**OPTIONS, "folds": None})

    assert 33 == predictor.task.rows
    assert any("file" in str(row["origin"]) or row["score"] is not None for row in predictor.leaderboard())


def test_validation_by_arrays(photos, tmp_path):
    images, labels = pictures(3, seed=1)
    np.savez(tmp_path / "more.npz", X=images, y=labels)

    found = automl.check(photos, validation=str(tmp_path / "more.npz"))

    assert 33 == found.rows


def test_images_kept_small(photos, tmp_path):
    predictor = automl.fit(photos, image_side=5, out=tmp_path / "run", **OPTIONS)

    assert 5 == predictor.parts.images.side
    assert 1.0 == predictor.score(photos, "accuracy")


def test_processes_and_a_time_budget(photos, tmp_path):
    predictor = automl.fit(
        photos, time="6s", models=["toy_images"], strategy="random+successive_halving", jobs=2, out=tmp_path / "run"
    )

    assert 1.0 == predictor.score(photos, "accuracy")


# -- tables ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table_file(photos):
    """Paths relative to the table, a number to learn, groups and a weight."""
    rows = sorted(photos.rglob("*.png"))
    names = [path.relative_to(photos.parent).as_posix() for path in rows]
    bright = [float(np.asarray(Image.open(path)).mean()) for path in rows]
    made = {"picture": names, "bright": bright, "team": [row % 4 for row in range(len(rows))], "w": [1.0] * len(rows)}
    made["label"] = [path.parent.name for path in rows]
    pacsv.write_csv(pa.table(made), photos.parent / "table.csv")
    return photos.parent / "table.csv"


def test_a_column_of_paths_is_found(table_file, photos, tmp_path):
    predictor = automl.fit(table_file, target="bright", weight="w", group="team", out=tmp_path / "run", **OPTIONS)
    truth = pacsv.read_csv(table_file)["bright"].to_numpy()

    assert "regression" == predictor.task.problem_type
    assert "picture" == predictor.parts.images.column
    assert np.corrcoef(predictor.predict(table_file), truth)[0, 1] > 0.99
    assert predictor.score(table_file, "r2") > 0.9


def test_a_named_column_of_paths(table_file, tmp_path):
    predictor = automl.fit(table_file, target="label", image_column="picture", out=tmp_path / "run", **OPTIONS)

    assert 1.0 == predictor.score(table_file, "accuracy")
    assert 1.0 == predictor.score(table_file.parent / "photos", "accuracy")


def test_labels_of_a_table_file_keep_their_spelling(table_file, tmp_path):
    table = pacsv.read_csv(table_file)
    cells = ["TRUE" if label == "red" else "FALSE" for label in table["label"].to_pylist()]
    path = table_file.parent / "spelled.csv"
    pacsv.write_csv(
        pa.table({"picture": table["picture"], "red": cells}), path, pacsv.WriteOptions(quoting_style="none")
    )
    predictor = automl.fit(path, target="red", out=tmp_path / "run", **OPTIONS)

    assert ((False, True), ("FALSE", "TRUE")) == (predictor.classes, predictor.written_classes)


def test_a_dropped_column_of_paths_leaves_a_table(table_file):
    found = automl.check(table_file, target="label", drop="picture", trials=1)

    assert "table" == found.task.modality


def test_a_missing_image_column_names_the_nearest(table_file):
    with pytest.raises(automl.DataError, match=r"image column 'pictures' is not in .*picture"):
        automl.check(table_file, target="label", image_column="pictures")


def write_paths(path, names):
    pacsv.write_csv(pa.table({"file": names, "y": [row % 2 for row in range(len(names))]}), path)
    return path


def test_paths_that_lead_nowhere_are_told_of(tmp_path):
    path = write_paths(tmp_path / "absent.csv", [f"nowhere/{row % 9}.png" for row in range(40)])

    told = {finding.code: finding.message for finding in automl.check(path, target="y").findings}

    assert "column 'file' end like images (nowhere/0.png), but most are not there" in told["absent-images"]
    path = write_paths(tmp_path / "absent.csv", [f"nowhere/{row}.png" for row in range(40)])
    with pytest.raises(automl.DataError, match=r"no usable feature is left.*end like images.*mend the paths"):
        automl.check(path, target="y")


def test_addresses_are_refused(tmp_path):
    path = write_paths(tmp_path / "web.csv", [f"https://example.org/{row}.png" for row in range(40)])

    with pytest.raises(automl.DataError, match=r"holds addresses \(https://example.org/0.png\); download the images"):
        automl.check(path, target="y", image_column="file")


def test_rows_without_a_path_are_named_in_order(photos, tmp_path):
    names = [str(path) for path in sorted(photos.rglob("*.png"))]
    names[2], names[7] = "", ""

    told = automl.check(write_paths(tmp_path / "some.csv", names), target="y").findings

    assert any("left out: row 3, row 8: the cell is empty" in finding.message for finding in told)


# -- arrays ---------------------------------------------------------------------------------------


def test_grey_arrays_of_decimals(tmp_path):
    rng = np.random.default_rng(0)
    target = np.arange(40) % 2
    images = np.clip(rng.normal(0.3 + 0.4 * target[:, None, None], 0.05, (40, 8, 8)), 0, 1).astype(np.float32)
    np.savez(tmp_path / "data.npz", X=images, y=target)

    predictor = automl.fit(tmp_path / "data.npz", out=tmp_path / "run", **OPTIONS)

    assert 1 == predictor.task.channels
    assert np.array_equal(target, predictor.predict(tmp_path / "data.npz"))
    assert np.array_equal(target[:3], predictor.predict(images[:3]))
    assert 1.0 == predictor.score({"X": images, "y": target}, "accuracy")


def test_an_array_with_nan_is_left_out(tmp_path):
    images = np.random.default_rng(0).random((30, 6, 6))
    images[3, 0, 0] = np.nan

    found = automl.check({"X": images, "y": np.arange(30) % 2})

    assert 29 == found.rows
    assert any("row 3: has pixels that are no finite numbers" in finding.message for finding in found.findings)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((6, 3, 8, 8), np.uint8), "channels come last"),
        (np.full((6, 8, 8), 3.0), None),
        (np.full((6, 8, 8), 300.5), "pixels up to 300.5"),
        (np.zeros((6, 8, 8), complex), "whole numbers or decimals"),
    ],
)
def test_odd_arrays(images, words):
    if words is None:
        assert 6 == automl.check({"X": images, "y": [0, 1] * 3}).rows
        return
    with pytest.raises(automl.DataError, match=words):
        automl.check({"X": images, "y": [0, 1] * 3})


# -- what cannot be had ---------------------------------------------------------------------------


def test_images_without_a_target_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((8, 6, 6), np.uint8))

    with pytest.raises(automl.DataError, match=r"there are images and no target 'kind'; .*X=images, kind=labels"):
        automl.check(tmp_path / "x.npy", target="kind")


def test_limits_on_arrays_are_refused(tmp_path):
    with pytest.raises(automl.SettingsError, match="measured on image files"):
        automl.check({"X": np.zeros((30, 6, 6), np.uint8), "y": np.arange(30) % 2}, max_latency_ms=1.0)


def test_a_limit_on_files_is_kept(photos, tmp_path):
    predictor = automl.fit(photos, max_latency_ms=500.0, latency_rows=10, out=tmp_path / "run", **OPTIONS)

    assert any("limits: kept" in reason for reason in _reasons(predictor))


def _reasons(predictor):
    from automl.run_reader import open_run

    with open_run(predictor.run_folder) as reader:
        return reader.meta["reasons"]


def test_a_table_needs_a_target(tmp_path):
    with pytest.raises(automl.SettingsError, match="no target was given"):
        automl.fit(tmp_path / "houses.csv")


def test_monotone_images_are_refused(photos):
    with pytest.raises(automl.SettingsError, match="images have none"):
        automl.check(photos, monotone={"image": 1})


# -- the command line -----------------------------------------------------------------------------


def test_the_commands(photos, more, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mixed = write_folder(tmp_path / "mixed", *pictures(2, seed=2))
    (mixed / "red" / "zero.png").write_bytes(b"")

    assert 0 == call(
        "fit", photos, "--models", "toy_images", "--trials", 2, "--executor", "inline", "--out", "run", "--test", more
    )
    told = capsys.readouterr().out
    assert "24 images of 16 x 12 pixels, colour, target 'class'" in told
    assert "multiclass: 3 folders are its classes" in told
    assert 0 == call("predict", "run", mixed, "--out", "out.csv", "--proba")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert ["image", "class", "proba_blue", "proba_green", "proba_red", "error"] == list(rows[0])
    assert 7 == len(rows)
    assert ("red/zero.png", "", "", "is empty (0 bytes)") == tuple(
        rows[-1][name] for name in ("image", "class", "proba_red", "error")
    )
    assert 0 == call("score", "run", more, "--metric", "accuracy")
    assert 0 == call("leaderboard", "run")
    assert 0 == call("show", "run")
    assert 0 == call("check", photos)
    assert "24 images of 16 x 12 pixels" in capsys.readouterr().out


def test_a_folder_that_is_not_there(tmp_path, capsys):
    assert 2 == call("fit", tmp_path / "photoz")
    assert "photoz does not exist" in capsys.readouterr().err


def test_a_table_without_target_on_the_command_line(tmp_path, capsys):
    assert 2 == call("fit", tmp_path / "houses.csv")
    assert "Missing option '--target'" in capsys.readouterr().err


def test_a_killed_run_of_images_is_finished(photos, more, tmp_path):
    """What `automl finish` needs to know of images is in the run's record."""
    predictor = automl.fit(photos, out=tmp_path / "run", **OPTIONS)
    expected = predictor.predict_proba(more)
    shutil.rmtree(tmp_path / "run" / "predictor")
    with closing(sqlite3.connect(tmp_path / "run" / "run.db")) as database, database:
        database.execute("UPDATE meta SET value = '\"running\"' WHERE key = 'status'")
    database.close()

    again = automl.finish(tmp_path / "run")

    assert again.parts.images == predictor.parts.images
    assert np.allclose(expected, again.predict_proba(more))


def test_a_killed_run_of_images_goes_on(photos, more, tmp_path, monkeypatch):
    whole = automl.fit(photos, out=tmp_path / "whole", **OPTIONS)

    class Killed(BaseException):
        pass

    def no_more(self, *_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Store, "set_weights", no_more)  # the search is over, and its ensemble is about to be written
        with pytest.raises(Killed):
            automl.fit(photos, out=tmp_path / "run", **OPTIONS)
    with closing(sqlite3.connect(tmp_path / "run" / "run.db")) as database, database:
        last = database.execute("SELECT max(id) FROM trials").fetchone()[0]
        database.execute("DELETE FROM trials WHERE id = ?", (last,))
        database.execute("DELETE FROM jobs WHERE trial = ?", (last,))
    database.close()
    shutil.rmtree(tmp_path / "run" / "trials" / f"{last:04d}")

    again = automl.resume(tmp_path / "run")

    assert np.allclose(whole.predict_proba(more), again.predict_proba(more))
