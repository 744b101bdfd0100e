"""What a predictor must not hold is found wherever it is packed, and what cannot be looked into is refused."""

import bz2
import gzip
import io
import pickle
import zipfile
import zlib

import pytest

from automl.saved_files import LOOKED_BYTES, fault_of, link_out_of

PICKLE = pickle.dumps([1, "a"])
TAIL = b"PK\x05\x06" + bytes(18)
"""With this, a file ends like an empty archive."""


def archive(*contents, method=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as packed:
        for number, content in enumerate(contents):
            packed.writestr("inside" if number == 0 else f"inside-{number}", content)
    return stream.getvalue()


def damaged(content, of=b"plain"):
    """An archive one of whose members does not have the sum that it should have."""
    return content.replace(of, b"plaim", 1)


def no_deflate(packed):
    """The first byte of the first member's content is none that can be unpacked."""
    at = packed.index(b"inside") + len(b"inside")
    return packed[:at] + b"\xff" + packed[at + 1 :]


def long(content):
    """Behind more than is looked at, there is nothing to be found; before it, there is."""
    return content + bytes(LOOKED_BYTES)


def misnamed(content):
    """An archive whose table of contents has a name that is no text, and says that it is UTF-8."""
    entry = content.index(b"PK\x01\x02")
    table = content[entry:].replace(b"inside", b"insid\xff")
    return content[:entry] + table[:8] + b"\x00\x08" + table[10:]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_both_looked_at(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.bin", "w") as packed:
        packed.writestr("inside", PICKLE)
        packed.writestr("inside", b"plain")

    assert "model.bin/inside holds a pickle" in fault_of(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (archive(pickle.dumps([1, "a"])), "model.bin/inside holds a pickle"),
        (archive(b"plain"), ""),
        # The number of the compression, in the file's own header and in the table of contents.
        (archive(b"plain").replace(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x00\x00\x63\x00"), "cannot be looked into"),
        (b"any bytes" + b"PK\x05\x06" + bytes(14) + b"\xff\xff\x00\x00", ""),
        (damaged(archive(b"plain", PICKLE)), "cannot be looked into"),
        (misnamed(archive(b"plain")), "cannot be looked into"),
        (no_deflate(archive(b"plain" * 99, method=zipfile.ZIP_DEFLATED)), "cannot be looked into"),
        (zlib.compress(PICKLE) + TAIL, "model.bin/zlib holds a pickle"),
        (gzip.compress(PICKLE) + b"more", "model.bin/gzip holds a pickle"),
        (gzip.compress(b"") + gzip.compress(PICKLE), "model.bin/gzip holds a pickle"),
        (bz2.compress(archive(PICKLE)), "model.bin/bz2/inside holds a pickle"),
        (b"x begins like zlib", ""),
        (archive(long(PICKLE)), "model.bin/inside holds a pickle"),
        (archive(long(b"plain")), ""),
        (long(PICKLE), "model.bin holds a pickle"),
    ],
    ids=[
        "pickle",
        "plain",
        "unknown compression",
        "only ends like an archive",
        "damaged",
        "name that is no text",
        "damaged inside",
        "zlib",
        "gzip",
        "gzip behind gzip",
        "bz2",
        "only begins like zlib",
        "large inside",
        "large and plain",
        "large",
    ],  # fmt: skip
)
def test_what_archives_hold(tmp_path, content, told):
    (tmp_path / "model.bin").write_bytes(content)

    assert told in fault_of(tmp_path)
    assert bool(told) == bool(fault_of(tmp_path))


def test_links_that_stay_inside_lead_nowhere_else(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").symlink_to("a")

    assert link_out_of(tmp_path) == ""
    assert "b is a link" in fault_of(tmp_path)
