"""Where full training ends, said by the user."""

import re
import types

import pytest

import automl
from automl.cli.fit import fit_command
from automl.errors import SettingsError
from automl.offers import Registry
from automl.ready import stretch_fidelity
from automl.settings import Settings


@pytest.fixture
def registry():
    phi = automl.Fidelity(name="phi", unit="steps", low=-2, high=0, growth="exponential")
    epochs = automl.Fidelity(name="epochs", unit="epochs", low=1, high=20)
    plugin = types.ModuleType("toys")
    plugin.register_fidelities = automl.hookimpl(lambda: [phi])
    spec = automl.ModelSpec(
        name="toy", summary="A toy.", factory="toys:Toy", space="toys:s", fidelities=(epochs, "phi")
    )
    plugin.register_models = automl.hookimpl(lambda: [spec])
    return Registry().register(plugin, "toys")


def settings(**options):
    return Settings(target="y", **options)


def test_registered_and_own_fidelities_end_where_the_user_says(registry):
    phi = stretch_fidelity(registry, settings(fidelity="phi", fidelity_max=3)).fidelities["phi"]
    spec = stretch_fidelity(registry, settings(fidelity="epochs", fidelity_max=100)).models["toy"]

    assert [0, 1, 2, 3] == [phi.value(2.0**-step) for step in (3, 2, 1, 0)]
    assert (100, 50) == (spec.fidelities[0].high, spec.fidelities[0].value(0.5))
    assert "phi" == spec.fidelities[1]
    assert 0 == registry.fidelities["phi"].high  # the registry is everybody's


def test_without_it_nothing_changes(registry):
    assert registry is stretch_fidelity(registry, settings(fidelity="phi"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fidelity": "phi", "fidelity_max": -3}, "--phi-max -3 (fidelity_max) must be a whole number of at least -2"),
        ({"fidelity": "epochs", "fidelity_max": 2.5}, "max 2.5 (fidelity_max) must be a whole number of at least 1"),
        (
            {"fidelity": "rows", "fidelity_max": 2},
            "a largest number of rows (2, by --fidelity-max, --rows-max or fidelity_max=) makes no sense",
        ),
        (
            {"fidelity": "phi", "fidelity_max": 50},
            "--phi-max 50 (fidelity_max) cannot be trained: each step of phi doubles the cost; give at most 16",
        ),
        ({"fidelity_max": 2}, "fidelity_max=2 needs to know of what: give fidelity as well"),
        ({"fidelity": "phi", "fidelity_max": float("nan")}, "fidelity_max=nan must be a finite number"),
    ],
)
def test_values_that_cannot_be(registry, options, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        stretch_fidelity(registry, settings(**options))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--rounds-max", "500"], ("rounds", 500.0)),
        (["--rounds-max=500", "--fidelity", "rounds"], ("rounds", 500.0)),
        (["--fidelity", "phi", "--fidelity-max", "-2"], ("phi", -2.0)),
    ],
)
def test_the_short_form_says_both(args, expected):
    context = fit_command.make_context("fit", ["train.csv", "--target", "y", *args])

    assert expected == (context.params["fidelity"], context.params["fidelity_max"])


@pytest.mark.parametrize("given", [["--fidelity", "trees"], ["--fidelity=trees"]])
def test_the_short_form_beside_another_fidelity_is_refused(given):
    with pytest.raises(SettingsError, match="--rounds-max was given beside --fidelity trees"):
        fit_command.make_context("fit", ["train.csv", "--target", "y", *given, "--rounds-max", "5"])


@pytest.mark.parametrize("given", [["--rounds-max", "many"], ["--rounds-max=many"]])
def test_the_short_form_with_what_is_no_number_is_told_as_it_was_written(given):
    with pytest.raises(SettingsError, match="--rounds-max 'many' is no number; give the rounds of full training"):
        fit_command.make_context("fit", ["train.csv", "--target", "y", *given])


def test_the_value_reaches_the_model(tmp_path):
    """At the whole budget, too, where early stopping still works."""
    table = tmp_path / "toy.csv"
    rows = "\n".join(f"{number},{number % 7},{number % 3}" for number in range(80))
    table.write_text(f"a,b,y\n{rows}\n")
    out = tmp_path / "run"
    automl.fit(
        str(table), target="y", trials=1, models=("extra_trees",), fidelity="trees", fidelity_max=15, folds=2,
        executor="inline", out=out, baselines=False,
    )  # fmt: skip
    from automl.run_reader import RunReader

    with RunReader(out) as reader:
        assert [15.0] == [trial.facts["trees"] for trial in reader.trials() if "trees" in trial.facts]
