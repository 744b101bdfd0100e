"""docs/cli.md tells every command, option and exit code, and nothing that is not there."""

import importlib
import re
from pathlib import Path

import pytest

from automl.cli import exits
from automl.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "cli.md").read_text()
README = (ROOT / "README.md").read_text()


def command_of(name):
    return getattr(importlib.import_module(COMMANDS[name][0]), f"{name}_command")


def parameters_of(command):
    """Those of its own subcommands, too."""
    return [*command.params, *(each for part in getattr(command, "commands", {}).values() for each in part.params)]


def options_of(command):
    options = {one for each in parameters_of(command) for one in (*each.opts, *each.secondary_opts)}
    return {option for option in options if option.startswith("--")}


def all_options():
    return {option for name in COMMANDS for option in options_of(command_of(name))} | options_of(cli)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_there_with_its_arguments(name):
    arguments = "".join(
        f" {parameter.name.upper()}" for parameter in command_of(name).params if parameter.param_type_name == "argument"
    )

    assert f"`automl {name}{arguments}" in PAGE


def test_options_of_the_page_and_of_the_commands_are_the_same():
    assert sorted(all_options() | {"--help"}) == sorted(set(re.findall(r"--[a-z][a-z-]*", PAGE)) | {"--help"})


def test_exit_codes_of_the_page_are_those_of_the_code():
    told = dict(re.findall(r"^\| (\d+) \| ([^;|]+)", PAGE, flags=re.MULTILINE))

    assert {str(code): meaning.partition(";")[0] for code, meaning in exits.MEANINGS.items()} == {
        code: meaning.strip() for code, meaning in told.items()
    }


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_tells_exit_codes_and_every_option_has_words(name):
    command = command_of(name)

    assert exits.EPILOG == command.epilog
    assert all(parameter.help for parameter in parameters_of(command) if parameter.param_type_name == "option")


def test_readme_uses_commands_and_options_that_exist():
    lines = [line for line in README.splitlines() if line.startswith("automl ")]

    assert 5 <= len(lines)
    for line in lines:
        words = line.partition("#")[0].split()
        assert words[1] in COMMANDS
        assert {word for word in words if word.startswith("--")} <= options_of(command_of(words[1]))


@pytest.mark.parametrize("page", ["README.md", "docs/cli.md", "docs/data.md"])
def test_links_lead_somewhere(page):
    path = ROOT / page
    targets = re.findall(r"\]\(([^)#:]+)\)", path.read_text())

    assert targets
    assert [] == [target for target in targets if not (path.parent / target).exists()]


def test_kinds_of_columns_of_the_data_page_are_those_of_the_code():
    from automl.data.schema import KINDS

    page = (ROOT / "docs" / "data.md").read_text()

    assert sorted(KINDS) == sorted(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))


def test_readme_is_one_screen():
    assert len(README.splitlines()) <= 75
