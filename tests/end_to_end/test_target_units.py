"""A quantity may be written in any unit: models learn it alike, and predictions come back in the user's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl import Effort
from automl.api import fit_run, make_settings
from automl.data.matrix import MatrixEncoder
from automl.data.target_unit import TargetUnit, find_unit
from automl.member import fit_member, load_member
from automl.registry import load_registry
from automl.run_reader import open_run
from automl.space import JointSpace, model_space
from automl.testing import toy_table, toy_task
from automl.testing.toy_models import ToyModel
from automl.testing.toys import toy_spec

REGRESSORS = sorted(
    name
    for name, spec in load_registry().models.items()
    if "regression" in spec.problem_types and spec.form != "images" and not spec.needs_text and not spec.is_baseline
)
REGRESSORS = [  # models for long runs are slow to test, too
    pytest.param(name, marks=pytest.mark.slow) if load_registry().models[name].cpu_share else name
    for name in REGRESSORS
]
UNITS = {"far from zero": (1e9, 1.0), "tiny": (0.0, 1e-9), "huge": (0.0, 1e15), "tiny and far": (-3.0, 1e-6)}


# -- every model ----------------------------------------------------------------------------------


def r2(member, valid, truth):
    found = member.predict(valid)
    return 1 - np.mean((truth - found) ** 2) / np.var(truth)


def fitted(spec, train, valid, centre, scale):
    """A member on the toy table with its target in another unit, and the R2 it reaches."""
    train, valid = (replace(part, target=centre + scale * part.target) for part in (train, valid))
    task = toy_task("regression")
    encoder, given, judged = None, train, valid
    if spec.form == "matrix":
        encoder = MatrixEncoder()
        given = encoder.fit_transform(train, task, seed=0)
        judged = encoder.transform(valid)
    config = JointSpace({spec.name: model_space(spec, task)}).default(spec.name).config
    effort = Effort(fidelity={"rounds": 60.0, "trees": 20.0, "epochs": 30.0})
    unit = find_unit(train.target)
    member, _ = fit_member(
        spec.load(), config=config, task=task, seed=0, train=given, valid=judged, effort=effort, encoder=encoder,
        unit=unit,
    )  # fmt: skip
    return member, config, r2(member, valid, valid.target)


@pytest.mark.parametrize("model", REGRESSORS)
def test_a_target_in_any_unit_is_learned_alike(model, tmp_path):
    spec = load_registry().get("models", model)
    if spec.missing():
        pytest.skip(f"needs {', '.join(spec.missing())}")
    train, valid = toy_table("regression")
    train, valid = (replace(part, target=part.target / train.target.std()) for part in (train, valid))
    _, _, usual = fitted(spec, train, valid, 0.0, 1.0)

    assert usual > 0.3
    for unit, (centre, scale) in UNITS.items():
        member, config, found = fitted(spec, train, valid, centre, scale)

        assert found == pytest.approx(usual, abs=0.04), unit
    member.save(tmp_path)
    again = load_member(tmp_path, spec.load(), config=config, task=toy_task("regression"), seed=0, encoders={})
    assert np.allclose(member.predict(valid), again.predict(valid), rtol=1e-12, atol=0.0)


# -- a run ----------------------------------------------------------------------------------------


def houses(rows=200, centre=0.0, scale=1.0, seed=0):
    """Numbers and a street of many levels tell the price, up to noise."""
    rng = np.random.default_rng(seed)
    street = rng.integers(0, 40, rows)
    size = rng.normal(size=rows)
    signal = size + np.sin(street) + rng.normal(scale=0.1, size=rows)
    return pd.DataFrame(
        {"size": size, "street": [f"street {place}" for place in street], "price": centre + scale * signal}
    )


def run(folder, data, models, *, registry=None, **options):
    given = {"trials": len(models), "models": models, "executor": "inline", "seed": 1, **options}
    return fit_run(data, make_settings("price", given), out=folder, registry=registry)


def test_a_run_keeps_all_digits_of_its_predictions(tmp_path):
    """Out-of-fold predictions, ensemble and saved predictor: nothing on the way may round to float32."""
    models = ["linear", "lightgbm"]
    usual = run(tmp_path / "usual", houses(), models, metric="r2").score
    far = houses(centre=1e9)
    outcome = run(tmp_path / "far", far, models, metric="r2")

    assert outcome.score == pytest.approx(usual, abs=0.01)
    assert usual > 0.8
    assert automl.load(tmp_path / "far").score(far) > usual


class Stranger(ToyModel):
    """Tells what targets and which metric it was given."""

    def fit(self, train, valid, effort):
        facts = super().fit(train, valid, effort)
        return {**facts, "least": float(train.target.min()), "logs": float(self._task.metric == "rmsle")}


def facts_of_a_stranger(folder, data, **options):
    raw_target = options.pop("raw_target", False)

    class Plugin:
        @staticmethod
        @automl.hookimpl
        def register_models():
            return [toy_spec("stranger", factory=f"{__name__}:Stranger", raw_target=raw_target)]

    registry = load_registry().register(Plugin, "strangers")
    outcome = run(folder, data, ["stranger"], registry=registry, **options)
    with open_run(folder) as opened:
        jobs = [job for job in opened.jobs() if "least" in job["facts"]]
    return outcome, jobs[0]["facts"]


def test_a_strangers_model_sees_values_of_usual_size(tmp_path):
    outcome, facts = facts_of_a_stranger(tmp_path / "run", houses(centre=1e9, scale=1e-3), metric="rmse")

    assert -10 < facts["least"] < 0
    assert 1e9 == pytest.approx(outcome.predictor.predict(houses()).mean(), rel=1e-9)


def test_a_model_may_ask_for_the_users_unit(tmp_path):
    data = houses(centre=20.0)
    _, facts = facts_of_a_stranger(tmp_path / "run", data, metric="rmse", raw_target=True)

    assert facts["least"] >= data["price"].min() > 10


def test_models_see_the_logarithm_that_the_metric_judges(tmp_path):
    """With rmsle a stranger's model that knows squares only gets logarithms, and is told that squares count."""
    data = houses(centre=20.0)
    outcome, facts = facts_of_a_stranger(tmp_path / "run", data, metric="rmsle")

    assert -10 < facts["least"] < 0
    assert 0.0 == facts["logs"]
    assert 0 < outcome.score < 0.1
    assert outcome.predictor.predict(data).mean() == pytest.approx(20.0, rel=0.05)


def test_a_model_that_asks_for_the_users_unit_takes_logarithms_itself(tmp_path):
    _, facts = facts_of_a_stranger(tmp_path / "run", houses(centre=20.0), metric="rmsle", raw_target=True)

    assert facts["least"] > 10
    assert 1.0 == facts["logs"]


@pytest.mark.parametrize("metric", ["rmsle", "gamma_deviance"])
def test_a_line_of_logarithms_is_found_by_a_linear_model(tmp_path, metric):
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"size": rng.normal(size=400), "other": rng.normal(size=400)})
    data["price"] = np.exp(2 * data["size"] + 6 + rng.normal(scale=0.1, size=400))
    outcome = run(tmp_path / "run", data, ["linear"], metric=metric)
    far = outcome.predictor.predict(data.assign(size=50.0))

    assert outcome.score < (0.15 if metric == "rmsle" else 0.02)
    assert data["price"].max() < far.max() < 3 * data["price"].max()


@pytest.mark.parametrize("slope", [0.1, 0.0])
@pytest.mark.parametrize("rows", [1000, 60])
def test_gamma_deviance_is_that_of_the_mean_not_of_the_mean_of_logarithms(tmp_path, rows, slope):
    """Noise is skewed in the logarithm: without a factor, predictions would be too small by a half, those of a constant, too."""
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"size": rng.normal(size=rows)})
    data["price"] = np.exp(slope * data["size"]) * rng.exponential(size=rows)
    outcome = run(tmp_path / "run", data, ["linear"], metric="gamma_deviance", refit=True)

    assert outcome.predictor.predict(data).mean() == pytest.approx(data["price"].mean(), rel=0.1)
    assert any("values multiplied by" in reason for reason in outcome.reasons)


def log_error(truth, prediction):
    """Squares of logarithms, of which the geometric mean is the best."""
    return float(((np.log(truth) - np.log(prediction)) ** 2).mean())


log_error.greater_is_better, log_error.logarithm = False, "log"


def test_a_users_error_of_logarithms_keeps_the_geometric_mean(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"size": rng.normal(size=400), "price": rng.lognormal(size=400)})
    outcome = run(tmp_path / "run", data, ["linear"], metric="test_target_units:log_error")

    assert outcome.predictor.predict(data).mean() == pytest.approx(np.exp(np.log(data["price"]).mean()), rel=0.1)


def test_a_factor_is_judged_on_groups_that_it_was_not_found_on(tmp_path):
    """The level of each shop is its own: a factor found on the shops that are judged would seem to know it."""
    rng = np.random.default_rng(0)
    shop = np.arange(300) % 6
    price = np.exp(np.array([-2.0, 2.0, -2.0, 2.0, -2.0, 2.0])[shop] + 0.1 * rng.normal(size=300))
    data = pd.DataFrame({"size": rng.normal(size=300), "shop": shop, "price": price})
    outcome = run(tmp_path / "run", data, ["linear"], metric="gamma_deviance", group="shop")
    ratio = data["price"] / data["price"].mean()

    assert outcome.score > 0.9 * 2 * np.mean(ratio - np.log(ratio) - 1)


@pytest.mark.parametrize("bend", ["log", "log1p"])
def test_logarithms_of_the_largest_floats(bend):
    unit = find_unit(np.array([1e300, 1e307, 1.7e308]), proportional=True, bend=bend)

    assert np.isfinite(unit.from_model(np.array([-10.0, 0.0, 10.0]))).all()


@pytest.mark.parametrize("values", [[-1.7e308, 1.7e308, 1.7e308], [-1.7e308, -1.6e308, 1.7e308, 1.7e308]])
def test_the_largest_floats_of_both_signs_have_a_unit(values):
    unit = find_unit(np.array(values))

    assert np.isfinite(unit.to_model(np.array(values))).all()
    assert values == pytest.approx(unit.from_model(unit.to_model(np.array(values))))


def test_predictions_of_counts_are_above_zero(tmp_path):
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"size": rng.normal(size=400)})
    data["price"] = rng.poisson(np.exp(data["size"] - 1)).astype(float)
    outcome = run(tmp_path / "run", data, ["linear", "lightgbm"], metric="poisson_deviance")

    assert outcome.predictor.predict(data).min() > 0
    assert outcome.score < 1.2


def test_far_from_zero_proportions_are_plain_differences(tmp_path):
    _, facts = facts_of_a_stranger(tmp_path / "run", houses(centre=1e9), metric="rmsle")

    assert -10 < facts["least"] < 0
    assert 0.0 == facts["logs"]


# -- the unit itself ------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[1_000_000_007, 1_000_000_010, 1_000_000_400], [3.0], [7, 7, 7], [0, 0, 1]])
def test_whole_numbers_come_back_whole(values):
    unit = find_unit(np.array(values))

    assert values == unit.from_model(unit.to_model(np.array(values))).tolist()


def test_one_value_far_out_leaves_the_others_their_digits():
    """Centred by the mean, all but one would be the same number in float32."""
    values = np.append(np.linspace(0, 1, 99), 1e12)
    unit = find_unit(values)

    assert 100 == len(np.unique(unit.to_model(values).astype(np.float32)))


def test_a_unit_survives_json():
    unit = find_unit(np.array([1e9, 1e9 + 1.0]), proportional=True)

    assert unit.shifts_proportions
    assert unit == TargetUnit.from_dict(unit.to_dict())


@pytest.mark.parametrize(("bend", "values"), [("log", [0.5, 3.0, 900.0]), ("log1p", [0.0, 3.0, 900.0])])
def test_logarithms_come_back_and_stay_near_what_was_seen(bend, values):
    unit = find_unit(np.array(values), proportional=True, bend=bend)
    low, high = unit.from_model(np.array([-1e6, 1e6]))

    assert unit == TargetUnit.from_dict(unit.to_dict())
    assert values == pytest.approx(unit.from_model(unit.to_model(np.array(values))))
    assert (low, high) == pytest.approx((values[0] / np.e, 900 * np.e) if bend == "log" else (0.0, 901 * np.e - 1))


def test_values_without_logarithm_are_left_as_they_are():
    assert TargetUnit() == find_unit(np.array([0.0, 3.0, 900.0]), proportional=True, bend="log")
    assert TargetUnit(least=0.301) == find_unit(np.array([0.0, 3.0, 900.0]), proportional=True, positive=True)


@pytest.mark.parametrize(("values", "scale"), [([1.0, 50.0], 1.0), ([1e-9, 3e-9], 2.0**-30)])
def test_proportions_stay_where_zero_matters(values, scale):
    assert TargetUnit(scale=scale) == find_unit(np.array(values), proportional=True)
