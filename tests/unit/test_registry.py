"""What plugins offer arrives in the registry, sorted, signed, without clashes, and can be switched off."""

import json
import pickle
import re
import types
from dataclasses import replace

import pytest

from automl import ModelSpec, Settings, hookimpl, register_plugin, registry, unregister_plugin
from automl.errors import InputError, PluginError, PredictorError, SettingsError, UnknownNameError
from automl.fidelity import FOLDS, ROWS
from automl.plugin_loading import hook_types
from automl.predictor_file import MemberRecord
from automl.predictor_members import check_members
from automl.ready import with_defaults
from automl.registry import KINDS, load_registry
from automl.strategy_names import strategy_parts


def toy_plugin(*names, **fields):
    """A plugin object that offers models of these names."""

    class Toy:
        @hookimpl
        def register_models(self):
            return [
                ModelSpec(name=name, summary="A toy.", factory="toy:Model", space="toy:space", **fields)
                for name in names
            ]

    return Toy()


def test_kinds_of_the_registry_are_the_hooks():
    assert list(KINDS) == [hook.removeprefix("register_") for hook in hook_types()]
    assert all(isinstance(getattr(registry.Registry(), kind), dict) for kind in KINDS)


def test_built_in_plugins_are_found_like_any_other():
    found = load_registry()

    assert {"samplers", "schedulers", "trees", "dummy"} <= {info.name for info in found.plugins}
    assert {"automl-pluggy"} == {info.distribution for info in found.plugins if info.name in ("samplers", "trees")}
    assert "samplers" == found.get("samplers", "random").plugin


def test_spec_knows_plugin_and_distribution(site):
    site.add_model("automl-toy", "toy", plugin="toys", version="2.1")

    found = site.load()

    assert ("toys", "automl-toy") == (found.models["toy"].plugin, found.models["toy"].distribution)
    (info,) = found.plugins
    assert ("toys", "automl-toy", "2.1", "ok", {"models": ("toy",)}) == (
        info.name, info.distribution, info.version, info.status, info.provides,
    )  # fmt: skip


def test_everything_is_sorted_whatever_the_order_of_installation(site):
    for name in ("m", "z", "a"):
        site.add_model(f"automl-{name}", f"model-{name}", plugin=f"plugin-{26 - ord(name) % 26:02}")

    found = site.load()

    assert ["model-a", "model-m", "model-z"] == list(found.models)
    assert sorted(info.name for info in found.plugins) == [info.name for info in found.plugins]


def test_engine_fidelities_are_there_without_any_plugin(site):
    assert {"rows": ROWS, "folds": FOLDS} == site.load().fidelities


def test_one_distribution_seen_twice_counts_once(site, monkeypatch):
    """As a checkout beside its installed copy: the first on the path is the one that is imported."""
    site.add_model("automl-toy", "toy", version="2.0")
    site.add_metadata("Automl.Toy", "1.0", "[automl]\ntoy = automl_toy_module\n")

    assert ["toy"] == list(site.load().models)


def test_other_entry_points_are_left_alone(site):
    site.add_metadata("other", "1.0", "[console_scripts]\nautoml = nowhere:main\n")

    assert () == site.load().plugins


# -- clashes --------------------------------------------------------------------------------------


def test_a_model_that_two_strangers_bring_is_nobodys(site, monkeypatch):
    site.add_model("automl-one", "knn", plugin="one", version="1.1")
    site.add_model("automl-two", "knn", plugin="two", version="2.2")
    site.add_model("automl-three", "other", plugin="three")
    told = (
        "two plugins offer the model 'knn': plugin 'one' (automl-one 1.1) and plugin 'two' (automl-two 2.2); "
        "switch one off with --disable-plugin one or --disable-plugin two, or with AUTOML_DISABLE_PLUGINS=two"
    )

    found = site.load()

    assert ["other"] == list(found.models)
    assert [f"automl: {told}"] == site.lines
    assert (told,) == found.clashes
    assert [(info.name, info.message, info.provides) for info in found.plugins] == [
        ("one", told, {}),
        ("three", "", {"models": ("other",)}),
        ("two", told, {}),
    ]
    with pytest.raises(UnknownNameError) as caught:
        found.get("models", "knn")
    assert told == str(caught.value)

    monkeypatch.setenv("AUTOML_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError) as caught:
        site.load()
    assert told == str(caught.value)


def test_the_engines_own_plugins_keep_their_names(site):
    """A stranger breaks nothing, and changes nothing, merely by being installed."""
    site.add_model("automl-pluggy", "linear", plugin="linear", version="0.1")
    site.add_model("automl-a", "linear", plugin="a")
    site.add_model("automl-z", "linear", plugin="z")

    found = site.load()

    assert "automl-pluggy" == found.get("models", "linear").distribution
    assert 1 == len(site.lines)
    assert (
        "plugin 'a' (automl-a 1.0) is left out, plugin 'linear' (automl-pluggy 0.1) keeps it, "
        "plugin 'z' (automl-z 1.0) is left out"
    ) in site.lines[0]
    assert [False, True, False] == [bool(info.provides) for info in found.plugins]
    assert "a" == site.load(disabled=["linear", "z"]).get("models", "linear").plugin


def test_a_predictor_is_not_opened_by_another_plugin_of_the_same_name(site):
    site.add_model("automl-pluggy", "knn", plugin="own")
    site.add_model("automl-other", "knn", plugin="other")
    record = MemberRecord(
        trial=1, weight=1.0, model="knn", plugin="other", distribution="automl-other", config={}, folders=()
    )

    with pytest.raises(
        PredictorError, match="needs model 'knn' of plugin 'other', but two plugins offer the model 'knn'"
    ):
        check_members([record], site.folder, site.load())
    check_members([record], site.folder, site.load(disabled=["own"]))
    check_members([replace(record, plugin="own", distribution="automl-pluggy")], site.folder, site.load())


def test_the_engines_own_plugin_is_kept_whoever_takes_its_name(site):
    site.add_model("automl-pluggy", "a", plugin="trees")
    site.add_model("automl-other", "b", plugin="trees")

    found = site.load()

    assert ["a"] == list(found.models)
    assert ["broken", "ok"] == [info.status for info in found.plugins]
    assert "plugin 'trees' (automl-other 1.0) is left out" in site.lines[0]
    assert "--disable-plugin trees@automl-other" in site.lines[0]
    assert ["b"] == list(site.load(disabled=["trees@automl-pluggy"]).models)


def test_clash_ends_when_one_is_switched_off(site):
    site.add_model("automl-one", "knn", plugin="one")
    site.add_model("automl-two", "knn", plugin="two")

    assert "one" == site.load(disabled=["two"]).models["knn"].plugin
    assert "two" == site.load(disabled=["one"]).models["knn"].plugin


def test_two_plugins_of_one_name_are_not_used(site):
    site.add_model("automl-one", "a", plugin="toy")
    site.add_model("automl-two", "b", plugin="toy")

    assert [] == list(site.load().models)
    assert re.search(
        r"two plugins are called 'toy'.*automl-one 1\.0.*automl-two 1\.0.*toy@automl-two", "\n".join(site.lines)
    )

    assert ["a"] == list(site.load(disabled=["toy@automl-two"]).models)
    assert ["b"] == list(site.load(disabled=["toy@automl_one"]).models)
    assert [] == list(site.load(disabled=["toy"]).models)
    assert ["broken", "broken"] == [info.status for info in site.load().plugins]


def test_alias_of_a_metric_clashes_with_a_name(site):
    code = """
        from automl import MetricSpec, hookimpl
        @hookimpl
        def register_metrics():
            return [MetricSpec(name={!r}, summary="", factory="a:b", problem_types=("regression",), needs="values",
                               greater_is_better=False, best=0, aliases=({!r},))]
    """
    site.add("automl-one", code.format("mse", "neg_mse"), plugin="one")
    site.add("automl-two", code.format("neg_mse", "other"), plugin="two")

    assert "mse" == site.load(disabled=["two"]).get("metrics", "neg_mse").name
    found = site.load()
    assert {} == found.metrics
    for name in ("mse", "neg_mse"):
        with pytest.raises(UnknownNameError, match="two plugins offer the metric 'neg_mse'"):
            found.get("metrics", name)


EXECUTOR = """
    from automl import ExecutorSpec, hookimpl
    @hookimpl
    def register_executors():
        return [ExecutorSpec(name={0!r}, summary="", factory="a:b", default={1})]
"""


def test_of_two_strangers_neither_is_the_default(site):
    site.add("automl-one", EXECUTOR.format("near", True), plugin="one")
    site.add("automl-two", EXECUTOR.format("far", True), plugin="two")

    found = site.load()

    told = (
        "automl: two would be the default executor: 'far' of plugin 'two' (automl-two 1.0) and 'near' of plugin 'one' "
        "(automl-one 1.0); switch one off with --disable-plugin two or --disable-plugin one, or with "
        "AUTOML_DISABLE_PLUGINS=one"
    )
    assert [told] == site.lines
    assert found.default("executors") is None
    assert ["far", "near"] == list(found.executors)
    assert "near" == site.load(disabled=["two"]).default("executors").name


def test_the_engines_own_default_stays_the_default(site):
    site.add("automl-pluggy", EXECUTOR.format("near", True), plugin="own")
    site.add("automl-two", EXECUTOR.format("far", True), plugin="two")

    found = site.load()

    assert "near" == found.default("executors").name
    assert "far" == found.get("executors", "far").name
    assert (
        "'far' of plugin 'two' (automl-two 1.0) must be named, 'near' of plugin 'own' (automl-pluggy 1.0) stays it"
        in site.lines[0]
    )
    assert [{"executors": ("near",)}, {"executors": ("far",)}] == [info.provides for info in found.plugins]
    assert "far" == site.load(disabled=["own"]).default("executors").name


def test_without_a_default_one_must_be_named(site):
    site.add("automl-one", EXECUTOR.format("near", False), plugin="one")
    registry = site.load()
    named = replace(Settings(target="y"), strategy="s", executor="near")

    assert named == with_defaults(named, registry)
    with pytest.raises(SettingsError, match=r"no plugin offers a default executor; name one with --executor .*: near"):
        with_defaults(replace(named, executor=None), registry)
    with pytest.raises(SettingsError, match=r"no plugin offers a default strategy; .*: none is installed"):
        with_defaults(replace(named, strategy=None), registry)


def test_what_is_installed_has_defaults():
    registry = load_registry()
    settings = with_defaults(Settings(target="y"), registry)

    assert ("random", "processes") == (settings.strategy, settings.executor)
    assert ["random", "full"] == [spec.name for spec in strategy_parts("random", registry)[:2]]
    assert "progress" == registry.default("trackers").name


def test_plugin_cannot_take_a_fidelity_of_the_engine(site):
    site.add(
        "automl-rows",
        """
        from automl import Fidelity, hookimpl
        @hookimpl
        def register_fidelities():
            return [Fidelity(name="rows", unit="rows", low=1, high=2)]
        """,
    )

    assert ROWS is site.load().fidelities["rows"]
    assert "the fidelity 'rows': the engine itself keeps it, plugin 'toy'" in site.lines[0]


def test_one_name_in_two_kinds_is_no_clash(site):
    site.add(
        "automl-two-kinds",
        """
        from automl import SamplerSpec, SchedulerSpec, hookimpl
        @hookimpl
        def register_samplers():
            return [SamplerSpec(name="same", summary="", factory="a:b")]
        @hookimpl
        def register_schedulers():
            return [SchedulerSpec(name="same", summary="", factory="a:c")]
        """,
    )

    found = site.load()

    assert ("a:b", "a:c") == (found.get("samplers", "same").factory, found.get("schedulers", "same").factory)


# -- switching off --------------------------------------------------------------------------------


def test_switched_off_plugin_is_not_imported(site):
    site.add("automl-bad", "raise RuntimeError", plugin="bad")

    found = site.load(disabled=["bad"])

    assert ["off"] == [info.status for info in found.plugins]
    assert [] == site.lines


def test_switching_off_by_environment(site, monkeypatch):
    site.add_model("automl-one", "a", plugin="one")
    site.add_model("automl-two", "b", plugin="two")
    site.add_model("automl-three", "c", plugin="three")
    monkeypatch.setenv("AUTOML_DISABLE_PLUGINS", " one , two,")

    assert ["c"] == list(site.load().models)
    assert [] == list(site.load(disabled=["three"]).models)


def test_unknown_name_to_switch_off_is_told_with_near_names(site):
    site.add_model("automl-one", "a", plugin="trees")

    assert ["a"] == list(site.load(disabled=["tress"]).models)
    assert ["automl: no plugin is called 'tress', so nothing was switched off; did you mean trees?"] == site.lines


def test_unknown_name_says_which_plugins_are_off(site):
    site.add_model("automl-one", "knn", plugin="one")

    with pytest.raises(UnknownNameError, match=r"Plugins switched off: one\."):
        site.load(disabled=["one"]).get("models", "knn")


# -- asking ---------------------------------------------------------------------------------------


def test_unknown_name_tells_the_nearest(site):
    site.add_model("automl-toy", "lightgbm")

    with pytest.raises(UnknownNameError) as caught:
        site.load().get("models", "LightGMB")

    assert "no model is called 'LightGMB'; did you mean lightgbm?" == str(caught.value)
    assert isinstance(caught.value, InputError)


def test_unknown_name_unlike_any_lists_all(site):
    site.add_model("automl-one", "a", plugin="one")
    site.add_model("automl-two", "b", plugin="two")

    with pytest.raises(UnknownNameError, match="no model is called 'zzz'; known: a, b"):
        site.load().get("model", "zzz")


def test_unknown_kind_is_refused(site):
    with pytest.raises(PluginError, match="there is no kind 'modles' of plugin; the kinds are models, fidelities"):
        site.load().get("modles", "knn")


def test_model_with_a_missing_package_stays_and_says_what_to_install(site):
    found = site.load().register(toy_plugin("toy", requires=("json", "no_such_package"), install="thing[no]"), "toys")

    assert ["toy"] == list(found.models)
    assert "needs no_such_package, which is not installed: pip install 'thing[no]'" == found.unusable(
        found.models["toy"]
    )


def test_model_with_all_packages_is_usable(site):
    found = site.load().register(toy_plugin("toy", requires=("json",)), "toys")

    assert found.unusable(found.models["toy"]) is None


def test_plugin_list_is_plain_json(site):
    site.add_model("automl-one", "a", plugin="one")
    site.add("automl-bad", "raise RuntimeError", plugin="bad")

    plain = json.loads(json.dumps([info.to_dict() for info in site.load().plugins]))

    assert ["bad", "one"] == [info["name"] for info in plain]
    assert {"models": ["a"]} == plain[1]["provides"]
    assert {"name", "distribution", "version", "status", "message", "provides", "details", "seconds"} == set(plain[0])


def test_specs_can_be_sent_to_workers(site):
    found = site.load().register(toy_plugin("toy"), "toys")

    assert found.models["toy"] == pickle.loads(pickle.dumps(found.models["toy"]))


# -- plugins that are not installed ---------------------------------------------------------------


def test_register_makes_a_new_registry(site):
    before = site.load()

    after = before.register(toy_plugin("b", "a"), "toys")

    assert {} == before.models
    assert ["a", "b"] == list(after.models)
    assert "plugin 'toys' (registered in this process)" == str(after.plugins[0])
    assert ("toys", "") == (after.models["a"].plugin, after.models["a"].distribution)


def test_registering_in_either_order_gives_the_same(site):
    one, two = toy_plugin("a"), toy_plugin("b")
    start = site.load()

    forth = start.register(one, "one").register(two, "two")
    back = start.register(two, "two").register(one, "one")

    assert list(forth.models.items()) == list(back.models.items())
    assert [info.name for info in forth.plugins] == [info.name for info in back.plugins]


def test_register_takes_a_module(site):
    module = types.ModuleType("toys")
    module.register_models = toy_plugin("toy").register_models

    assert ["toy"] == list(site.load().register(module, "toys").models)


def test_registering_a_broken_plugin_raises_at_once(site):
    with pytest.raises(PluginError, match=r"plugin 'toys' \(registered in this process\) is broken: .*'A' must be"):
        site.load().register(toy_plugin("A"), "toys")


def test_registering_a_clash_raises(site):
    site.add_model("automl-one", "knn", plugin="one")

    with pytest.raises(PluginError, match="two plugins offer the model 'knn'"):
        site.load().register(toy_plugin("knn"), "toys")


def test_register_keeps_what_is_switched_off(site):
    site.add_model("automl-one", "knn", plugin="one")

    found = site.load(disabled=["one"]).register(toy_plugin("knn"), "toys")

    assert [("one", "off"), ("toys", "ok")] == [(info.name, info.status) for info in found.plugins]


def test_register_plugin_is_seen_by_the_whole_process(site):
    register_plugin(toy_plugin("toy"), "toys")

    assert ["toy"] == list(load_registry().models)
    assert [] == list(load_registry(disabled=["toys"]).models)

    unregister_plugin("toys")

    assert [] == list(load_registry().models)


def test_registering_a_name_again_replaces_it(site):
    """As happens when a notebook cell is run twice."""
    register_plugin(toy_plugin("old"), "toys")
    register_plugin(toy_plugin("new"), "toys")

    assert ["new"] == list(load_registry().models)


def test_plugin_of_the_process_clashes_with_an_installed_one_of_its_name(site):
    site.add_model("automl-toy", "a", plugin="toy")
    register_plugin(toy_plugin("b"), "toy")

    with pytest.raises(PluginError, match="two plugins are called 'toy'.*--disable-plugin toy@automl-toy"):
        load_registry()

    assert ["b"] == list(load_registry(disabled=["toy@automl-toy"]).models)


def test_a_registry_does_not_take_two_plugins_of_one_name(site):
    """Neither of them is installed, so that no distribution tells them apart."""
    found = site.load().register(toy_plugin("a"), "toy")

    with pytest.raises(PluginError, match="two plugins are called 'toy'.*--disable-plugin toy,"):
        found.register(toy_plugin("b"), "toy")


def test_plugin_of_the_process_that_loses_its_name_is_told_at_once(site):
    site.add_model("automl-pluggy", "linear", plugin="linear")
    register_plugin(toy_plugin("linear"), "toy")

    with pytest.raises(PluginError, match=r"'toy' \(registered in this process\) is left out"):
        load_registry()

    register_plugin(toy_plugin("other"), "linear")
    with pytest.raises(PluginError, match=r"'linear' \(registered in this process\) is left out"):
        load_registry(disabled=["toy"])


def test_unregistering_what_is_not_there_is_refused(site):
    with pytest.raises(PluginError, match="no plugin called 'toys' was registered in this process; there are: none"):
        unregister_plugin("toys")


# -- cache ----------------------------------------------------------------------------------------


def test_registry_is_made_once(site):
    site.add_model("automl-toy", "toy")
    first = site.load()

    assert first is load_registry()
    assert first is load_registry(disabled=[])
    assert first is not load_registry(disabled=["toy"])
    assert first is not load_registry(refresh=True)


def test_environment_is_part_of_what_is_kept(site, monkeypatch):
    site.add_model("automl-toy", "toy")
    assert ["toy"] == list(site.load().models)

    monkeypatch.setenv("AUTOML_DISABLE_PLUGINS", "toy")

    assert [] == list(load_registry().models)


def test_built_in_plugins_leave_the_name_of_the_example_free():
    """Otherwise the plugin of the tutorial could not be installed beside them."""
    assert "knn" not in {info.name for info in load_registry().plugins}
    assert "knn" not in load_registry().models
