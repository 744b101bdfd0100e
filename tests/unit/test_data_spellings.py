"""Labels of text files come back as they were written, whatever Arrow made of them."""

import time

import pytest
from pyarrow import csv

from automl.data.read import read_table
from automl.data.target import TargetCoding, fit_target


def fit(tmp_path, cells, head="y"):
    path = tmp_path / "table.csv"
    path.write_text(f"{head};x\n" + "".join(f"{cell};{place}\n" for place, cell in enumerate(cells)))
    raw = read_table(path)
    return fit_target(raw.table.column("y"), name="y", task="classification", metric=None, raw=raw)


@pytest.mark.parametrize(
    ("cells", "classes", "written"),
    [
        (["true", "false"], (False, True), ("false", "true")),
        (["TRUE", "FALSE"], (False, True), ("FALSE", "TRUE")),
        (["True", "False"], (False, True), ("False", "True")),
        (["+1", "-1"], (-1, 1), ("-1", "+1")),
        (["1.0", "0.0"], (0.0, 1.0), ("0.0", "1.0")),
        (["1.50", "2.25"], (1.5, 2.25), ("1.50", "2.25")),
        (["1,50", "2,25"], (1.5, 2.25), ("1,50", "2,25")),
        (["1", "0"], (0, 1), ("0", "1")),
        (["a", "b"], ("a", "b"), ("a", "b")),
    ],
)
def test_labels_of_files_keep_their_spelling(tmp_path, cells, classes, written):
    coding, findings = fit(tmp_path, cells * 30)

    assert (classes, written) == (coding.classes, coding.written)
    assert [] == [one.code for one in findings]
    assert coding == TargetCoding.from_dict(coding.to_dict())


def test_the_most_frequent_of_several_spellings_comes_back_and_is_told(tmp_path):
    coding, findings = fit(tmp_path, ["1.0", "0", "1", "1", "NA"] * 10)

    assert ("0", "1") == coding.written
    assert "'1' = '1.0'" in next(one.message for one in findings if one.code == "label-spellings")


def test_a_label_beyond_what_was_looked_at_is_written_like_the_others(tmp_path):
    """Only some rows of a large file are looked at as text."""
    coding, _ = fit(tmp_path, ["1.00", "2.00"] * 150_000 + ["3.00"] * 40 + ["1.00"] * 100_000)

    assert ("1.00", "2.00", "3.00") == coding.written


def test_labels_that_came_as_values_are_written_plainly():
    raw = read_table({"y": [1.0, 0.0, 2.5] * 10, "x": range(30)})
    coding, _ = fit_target(raw.table.column("y"), name="y", task="classification", metric=None, raw=raw)

    assert ((), ("0", "1", "2.5")) == (coding.spellings, coding.written)


def test_the_command_writes_labels_and_names_alike(tmp_path, monkeypatch):
    from automl.cli.main import run
    from automl.cli.output import Session

    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{place % 7}.5,{'+1' if place % 7 > 3 else '-1'}\n" for place in range(70))
    (tmp_path / "train.csv").write_text("x,y\n" + rows)
    fit_words = "fit train.csv --target y --trials 1 --models linear --executor inline --folds 2 --out run -q"
    for words in (fit_words, "predict run train.csv --out p.csv --proba", "score run train.csv"):
        assert 0 == run(words.split(), Session(started=time.monotonic()))
    table = csv.read_csv("p.csv", convert_options=csv.ConvertOptions(column_types={"y": "string"}))

    assert ["y", "proba_-1", "proba_+1"] == table.column_names
    assert {"+1", "-1"} == set(table.column("y").to_pylist())
