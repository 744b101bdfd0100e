"""What becomes of pictures of every kind, and of files that are none."""

from __future__ import annotations

import io
import struct
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

import automl
from automl.data import image_arrays, image_files, image_fill
from automl.data.image_arrays import pictures_of
from automl.data.image_faults import PictureError
from automl.data.image_files import PictureFiles, decode
from automl.data.image_fill import choose_side, decode_all, look_at

RED, GREY = (200, 30, 60), 120


def saved(tmp_path, image, name="one.png", **options):
    image.save(tmp_path / name, **options)
    return str(tmp_path / name)


def middle(path, channels=3, side=8):
    return decode(path, side, channels)[side // 2, side // 2].tolist()


def near(expected, found, most=2):
    return all(abs(one - other) <= most for one, other in zip(expected, found, strict=True))


@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        (Image.new("RGB", (20, 10), RED), "one.png", RED),
        (Image.new("RGB", (20, 10), RED), "one.jpg", RED),
        (Image.new("RGB", (1, 1), RED), "one.png", RED),
        (Image.new("L", (9, 9), GREY), "one.png", (GREY, GREY, GREY)),
        (Image.new("1", (9, 9), 1), "one.png", (255, 255, 255)),
        (Image.new("RGB", (9, 9), RED).convert("P"), "one.gif", RED),
        (Image.new("CMYK", (9, 9), (0, 0, 0, 0)), "one.tif", (255, 255, 255)),
        (Image.new("RGBA", (9, 9), (*RED, 0)), "one.png", (255, 255, 255)),
        (Image.new("RGBA", (9, 9), (*RED, 255)), "one.webp", RED),
        (Image.new("LA", (9, 9), (0, 128)), "one.png", (127, 127, 127)),
        (Image.fromarray(np.full((9, 9), 0x8080, np.uint16)), "one.png", (128, 128, 128)),
        (Image.fromarray(np.full((9, 9), 0.5, np.float32)), "one.tif", (128, 128, 128)),
    ],
)
def test_every_kind_becomes_colour(tmp_path, image, name, expected):
    assert near(expected, middle(saved(tmp_path, image, name)), 12 if name.endswith(("jpg", "gif", "webp")) else 1)


def test_colour_becomes_grey_where_the_training_images_are(tmp_path):
    grey = round(0.299 * 200 + 0.587 * 30 + 0.114 * 60)

    assert near([grey], middle(saved(tmp_path, Image.new("RGB", (9, 9), RED)), channels=1), 1)
    assert near([grey], pictures_of(np.full((5, 9, 9, 3), RED, np.uint8), "x").load(np.arange(1), 9, 1)[0][0, 4, 4], 1)


def test_the_turn_of_exif_is_made(tmp_path):
    """Left half red, to be turned clockwise by 90 degrees: the top is red."""
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, :20] = RED
    exif = Image.Exif()
    exif[image_files.ORIENTATION] = 6
    path = saved(tmp_path, Image.fromarray(pixels), "one.jpg", exif=exif, quality=95)

    turned = decode(path, 8, 3)

    assert near(RED, turned[1, 4].tolist(), 12)
    assert near(RED, turned[1, 1].tolist(), 12)
    assert near((0, 0, 0), turned[6, 1].tolist(), 12)


def test_the_shape_knows_the_turn(tmp_path):
    exif = Image.Exif()
    exif[image_files.ORIENTATION] = 6
    path = saved(tmp_path, Image.new("RGB", (30, 10), RED), "one.jpg", exif=exif)

    assert [[30, 10, 3]] == PictureFiles(paths=[path], names=["one"]).shapes(np.arange(1)).tolist()


def png_header(width, height):
    def chunk(tag, body):
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def whole_png():
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(stream, "png")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"no image at all", "is no image that Pillow knows"),
        (whole_png()[:900], "is damaged"),
        (png_header(30_000, 30_000), "decompression bomb"),
        (png_header(10_000, 10_000), "decompression bomb"),
        (None, "no such file"),
    ],
)
def test_what_is_no_picture_says_why(tmp_path, content, reason):
    path = tmp_path / "one.png"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(PictureError, match=reason):
        decode(str(path), 8, 3)
    images, faults = PictureFiles(paths=[str(path)], names=["one"]).load(np.arange(1), 8, 3)
    assert not images.any()
    assert reason in faults[0]
    assert [[0, 0, 0]] == PictureFiles(paths=[str(path)], names=["one"]).shapes(
        np.arange(1)
    ).tolist() or b"IHDR" in content


def test_what_pillow_warns_of_is_told_once_by_picture(tmp_path):
    path = tmp_path / "one.png"
    path.write_bytes(png_header(10_000, 10_000))
    files = PictureFiles(paths=[str(path)], names=["one"])

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        files.shapes(np.arange(1))
        _, faults = files.load(np.arange(1), 8, 3)

    assert [] == seen
    assert "has 10000 x 10000 pixels" in faults[0]


def test_without_pillow_the_pip_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)

    with pytest.raises(automl.MissingDependencyError, match=r"pip install 'automl-pluggy\[images\]'"):
        PictureFiles(paths=["one.png"], names=["one"]).load(np.arange(1), 8, 3)


# -- many of them ---------------------------------------------------------------------------------


def test_decoding_stops_when_time_is_over(tmp_path):
    pictures = pictures_of(np.random.default_rng(0).integers(0, 255, (200, 6, 6), dtype=np.uint8), "x")

    decoded = decode_all(pictures, np.arange(200)[::-1], tmp_path, side=6, channels=1, until=0.0)

    assert 32 == decoded.tried
    assert list(range(199, 167, -1)) == decoded.rows.tolist()
    kept = decoded.source.pixels(np.arange(32), 6)
    assert np.array_equal(pictures.values[decoded.rows], kept)


def test_what_cannot_be_read_takes_no_row(tmp_path):
    images = np.random.default_rng(0).random((50, 6, 6))
    images[7] = np.inf
    pictures = pictures_of(images, "x")

    decoded = decode_all(pictures, np.arange(50), tmp_path, side=6, channels=1, until=None)

    assert {7: "has pixels that are no finite numbers"} == decoded.faults
    assert 49 == len(decoded.source.pixels(np.arange(49), 6)) == len(decoded.digests)
    assert 7 not in decoded.rows


def test_the_side_follows_the_images_the_user_and_the_disk(tmp_path, monkeypatch):
    look = look_at(pictures_of(np.zeros((9, 20, 30, 3), np.uint8), "x"), np.arange(9), seed=0)

    assert (20, 30, 3) == (look.height, look.width, look.channels)
    assert (30, "") == choose_side(look, 9, tmp_path, None)
    assert (12, "") == choose_side(look, 9, tmp_path, 12)
    monkeypatch.setattr(image_fill.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10_000})())
    side, why = choose_side(look, 9, tmp_path, None)
    assert 12 == side
    assert "not 30 x 30" in why


def test_large_arrays_are_unpacked_and_mapped(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 255, (9, 6, 5, 3), dtype=np.uint8)
    np.savez_compressed(tmp_path / "c.npz", X=images, y=np.arange(9))
    np.savez(tmp_path / "f.npz", X=np.asfortranarray(images), y=np.arange(9))
    monkeypatch.setattr(image_arrays, "IN_MEMORY_BYTES", 10)
    (tmp_path / "work").mkdir()

    for name in ("c.npz", "f.npz"):
        found, columns = image_arrays.read_npz(tmp_path / name, "y", tmp_path / "work")

        assert isinstance(found, np.memmap)
        assert np.array_equal(images, found)
        assert list(range(9)) == columns["y"].tolist()
    assert [] == list((tmp_path / "work").iterdir())
    monkeypatch.setattr(image_arrays.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100})())
    with pytest.raises(automl.DataError, match="when unpacked"):
        image_arrays.read_npz(tmp_path / "c.npz", "y", tmp_path / "work")
    monkeypatch.undo()
    np.savez(tmp_path / "o.npz", X=np.array([{}, {}], dtype=object))
    with pytest.raises(automl.DataError, match="'X' holds Python objects, as of images of different sizes"):
        image_arrays.read_npz(tmp_path / "o.npz", "y", None)
    np.savez(tmp_path / "l.npz", X=images, y=np.array(["a"] * 9, dtype=object))
    with pytest.raises(
        automl.DataError, match=r"'y' holds Python objects; write it as text or numbers: y.astype\(str\)"
    ):
        image_arrays.read_npz(tmp_path / "l.npz", "y", None)
    (tmp_path / "t.npz").write_bytes(b"text")
    with pytest.raises(automl.DataError, match=r"cannot be read as .npz"):
        image_arrays.read_npz(tmp_path / "t.npz", "y", None)
