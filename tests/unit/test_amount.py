"""How much of a large table a short budget reads: evenly, in whole rows, and told."""

import io

import pyarrow as pa
import pytest

from automl.data.amount import SAMPLED, ReadLimit
from automl.data.read import read_table
from automl.errors import DataError


def text_table(rows, quoted=False):
    quote = '"' if quoted else ""
    lines = [f"{row},{quote}word {row % 7}{quote},{row * 0.5}" for row in range(rows)]
    return "\n".join(["number,word,half", *lines, ""]).encode()


def limit_for(rows, columns=3):
    """A limit whose number of rows is about this."""
    limit = ReadLimit(seconds=0.0001)
    seconds = 0.0001 * rows / max(limit.rows(columns), 1)
    while ReadLimit(seconds=seconds).rows(columns) < rows:
        seconds *= 1.1
    return ReadLimit(seconds=seconds)


@pytest.mark.parametrize("quoted", [False, True])
def test_a_large_text_table_is_sampled_in_whole_rows_from_all_over_it(quoted):
    read = read_table(io.BytesIO(text_table(100_000, quoted)), limit=limit_for(20_000))

    numbers = read.table.column("number").to_pylist()
    assert 8_000 < len(numbers) < 30_000
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 0
    assert numbers[-1] > 95_000
    assert read.table.column("half").to_pylist() == [number / 2 for number in numbers]
    assert read.table.column("word").to_pylist() == [f"word {number % 7}" for number in numbers]


def test_cells_over_several_lines_are_not_torn():
    lines = [f'{row},"first ""line""\n{row},second, line\n",{row * 2}' for row in range(60_000)]
    read = read_table(io.BytesIO("\n".join(["a,b,c", *lines, ""]).encode()), limit=limit_for(20_000))

    first, last = read.table.column("a").to_pylist(), read.table.column("c").to_pylist()
    assert len(first) > 1_000
    assert last == [2 * value for value in first]
    assert read.table.column("b")[5].as_py() == f'first "line"\n{first[5]},second, line\n'


def test_the_finding_tells_the_share_and_what_helps():
    read = read_table(io.BytesIO(text_table(100_000)), limit=limit_for(20_000))

    (finding,) = [one for one in read.findings if one.code == SAMPLED]
    share = read.table.num_rows / 100_000
    assert f"about {share:.0%} of the rows" in finding.message
    assert "give more time" in finding.message


def test_tables_within_the_limit_are_read_as_they_are():
    read = read_table(io.BytesIO(text_table(1_000)), limit=ReadLimit(seconds=60))

    assert read.table.num_rows == 1_000
    assert not read.findings


def test_tables_in_memory_are_sampled_by_the_seed_in_their_order():
    table = pa.table({"a": list(range(50_000)), "b": [1.0] * 50_000})
    limit = limit_for(5_000, columns=2)

    first = read_table(table, limit=limit, seed=1)
    again = read_table(table, limit=limit, seed=1)
    other = read_table(table, limit=limit, seed=2)

    numbers = first.table.column("a").to_pylist()
    assert len(numbers) == limit.rows(2)
    assert numbers == sorted(set(numbers))
    assert first.table == again.table
    assert first.table != other.table
    assert [one.code for one in first.findings] == [SAMPLED]


def test_a_fault_in_a_sampled_file_is_told_with_its_true_line():
    content = text_table(100_000).split(b"\n")
    content[50_000:] = [line + b",5" for line in content[50_000:]]

    with pytest.raises(DataError, match="line 50001: 4 cells"):
        read_table(io.BytesIO(b"\n".join(content)), limit=limit_for(20_000))


def test_longer_budgets_read_more_and_short_ones_something():
    rows = [ReadLimit(seconds=seconds).rows(30) for seconds in (1, 5, 20, 60, 3600)]

    assert rows == sorted(rows)
    assert rows[0] >= 200
    assert rows[2] < 1_000_000 < 1.1 * rows[3]


@pytest.mark.parametrize(("columns", "rows"), [(2_000, 600), (20_000, 150)])
def test_rows_longer_than_a_look_are_sampled_not_refused(columns, rows):
    cells = [f"{column}.25" for column in range(1, columns)]
    lines = [",".join([str(row), *cells]) for row in range(rows)]
    data = "\n".join([",".join(f"c{column}" for column in range(columns)), *lines, ""]).encode()

    read = read_table(io.BytesIO(data), limit=ReadLimit(seconds=0.01))

    numbers = read.table.column("c0").to_pylist()
    assert 20 < len(numbers) < rows
    assert numbers == sorted(set(numbers))
    assert set(read.table.column(columns - 1).to_pylist()) == {columns - 1 + 0.25}
    assert any(one.code == SAMPLED for one in read.findings)


@pytest.mark.parametrize(("text", "most"), [("many words " * 200, "words_bytes"), ("oneword" * 314, "text_bytes")])
def test_long_texts_count_by_their_bytes(text, most):
    """Words more than others: they are hashed one by one."""
    table = pa.table({"text": [text] * 2_000, "number": list(range(2_000))})
    limit = ReadLimit(seconds=0.5)
    assert limit.rows(2) > 2_000

    read = read_table(table, limit=limit)

    assert 0.8 * getattr(limit, most) < read.table.num_rows * 2_200 < 1.1 * getattr(limit, most)


def test_free_text_in_a_file_counts_by_its_words():
    rows = "\n".join(f"{number},some {number} words are here in this cell of the table" for number in range(50_000))
    limit = ReadLimit(seconds=2)

    read = read_table(io.BytesIO(f"number,text\n{rows}\n".encode()), limit=limit)

    assert 0.5 * limit.words_bytes < read.table.num_rows * 50 < 1.2 * limit.words_bytes < limit.text_bytes


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ('"one line\nand another line without separators",{row}', "one line\nand another line without separators"),
        ('"\none, two\n",{row}', "\none, two\n"),
        ('"he said ""no"",\nthen left",{row}', 'he said "no",\nthen left'),
        ('5" pipe of steel,{row}', '5" pipe of steel'),
        ('pipe of 5",{row}', 'pipe of 5"'),
        ('pipe "x" of steel,{row}', 'pipe "x" of steel'),
        ('"a ""pipe""\nof 5"" steel","{row}"', 'a "pipe"\nof 5" steel'),
    ],
)
def test_blocks_begin_and_end_with_whole_rows_wherever_quotes_stand(row, text):
    rows = "\n".join(row.format(row=number) for number in range(60_000))
    read = read_table(io.BytesIO(f"text,y\n{rows}\n".encode()), limit=limit_for(20_000, columns=2))

    numbers = read.table.column("y").to_pylist()
    assert {text} == set(read.table.column("text").to_pylist())
    assert 1_000 < len(numbers) < 50_000
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > 55_000


def test_a_stray_quote_among_quoted_cells_is_no_fault():
    rows = "\n".join(
        f'stray 5" {number},{number}' if number % 997 == 0 else f'"quoted\ntext, {number}",{number}'
        for number in range(60_000)
    )
    read = read_table(io.BytesIO(f"text,y\n{rows}\n".encode()), limit=limit_for(20_000, columns=2))

    texts, numbers = (read.table.column(name).to_pylist() for name in ("text", "y"))
    assert all(str(number) in text for text, number in zip(texts, numbers, strict=True))
    assert 1_000 < len(numbers) < 50_000
    assert numbers == sorted(set(numbers))
