"""A broken plugin is skipped, told once, listed, remembered in later messages, and raised when strict."""

import threading

import pytest

from automl.errors import PluginError, UnknownNameError

HEAD = "from automl import Fidelity, MetricSpec, ModelSpec, StrategySpec, hookimpl\n"


def models(body):
    return f"{HEAD}@hookimpl\ndef register_models():\n    {body}\n"


def model_with(**fields):
    values = {"name": "toy", "summary": "A toy.", "factory": "toy:Model", "space": "toy:space"} | fields
    arguments = ", ".join(f"{name}={value!r}" for name, value in values.items())
    return models(f"return [ModelSpec({arguments})]")


BROKEN = {
    "import error": ("raise RuntimeError('no luck')", "importing it failed: RuntimeError: no luck"),
    "syntax error": ("def (", "importing it failed: SyntaxError"),
    "calls sys.exit": ("import sys\nsys.exit(3)", "importing it failed: SystemExit: 3"),
    "missing dependency": (
        "import package_that_is_nowhere",
        "No module named 'package_that_is_nowhere' (install what provides 'package_that_is_nowhere')",
    ),
    "message of several lines": ("raise RuntimeError('one\\n\\n  two')", "RuntimeError: one two"),
    "message that commands a terminal": ("raise RuntimeError('boom\\n\\x1b[31mred')", "RuntimeError: boom ?[31mred"),
    "hook raises": (models("raise ValueError('bad luck')"), "calling register_models() failed: ValueError: bad luck"),
    "hook raises our own error": (
        f"from automl import PluginError\n{models('raise PluginError(1)')}",
        "calling register_models() failed: PluginError: 1",
    ),
    "generator raises": (models("yield 1 / 0"), "calling register_models() failed: ZeroDivisionError"),
    "returns None": (models("pass"), "register_models() returned None; it must return a list of ModelSpec"),
    "returns a spec, not a list": (
        models("return ModelSpec(name='a', summary='', factory='a:b', space='a:b')"),
        "register_models() returned a ModelSpec; it must return a list of ModelSpec",
    ),
    "returns a string": (models("return 'lightgbm'"), "register_models() returned a str"),
    "returns a dict": (models("return {'a': 1}"), "register_models() returned a dict"),
    "returns names": (models("return ['lightgbm']"), "'lightgbm' is a str, not a ModelSpec"),
    "returns the class": (models("return [ModelSpec]"), "is a type, not a ModelSpec"),
    "returns another kind of spec": (
        models("return [StrategySpec(name='a', summary='', sampler='b', scheduler='c')]"),
        "is a StrategySpec, not a ModelSpec",
    ),
    "never stops yielding": (
        models("\n    while True: yield ModelSpec(name='a', summary='', factory='a:b', space='a:b')"),
        "returned more than 10000 specs",
    ),
    "leaves a field out": (models("return [ModelSpec(name='a')]"), "failed: TypeError: "),
    "field of the wrong type": (model_with(requires="sklearn"), "requires='sklearn' must be a tuple of text"),
    "unknown problem type": (
        model_with(problem_types=("classification",)),
        "must be a tuple of 'binary' or 'multiclass' or 'regression'",
    ),
    "number as text": (model_with(relative_cost="2"), "relative_cost='2' must be a finite number"),
    "number not finite": (
        models("return [ModelSpec(name='a', summary='', factory='a:b', space='a:b', memory_factor=float('nan'))]"),
        "memory_factor=nan must be a finite number",
    ),
    "true where a whole number is due": (model_with(priority=True), "priority=True must be a whole number"),
    "name with a comma": (model_with(name="a,b"), "name='a,b' must be lower case"),
    "name in capitals": (model_with(name="KNN"), "name='KNN' must be lower case"),
    "empty name": (model_with(name=""), "name='' must be lower case"),
    "factory without a colon": (model_with(factory="toy.Model"), "factory='toy.Model' is not of the form"),
    "space without a colon": (model_with(space="toy"), "space='toy' is not of the form 'package.module:Object'"),
    "one name twice": (
        models("return 2 * [ModelSpec(name='a', summary='', factory='a:b', space='a:b')]"),
        "returned two specs with the name or alias 'a'",
    ),
    "wrong fidelity": (
        f"{HEAD}@hookimpl\ndef register_fidelities():\n    return [Fidelity(name='a', unit='', low=2, high=1)]",
        "fidelity 'a': low=2 is above high=1",
    ),
    "wrong signature": (
        f"{HEAD}@hookimpl\ndef register_models(task):\n    return []",
        "a hook has parameters, or is no plain function: Plugin 'bad' for hook 'register_models'",
    ),
    "misspelt hook": (
        f"{HEAD}@hookimpl\ndef register_modles():\n    return []",
        "register_modles is marked with @hookimpl but is no hook; did you mean register_models?",
    ),
    "marked function unlike any hook": (
        f"{HEAD}@hookimpl\ndef zzz():\n    return []",
        "zzz is marked with @hookimpl but is no hook; the hooks are register_models, ",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_plugin_is_skipped_and_told_in_one_line(site, case):
    code, reason = BROKEN[case]
    site.add("automl-bad", code, plugin="bad", version="1.2")
    site.add_model("automl-good", "good", plugin="good")

    registry = site.load()

    assert ["good"] == list(registry.models)
    assert 1 == len(site.lines)
    assert site.lines[0].startswith("automl: plugin 'bad' (automl-bad 1.2) is broken and skipped: ")
    assert reason in site.lines[0]
    assert site.lines[0].endswith("(switch it off: --disable-plugin bad)")


@pytest.mark.parametrize("case", ["import error", "hook raises", "misspelt hook", "wrong signature"])
def test_broken_plugin_raises_when_strict(site, monkeypatch, case):
    code, reason = BROKEN[case]
    site.add("automl-bad", code, plugin="bad", version="1.2")
    monkeypatch.setenv("AUTOML_STRICT_PLUGINS", "1")

    with pytest.raises(PluginError) as caught:
        site.load()

    assert "plugin 'bad' (automl-bad 1.2)" in str(caught.value)
    assert reason in str(caught.value)
    assert any("Traceback" in note for note in caught.value.__notes__)


def test_strict_is_off_when_the_variable_says_so(site, monkeypatch):
    site.add("automl-bad", "raise RuntimeError", plugin="bad")
    monkeypatch.setenv("AUTOML_STRICT_PLUGINS", "0")

    assert ["bad"] == [info.name for info in site.load().broken]


def test_broken_plugin_is_listed_with_its_traceback(site):
    site.add("automl-bad", "raise RuntimeError('no luck')", plugin="bad", version="1.2")

    (info,) = site.load().plugins

    assert ("bad", "automl-bad", "1.2", "broken") == (info.name, info.distribution, info.version, info.status)
    assert "importing it failed: RuntimeError: no luck" == info.message
    assert "Traceback" in info.details
    assert {} == info.provides


def test_later_unknown_names_mention_the_broken_plugin(site):
    site.add("automl-bad", "raise RuntimeError('no luck')", plugin="bad", version="1.2")

    with pytest.raises(UnknownNameError) as caught:
        site.load().get("models", "knn")

    assert (
        "no model is called 'knn'; known: none. It may belong to a plugin that is broken: "
        "plugin 'bad' (automl-bad 1.2): importing it failed: RuntimeError: no luck."
    ) == str(caught.value)


def test_nothing_of_a_plugin_is_used_when_one_hook_is_broken(site):
    """Half a plugin would be found out only in the middle of a run."""
    site.add("automl-bad", model_with() + "@hookimpl\ndef register_metrics():\n    return [1]\n")

    registry = site.load()

    assert {} == registry.models
    assert ["toy"] == [info.name for info in registry.broken]


def test_unmarked_hook_is_told_but_the_plugin_stays(site):
    site.add("automl-half", model_with() + "def register_metrics():\n    return []\n", plugin="half")

    registry = site.load()

    assert ["toy"] == list(registry.models)
    assert "ok" == registry.plugins[0].status
    assert "register_metrics() lacks the mark @automl.hookimpl, so it is not called" == registry.plugins[0].message
    message = f"automl: plugin 'half' (automl-half 1.0): {registry.plugins[0].message}"
    assert [f"{message} (switch it off: --disable-plugin half)"] == site.lines


def test_mark_of_another_project_counts_as_none(site):
    site.add("automl-half", "import pluggy\n@pluggy.HookimplMarker('else')\ndef register_models():\n    return []\n")

    assert "register_models() lacks the mark" in site.load().plugins[0].message


def test_unmarked_hook_raises_when_strict(site, monkeypatch):
    site.add("automl-half", "def register_models():\n    return []\n")
    monkeypatch.setenv("AUTOML_STRICT_PLUGINS", "1")

    with pytest.raises(PluginError, match="lacks the mark"):
        site.load()


def test_plugin_without_hooks_is_told(site):
    site.add("automl-empty", "VALUE = 1")

    assert "it has no function marked with @automl.hookimpl, so it adds nothing" == site.load().plugins[0].message


def test_plugin_may_return_an_empty_list(site):
    """For example when it finds nothing to use on this machine."""
    site.add("automl-empty", models("return []"))

    (info,) = site.load().plugins

    assert ("ok", "", []) == (info.status, info.message, site.lines)


@pytest.mark.parametrize("code", ["WAIT.wait()", "@hookimpl\ndef register_models():\n    WAIT.wait()\n    return []\n"])
def test_plugin_that_never_returns_is_given_up(site, monkeypatch, code):
    monkeypatch.setenv("AUTOML_PLUGIN_SECONDS", "0.1")
    monkeypatch.setattr(threading, "registry_test_gate", threading.Event(), raising=False)
    gate = threading.registry_test_gate
    site.add("automl-hangs", f"import threading\n{HEAD}WAIT = threading.registry_test_gate\n{code}", plugin="hangs")
    site.add_model("automl-good", "good", plugin="zgood")

    registry = site.load()
    gate.set()

    assert ["good"] == list(registry.models)
    stage = "calling register_models()" if "def" in code else "importing it"
    assert f"{stage} took more than 0.1 s and was given up; AUTOML_PLUGIN_SECONDS sets the limit" == (
        registry.broken[0].message
    )


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf"])
def test_wrong_limit_is_refused(site, monkeypatch, text):
    monkeypatch.setenv("AUTOML_PLUGIN_SECONDS", text)

    with pytest.raises(PluginError, match=f"AUTOML_PLUGIN_SECONDS='{text}' must be a number of seconds above zero"):
        site.load()


def test_hook_must_not_load_the_registry(site):
    site.add("automl-loop", models("from automl.registry import load_registry; return load_registry().models"))

    assert "a hook must not load the registry" in site.load().broken[0].message


def test_each_line_is_told_once_in_a_process(site, capsys):
    from automl.registry import load_registry

    site.add("automl-bad", "raise RuntimeError", plugin="bad")
    site.load()
    load_registry(disabled=["toy"])
    load_registry()

    assert 0 == capsys.readouterr().err.count("'bad'")


def test_quiet_prints_nothing_and_is_not_remembered(site, capsys):
    from automl.registry import load_registry

    site.add("automl-bad", "raise RuntimeError", plugin="bad")
    site.load(quiet=True)

    assert [] == site.lines
    load_registry()
    assert 1 == capsys.readouterr().err.count("'bad'")


def test_distribution_with_unreadable_metadata_harms_nobody_else(site):
    site.add_model("automl-good", "good", plugin="good")
    site.add_metadata("automl-rotten", "1.0", "")
    (site.folder / "automl_rotten-1.0.dist-info" / "entry_points.txt").write_bytes(b"[automl]\nrotten = \xff\xfe")

    registry = site.load()

    assert ["good"] == list(registry.models)
    assert "automl_rotten-1.0.dist-info cannot be read" in registry.broken[0].message
