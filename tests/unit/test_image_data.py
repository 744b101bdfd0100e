"""Images as data: rows, resolutions, and the files that hold them."""

from __future__ import annotations

import errno

import numpy as np
import pytest

import automl
from automl import ImageData
from automl.data import image_fill, image_store
from automl.data.image_arrays import pictures_of
from automl.data.image_resize import resize
from automl.data.image_store import PixelFolder, image_file


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 12, 20, 3), dtype=np.uint8)


@pytest.fixture
def stored(tmp_path, images):
    square = resize(images, 16)
    np.save(image_file(tmp_path, 16), square)
    return PixelFolder(folder=str(tmp_path), key=str(tmp_path), side=16), square


def test_rows_and_resolution(images):
    data = ImageData.of(images, target=np.arange(7), weight=np.ones(7))

    part = data.take(np.array([5, 1]))

    assert 7 == len(data)
    assert (12, 20, 3) == (data.height, data.width, data.channels)
    assert [5, 1] == part.target.tolist()
    assert (2, 8, 8, 3) == part.pixels(8).shape
    assert np.array_equal(data.pixels(8)[[5, 1]], part.pixels(8))


def test_grey_images_get_a_channel():
    assert (2, 4, 4, 1) == ImageData.of(np.zeros((2, 6, 6), np.uint8)).pixels(4).shape


def test_same_size_is_the_image_itself():
    images = np.random.default_rng(1).integers(0, 256, (3, 9, 9, 1), dtype=np.uint8)

    assert np.array_equal(images, resize(images, 9))


def test_shrinking_averages():
    """A checkerboard becomes even grey: nothing is picked out."""
    board = np.indices((32, 32)).sum(axis=0) % 2 * 255

    small = resize(board.astype(np.uint8)[None, :, :, None], 4)

    assert abs(small.astype(int) - 127).max() <= 1


def test_a_constant_stays():
    for value in (0, 1, 254, 255):
        assert (resize(np.full((1, 3, 50, 1), value, np.uint8), 7) == value).all()


def test_one_pixel_grows():
    assert (resize(np.full((1, 1, 1, 3), 9, np.uint8), 5) == 9).all()


def test_each_row_alone_gives_the_same_bits(images):
    together = resize(images, 11)

    assert np.array_equal(together, np.concatenate([resize(images[row : row + 1], 11) for row in range(7)]))


def test_other_sides_are_made_once(stored, tmp_path):
    source, square = stored
    rows = np.array([6, 0, 6])

    first = source.pixels(rows, 5)
    made = image_file(tmp_path, 5).stat().st_mtime_ns

    assert np.array_equal(resize(square, 5)[rows], first)
    assert np.array_equal(first, source.pixels(rows, 5))
    assert made == image_file(tmp_path, 5).stat().st_mtime_ns
    assert ["images-16.npy", "images-5.npy"] == sorted(path.name for path in tmp_path.iterdir())


def test_without_room_on_the_disk_they_are_made_each_time(stored, tmp_path, monkeypatch):
    source, square = stored
    usage = image_store.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(image_store.shutil, "disk_usage", lambda _: usage._replace(free=10))

    assert np.array_equal(resize(square, 5), source.pixels(np.arange(7), 5))
    assert not image_file(tmp_path, 5).exists()


@pytest.mark.parametrize("side", [0, -3, 2.5, True])
def test_senseless_sides_are_refused(images, side):
    with pytest.raises(automl.SettingsError, match="whole number"):
        ImageData.of(images).pixels(side)


def test_a_disk_that_is_full_ends_no_worker(stored, tmp_path, monkeypatch):
    """Another process may fill it between the look and the writing."""

    def full(self, images):
        raise OSError(errno.ENOSPC, "No space left on device")

    source, square = stored
    monkeypatch.setattr(image_store.ImageWriter, "append", full)

    assert np.array_equal(resize(square, 5), source.pixels(np.arange(7), 5))
    assert ["images-16.npy"] == [path.name for path in tmp_path.iterdir()]


def test_a_full_disk_is_told_while_decoding(images, tmp_path, monkeypatch):
    def full(self, images):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(image_fill.ImageWriter, "append", full)

    with pytest.raises(automl.RunError, match="No space left on device; make room"):
        image_fill.decode_all(pictures_of(images, "x"), np.arange(7), tmp_path, side=8, channels=3, until=None)


def test_a_side_for_which_there_is_no_room_is_not_tried_for_every_batch(stored, monkeypatch):
    folder, square = stored
    tried = []

    def full(*args, **kwargs):
        tried.append(args)
        raise OSError(errno.EDQUOT, "quota exceeded")

    monkeypatch.setattr(image_store, "ImageWriter", full)
    for _ in range(3):
        assert np.array_equal(resize(square[:2], 8), folder.pixels(np.arange(2), 8))

    assert 1 == len(tried)


def test_decimals_for_a_model_of_bytes_are_refused_and_dark_images_are_not():
    shares = np.full((2, 6, 6), 0.6)
    message = "decimals up to 1, but the images that were trained on have pixels of 0 to 255; give these times 255"

    with pytest.raises(automl.DataError, match=message):
        pictures_of(shares, "the given array", scale=1.0)
    for dark in (shares / 10, np.zeros((2, 6, 6)), np.ones((2, 6, 6)), shares + [[[200.0]], [[0.0]]]):
        assert 1.0 == pictures_of(dark, "the given array", scale=1.0).scale
