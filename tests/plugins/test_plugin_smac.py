"""SMAC as a sampler, and every name of SMAC that it touches."""

import inspect
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from automl_plugins.samplers.axes import Axes
from automl_plugins.samplers.random_search import RandomSearch
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

from automl import Candidate, History, JointSpace, PluginError, Trial
from automl.registry import load_registry
from automl.testing import check_plugin_is_light, check_sampler, toy_space
from automl.testing.search import Simulation, toy_loss

pytest.importorskip("smac", reason="extra [smac] is not installed")

from automl_plugins.smac import sampler as sampler_module
from automl_plugins.smac.sampler import INITIAL, Beside, SmacSampler, last_training, own_suggestions
from automl_plugins.smac.surrogate import Score, Surrogate, log_losses, near


def test_conformance():
    check_sampler("smac")


def test_entry_module_is_light():
    check_plugin_is_light("automl_plugins.smac")


# -- contract with SMAC ---------------------------------------------------------------------------


def test_names_and_signatures_of_smac_are_those_that_are_used():
    from smac.acquisition.function import EI
    from smac.model.random_forest import RandomForest

    made_with = {
        "configspace", "log_y", "n_trees", "ratio_features", "min_samples_split", "min_samples_leaf", "seed",
        "n_jobs", "max_leaf_nodes",
    }  # fmt: skip

    assert made_with <= set(inspect.signature(RandomForest).parameters)
    assert ["self", "X", "Y"] == list(inspect.signature(RandomForest.train).parameters)
    assert ["self", "X"] == list(inspect.signature(RandomForest.predict_marginalized).parameters)
    assert {"xi", "log"} == set(inspect.signature(EI).parameters)
    assert {"self", "model", "kwargs"} == set(inspect.signature(EI.update).parameters)
    assert ["self", "X"] == list(inspect.signature(EI._compute).parameters)


def test_the_forest_is_asked_as_smac_asks_it():
    """Tree by tree is faster, and must be the same, also for inactive hyperparameters."""
    surrogate = Surrogate(conditional())
    results = [(c, conditional_loss(c, 1.0)) for c in conditional().sample(40, seed=1)]
    rows = surrogate._rows([(c.model, surrogate._axes.encode(c)) for c, _ in results])
    forest = surrogate._trained(rows, np.log([loss for _, loss in results]), 1)
    others = surrogate._rows(surrogate._axes.draw(300, np.random.default_rng(0)))

    assert np.isnan(others).any()
    for ours, theirs in zip(
        forest.predict_marginalized(others), forest._forest.predict_marginalized(others), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_smacs_forest_takes_inactive_hyperparameters():
    surrogate = Surrogate(toy_space())
    candidates = toy_space().sample(30, seed=0)
    rows = surrogate._rows([(c.model, surrogate._axes.encode(c)) for c in candidates])
    losses = np.array([toy_loss(candidate, 1.0) for candidate in candidates])
    mean, variance = surrogate._trained(rows, np.log(losses), 1).predict_marginalized(rows)

    assert np.isnan(rows).any()
    assert (30, 1) == mean.shape == variance.shape
    assert np.corrcoef(mean[:, 0], np.log(losses))[0, 1] > 0.9


# -- the surrogate --------------------------------------------------------------------------------


def conditional():
    made = ConfigurationSpace()
    kind = Categorical("kind", ["p", "q"], default="p")
    inner = Float("inner", (0.0, 1.0), default=0.1)
    made.add(kind, Float("rate", (1e-4, 1.0), log=True, default=0.5), inner)
    made.add(EqualsCondition(inner, kind, "q"))
    plain = ConfigurationSpace(space=[Float("x", (0.0, 1.0), default=0.1)])
    return JointSpace({"plain": plain, "deep": made})


def conditional_loss(candidate, budget):
    config = candidate.config
    if candidate.model == "plain":
        return 0.3 + (config["x"] - 0.5) ** 2
    away = (np.log10(config["rate"]) + 2.0) ** 2 / 4
    return float(0.1 + 0.3 * away + (abs(config["inner"] - 0.7) if config["kind"] == "q" else 0.5))


def test_the_local_search_moves_on_a_conditional_space():
    """SMAC's own does not: see trap 1 in its notes, NaN differs from NaN."""
    surrogate = Surrogate(conditional())
    results = [(c, conditional_loss(c, 1.0)) for c in conditional().sample(60, seed=1)]
    found = surrogate.ranked(results, [], 5, seed=0)
    points = [(c.model, surrogate._axes.encode(c)) for c, _ in results]
    values = log_losses(np.array([loss for _, loss in results]))
    score = Score(surrogate._trained(surrogate._rows(points), values, 0), values.min())
    gains = [
        score(surrogate._rows([(c.model, surrogate._axes.encode(c)) for c in candidates])).max()
        for candidates in (found[:1], conditional().sample(3000, seed=2))
    ]

    assert 5 == len({candidate.id for candidate in found})
    assert gains[0] > gains[1]


def test_the_ranking_is_a_function_of_its_arguments():
    results = [(c, conditional_loss(c, 1.0)) for c in conditional().sample(20, seed=1)]
    pending = conditional().sample(2, seed=5)

    expected = Surrogate(conditional()).ranked(results, pending, 10, seed=3)
    assert expected == Surrogate(conditional()).ranked(results, pending, 10, seed=3)


def test_failures_have_a_finite_loss():
    assert np.isfinite(log_losses(np.array([0.2, np.inf, 0.1]))).all()
    assert log_losses(np.array([0.2, np.inf, 0.1]))[1] == log_losses(np.array([0.2, 0.2, 0.1]))[1]
    assert (log_losses(np.array([np.inf, np.inf])) == 0.0).all()
    assert np.isfinite(log_losses(np.array([0.5, 0.5]))).all()


def test_what_runs_is_believed_to_be_as_predicted():
    """A running trial moves the next suggestion elsewhere."""
    results = [(c, conditional_loss(c, 1.0)) for c in conditional().sample(40, seed=1)]
    surrogate = Surrogate(conditional())
    first = surrogate.ranked(results, [], 1, seed=0)[0]

    assert first.id != surrogate.ranked(results, [first], 1, seed=0)[0].id


# -- the sampler ----------------------------------------------------------------------------------


def drive(made, trials, seed=0, workers=1, failing=0.0):
    run = Simulation(seed=seed, workers=workers, failing=failing, loss=conditional_loss)
    for _ in range(trials):
        run.start(made.suggest(run.history), 1.0)
        while run.busy:
            run.finish_one()
    while run.history.running():
        run.finish_one()
    return run.history


@pytest.mark.slow
def test_it_beats_random_search():
    means = {
        made: np.mean([drive(made(conditional(), seed), 40, seed).incumbent().loss for seed in range(6)])
        for made in (RandomSearch, SmacSampler)
    }

    assert means[SmacSampler] < means[RandomSearch] - 0.02, means


def test_a_suggestion_uses_what_was_known_at_the_one_before():
    sampler = SmacSampler(conditional(), 1)
    history = drive(sampler, 14, workers=3)
    suggested = sampler.suggest(history)
    history = history.with_trial(Trial(id=history.next_id, candidate=suggested))
    knowledge = sampler._knowledge(history)
    late = history
    for number in knowledge.pending:  # results that come after that do not matter for the next one
        late = late.with_trial(replace(history[number], status="done", loss=0.0))

    assert (15,) == knowledge.pending
    assert tuple(range(1, 15)) == knowledge.done
    first, second = (SmacSampler(conditional(), 1).suggest(record) for record in (history, late))
    assert (first.model, first.config) == (second.model, second.config)


def test_the_next_suggestion_is_prepared_beside_the_jobs(monkeypatch):
    """What is asked next was put into the thread when the last suggestion was made, and asking starts nothing."""
    sampler = SmacSampler(conditional(), 2)
    history = drive(sampler, INITIAL + 6)
    while sampler._knowledge(history) is None:
        history = history.with_trial(Trial(id=history.next_id, candidate=sampler.suggest(history)))
    knowledge, future = sampler._prepared
    assert sampler._knowledge(history) == knowledge
    first = next(one for one in future.result(timeout=60) if not history.was_asked(one.id))
    started = []
    monkeypatch.setattr(sampler._thread, "submit", lambda *call: started.append(call) or Future())
    found = sampler.suggest(history)

    assert (first.model, first.config) == (found.model, found.config)
    # Only the one after it is begun, with the record as it is once this one has started.
    assert [knowledge.after + 1] * len(started) == [call[1].after for call in started]
    assert len(started) <= 1


def test_the_import_waits_until_the_first_jobs_are_out(monkeypatch):
    """The thread waits for the first question, or so long that the first jobs are out by then."""
    waited = []

    class Asked:
        def wait(self, seconds):
            waited.append(seconds)
            raise KeyboardInterrupt  # nothing may be imported before this returns

    monkeypatch.setitem(sys.modules, "smac.model.random_forest", None)
    with pytest.raises(KeyboardInterrupt):
        sampler_module._warm_up(Asked())

    assert [sampler_module.WARM_UP_SECONDS] == waited


def test_the_origin_tells_what_was_running():
    sampler = SmacSampler(conditional(), 0)
    first = sampler.suggest(History())
    history = History([Trial(id=1, candidate=first)])
    second = sampler.suggest(history)
    promoted = Trial(id=3, candidate=first, parent=1)

    assert ["smac", "smac (running: 1)"] == [first.origin, second.origin]
    own = own_suggestions(history.with_trial(Trial(id=2, candidate=second)).with_trial(promoted))
    assert [1, 2] == [trial.id for trial in own]


def test_trainings_become_rarer():
    closed = [last_training(count) for count in range(1, 200)]

    assert list(range(1, 17)) == closed[:16]
    assert [16, 18, 18, 20] == [last_training(count) for count in (17, 18, 19, 20)]
    assert 20 < len(set(closed)) < 60


def test_suggestions_of_one_training_are_not_alike():
    results = [(c, conditional_loss(c, 1.0)) for c in conditional().sample(40, seed=1)]
    axes, found = Axes(conditional()), Surrogate(conditional()).ranked(results, [], 10, seed=0)
    rows = [(candidate.model, axes.encode(candidate)) for candidate in found]

    assert not [
        1 for n, (name, row) in enumerate(rows) for other, twin in rows[:n] if name == other and near(row, twin[None])
    ]


def test_candidates_from_elsewhere_do_no_harm():
    strangers = [
        Candidate(model="unknown", config={"a": 1}, origin="baseline"),
        Candidate(model="plain", config={"x": 7.0}, origin="baseline"),
    ]
    trials = [Trial(id=n, candidate=strangers[n % 2], status="done", loss=0.01) for n in range(1, 12)]
    sampler, history, space = SmacSampler(conditional(), 0), History(trials), conditional()
    for _ in range(INITIAL + 4):
        found = sampler.suggest(history)

        assert space.is_legal(found)
        history = history.with_trial(
            Trial(id=history.next_id, candidate=found, status="done", loss=conditional_loss(found, 1.0))
        )


def test_smac_is_not_imported_before_it_is_needed(tmp_path):
    """Nor does it leave files behind."""
    code = (
        "import sys\n"
        "from automl import History\n"
        "from automl.testing import toy_space\n"
        "from automl_plugins.smac import sampler\n"
        "sampler.WARM_UP_SECONDS = 3600\n"
        "made = sampler.SmacSampler(toy_space(), 0)\n"
        "assert 'smac' not in sys.modules\n"
        "made.suggest(History())\n"
        "made._thread.submit(int).result()\n"
        "assert 'smac.model.random_forest' in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )

    assert 0 == done.returncode, done.stderr
    assert [] == list(tmp_path.iterdir())


def test_without_smac_the_sampler_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "automl_plugins.smac.surrogate", None)
    sampler = SmacSampler(conditional(), 0)
    history = History(
        [
            Trial(id=n, candidate=c, status="done", loss=0.5)
            for n, c in enumerate(conditional().sample(INITIAL + 2, seed=0), start=1)
        ]
    )

    def ask_on():
        record = history
        for _ in range(5):
            record = record.with_trial(Trial(id=record.next_id, candidate=sampler.suggest(record)))

    with pytest.raises(PluginError, match=r"pip install 'automl-pluggy\[smac\]'"):
        ask_on()


def test_the_spec_requires_smac():
    assert ("smac",) == load_registry().get("samplers", "smac").requires
    assert sampler_module.INITIAL >= 2


def test_calls_beside_come_back_one_after_another_and_end_with_who_asks():
    beside = Beside("beside")
    thread = next(one for one in threading.enumerate() if one.name == "beside")
    asked = [beside.submit(divmod, 7, 2), beside.submit(divmod, 7, 0), beside.submit(divmod, 9, 2)]

    assert (3, 1) == asked[0].result(timeout=60)
    with pytest.raises(ZeroDivisionError):
        asked[1].result(timeout=60)
    assert (4, 1) == asked[2].result(timeout=60)
    del beside
    thread.join(timeout=60)
    assert not thread.is_alive()


def test_a_process_does_not_wait_for_a_training_when_it_ends():
    code = "import time\nfrom automl_plugins.smac.sampler import Beside\nBeside('b').submit(time.sleep, 600)\n"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
