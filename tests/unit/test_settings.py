"""What settings accept, and the words for what they do not."""

import math
from pathlib import Path

import numpy as np
import pytest

from automl.api import make_settings
from automl.errors import SettingsError
from automl.settings import Settings, parse_seconds


@pytest.mark.parametrize(
    ("given", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("1h", 3600), (7, 7), (0.25, 0.25), (1e-5, 1e-5)]
)
def test_times(given, seconds):
    assert parse_seconds(given) == seconds
    assert make_settings("y", {"time": given}).seconds == seconds
    assert make_settings("y", {"seconds": given}).seconds == seconds
    assert Settings(target="y", job_seconds=given).job_seconds == seconds


@pytest.mark.parametrize("given", ["ten", "", "-3", 0, -1.0, math.inf, math.nan, "9" * 400, 10**400, True, "1e3"])
def test_times_that_are_none(given):
    with pytest.raises(SettingsError, match="write it as 90, 90s, 10m or 1h"):
        Settings(target="y", seconds=given)


@pytest.mark.parametrize("name", ["trials", "jobs", "folds", "repeats", "seed", "memory_bytes"])
def test_whole_numbers_of_any_type(name):
    number = 10 if name == "repeats" else 10**9
    settings = Settings(target="y", **{name: np.int64(number)})

    assert getattr(settings, name) == number
    assert type(getattr(settings, name)) is int


def test_more_repeats_than_anybody_has_time_for_are_refused():
    with pytest.raises(SettingsError, match="repeats=1000000 is above 1000"):
        Settings(target="y", repeats=10**6)


def test_memory_in_which_nothing_fits_is_refused():
    with pytest.raises(SettingsError, match="memory_bytes=10 must be a whole number of at least 50000000"):
        Settings(target="y", memory_bytes=10)


@pytest.mark.parametrize("value", [0.5, "3", True, -1, np.float64(2)])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(SettingsError, match="trials=.* must be a whole number of at least 1"):
        Settings(target="y", trials=value)


@pytest.mark.parametrize("given", [{"max_latency_ms": 10**400}, {"fidelity": "rows", "fidelity_max": 10**400}])
def test_numbers_beyond_all_floats_are_refused(given):
    with pytest.raises(SettingsError, match="must be a finite number"):
        Settings(target="y", **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"split_column": "part", "folds": 5}, "folds=5 cannot be had beside the split column"),
        ({"validation": "v.csv", "repeats": 2}, "repeats=2 cannot be had beside the validation file"),
        ({"group": "g", "repeats": 2}, "repeats=2 cannot be had with validation by groups"),
        ({"time_column": "t", "repeats": 3}, "repeats=3 cannot be had with validation by time"),
        ({"group": "g", "time_column": "t"}, "group and time_column were both given"),
    ],
)
def test_ways_to_validate_that_exclude_each_other(given, words):
    with pytest.raises(SettingsError, match=words):
        Settings(target="y", **given)


def test_groups_and_times_may_be_cut_into_folds():
    assert Settings(target="y", group="g", folds=3).folds == 3
    assert Settings(target="y", time_column="t", folds=3).folds == 3


@pytest.mark.parametrize("name", ["validation", "baselines", "prices", "pretrained"])
def test_files_may_be_paths(name):
    assert "some/file" == getattr(make_settings("y", {name: Path("some/file")}), name)


def test_blanks_around_names_do_not_matter():
    made = Settings(target="y", strategy=" hyperband ", fidelity="rows ", executor=" inline")
    assert ("hyperband", "rows", "inline") == (made.strategy, made.fidelity, made.executor)


def test_columns_may_be_named_by_their_numbers():
    """As those of an array or of a frame that was given no names."""
    made = make_settings(0, {"drop": [np.int64(2), "a"], "group": 1})

    assert ("0", "1", ("2", "a")) == (made.target, made.group, made.drop)
    assert ("3",) == make_settings("y", {"drop": 3}).drop


@pytest.mark.parametrize(("target", "options"), [(("a", "b"), {}), (1.5, {}), (True, {}), ("y", {"weight": ["w"]})])
def test_what_is_no_name_of_a_column_is_refused(target, options):
    with pytest.raises(SettingsError, match="must be the name of a column, such as 'price', or its number"):
        make_settings(target, options)
