"""Stored tables: what workers map is what was encoded."""

import mmap
from dataclasses import replace

import numpy as np
import pytest

from automl.data.records import TableData, TableLayout
from automl.data.storage import open_table, save_table
from automl.testing import toy_table


def mapped(array):
    """Whether an array, or what it is a view of, is a file and not memory."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return isinstance(array, mmap.mmap)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("problem_type", ["binary", "regression"])
def test_round_trip_is_equal_and_mapped(tmp_path, problem_type, text):
    data = replace(toy_table(problem_type, 200, text=text)[0], weight=np.linspace(0, 1, 200))
    save_table(tmp_path / "data", data)
    again = open_table(tmp_path / "data")

    assert data.layout == again.layout
    for name in ("numbers", "codes", "target", "weight"):
        first, second = getattr(data, name), getattr(again, name)

        assert np.array_equal(first, second, equal_nan=name == "numbers")
        assert (first.dtype, True) == (second.dtype, mapped(second))
    if text:
        assert 0 == (data.text != again.text).nnz
        assert (data.text.shape, data.text.dtype) == (again.text.shape, again.text.dtype)
        assert mapped(again.text.data)
    else:
        assert again.text is None


@pytest.mark.parametrize("name", ["numbers", "target", "weight", "groups"])
def test_an_array_that_is_gone_is_told(tmp_path, name):
    """Without its weights a table would be learned as another one, in silence."""
    data = replace(toy_table("binary", 50)[0], weight=np.linspace(0, 1, 50), groups=np.arange(50) // 5)
    save_table(tmp_path / "data", data)
    (tmp_path / "data" / f"{name}.npy").unlink()

    with pytest.raises(FileNotFoundError, match=name):
        open_table(tmp_path / "data")


def test_a_mapped_table_cannot_be_changed(tmp_path):
    save_table(tmp_path / "data", toy_table("binary", 50)[0])

    with pytest.raises(ValueError, match="read-only"):
        open_table(tmp_path / "data").numbers[0, 0] = 1


def test_rows_taken_from_a_mapped_table_are_copies(tmp_path):
    data = toy_table("binary", 50)[0]
    save_table(tmp_path / "data", data)
    part = open_table(tmp_path / "data").take(np.array([3, 1]))
    part.numbers[:] = 7

    assert np.array_equal(data.numbers, open_table(tmp_path / "data").numbers, equal_nan=True)


def test_without_target_numbers_or_categories(tmp_path):
    empty = TableData(
        layout=TableLayout(), numbers=np.zeros((4, 0), dtype=np.float32), codes=np.zeros((4, 0), dtype=np.int32)
    )
    save_table(tmp_path / "data", empty)
    again = open_table(tmp_path / "data")

    assert ((4, 0), (4, 0)) == (again.numbers.shape, again.codes.shape)
    assert again.target is None
    assert again.weight is None


def test_a_folder_that_is_there_is_not_written_over(tmp_path):
    data = toy_table("binary", 20)[0]

    with pytest.raises(FileExistsError):
        save_table(tmp_path, data)


def test_nothing_stored_is_a_pickle(tmp_path):
    save_table(tmp_path / "data", toy_table("binary", 50, text=True)[0])

    for path in (tmp_path / "data").glob("*.npy"):
        assert np.load(path, allow_pickle=False).dtype.kind in "fi"
