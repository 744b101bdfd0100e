"""What is said of strategies and settings that cannot be."""

import pytest

from automl.api import make_settings
from automl.errors import SettingsError, UnknownNameError
from automl.registry import load_registry
from automl.strategy_names import strategy_parts


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hyperbnad", "did you mean hyperband"),
        ("Random", "did you mean random"),
        ("race", r"'race' is a scheduler and no strategy; write SAMPLER\+race"),
        ("", "strategy '' is not known; use one of"),
        ("random+hyperbnad", "did you mean hyperband"),
        ("gp+", r"'gp\+' has no scheduler behind the \+; use one of .*asha"),
        ("+gp", r"'\+gp' has no sampler in front of the \+; use one of .*random"),
        ("auto+full", "'auto' is a strategy of its own and no sampler; use one of .*random"),
        ("gp+bohb", "'bohb' is a strategy of its own and no scheduler; use one of .*asha"),
        ("gp+kde", "'kde' is a sampler and no scheduler; use one of .*asha"),
        ("full+asha", "'full' is a scheduler and no sampler; use one of .*random"),
        ("hyperband+gp", r"wrong way round, it is SAMPLER\+SCHEDULER; write gp\+hyperband"),
    ],
)
def test_a_wrong_strategy_leads_to_a_right_one(name, told):
    with pytest.raises(UnknownNameError, match=told):
        strategy_parts(name, load_registry())


@pytest.mark.parametrize(
    "option",
    [{"strategy": 5}, {"strategy": ["random"]}, {"fidelity": 3}, {"executor": 1}, {"prices": {"cpu_hour": 1}}],
    ids=str,
)
def test_what_is_no_text_is_refused_in_words(option):
    with pytest.raises(SettingsError, match="must be the"):
        make_settings("y", option)


def test_a_space_file_that_ends_python_does_not_end_the_engine(tmp_path):
    path = tmp_path / "space.py"
    path.write_text("import sys\nsys.exit(3)\n")

    with pytest.raises(SettingsError, match=r"space\.py raised SystemExit: 3"):
        make_settings("y", {"space": str(path)})


def test_a_space_that_holds_itself_is_refused(tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "space.yaml"
    path.write_text("a: &a [*a]\n")

    with pytest.raises(SettingsError, match="holds itself"):
        make_settings("y", {"space": str(path)})


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("twice.json", '{"lightgbm": {"num_leaves": 7}, "lightgbm": {}}', "'lightgbm' stands there twice"),
        ("twice.yaml", "lightgbm:\n  num_leaves: 7\n  num_leaves: 9\n", "'num_leaves' stands there twice"),
        ("deep.json", "[" * 100_000, "nested too deeply"),
        ("deep.toml", f"a = {'[' * 100_000}", "nested too deeply"),
        ("deep.yaml", "[" * 10_000, "nested too deeply"),
        ("date.yaml", "lightgbm:\n  num_leaves: 2024-13-45\n", "is not YAML: month must be in 1..12"),
        ("list.yaml", "lightgbm:\n  ? [a, b]\n  : 7\n", "is not YAML"),
    ],
)
def test_space_files_that_cannot_be_meant_are_told(tmp_path, name, text, told):
    if name.endswith("yaml"):
        pytest.importorskip("yaml")
    (tmp_path / name).write_text(text)

    with pytest.raises(SettingsError, match=rf"{name}.*{told}"):
        make_settings("y", {"space": str(tmp_path / name)})


def test_blanks_around_the_parts_do_not_matter():
    sampler, scheduler, _ = strategy_parts("gp + asha", load_registry())

    assert ("gp", "asha") == (sampler.name, scheduler.name)
