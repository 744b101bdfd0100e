"""What a predictor must not hold is found wherever it is packed, and what cannot be looked into is refused."""

import io
import pickle
import zipfile

import pytest

from automl.saved_files import fault_of, link_out_of


def archive(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("inside", content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (archive(pickle.dumps([1, "a"])), "model.bin/inside holds a pickle"),
        (archive(b"plain"), ""),
        # The number of the compression, in the file's own header and in the table of contents.
        (archive(b"plain").replace(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x00\x00\x63\x00"), "cannot be looked into"),
        (b"any bytes" + b"PK\x05\x06" + bytes(14) + b"\xff\xff\x00\x00", ""),
    ],
    ids=["pickle", "plain", "unknown compression", "only ends like an archive"],
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
