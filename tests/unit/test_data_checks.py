"""The look at the finished table: leaks, repeated rows, few rows; and nothing where nothing is wrong."""

from dataclasses import replace

import numpy as np
import pytest

import automl
from automl.data.checks import check_table, refuse_if_strict
from automl.data.read import read_table
from automl.data.records import Finding
from automl.data.schema import Roles, fit_schema
from automl.data.weights import read_weights
from automl.errors import DataError

RNG = np.random.default_rng(0)
ROWS = 400


def checked(columns, target):
    """Codes of the findings on a table with this target, with the columns they name."""
    raw = read_table(columns)
    schema, _ = fit_schema(raw, Roles(target=None))
    data = replace(schema.encode(raw.table)[0], target=np.asarray(target))
    return [(one.code, one.column) for one in check_table(raw, schema, data, Roles(target=None))]


def noise(rows=ROWS):
    return {"a": RNG.normal(size=rows), "b": RNG.normal(size=rows), "c": RNG.choice(list("uvwxyz"), rows)}


def classes(rows=ROWS, count=2):
    return RNG.integers(0, count, rows)


def test_a_plain_table_has_no_findings():
    assert [] == checked(noise(), classes())
    assert [] == checked(noise(), RNG.normal(size=ROWS))


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("kind", ["number", "shifted", "category", "text number"])
def test_copies_of_a_class_are_told(count, kind):
    target = classes(count=count)
    copies = {
        "number": target * 2.5,
        "shifted": target * 100 + RNG.normal(size=ROWS),
        "category": np.array(["no", "yes", "may"])[target],
        "text number": [f"${value}" for value in target],
    }

    assert ("possible-leak", "copy") in checked({**noise(), "copy": copies[kind]}, target)


@pytest.mark.parametrize("sizes", [[2] * 30, [59, 1], [1] * 5 + [35], [3] * 12])
def test_what_noise_tells_of_rare_classes_is_no_leak(sizes):
    """Two pieces for each class are more than there are rows; a single row is at an end in one column of thirty."""
    target = np.repeat(np.arange(len(sizes)), sizes)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        numbers = {name: rng.normal(size=len(target)) for name in "abc"}
        found = checked({**numbers, "d": rng.choice(list("pqrstuvw"), len(target))}, target)

        assert [] == [one for one in found if one[0] == "possible-leak"]


@pytest.mark.parametrize("sizes", [[4] * 15, [36, 4], [15, 15], [10] * 6])
def test_few_rows_of_a_class_are_enough_where_chance_is_ruled_out(sizes):
    target = np.repeat(np.arange(len(sizes)), sizes)
    order = np.random.default_rng(0).permutation(len(target))
    copy = (target * 10.0 + np.random.default_rng(1).random(len(target)))[order]

    assert ("possible-leak", "copy") in checked({**noise(len(target)), "copy": copy}, target[order])


@pytest.mark.parametrize("bend", [lambda y: y, lambda y: -3 * y + 5, np.exp])
def test_copies_of_a_quantity_are_told_however_bent(bend):
    target = RNG.normal(size=ROWS)

    assert [("possible-leak", "copy")] == checked({**noise(), "copy": bend(target)}, target)


def test_good_columns_are_no_leaks():
    target = RNG.normal(size=ROWS)
    near = target + 0.3 * RNG.normal(size=ROWS)

    assert [] == checked({**noise(), "near": near}, target)
    assert [] == checked({**noise(), "near": near}, (target > 0).astype(int))


def test_a_level_for_nearly_each_row_is_no_leak():
    """Names of people give every target away and mean nothing."""
    names = np.array([f"person {place % 300}" for place in range(ROWS)])

    assert [] == checked({**noise(), "name": names}, classes())


def test_a_leak_with_gaps_is_told():
    target = classes()
    copy = np.where(RNG.random(ROWS) < 0.3, np.nan, target * 1.5)

    assert ("possible-leak", "copy") in checked({**noise(), "copy": copy}, target)


def test_repeated_rows_are_counted():
    columns = {name: np.tile(values[:200], 2) for name, values in noise().items()}

    assert [("repeated-rows", None)] == checked(columns, classes())


def test_few_repeated_rows_are_usual():
    columns = {name: np.concatenate([values[:390], values[:10]]) for name, values in noise().items()}

    assert [] == checked(columns, classes())


def test_few_rows_are_told():
    assert [("few-rows", None)] == checked(noise(30), classes(30))


def test_columns_that_are_hardly_there_are_told():
    rare = np.where(np.arange(ROWS) < 10, RNG.normal(size=ROWS), np.nan)

    assert [("mostly-missing", "rare")] == checked({**noise(), "rare": rare}, classes())


def test_large_tables_are_judged_by_a_part(monkeypatch):
    monkeypatch.setattr("automl.data.leaks.ROWS_LOOKED_AT", 100)
    target = classes()

    assert ("possible-leak", "copy") in checked({**noise(), "copy": target * 2.5}, target)


def test_messages_say_what_to_do():
    target = classes()
    raw = read_table({**noise(), "copy": target * 2.5})
    schema, _ = fit_schema(raw, Roles(target=None))
    data = replace(schema.encode(raw.table)[0], target=target)
    (finding,) = check_table(raw, schema, data, Roles(target=None))

    assert finding.message == (
        "possible leak: column 'copy' alone gives the target away; drop it (--drop) if it is not known in advance"
    )


def test_strict_refuses_all_but_information():
    def one(level):
        return Finding(level=level, code=level, message=f"a {level}")

    refuse_if_strict([one("info")])
    with pytest.raises(DataError, match="--strict: 2 findings in the data: a repair; a warning"):
        refuse_if_strict([one("info"), one("repair"), one("warning")])


# -- weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("train", "judging", "told"),
    [("60 kg", "1", "holds something that is no number"), ("1", "0", "is zero in every row")],
)
def test_weights_beside_a_validation_file_are_looked_at_too(tmp_path, train, judging, told):
    for name, weight in (("train", train), ("judging", judging)):
        rows = "".join(f"{one % 7},{one % 5 + 0.5},{weight}\n" for one in range(60))
        (tmp_path / f"{name}.csv").write_text(f"a,y,w\n{rows}")

    with pytest.raises(DataError, match=told):
        automl.check(str(tmp_path / "train.csv"), target="y", weight="w", validation=str(tmp_path / "judging.csv"))


def test_rows_that_judge_and_weigh_nothing_are_told(tmp_path):
    rows = "".join(
        f"{one % 7},{one % 5 + 0.5},{int(one > 19)},{'train' if one > 19 else 'valid'}\n" for one in range(60)
    )
    (tmp_path / "t.csv").write_text(f"a,y,w,s\n{rows}")

    with pytest.raises(DataError, match="all 20 rows that judge weigh 0"):
        automl.check(str(tmp_path / "t.csv"), target="y", weight="w", split_column="s")


@pytest.mark.parametrize("values", [[1, 0, 2], [0.5, 0.0, 1e6], ["1", "2", "0.5"]])
def test_weights_are_numbers(values):
    column = read_table({"w": values}).table.column("w")

    assert [float(value) for value in values] == read_weights(column, "w").tolist()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, None, 2], "weight column 'w' has 1 missing weights (row 2)"),
        ([1, -1, -2], "has 2 negative weights (row 2, 3)"),
        ([1, np.inf], "has 1 infinite weights (row 2)"),
        ([0, 0, 0], "is zero in every row; give some rows a weight above 0"),
        (["1", "heavy"], "holds something that is no number"),
        (np.array(["2020-01-01"], "datetime64[s]"), "holds something that is no number"),
        ([None, None], "has 2 missing weights (row 1, 2)"),
    ],
)
def test_wrong_weights_are_refused_with_their_rows(values, words):
    import re

    with pytest.raises(DataError, match=re.escape(words)):
        read_weights(read_table({"w": values}).table.column("w"), "w")


@pytest.mark.parametrize(("scale", "found"), [(1.0, 1.0), (1000.0, 1000.0), (1e-6, 1.0), (1e300, 1.0), (5e-324, 1.0)])
def test_weights_of_an_unusual_unit_are_scaled_and_keep_their_proportions(scale, found):
    values = read_weights(read_table({"w": scale * np.array([0.0, 1.0, 2.0])}).table.column("w"), "w")

    assert found == pytest.approx(values.mean(), rel=0.5)
    assert [0.0, 1.0, 2.0] == (values / values[1]).tolist()


def test_weights_may_be_whole_numbers_of_any_size():
    column = read_table({"w": np.array([2**63, 2**64 - 1], dtype=np.uint64)}).table.column("w")

    assert 2.0 == pytest.approx(np.divide(*read_weights(column, "w")[::-1]))


@pytest.mark.parametrize(
    ("share", "group", "told"), [(0.2, 800, True), (0.2, 2, True), (0.01, 2, False), (0.01, 40, False)]
)
def test_of_many_rows_a_part_tells_whether_they_repeat(monkeypatch, share, group, told):
    """Whether few large groups of rows are equal, or many small ones."""
    monkeypatch.setattr("automl.data.checks.MANY_ROWS", 1000)
    numbers = RNG.normal(size=4000)
    repeated = int(share * 4000)
    numbers[:repeated] = np.repeat(RNG.normal(size=repeated // group), group)

    codes = [code for code, _ in checked({"a": numbers, "b": numbers * 2}, RNG.integers(0, 2, 4000))]

    assert told == ("repeated-rows" in codes)
