"""Checks of a model: its spec, its space, and the plain story of fit and predict."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.space import JointSpace, model_space
from automl.spec_checks import spec_problem
from automl.specs import ModelSpec
from automl.testing.data import arrays_of, changed, take_rows, toy_task
from automl.testing.model_case import SEED, Case, loss_of, same
from automl.testing.rules import require, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = 5
METHODS = ("fit", "predict", "save", "load")
SAMPLE_SECONDS = 5.0
"""A random configuration may stop then: extreme ones train long."""


def check_spec(case: Case) -> None:
    """The fields of the spec are sane, what it requires is installed, and its class has the methods."""
    spec = case.spec
    problem = spec_problem(spec, ModelSpec)
    require(problem is None, f"{problem}")
    require(spec.summary.strip(), f"model {spec.name!r} needs a summary, one sentence for `automl plugins`")
    images = (spec.form == "images", spec.modality == "images")
    require(
        images[0] == images[1],
        f"model {spec.name!r}: form={spec.form!r} and modality={spec.modality!r}; models of images say 'images' twice",
    )
    require(spec.problem_types, f"model {spec.name!r} names no problem types")
    for name, value, good in (
        ("relative_cost", spec.relative_cost, spec.relative_cost > 0),
        ("least_share", spec.least_share, 0 < spec.least_share <= 1),
        ("column_growth", spec.column_growth, 0 <= spec.column_growth <= 3),
        ("class_growth", spec.class_growth, 0 <= spec.class_growth <= 3),
        ("memory_factor", spec.memory_factor, spec.memory_factor > 0),
        ("max_rows", spec.max_rows, spec.max_rows is None or spec.max_rows > 0),
        ("max_classes", spec.max_classes, spec.max_classes is None or spec.max_classes >= 2),
        ("devices", spec.devices, len(spec.devices) > 0),
    ):
        require(good, f"model {spec.name!r}: {name}={value!r} makes no sense; see the docstring of ModelSpec.{name}")
    require(not spec.missing(), f"model {spec.name!r} needs {', '.join(spec.missing())}, which is not installed")
    factory = case.factory
    require(callable(factory), f"model {spec.name!r}: {spec.factory} is no class")
    absent = [name for name in METHODS if not callable(getattr(factory, name, None))]
    require(not absent, f"model {spec.name!r}: {spec.factory} lacks the methods {', '.join(absent)}")


def check_space(case: Case) -> None:
    """The space is a ConfigurationSpace for any task, the same each time, of plain values that JSON keeps."""
    from ConfigSpace import ConfigurationSpace

    spec, owner = case.spec, f"{case.owner}: its space function {case.spec.space}"
    for rows in (2, case.rows, 1_000_000):
        task = replace(case.task(), rows=rows)
        if spec.form != "images":
            task = replace(toy_task(case.problem_type, rows=rows, texts=int(spec.needs_text)), features=1, categories=0)
        with rule(owner, f"must work for a task of {rows} rows"):
            found = model_space(spec, task)
        require(isinstance(found, ConfigurationSpace), f"{owner} returned {type(found).__name__}")
    require(case.space.subspaces[spec.name] == model_space(spec, case.task()), f"{owner} is not the same twice")
    joint = JointSpace({spec.name: model_space(spec, case.task())})
    for config in [joint.default(spec.name).config, *case.samples(SAMPLES)]:
        for name, value in config.items():
            plain = value is None or type(value) in (str, bool, int, float)
            require(plain, f"{owner}: {name}={value!r} is a {type(value).__name__}; use str, bool, int, float or None")
        require(json.loads(json.dumps(dict(config))) == config, f"{owner}: {config!r} changes when written as JSON")


def check_default_configuration(case: Case) -> None:
    """The default configuration fits and predicts."""
    _, valid = case.data()
    case.fully_fitted.predict(valid, "must predict with its default configuration")


def check_sampled_configurations(case: Case) -> None:
    """Random configurations of the space fit and predict."""
    train, valid = case.data()
    for config in case.samples(SAMPLES):
        effort = replace(case.brief, deadline=time.monotonic() + SAMPLE_SECONDS)
        fitted = case.fit(f"must fit {config!r}", train=train, valid=valid, config=config, effort=effort)
        fitted.predict(valid, f"must predict with {config!r}")


def check_without_validation_rows(case: Case) -> None:
    """`valid` may be None: a member is then fitted on all rows."""
    train, valid = case.data()
    fitted = case.fit("must fit when `valid` is None", train=train, valid=None)
    fitted.predict(valid, "must predict when `valid` was None")


def check_repeatable(case: Case) -> None:
    """The same seed and configuration give the same predictions, whatever the global random state is."""
    _, valid = case.data()
    states = np.random.get_state(), random.getstate()  # noqa: NPY002
    answers = []
    try:
        for state in (1, 2):
            np.random.seed(state)  # noqa: NPY002
            random.seed(state)
            answers.append(case.fit("must fit").predict(valid, "must predict"))
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        random.setstate(states[1])
    require(
        same(*answers),
        f"{case.owner}: two fits with the same data, configuration and seed predict differently "
        f"(by up to {np.abs(answers[0] - answers[1]).max():.3g}); use only the seed that __init__ is given",
    )


def check_models_share_nothing(case: Case) -> None:
    """A second model of the class leaves the first as it is."""
    _, valid = case.data()
    first = case.fitted
    before = first.predict(valid, "must predict")
    other, _ = case.data(seed=5)
    case.fit("must fit", train=other, config=case.samples(1)[0], seed=SEED + 1)
    after = first.predict(valid, "must predict")
    require(same(before, after), f"{case.owner}: fitting another model changes this one; keep state in the instance")


def check_inputs_unchanged(case: Case) -> None:
    """Neither `fit` nor `predict` changes its data, which other jobs read too."""
    train, valid = case.data()
    train, valid = (changed(part, weight=np.linspace(0.5, 2.0, len(part))) for part in (train, valid))
    copies = [take_rows(part, np.arange(len(part))) for part in (train, valid)]
    fitted = case.fit("must fit data with sample weights", train=copies[0], valid=copies[1])
    fitted.predict(copies[1], "must predict")
    for role, original, copy in (("train", train, copies[0]), ("valid", valid, copies[1])):
        for name, array in arrays_of(original).items():
            unchanged = np.array_equal(array, arrays_of(copy)[name], equal_nan=array.dtype.kind == "f")
            require(unchanged, f"{case.owner}: fit or predict changed {role}.{name}; copy what you change")
    text = "must not write into its data: the arrays are read-only, as files mapped into memory are"
    case.fit(text, train=train, valid=valid).predict(valid, text)


def check_weights(case: Case) -> None:
    """Sample weights of any scale are accepted, zeros among them."""
    train, valid = case.data()
    for scale in (1e-3, 1e3):
        weight = np.random.default_rng(3).uniform(0.5, 1.5, len(train)) * scale
        weight[::7] = 0.0
        weighted = changed(train, weight=weight)
        text = f"must accept sample weights of about {scale:g}, some of them 0"
        fitted = case.fit(text, train=weighted, valid=changed(valid, weight=np.full(len(valid), scale)))
        fitted.predict(valid, text)


def check_rows_are_independent(case: Case) -> None:
    """A row's prediction does not depend on the rows that are predicted with it; one row alone works."""
    _, valid = case.data()
    fitted = case.fitted
    whole = fitted.predict(valid, "must predict")
    rows = np.arange(len(valid))
    parts = [fitted.predict(take_rows(valid, part), "must predict a few rows") for part in (rows[:1], rows[1:])]
    require(
        same(whole, np.concatenate(parts)),
        f"{case.owner}: the predictions of a row depend on the other rows; use only what was learned in fit",
    )


def check_better_than_a_constant(case: Case) -> None:
    """On an easy task the default configuration clearly beats the class shares or the mean."""
    train, valid = case.data()
    assert train.target is not None
    assert valid.target is not None
    loss = loss_of(case, case.fully_fitted.predict(valid, "must predict"), valid.target)
    if case.problem_type == "regression":
        constant = np.full(len(valid), train.target.mean())
    else:
        constant = np.tile(np.bincount(train.target) / len(train), (len(valid), 1))
    floor = loss_of(case, constant, valid.target)
    require(
        loss < 0.95 * floor,
        f"{case.owner}: the default configuration has loss {loss:.3g} on an easy task where a constant has "
        f"{floor:.3g}; a model that only marks the floor says is_baseline=True",
    )


def basic_checks(spec: ModelSpec) -> Iterator[Any]:
    """Those that apply to this model, in the order in which their failures say most."""
    yield from (
        check_spec,
        check_space,
        check_default_configuration,
        check_sampled_configurations,
        check_without_validation_rows,
        check_repeatable,
        check_models_share_nothing,
        check_inputs_unchanged,
        check_weights,
        check_rows_are_independent,
    )
    if not spec.is_baseline:
        yield check_better_than_a_constant
