"""Wide tables: what is found for many columns at once is what is found for them one by one."""

import io
import time

import numpy as np
import pyarrow as pa
import pytest

from automl.data import column_guess, fitted, leaks
from automl.data.kinds import fit_column, fit_columns
from automl.data.read import read_table
from automl.data.records import TableData, TableLayout
from automl.data.schema import Roles, Schema, fit_schema
from automl.data.values import to_number_codes, whole_codes
from automl.plan import cheap_first
from automl.specs import ModelSpec

RNG = np.random.default_rng(0)
ROWS = 300


def numeric_columns():
    normal = RNG.normal(size=ROWS)
    gaps = np.where(RNG.random(ROWS) < 0.2, np.nan, normal)
    return {
        "plain": normal,
        "gaps": pa.array(gaps, from_pandas=True),
        "float32": normal.astype(np.float32),
        "far from zero": normal + 1e9,
        "tiny": normal * 1e-35,
        "infinite": np.where(normal > 2, np.inf, normal),
        "all missing": pa.nulls(ROWS, pa.float64()),
        "constant": np.full(ROWS, 2.5),
        "whole constant": np.full(ROWS, 7),
        "codes": RNG.integers(0, 9, ROWS),
        "quantities": RNG.integers(0, 10_000, ROWS),
        "whole with gaps": pa.array(RNG.integers(0, 9, ROWS), mask=RNG.random(ROWS) < 0.1),
        "consecutive": np.arange(ROWS),
        "customer id": RNG.permutation(10 * ROWS)[:ROWS],
        "beyond floats": RNG.integers(2**60, 2**61, ROWS),
    }


def test_columns_looked_at_together_are_found_to_be_the_same():
    table = pa.table(numeric_columns())

    together = fit_columns(table, table.column_names, {})

    assert [fit_column(name, table.column(name), None) for name in table.column_names] == together


def test_plain_ends_leave_out_what_needs_a_closer_look():
    table = pa.table(numeric_columns())
    names = [name for name, ends in zip(table.column_names, fitted.plain_ends(table.columns), strict=True) if not ends]

    assert {"far from zero", "tiny", "infinite", "all missing", "beyond floats"} <= set(names)
    assert not {"plain", "gaps", "float32", "codes", "constant"} & set(names)


def test_encoded_numbers_keep_what_they_were(tmp_path):
    table = pa.table(numeric_columns())
    schema, _ = fit_schema(read_table(table), Roles(target=None))
    data, findings = schema.encode(table)
    place = data.layout.numbers.index("infinite")
    values = table.column("infinite").to_numpy()

    assert [("infinite", "infinite", int(np.isinf(values).sum()))] == [
        (one.code, one.column, one.count) for one in findings
    ]
    assert np.array_equal(np.isnan(data.numbers[:, place]), np.isinf(values))
    assert np.allclose(
        data.numbers[:, data.layout.numbers.index("gaps")],
        table.column("gaps").to_numpy().astype(np.float32),
        equal_nan=True,
    )


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_first_look_loses_no_leak(kind):
    columns, rows = 200, 1000
    target = RNG.normal(size=rows) if kind == "regression" else RNG.integers(0, 2 if kind == "binary" else 40, rows)
    numbers = RNG.normal(size=(rows, columns)).astype(np.float32)
    numbers[RNG.random(numbers.shape) < 0.1] = np.nan
    numbers[:, 17] = -3 * target
    numbers[::3, 17] = np.nan
    numbers[:, 99] = target + (RNG.random(rows) * 0.9 if kind != "regression" else 0)
    codes = RNG.integers(-1, 12, (rows, columns)).astype(np.int32)
    codes[:, 5] = 0 if kind == "regression" else target * 7 % 41
    layout = TableLayout(
        numbers=tuple(f"n{place}" for place in range(columns)),
        categories=tuple(f"c{place}" for place in range(columns)),
        levels=(41,) * columns,
    )
    data = TableData(layout=layout, numbers=numbers, codes=codes, target=target)

    found = [finding.column for finding in leaks.find_leaks(data)]

    assert ["n17", "n99", *([] if kind == "regression" else ["c5"])] == found


@pytest.mark.parametrize("rare", [1, 2])
def test_a_rare_class_does_not_make_every_column_a_long_look(monkeypatch, rare):
    """With one or two rows of the second class any column tells the classes, as it does when they are dealt out at random."""
    columns, rows, looks = 60, 400, []
    target = np.zeros(rows, dtype=np.int64)
    target[7 : 7 + rare] = 1
    layout = TableLayout(numbers=tuple(f"n{place}" for place in range(columns)))
    numbers = RNG.normal(size=(rows, columns)).astype(np.float32)
    data = TableData(layout=layout, numbers=numbers, codes=np.empty((rows, 0), np.int32), target=target)
    looked = leaks._changes_along

    def changes(values, classes):
        count = looked(values, classes)
        return lambda truth: looks.append(1) or count(truth)

    monkeypatch.setattr(leaks, "_changes_along", changes)

    assert not leaks.find_leaks(data)
    assert len(looks) < 10 * columns


def test_a_wrong_guess_of_fractions_only_costs_time(tmp_path, monkeypatch):
    """A column that looks like fractions where it is looked at, and holds a word elsewhere."""
    monkeypatch.setattr(column_guess, "WIDE", 1)
    cells = [f"{number}.5,1.{number}" for number in range(20_000)]
    cells[13_337] = "word,2.5"
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "\n".join(cells) + "\n")

    table = read_table(path).table

    assert ["string", "double"] == [str(kind) for kind in table.schema.types]
    assert table.column("a")[13_337].as_py() == "word"


def test_what_the_kinds_found_is_used_once_and_changes_nothing():
    """Distinct values that are remembered are those of this very table."""
    words = RNG.choice(["a", "b ", "c", "NA", ""], 500)
    columns = {"word": words, "number": RNG.normal(size=500), "code": pa.array(np.arange(500) % 12, mask=words == "a")}
    raw = read_table(columns)
    schema, _ = fit_schema(raw, Roles(target=None))
    stored = Schema.from_dict(schema.to_dict())

    first, again = schema.encode(raw.table)[0], schema.encode(raw.table)[0]
    other = stored.encode(raw.table)[0]
    later = fit_schema(raw, Roles(target=None))[0].encode(raw.table.slice(10, 50))[0]

    assert np.array_equal(first.codes, again.codes)
    assert np.array_equal(first.codes, other.codes)
    assert np.array_equal(first.codes[10:60], later.codes)
    assert np.array_equal(first.numbers, other.numbers, equal_nan=True)


@pytest.mark.parametrize("levels", [["3", "1", "2"], ["1", "3"], ["1", "2.5"], ["-5", "1", "2", "3"]])
@pytest.mark.parametrize("gaps", [False, True])
def test_codes_of_whole_numbers_are_those_of_any_numbers(levels, gaps):
    numbers = pa.array([1, 2, 3, 3, 1], mask=np.array([False, False, gaps, False, False]))
    known = [float(level) for level in levels]

    found = whole_codes(levels, pa.chunked_array([numbers]))
    codes, (unseen, _) = to_number_codes(levels, numbers.to_numpy(zero_copy_only=False).astype(float))

    if unseen or any(not level.is_integer() for level in known):
        assert found is None
    else:
        assert codes.tolist() == found[1].tolist()


def spec(name, cost, growth=1.0, **more):
    return ModelSpec(
        name=name, summary="", factory="x:y", space="x:y", relative_cost=cost, column_growth=growth, **more
    )


def test_costs_grow_with_columns_as_the_spec_says():
    assert spec("a", 2.0, 0.5).cost_at(50) == 2.0
    assert spec("a", 2.0, 0.5).cost_at(5000) == pytest.approx(0.2)
    assert spec("a", 2.0).cost_at(5000) == 2.0
    assert spec("a", 2.0, class_growth=0.0).cost_at(1, 1000) == pytest.approx(0.002)
    assert spec("a", 2.0).cost_at(1, 1000) == 2.0


def test_cheap_models_go_first_where_the_first_one_would_take_all_the_time():
    dummy, dear, middle, cheap = (
        spec("dummy", 0.01, is_baseline=True),
        spec("dear", 4),
        spec("middle", 2),
        spec("cheap", 1),
    )
    models, costs = (dummy, dear, middle, cheap), {"dummy": 0.1, "dear": 40.0, "middle": 20.0, "cheap": 10.0}

    enough, nothing = cheap_first(models, costs, 50.0)
    short, (reason,) = cheap_first(models, costs, 30.0)

    assert (models, []) == (enough, nothing)
    assert (dummy, cheap, dear, middle) == short
    assert "a trial of dear may take 40 of the 30 s" in reason
    assert cheap_first(models, costs, None)[0] == models


@pytest.mark.parametrize(("cell", "separator"), [("NA", ","), ("12345678901234567890", ","), ("1.234,5", ";")])
def test_columns_that_are_looked_at_again_cost_no_more_the_more_there_are(cell, separator):
    """Set one by one, each would copy the list of all."""

    def seconds(cell):
        names = separator.join(f"c{place}" for place in range(8_000))
        row = separator.join([cell] * 8_000)
        content = io.BytesIO(f"{names}\n{row}\n{row}\n".encode())
        started = time.process_time()
        read_table(content)
        return time.process_time() - started

    assert seconds(cell) < 5 * seconds("abc") + 1
