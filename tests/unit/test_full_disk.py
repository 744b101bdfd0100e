"""A disk that is full in the middle of a search: told with the folder and the way on, whatever was being written."""

import errno

import pytest

from automl.errors import RunError
from automl.store import short_of_room


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_is_told_with_the_folder_and_the_way_on(tmp_path, number):
    with pytest.raises(RunError, match="automl resume .*run` goes on with the search"), short_of_room(tmp_path / "run"):
        raise OSError(number, "no room")


def test_other_errors_are_left_alone(tmp_path):
    with pytest.raises(BrokenPipeError), short_of_room(tmp_path):
        raise BrokenPipeError(errno.EPIPE, "gone")
