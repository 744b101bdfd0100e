"""The checks of `automl.testing` pass the toys, and find each broken rule."""

import bz2
import gzip
import io
import lzma
import pickle
import sys
import tarfile
import time
import zipfile
import zlib

import numpy as np
import pytest

import automl
from automl import (
    Candidate,
    Done,
    Effort,
    Fidelity,
    MetricSpec,
    ModelSpec,
    Promote,
    Sample,
    SamplerSpec,
    SchedulerSpec,
    Wait,
)
from automl.registry import load_registry
from automl.saved_files import is_pickle
from automl.testing import (
    FakeClock,
    check_metric,
    check_model,
    check_no_pickle,
    check_plugin_is_light,
    check_sampler,
    check_scheduler,
    model_checks,
    model_effort,
    toy_matrix,
    toy_space,
    toy_table,
    toy_task,
    toys,
)
from automl.testing.data import ODD_NAMES, arrays_of, renamed
from automl.testing.search import Simulation
from automl.testing.toy_models import ToyModel, distance


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Specs name the classes of this file; pytest imports it under a name of its own."""
    monkeypatch.setitem(sys.modules, "kit_examples", sys.modules[__name__])


def example(factory, **fields):
    """The spec of a model of this file."""
    values = {
        "name": "example",
        "summary": "An example.",
        "factory": f"kit_examples:{factory}",
        "space": "automl.testing.toy_models:fit_space",
        "form": "table",
    }
    return ModelSpec(**(values | fields))


# -- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "check", [*model_checks(toys.toy_spec()), *model_checks(toys.toy_spec(form="matrix"))], ids=str
)
def test_the_toy_model_passes(check):
    check()


class Writes(ToyModel):
    def fit(self, train, valid, effort):
        train.numbers[0, 0] = 1.0
        return super().fit(train, valid, effort)


class Shuffles(ToyModel):
    """Writes only where it can."""

    def fit(self, train, valid, effort):
        if train.numbers.flags.writeable:
            train.numbers[0, 0] = 1.0
        return super().fit(train, valid, effort)


class NeedsValid(ToyModel):
    def fit(self, train, valid, effort):
        assert len(valid)
        return super().fit(train, valid, effort)


class Weightless(ToyModel):
    def fit(self, train, valid, effort):
        if train.weight is not None:
            raise ValueError("weights are not supported")
        return super().fit(train, valid, effort)


class Random(ToyModel):
    def predict(self, data):
        found = super().predict(data)
        return found if found.ndim == 2 else found + self.noise

    def fit(self, train, valid, effort):
        self.noise = np.random.normal()
        return super().fit(train, valid, effort)

    def load(self):
        raise NotImplementedError


class Shares(ToyModel):
    """Keeps its coefficients in the class."""

    def fit(self, train, valid, effort):
        facts = super().fit(train, valid, effort)
        Shares.kept = self._coefficients
        return facts

    def predict(self, data):
        self._coefficients = Shares.kept
        return super().predict(data)


class Batch(ToyModel):
    def predict(self, data):
        return super().predict(data) - (data.numbers[:, 0] == np.nanmax(data.numbers[:, 0])) * 5.0


class NotFinite(ToyModel):
    def predict(self, data):
        found = super().predict(data)
        found[0] = np.nan
        return found


class Lists(ToyModel):
    def predict(self, data):
        return super().predict(data).tolist()


class Unscaled(ToyModel):
    def predict(self, data):
        return super().predict(data) * 2


class Late(ToyModel):
    def fit(self, train, valid, effort):
        if len(train) > 1000:
            time.sleep(0.5)
        return super().fit(train, valid, effort)


class Blind(ToyModel):
    def predict(self, data):
        self._coefficients = np.zeros_like(self._coefficients)
        return super().predict(data)


class Pickles(ToyModel):
    def save(self, folder):
        super().save(folder)
        (folder / "model.bin").write_bytes(pickle.dumps(self._coefficients))


class Forgets(ToyModel):
    @classmethod
    def load(cls, folder, config, task, seed):
        model = super().load(folder, config, task, seed)
        model._coefficients *= 0.5
        return model


class Facts(ToyModel):
    def fit(self, train, valid, effort):
        super().fit(train, valid, effort)
        return {"steps": float("nan")}


class Needy(ToyModel):
    def fit(self, train, valid, effort):
        if len(train) < 10:
            raise ValueError("at least 10 rows")
        return super().fit(train, valid, effort)


class Names(ToyModel):
    def fit(self, train, valid, effort):
        if any("[" in name for name in train.layout.numbers):
            raise ValueError("no brackets please")
        return super().fit(train, valid, effort)


class Strict(ToyModel):
    def predict(self, data):
        if np.isnan(data.numbers).all():
            raise ValueError("nothing but NaN")
        return super().predict(data)


class Restarts(ToyModel):
    """Counts only what it trained itself."""

    def fit(self, train, valid, effort):
        facts = super().fit(train, valid, effort)
        return {"steps": facts["steps"] - facts["resumed"]}


class NoSave:
    def __init__(self, config, task, seed): ...
    def fit(self, train, valid, effort): ...
    def predict(self, data): ...


def no_space(task):
    return {}


def small_space(task):
    from ConfigSpace import ConfigurationSpace, Integer

    return ConfigurationSpace(space=[Integer("depth", (1, min(4, task.rows - 5)))])


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("Writes", {}, "must not write into its data|raised ValueError: assignment destination is read-only"),
        ("Shuffles", {}, r"changed train\.numbers; copy what you change"),
        ("NeedsValid", {}, "must fit when `valid` is None; it raised TypeError"),
        ("Weightless", {}, "weights; it raised ValueError: weights are not supported"),
        ("Random", {}, "two fits with the same data, configuration and seed predict differently"),
        ("Shares", {}, "fitting another model changes this one"),
        ("Batch", {}, "the predictions of a row depend on the other rows"),
        ("NotFinite", {}, "not finite"),
        ("Lists", {}, "predict returned a list; return a numpy array"),
        ("Unscaled", {"problem_types": ("binary",)}, "do not sum to 1"),
        ("Late", {}, r"with a deadline -1 s away, fit of 2000 rows returned \d\.\d s too late"),
        ("Blind", {}, "has loss .* on an easy task where a constant has"),
        ("Pickles", {}, r"model\.bin holds a pickle"),
        ("Forgets", {}, "predictions differ after save and load"),
        ("Facts", {}, "fit returned the fact 'steps': nan"),
        ("Needy", {}, "must fit 6 rows with validation rows; it raised ValueError: at least 10 rows"),
        ("Names", {}, "any column names .*no brackets please"),
        ("Strict", {}, "numbers are all missing"),
        ("Restarts", {"fidelities": (toys.STEPS,)}, r"training up to steps=3 reported 2\.0; report the cumulative"),
        ("NoSave", {}, "lacks the methods save, load"),
        ("ToyModel", {"space": "kit_examples:no_space"}, "must return a ConfigurationSpace"),
        ("ToyModel", {"space": "kit_examples:small_space"}, "for a task of 2 rows"),
        ("ToyModel", {"summary": " "}, "needs a summary"),
        ("ToyModel", {"name": "Example"}, "lower case"),
        ("ToyModel", {"relative_cost": 0.0}, "relative_cost=0.0 must be above 0"),
        ("ToyModel", {"form": "images"}, "models of images say 'images' twice"),
        ("ToyModel", {"requires": ("no_such_module",)}, "needs no_such_module, which is not installed"),
        ("Nothing", {}, "cannot load 'kit_examples:Nothing'"),
    ],
)
def test_a_broken_rule_of_a_model_is_found(name, fields, message, monkeypatch):
    monkeypatch.setattr(model_effort, "LATE_SECONDS", 0.25)
    spec = example(name, **({"problem_types": ("regression",)} | fields))
    with pytest.raises((AssertionError, automl.PluginError), match=message):
        check_model(spec)


def test_a_check_can_be_left_out():
    spec = example("Blind", problem_types=("regression",))
    check_model(spec, skip=["better_than_a_constant"])
    with pytest.raises(AssertionError, match="there is no check called deadlines"):
        check_model(spec, skip=["deadlines"])


def test_a_baseline_need_not_be_better_than_itself():
    check_model(example("Blind", problem_types=("regression",), is_baseline=True))


def test_a_problem_type_the_model_does_not_do_is_refused():
    with pytest.raises(AssertionError, match="does not do binary; it does regression"):
        check_model(example("ToyModel", problem_types=("regression",)), problem_types=["binary"])


def test_an_unknown_model_is_told_with_near_names():
    with pytest.raises(automl.UnknownNameError, match="dummy"):
        check_model("dumy")


def test_checks_have_names_of_their_own():
    names = [str(check) for check in model_checks(toys.toy_spec())]

    assert len(names) == len(set(names))
    assert "toy-multiclass-resuming-steps" in names


# -- files ----------------------------------------------------------------------------------------


def packed(name, content):
    """`content` as a file of an archive, with the name of the archive."""
    stream = io.BytesIO()
    if name == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner", content)
    else:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            info = tarfile.TarInfo("inner")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


PICKLE = pickle.dumps({"a": [1, 2, ToyModel]})


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol_are_known(protocol):
    assert is_pickle(pickle.dumps({"a": ToyModel}, protocol=protocol))


def test_a_pickle_followed_by_raw_bytes_is_one_too():
    assert is_pickle(PICKLE[:-1] + np.random.default_rng(0).bytes(500))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"{}",
        b'{"a": 1}',
        b"0.5 1.5\n",
        b"12.",
        b"tree\nversion=v4\n",
        b"(a, b)",
        b"CBM1\x80\x04",
        np.arange(5.0).tobytes(),
    ],
)
def test_other_files_are_none(content):
    assert not is_pickle(content)


@pytest.mark.parametrize(
    "pack",
    [
        lambda content: content,
        gzip.compress,
        zlib.compress,
        bz2.compress,
        lzma.compress,
        lambda content: packed("zip", content),
        lambda content: packed("tar", content),
        lambda content: gzip.compress(packed("tar", content)),
        lambda content: packed("zip", packed("zip", content)),
    ],
)
def test_pickles_are_found_wherever_they_are_packed(tmp_path, pack):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "weights.bin").write_bytes(pack(b'{"harmless": true}'))
    check_no_pickle(tmp_path)
    (tmp_path / "sub" / "weights.bin").write_bytes(pack(PICKLE))
    with pytest.raises(AssertionError, match=r"sub/weights\.bin.* holds a pickle"):
        check_no_pickle(tmp_path)


@pytest.mark.parametrize("name", ["array.npy", "arrays.npz"])
def test_arrays_of_objects_are_found(tmp_path, name):
    save = np.save if name.endswith("npy") else np.savez
    save(tmp_path / name, np.array(["a", "b"]))
    check_no_pickle(tmp_path)
    save(tmp_path / name, np.array([None, "b"], dtype=object))
    with pytest.raises(AssertionError, match=rf"{name}.* is an array of Python objects"):
        check_no_pickle(tmp_path)


def test_names_of_pickles_and_links_are_refused(tmp_path):
    (tmp_path / "model.joblib").write_text("nothing")
    with pytest.raises(AssertionError, match="has the name of a pickle"):
        check_no_pickle(tmp_path)
    (tmp_path / "model.joblib").unlink()
    (tmp_path / "weights").symlink_to("/etc/hostname")
    with pytest.raises(AssertionError, match="weights is a link"):
        check_no_pickle(tmp_path)


# -- samplers -------------------------------------------------------------------------------------


class Draws:
    """A sampler to break: the first new one of a fixed stream."""

    def __init__(self, space, seed):
        self.space, self.seed = space, seed
        self.calls = 0

    def stream(self, history):
        return self.space.sample(60, seed=self.seed, origin="draws")

    def suggest(self, history):
        self.calls += 1
        asked = history.config_ids()
        return next((found for found in self.stream(history) if found.id not in asked), None)


class Seedless(Draws):
    def stream(self, history):
        return self.space.sample(60, seed=0, origin="draws")


class Stateful(Draws):
    def stream(self, history):
        return self.space.sample(60, seed=self.seed + self.calls, origin="draws")


class Repeating(Draws):
    def suggest(self, history):
        return self.space.sample(60, seed=self.seed, origin="draws")[len(history) % 5]


class ForgetsRunning(Draws):
    def suggest(self, history):
        done = {trial.candidate.id for trial in history.finished()}
        return next((found for found in self.stream(history) if found.id not in done), None)


class Illegal(Draws):
    def suggest(self, history):
        return Candidate(model="boosted", config={"rate": 5.0, "leaves": 3}, origin="draws")


class NumpyValues(Draws):
    def suggest(self, history):
        found = super().suggest(history)
        return found and Candidate(
            model=found.model, config={key: np.array([value])[0] for key, value in found.config.items()}, origin="draws"
        )


class NoOrigin(Draws):
    def stream(self, history):
        return self.space.sample(60, seed=self.seed, origin="")


class GivesUp(Draws):
    def suggest(self, history):
        return super().suggest(history) if len(history) < 8 else None


class LossesOfAll(Draws):
    def suggest(self, history):
        min((trial.loss for trial in history if trial.status != "running"), default=0.0) + 1.0
        return super().suggest(history)


class Endless(Draws):
    def suggest(self, history):
        return super().suggest(history) or self.space.sample(1, seed=0, origin="draws")[0]


def sampler(name):
    return SamplerSpec(name="example", summary="An example.", factory=f"kit_examples:{name}")


def test_a_good_sampler_passes():
    check_sampler(sampler("Draws"))
    check_sampler("random")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Seedless", "the same for seeds 0 and 1"),
        ("Stateful", "keep nothing in the sampler that the history does not show"),
        ("Repeating", "again; suggest new configurations"),
        ("ForgetsRunning", "also new compared with those still running"),
        ("Illegal", "which is not in the space"),
        ("NumpyValues", "is a (float64|int64|str_|bool)"),
        ("NoOrigin", "left Candidate.origin empty"),
        ("GivesUp", "gave None although the space is endless"),
        ("LossesOfAll", "failed; it raised TypeError"),
        ("Endless", "again; suggest new configurations"),
        ("NoSave", "must be made by factory"),
    ],
)
def test_a_broken_rule_of_a_sampler_is_found(name, message):
    with pytest.raises(AssertionError, match=message):
        check_sampler(sampler(name))


# -- schedulers -----------------------------------------------------------------------------------


class Halving:
    """Eight at a quarter of the budget, then the two best at the whole one."""

    def __init__(self, seed, *, first=8, budget=0.25):
        self.first, self.budget = first, budget

    def next(self, history):
        if sum(trial.parent is None for trial in history) < self.first:
            return Sample(budget=self.budget)
        if history.running():
            return Wait()
        promoted = {trial.parent for trial in history}
        small = [trial for trial in history.finished() if not trial.is_full]
        for trial in sorted(small, key=lambda trial: (trial.loss, trial.id))[:2]:
            if trial.id not in promoted:
                return self.promote(trial)
        return Done()

    def promote(self, trial):
        return Promote(trial=trial.id, budget=1.0)


class Percent(Halving):
    def promote(self, trial):
        return Promote(trial=trial.id, budget=100)


class SameBudget(Halving):
    def promote(self, trial):
        return Promote(trial=trial.id, budget=trial.budget)


class Twice(Halving):
    def next(self, history):
        found = super().next(history)
        if isinstance(found, Done) and history.finished():
            return Promote(trial=history.finished()[-1].parent or 1, budget=1.0)
        return found


class Hasty(Halving):
    def next(self, history):
        running = history.running()
        return Promote(trial=running[0].id, budget=1.0) if running else super().next(history)


class Deadlocked(Halving):
    def next(self, history):
        enough = len(history.finished()) >= 2 or not history
        return super().next(history) if enough or len(history) < self.first else Wait()


class WaitsForAll(Halving):
    """Waits until all of the first are done, also when they failed."""

    def next(self, history):
        if len(history) >= self.first and len(history.finished()) < self.first:
            return Wait()
        return super().next(history)


class Counts(Halving):
    calls = 0

    def next(self, history):
        Counts.calls += 1
        return Sample(budget=1.0 / (1 + Counts.calls))


class DoneAtOnce(Halving):
    def next(self, history):
        return super().next(history) if len(history) else Done()


class Free(Halving):
    def next(self, history):
        return Sample(budget=0.0)


class Words(Halving):
    def next(self, history):
        return "sample"


def scheduler(name):
    return SchedulerSpec(name="example", summary="An example.", factory=f"kit_examples:{name}")


def test_a_good_scheduler_passes():
    check_scheduler(scheduler("Halving"))
    check_scheduler(scheduler("Halving"), {"first": 20, "budget": 0.1})
    check_scheduler("full")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Percent", r"a budget is in \(0, 1\]"),
        ("SameBudget", "had a budget of 0.25 already"),
        ("Twice", "already"),
        ("Hasty", "is running, not done"),
        ("Deadlocked", "waits although nothing is running"),
        ("WaitsForAll", "waits although nothing is running"),
        ("Counts", "it must be a function of the history"),
        ("DoneAtOnce", "to an empty history; it must Sample"),
        ("Free", r"a budget is in \(0, 1\]"),
        ("Words", "answered 'sample'; it must be Sample, Promote, Wait or Done"),
        ("NoSave", "must be made by factory"),
    ],
)
def test_a_broken_rule_of_a_scheduler_is_found(name, message):
    with pytest.raises(AssertionError, match=message):
        check_scheduler(scheduler(name))


def test_a_simulation_is_repeatable_and_fails_as_told():
    def run():
        found = Simulation(seed=3, workers=3, failing=0.3)
        for candidate in toy_space().sample(20, seed=0):
            found.start(candidate, 0.5)
            while found.busy:
                found.finish_one()
        return list(found.history)

    first = run()

    assert first == run()
    assert 2 <= sum(trial.status == "failed" for trial in first) <= 12
    with pytest.raises(ValueError, match="nothing is running"):
        Simulation().finish_one()


# -- metrics --------------------------------------------------------------------------------------


def absolute(truth, prediction, weight):
    return float(np.average(np.abs(truth - prediction), weights=weight))


def first_rows(truth, prediction, weight):
    return absolute(truth[:60], prediction[:60], None if weight is None else weight[:60])


def weighed(truth, prediction, weight):
    return absolute(truth, prediction, None) * (1 if weight is None else 2)


def writes(truth, prediction, weight):
    prediction -= truth
    return float(np.abs(prediction).mean())


def per_spread(truth, prediction, weight):
    return absolute(truth, prediction, weight) / (1.0 if np.ptp(prediction) else np.nan)


def metric(name, **fields):
    values = {
        "name": "example",
        "summary": "An example.",
        "factory": f"kit_examples:{name}",
        "problem_types": ("regression",),
        "needs": "values",
        "greater_is_better": False,
        "best": 0.0,
    }
    return MetricSpec(**(values | fields))


def test_a_good_metric_passes():
    check_metric(metric("absolute"))
    check_metric("log_loss")


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("absolute", {"best": 1.0}, "a perfect prediction scores 0, but best=1"),
        ("absolute", {"greater_is_better": True}, "but greater_is_better=True"),
        ("first_rows", {}, "another order of the rows changes"),
        ("weighed", {}, "weights of 1 change the score"),
        ("writes", {}, "must give a finite number; it raised MetricError.*read-only"),
        ("absolute", {"needs": "nothing"}, "needs='nothing'"),
    ],
)
def test_a_broken_rule_of_a_metric_is_found(name, fields, message):
    with pytest.raises(AssertionError, match=message):
        check_metric(metric(name, **fields))


def test_a_metric_that_is_not_finite_for_a_constant_is_found():
    with pytest.raises(AssertionError, match="must give a finite number for a constant prediction"):
        check_metric(metric("per_spread"))


# -- imports --------------------------------------------------------------------------------------


def test_heavy_and_missing_modules_are_found():
    check_plugin_is_light("automl.testing")
    check_plugin_is_light("automl.testing.toys")
    with pytest.raises(AssertionError, match=r"automl\.testing\.data imports numpy, .*would pay for"):
        check_plugin_is_light("automl.testing.data")
    with pytest.raises(AssertionError, match="no_such_plugin cannot be imported"):
        check_plugin_is_light("no_such_plugin")
    with pytest.raises(AssertionError, match="imports json"):
        check_plugin_is_light("automl.history", heavy=("json",))


# -- toys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem_type", ["binary", "multiclass", "regression"])
def test_toy_tables_are_as_the_records_say(problem_type):
    for data in toy_table(problem_type, 50, text=True):
        assert (np.float32, np.int32, np.float32) == (data.numbers.dtype, data.codes.dtype, data.text.dtype)
        assert np.isnan(data.numbers).any()
        assert not np.isinf(data.numbers).any()
        assert -1 == data.codes.min()
        assert all(data.codes.max(axis=0) <= data.layout.levels)
        assert not any(array.flags.writeable for array in arrays_of(data).values())
    for data in toy_matrix(problem_type, 50):
        assert np.float32 == data.values.dtype
        assert np.isfinite(data.values).all()
        assert data.values.flags.c_contiguous
        assert data.values.shape[1] == len(data.names)
    task = toy_task(problem_type)

    assert task.class_count == len(np.unique(data.target) if task.is_classification else [])


def test_toy_data_follow_the_seed():
    assert np.array_equal(toy_matrix("binary", seed=1)[0].values, toy_matrix("binary", seed=1)[0].values)
    assert not np.array_equal(toy_matrix("binary", seed=1)[0].values, toy_matrix("binary", seed=2)[0].values)


def test_odd_names_stay_unique():
    data = renamed(toy_matrix("binary")[0], ODD_NAMES)

    assert len(data.names) == len(set(data.names))


def test_toys_register_like_any_plugin():
    registry = load_registry().register(toys, "toys")

    assert {"toy", "toy_matrix", "toy_fail", "toy_allocate"} <= set(registry.models)


@pytest.mark.parametrize(
    ("behaviour", "error"), [("fail", RuntimeError), ("sleep", None), ("nan", None), ("shape", None)]
)
def test_toys_behave_as_told(behaviour, error):
    train, valid = toy_table("regression")
    model = ToyModel({"x": 0.5, "y": 0.5, "behaviour": behaviour}, toy_task("regression"), 0)
    effort = Effort(deadline=time.monotonic() + 0.05)
    if error:
        with pytest.raises(error, match="as it was told"):
            model.fit(train, valid, effort)
        return
    model.fit(train, valid, effort)
    found = model.predict(valid)

    assert {"sleep": True, "nan": False, "shape": True}[behaviour] == bool(np.isfinite(found).all())
    assert {"shape": len(valid) - 1}.get(behaviour, len(valid)) == len(found)
    assert effort.seconds_left() <= 0 or behaviour != "sleep"


def test_the_loss_surface_of_toys_is_that_of_their_distance():
    train, valid = toy_table("regression")
    losses = {}
    for x in (0.3, 0.6, 1.0):
        config = {"x": x, "y": 0.8}
        for steps in (4.0, 64.0):
            model = ToyModel(config, toy_task("regression"), 0)
            model.fit(train, valid, Effort(fidelity={"steps": steps}))
            losses[distance(config), -steps] = np.mean((model.predict(valid) - valid.target) ** 2)

    order = [losses[key] for key in sorted(losses, key=lambda key: key[0]) if key[1] == -64.0]
    assert sorted(order) == order
    assert all(losses[far, -64.0] < losses[far, -4.0] for far, _ in losses)


def test_a_fake_clock_moves_only_when_told():
    clock = FakeClock(10.0)
    with clock.installed():
        started = time.monotonic()
        time.sleep(5)
        clock.advance(1.5)

        assert (6.5, 16.5) == (time.monotonic() - started, time.time())
    assert [5] == clock.slept
    assert time.monotonic() != clock()
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


def test_resuming_is_checked_only_where_it_is_promised():
    once = Fidelity(name="steps", unit="steps", low=1, high=64)
    names = {check.name for check in model_checks(toys.toy_spec(fidelities=(once,)))}

    assert "fidelity-steps" in names
    assert "resuming-steps" not in names
