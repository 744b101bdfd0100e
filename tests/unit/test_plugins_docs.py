"""The tutorial shows the true files of the example plugin."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "tests" / "third_party" / "automl_knn"
PAGE = (ROOT / "docs" / "plugins.md").read_text()
SHOWN = dict(re.findall(r"^`(\S+)`\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def test_every_file_of_the_plugin_is_shown():
    files = [path for path in PLUGIN.rglob("*") if path.suffix in (".py", ".toml") and "build" not in path.parts]

    assert sorted(str(path.relative_to(PLUGIN)) for path in files) == sorted(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_shown_file_is_the_true_one(name):
    assert (PLUGIN / name).read_text() == SHOWN[name]
