"""Whole runs through the Python API: budget, failures, reproducibility, validation structures, prediction."""

import json
import shutil
import sqlite3
import time
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

import automl
from automl import Effort
from automl.api import fit_run, make_settings
from automl.data.storage import read_splits
from automl.errors import DataError, PredictorError, RunError, SettingsError
from automl.registry import load_registry
from automl.run_reader import open_run
from automl.testing import toys


def table(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "weight": rng.gamma(2.0, size=rows),
            "colour": rng.choice(["red", "green", "blue"], size=rows),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, size=rows), unit="D"),
            "team": rng.integers(0, 12, size=rows),
        }
    )
    signal = frame["size"] + (frame["colour"] == "red") * 1.5 - 0.5 * frame["weight"] + 0.3 * rng.normal(size=rows)
    return frame.assign(win=np.where(signal > 0, "yes", "no"), value=signal * 10)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One finished run on the toy table: predictor and test rows."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    train = table().drop(columns="value")
    return automl.fit(train, target="win", trials=3, models=["lightgbm", "linear"], folds=3, out=folder), table(80, 1)


def with_toys(names, **options):
    """Fit with toy models of these names, which sleep, crash or lie as they are called."""
    registry = load_registry().register(toys, "toys")
    settings = make_settings("win", {"models": names, "folds": 3, **options})
    return lambda folder, data=None: fit_run(
        table().drop(columns="value") if data is None else data, settings, out=folder, registry=registry
    )


@pytest.mark.slow
def test_whatever_models_do_the_run_ends_in_time_with_a_usable_predictor(tmp_path):
    names = ["toy", "toy_stubborn", "toy_crash", "toy_exit", "toy_fail", "toy_nan", "toy_shape", "toy_allocate"]
    started = time.monotonic()
    outcome = with_toys(names, time="10s", memory_bytes=150 << 20)(tmp_path / "run")
    wall = time.monotonic() - started

    assert wall <= 10 * 1.02 + 3
    assert not outcome.only_baseline
    assert outcome.predictor.score(table(80, 1)) > 0.8
    with open_run(tmp_path / "run") as run:
        kinds = {trial.candidate.model: trial.kind for trial in run.trials() if trial.status == "failed"}
    assert kinds["toy_crash"] == "died"
    assert kinds["toy_exit"] in ("died", "error")
    assert kinds["toy_fail"] == kinds["toy_nan"] == kinds["toy_shape"] == "error"
    assert kinds["toy_allocate"] == "memory"


def test_when_every_model_fails_the_dummy_is_left_and_said_so(tmp_path):
    outcome = with_toys(["toy_fail"], trials=2)(tmp_path / "run")

    assert outcome.only_baseline
    assert outcome.failed == 2
    assert set(outcome.predictor.predict(table(20, 1))) <= {"yes", "no"}
    failed = [row for row in outcome.leaderboard if row["status"] == "failed"]
    assert all(row["kind"] == "error" and row["message"] for row in failed)
    with open_run(tmp_path / "run") as run:
        assert any("Traceback" in job["traceback"] for job in run.jobs())


def test_models_at_rest_do_not_fill_the_record(tmp_path):
    """Each is said to rest once; when all rest, the search is over before its time."""
    outcome = with_toys(["toy_fail", "toy_nan"], time="60s", executor="inline")(tmp_path / "run")

    with open_run(tmp_path / "run") as run:
        skipped = [trial.candidate.model for trial in run.trials() if trial.kind == "skipped"]
    assert sorted(set(skipped)) == sorted(skipped)
    assert outcome.failed == 6
    assert outcome.seconds < 40
    assert any("all trials of toy_fail, toy_nan failed" in reason for reason in outcome.reasons)


def test_a_job_limit_holds_without_a_time_budget_too(tmp_path):
    outcome = with_toys(["toy_stubborn", "toy"], trials=2, job_seconds=2)(tmp_path / "run")

    kinds = {row["model"]: row.get("kind") for row in outcome.leaderboard if row["status"] == "failed"}
    assert kinds == {"toy_stubborn": "timeout"}
    assert not outcome.only_baseline


@pytest.mark.parametrize("executor", ["inline", "processes"])
@pytest.mark.parametrize("seconds", [1, 3])
def test_tiny_budgets_end_in_time_with_a_predictor(tmp_path, seconds, executor):
    data = table().drop(columns="value")
    started = time.monotonic()
    predictor = automl.fit(data, target="win", time=seconds, executor=executor, out=tmp_path / "run")

    assert time.monotonic() - started <= seconds * 1.02 + 3
    assert len(predictor.predict(data)) == len(data)


def _content(predictor, data):
    rows = [
        (row["trial"], row["model"], row["score"], row["weight"], json.dumps(row["config"]))
        for row in predictor.leaderboard()
    ]
    return rows, predictor.predict_proba(data)


def test_trials_and_seed_give_the_same_run_whatever_the_workers(tmp_path):
    data, fresh = table().drop(columns="value"), table(50, 2)
    runs = []
    for number, options in enumerate([{"jobs": 1}, {"jobs": 2}, {"executor": "inline"}]):
        predictor = automl.fit(
            data,
            target="win",
            trials=7,
            seed=3,
            folds=3,
            models=["lightgbm", "extra_trees", "linear"],
            out=tmp_path / str(number),
            **options,
        )
        runs.append(_content(predictor, fresh))

    assert runs[0][0] == runs[1][0] == runs[2][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    np.testing.assert_array_equal(runs[0][1], runs[2][1])


def test_another_seed_gives_another_search(tmp_path):
    data = table().drop(columns="value")
    configs = []
    for seed in (0, 1):
        run = automl.fit(
            data,
            target="win",
            trials=4,
            seed=seed,
            models=["linear"],
            folds=2,
            executor="inline",
            out=tmp_path / str(seed),
        )
        configs.append([row["config"] for row in run.leaderboard() if row["origin"] == "random"])

    assert configs[0] != configs[1]


def test_refit_leaves_one_model_per_member(tmp_path):
    data = table().drop(columns="value")
    predictor = automl.fit(
        data,
        target="win",
        trials=3,
        models=["lightgbm", "extra_trees", "linear"],
        folds=3,
        refit=True,
        out=tmp_path / "run",
    )

    assert {1} == {len(member.folders) for member in predictor.parts.members}
    assert predictor.score(table(80, 1)) > 0.85


def test_no_group_stands_on_both_sides(tmp_path, monkeypatch):
    data = table().drop(columns="value")
    predictor = _fit_keeping_splits(tmp_path, monkeypatch, data, group="team")
    for split in read_splits(tmp_path / "kept"):
        assert not set(data["team"].iloc[split.train]) & set(data["team"].iloc[split.valid])
    assert "team" not in [column.name for column in predictor.schema.columns]


def test_time_validation_looks_forward_only(tmp_path, monkeypatch):
    data = table().drop(columns="value")
    _fit_keeping_splits(tmp_path, monkeypatch, data, time_column="when")
    for split in read_splits(tmp_path / "kept"):
        assert data["when"].iloc[split.train].max() < data["when"].iloc[split.valid].min()


def test_the_users_own_split_is_obeyed(tmp_path, monkeypatch):
    data = table().drop(columns="value")
    data["part"] = np.where(np.arange(len(data)) % 4 == 0, "valid", "train")
    _fit_keeping_splits(tmp_path, monkeypatch, data, split_column="part")
    (split,) = read_splits(tmp_path / "kept")

    assert split.valid.tolist() == np.flatnonzero(data["part"] == "valid").tolist()
    assert split.train.tolist() == np.flatnonzero(data["part"] == "train").tolist()


def test_a_validation_file_judges_every_trial(tmp_path, monkeypatch):
    data = table().drop(columns="value")
    data.iloc[200:].to_csv(tmp_path / "valid.csv", index=False)
    _fit_keeping_splits(tmp_path, monkeypatch, data.iloc[:200], validation=str(tmp_path / "valid.csv"))
    (split,) = read_splits(tmp_path / "kept")

    assert split.train.tolist() == list(range(200))
    assert split.valid.tolist() == list(range(200, 300))


def _fit_keeping_splits(tmp_path, monkeypatch, data, **options):
    """Fit, and keep the splits file that the workers read."""
    from automl.data import storage

    (tmp_path / "kept").mkdir()
    original = storage.save_splits
    monkeypatch.setattr(
        storage, "save_splits", lambda folder, splits: (original(folder, splits), original(tmp_path / "kept", splits))
    )
    return automl.fit(
        data, target="win", trials=1, models=["linear"], executor="inline", out=tmp_path / "run", **options
    )


def test_weights_change_what_is_learned(tmp_path):
    data = table().drop(columns="value")
    data["w"] = np.where(data["win"] == "yes", 10.0, 0.1)
    plain = automl.fit(
        data.drop(columns="w"),
        target="win",
        trials=1,
        models=["linear"],
        folds=3,
        executor="inline",
        out=tmp_path / "plain",
    )
    heavy = automl.fit(
        data, target="win", weight="w", trials=1, models=["linear"], folds=3, executor="inline", out=tmp_path / "heavy"
    )
    yes = heavy.classes.index("yes")

    assert heavy.predict_proba(data)[:, yes].mean() > plain.predict_proba(data)[:, yes].mean() + 0.1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "wn"}, "nearest names: 'win'"),
        ({"models": ["lightgmb"]}, "lightgbm"),
        ({"metric": "rmse"}, "needs numbers"),
        ({"metric": "acuracy"}, "accuracy"),
        ({"group": "tem"}, "'team'"),
        ({"drop": ["colour", "nothing"]}, "'nothing'"),
        ({"columns": {"size": "nmber"}}, "number"),
        ({"strategy": "magic"}, "random"),
        ({"tme": "5s"}, "time"),
        ({"weight": "size"}, "negative"),
        ({"executor": "cloud"}, "processes"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(tmp_path, options, words):
    with pytest.raises(automl.InputError, match=words):
        automl.fit(table().drop(columns="value"), **{"target": "win", "trials": 1, **options}, out=tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"notes\.txt"):
        automl.fit(table(), target="win", trials=1, out=tmp_path)


def test_columns_may_come_in_any_order_and_with_company(finished):
    predictor, fresh = finished
    shuffled = fresh[list(reversed(fresh.columns))].assign(extra=1)

    np.testing.assert_array_equal(predictor.predict_proba(fresh), predictor.predict_proba(shuffled))


def test_one_row_at_a_time_gives_the_same(finished):
    predictor, fresh = finished
    single = np.concatenate([predictor.predict_proba(fresh.iloc[[row]]) for row in range(10)])

    np.testing.assert_allclose(single, predictor.predict_proba(fresh.iloc[:10]), rtol=1e-5)


def test_a_dict_and_an_arrow_table_predict_like_a_frame(finished):
    import pyarrow as pa

    predictor, fresh = finished
    row = fresh.iloc[0].to_dict()

    assert predictor.predict(row).tolist() == predictor.predict(fresh.iloc[[0]]).tolist()
    assert predictor.predict(pa.Table.from_pandas(fresh)).tolist() == predictor.predict(fresh).tolist()


def test_unseen_categories_are_counted_and_known_ones_keep_their_code(finished):
    predictor, fresh = finished
    changed = fresh.copy()
    changed.loc[changed.index[:3], "colour"] = "mauve"
    before, after = predictor.predict_proba(fresh), predictor.predict_proba(changed)

    assert [3] == [finding.count for finding in predictor.last_findings if finding.code == "unseen-levels"]
    np.testing.assert_array_equal(before[3:], after[3:])


def test_a_missing_column_is_refused_unless_allowed(finished):
    predictor, fresh = finished
    with pytest.raises(DataError, match="'colour'"):
        predictor.predict(fresh.drop(columns="colour"))

    assert len(predictor.predict(fresh.drop(columns="colour"), allow_missing=True)) == len(fresh)


def test_no_rows_give_no_predictions(finished):
    predictor, fresh = finished

    assert predictor.predict_proba(fresh.iloc[:0]).shape == (0, 2)


def test_a_moved_predictor_works_alone(finished, tmp_path):
    predictor, fresh = finished
    folder = predictor.save(tmp_path / "elsewhere")
    again = automl.load(folder)

    np.testing.assert_array_equal(predictor.predict_proba(fresh), again.predict_proba(fresh))
    with pytest.raises(PredictorError, match="without its run"):
        again.leaderboard()


@pytest.mark.parametrize("name", ["predictor.json", "booster.txt", "member.json", "columns.json", "linear.npz"])
def test_a_damaged_predictor_is_refused(finished, tmp_path, name):
    predictor, fresh = finished
    folder = predictor.save(tmp_path / "copy")
    victims = list(folder.rglob(name))
    if not victims:
        pytest.skip(f"this predictor has no {name}")
    for path in victims:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PredictorError):
        automl.load(folder).predict(fresh)


def test_a_folder_name_that_leads_outside_is_refused(finished, tmp_path):
    folder = finished[0].save(tmp_path / "copy")
    plain = json.loads((folder / "predictor.json").read_text())
    del plain["sha256"], plain["files"]  # sums that fit a forged file
    plain["members"][0]["folders"] = ["../../elsewhere"]
    (folder / "predictor.json").write_text(json.dumps(plain))
    with pytest.raises(PredictorError, match="outside"):
        automl.load(folder)


def test_loading_tells_what_is_missing(finished, tmp_path, monkeypatch):
    folder = finished[0].save(tmp_path / "copy")
    monkeypatch.setenv("AUTOML_DISABLE_PLUGINS", "trees,linear")
    with pytest.raises(
        PredictorError, match=r"needs model '\w+' of plugin '\w+', which is not installed or is switched"
    ):
        automl.load(folder)
    monkeypatch.delenv("AUTOML_DISABLE_PLUGINS")
    shutil.rmtree(next((folder / "members").iterdir()))
    with pytest.raises(PredictorError, match="is missing .member.json.; copy the whole folder again"):
        automl.load(folder)


def test_nothing_in_the_run_folder_is_a_pickle(finished):
    from automl.testing import check_no_pickle

    check_no_pickle(finished[0].run_folder)


def test_the_database_can_be_read_by_anyone(finished):
    with closing(sqlite3.connect(finished[0].run_folder / "run.db")) as database, database:
        models = {model for (model,) in database.execute("SELECT model FROM trials")}
    database.close()

    assert {"dummy", "lightgbm", "linear"} <= models


def test_the_ensemble_is_at_least_as_good_as_its_best_member(finished):
    predictor, _ = finished
    with open_run(predictor.run_folder) as run:
        best = max(row["score"] for row in run.leaderboard() if row["status"] == "done")
        assert run.meta["score"] >= best - 1e-6
        assert sum(run.weights().values()) == pytest.approx(1.0)


def test_a_real_table_is_learned_well(tmp_path):
    frame = load_breast_cancer(as_frame=True).frame
    test = frame.sample(150, random_state=0)
    predictor = automl.fit(
        frame.drop(test.index), target="target", trials=4, folds=3, models=["lightgbm", "linear"], out=tmp_path / "run"
    )

    assert predictor.score(test) > 0.985
    assert predictor.predict(test).dtype == np.int64


def test_a_metric_of_ones_own_is_used_in_workers(tmp_path, monkeypatch):
    (tmp_path / "my_metric.py").write_text(
        "def half_right(truth, prediction, weight=None):\n    return float((truth == prediction).mean()) / 2\n"
        "half_right.needs = 'labels'\nhalf_right.best = 0.5\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    predictor = automl.fit(
        table().drop(columns="value"), target="win", metric="my_metric:half_right", trials=1, models=["linear"], folds=2
    )

    assert 0.4 < predictor.score(table(80, 1)) <= 0.5


def test_a_script_without_main_guard_runs_once(tmp_path):
    import subprocess
    import sys

    table().drop(columns="value").to_csv(tmp_path / "train.csv", index=False)
    (tmp_path / "script.py").write_text(
        "import automl\nprint('begun')\n"
        "p = automl.fit('train.csv', target='win', trials=1, models=['linear'], folds=2, out='run')\nprint(p.classes)\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert done.stdout.splitlines() == ["begun", "('no', 'yes')"]


def test_settings_name_the_nearest_option():
    with pytest.raises(SettingsError, match="did you mean"):
        make_settings("y", {"metrics": "rmse"})


def test_no_space_is_used_after_a_removed_run(finished, tmp_path):
    predictor, fresh = finished
    copy = predictor.save(tmp_path / "copy")
    loaded = automl.load(copy)
    loaded.open_members()
    shutil.rmtree(copy)

    assert len(loaded.predict(fresh)) == len(fresh)


def test_a_refit_is_told_what_the_folds_reported(tmp_path, monkeypatch):
    """A model that chose something while it was fitted does it again so."""
    told = []

    def recorded(**options):
        told.append(options["facts"])
        return Effort(**options)

    monkeypatch.setattr("automl.evaluate.Effort", recorded)
    data = table().drop(columns="value")
    options = {"models": ["lightgbm"], "folds": 2, "trials": 1, "executor": "inline", "preset": "fast", "refit": True}
    fit_run(data, make_settings("win", options), out=tmp_path / "run")
    with open_run(tmp_path / "run") as run:
        facts = next(trial.facts for trial in run.trials() if trial.candidate.model == "lightgbm")

    assert facts == told[-1]
    assert facts["rounds"] > 0
    assert not any(told[:-1])


def test_an_ended_run_keeps_the_models_of_its_predictor_only(tmp_path):
    """A forest for each fold of each trial fills a disk; out-of-fold predictions stay."""
    options = {"models": ["linear", "extra_trees"], "folds": 2, "trials": 6, "executor": "inline"}
    outcome = fit_run(table().drop(columns="value"), make_settings("win", options), out=tmp_path / "run")
    members = {member.trial for member in outcome.predictor.parts.members}
    fitted = {int(path.parent.parent.name) for path in (tmp_path / "run" / "trials").glob("*/fold-*/model")}
    judged = {int(path.parent.parent.name) for path in (tmp_path / "run" / "trials").glob("*/fold-*/predictions.npy")}

    assert members == fitted
    assert members < judged
    assert len(automl.load(tmp_path / "run").predict(table(20, 1))) == 20
