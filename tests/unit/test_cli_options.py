"""Options of the command line become settings; what is wrong is told with the value and what was meant."""

import time

import pytest

from automl.cli import start
from automl.cli.options import make_settings, parse_bytes, split_list, split_pairs
from automl.errors import SettingsError

NOTHING = {"target": "y", "columns": (), "monotone": (), "models": (), "drop": (), "ignore": ()}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), ()),
        (("a,b",), ("a", "b")),
        (("a", "b , c"), ("a", "b", "c")),
        (('"a,b",c',), ("a,b", "c")),
        (('"a,b"', "c"), ("a,b", "c")),
        (("a", "a,b"), ("a", "b")),
        (("a,,",), ("a",)),
        (("größe, Zeit",), ("größe", "Zeit")),
    ],
)
def test_lists_may_be_repeated_and_names_with_commas_quoted(given, expected):
    assert expected == split_list(given)


def test_pairs_are_split_at_the_last_sign():
    assert {"a=b": "category", "c": "text"} == split_pairs(["a=b=category", " c = text"], "--column")


@pytest.mark.parametrize("wrong", ["age", "=category", "age=", "  =x"])
def test_half_a_pair_is_refused(wrong):
    with pytest.raises(SettingsError, match="write it as NAME=VALUE"):
        split_pairs([wrong], "--column")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2GB", 2 << 30), ("500MB", 500 << 20), ("1.5g", 3 << 29), ("2 GiB", 2 << 30), ("1000000", 1_000_000), ("1TB", 1 << 40)],
)  # fmt: skip
def test_sizes(text, expected):
    assert expected == parse_bytes(text)


@pytest.mark.parametrize("wrong", ["", "0", "-1GB", "two", "2GBs", "GB", "1e9"])
def test_wrong_sizes_are_refused(wrong):
    with pytest.raises(SettingsError, match="write it as 500MB or 2GB"):
        parse_bytes(wrong)


def test_settings_get_what_the_options_said():
    settings = make_settings(
        {**NOTHING, "drop": ("a,b",), "columns": ("zip=category",), "monotone": ("size=+1", "age=-1"), "seconds": 60.0}
    )

    assert ("a", "b") == settings.drop
    assert {"zip": "category"} == settings.columns
    assert {"size": 1, "age": -1} == settings.monotone
    assert 60.0 == settings.budget_seconds


@pytest.mark.parametrize("sign", ["2", "up", "0", "1.0"])
def test_wrong_signs_are_refused(sign):
    with pytest.raises(SettingsError, match=r"write size=1 \(rising\) or size=-1 \(falling\)"):
        make_settings({**NOTHING, "monotone": (f"size={sign}",)})


def test_the_process_began_before_now_and_not_long_ago(monkeypatch):
    """Under pytest the process may be older than any start of an interpreter; then only now is known."""
    monkeypatch.setattr(start, "MOST_SECONDS", 1e9)

    assert 0.05 < time.monotonic() - start.process_started() < 7200


def test_a_shell_that_waited_before_it_became_this_command_does_not_count(monkeypatch):
    monkeypatch.setattr(start, "MOST_SECONDS", 0.0)
    before = time.monotonic()

    assert before <= start.process_started() <= time.monotonic()


def test_without_proc_the_start_is_now(monkeypatch, tmp_path):
    monkeypatch.setattr(start, "STATUS", tmp_path / "missing")
    before = time.monotonic()

    assert before <= start.process_started() <= time.monotonic()


def test_baselines_are_a_file_or_switched_off():
    assert make_settings(NOTHING).baselines is None
    assert "won.json" == make_settings({**NOTHING, "baselines": "won.json", "no_baselines": False}).baselines
    assert make_settings({**NOTHING, "baselines": None, "no_baselines": True}).baselines is False
    with pytest.raises(SettingsError, match="--baselines and --no-baselines were both given"):
        make_settings({**NOTHING, "baselines": "won.json", "no_baselines": True})


def test_what_is_not_said_on_the_command_line_is_what_settings_say():
    from dataclasses import fields

    from automl.cli.fit import fit_command
    from automl.settings import Settings

    plain = Settings(target="y", seconds=1.0)
    options = {one.name: one.default for one in fit_command.params if isinstance(one.default, str | int | float)}
    same = {field.name: getattr(plain, field.name) for field in fields(Settings) if field.name in options}

    assert "best" == same["preset"]
    assert {name: options[name] for name in same} == same


def test_models_without_a_name_are_refused():
    with pytest.raises(SettingsError, match="--models was given without a name"):
        make_settings({**NOTHING, "models": ("",)}, "a.csv")
