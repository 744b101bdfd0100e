"""Every file of a saved predictor, damaged: a PredictorError, never a crash, an endless loop or code that runs."""

import json
import pickle
import random
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from automl import PredictorError
from automl.api import fit_run, make_settings
from automl.predictor import Predictor

MODELS = ["linear", "lightgbm", "xgboost", "catboost", "extra_trees", "nearest_neighbours", "hist_gradient_boosting"]


def table(rows=150, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=list("abc"))
    frame["city"] = rng.choice([f"c{number}" for number in range(30)], rows)
    return frame.assign(win=np.where(frame["a"] + rng.normal(size=rows) > 0, "yes", "no"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A predictor with a member of every model: their weights do not matter, so all get the same."""
    for name in ("xgboost", "catboost"):
        pytest.importorskip(name)
    folder = tmp_path_factory.mktemp("damaged") / "run"
    settings = make_settings(
        "win", {"models": MODELS, "folds": 2, "trials": len(MODELS), "executor": "inline", "baselines": False,
                "space": ["xgboost.max_depth=3", "catboost.depth=4"]},
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("automl.searching.member_records", all_members)
        fit_run(table(), settings, out=folder)
    return folder / "predictor"


def all_members(result, registry, folder, refitted):
    from automl.outcome import _record

    trials = [trial for trial in result.history.full() if not registry.models[trial.candidate.model].is_baseline]
    return tuple(_record(trial, 1 / len(trials), registry, folder, result.folds[trial.id]) for trial in trials)


@pytest.fixture
def predictor(saved, tmp_path):
    """A copy to be damaged; the sums of its files can be taken out by `without_sums`."""
    return shutil.copytree(saved, tmp_path / "predictor")


def without_sums(folder):
    """As whoever forges a file would, or as predictors without sums are: then the formats themselves must hold."""
    plain = json.loads((folder / "predictor.json").read_text())
    del plain["sha256"], plain["files"]
    (folder / "predictor.json").write_text(json.dumps(plain))


@pytest.mark.parametrize(("version", "remedy"), [("0.0.1", "pip install 'automl-pluggy==0.0.1'"), (None, "fit again")])
def test_a_predictor_of_another_format_tells_what_to_do(predictor, version, remedy):
    without_sums(predictor)
    plain = json.loads((predictor / "predictor.json").read_text())
    plain |= {"format": plain["format"] - 1, "version": version or plain["version"]}
    (predictor / "predictor.json").write_text(json.dumps(plain))

    with pytest.raises(PredictorError, match=rf"this version reads {plain['format'] + 1}: {remedy}"):
        Predictor.load(predictor)


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code of a pickle ran')",))


def damages(content, seed):
    """Name -> damaged content."""
    chosen = random.Random(seed)
    flipped = bytearray(content)
    if flipped:
        flipped[chosen.randrange(len(flipped))] ^= 1 << chosen.randrange(8)
    return {
        "cut": content[: chosen.randrange(max(len(content), 1))],
        "empty": b"",
        "flipped": bytes(flipped),
        "pickle": pickle.dumps(Bomb()),
    }


def use(folder):
    predictor = Predictor.load(folder)
    predictor.open_members()
    return predictor.predict_proba(table(20, 1).drop(columns="win"))


def alone(folder, path):
    """Leave the member that has this file as the only one, so that no other is opened for it."""
    record = folder / "predictor.json"
    whole = record.with_suffix(".whole")
    if not whole.exists():
        shutil.copy(record, whole)
    plain = json.loads(whole.read_text())
    owners = [one for one in plain["members"] if any((folder / place) in path.parents for place in one["folders"])]
    plain["members"] = owners or plain["members"]
    record.write_text(json.dumps(plain))


def test_the_whole_predictor_has_every_model(saved):
    found = {record.model for record in Predictor.load(saved).parts.members}

    assert set(MODELS) == found
    assert (20, 2) == use(saved).shape


@pytest.mark.parametrize("how", ["cut", "empty", "flipped", "pickle", "gone"])
def test_damage_to_any_file_is_told(predictor, how):
    for number, path in enumerate(sorted(one for one in predictor.rglob("*") if one.is_file())):
        content = path.read_bytes()
        changed = damages(content, number).get(how)
        if changed == content:
            continue
        path.unlink()
        if changed is not None:
            path.write_bytes(changed)
        with pytest.raises(PredictorError):
            use(predictor)
        path.write_bytes(content)

    assert (20, 2) == use(predictor).shape


FUZZ = """
import random, sys
from pathlib import Path
sys.path.insert(0, {here!r})
from test_damaged_predictors import alone, damages, use
from automl import PredictorError, AutomlError
folder, told = Path(sys.argv[1]), 0
paths = sorted(one for one in folder.rglob("*") if one.is_file() and one.name != "predictor.json")
use(folder)
for seed in range({first}, {last}):
    for number, path in enumerate(paths):
        if path.name == "model.cbm" or (path.suffix, seed % {stride}) != (path.suffix, number % {stride}):
            continue
        content = path.read_bytes()
        alone(folder, path)
        for name, changed in damages(content, 1000 * seed + number).items():
            path.write_bytes(changed)
            print(path.relative_to(folder), name, seed, flush=True)
            try:
                use(folder)
            except AutomlError:
                told += 1
        path.write_bytes(content)
print("told", told)
"""


def fuzz(folder, first, last, stride, seconds):
    from pathlib import Path

    code = FUZZ.format(here=str(Path(__file__).parent), first=first, last=last, stride=stride)
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=seconds)
    lines = done.stdout.strip().splitlines()

    assert 0 == done.returncode, (lines[-1:], done.stderr[-800:])
    assert lines[-1].startswith("told ")
    assert int(lines[-1].split()[1]) > 0


def test_formats_hold_without_sums(predictor):
    """In a process of its own, which a crash would end: some files, some damages."""
    without_sums(predictor)

    fuzz(predictor, 0, 1, 4, 120)


@pytest.mark.slow
def test_formats_hold_without_sums_under_many_damages(predictor):
    without_sums(predictor)

    fuzz(predictor, 1, 3, 4, 280)


def test_a_path_out_of_the_folder_is_refused(predictor):
    without_sums(predictor)
    plain = json.loads((predictor / "predictor.json").read_text())
    for folder in ("../../elsewhere", "/etc", "members/../../.."):
        plain["members"][0]["folders"] = [folder]
        (predictor / "predictor.json").write_text(json.dumps(plain))
        with pytest.raises(PredictorError, match="outside its folder|is missing"):
            use(predictor)


def test_sums_cost_little(predictor):
    """They are read at the first prediction; a tenth of what opening the members takes is no matter."""
    parts = Predictor.load(predictor).parts
    from automl.checksums import check_files

    started = time.monotonic()
    check_files(predictor, parts.files)

    assert len(parts.files) > 20
    assert time.monotonic() - started < 2.0


def test_a_link_out_of_a_predictor_is_refused(predictor, tmp_path):
    """Whoever saves the predictor again, or sends it on, would give away what the link leads to."""
    (tmp_path / "secret").write_text("mine")
    (predictor / "members" / "more").symlink_to(tmp_path / "secret")

    with pytest.raises(PredictorError, match=r"members.more is a link that leads out of the predictor"):
        Predictor.load(predictor)
