"""Text tables are read whatever separator, encoding, quoting or decimal sign they are written with."""

import gzip
import io
import time
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from automl.data import text_content
from automl.data.column_names import clean_names
from automl.data.read import read_table

PLAIN = {"a": [1, 2], "b": [1.5, 2.5], "c": ["x y", "ä"]}


@pytest.fixture
def write(tmp_path):
    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def codes(raw):
    return [finding.code for finding in raw.findings]


@pytest.mark.parametrize(
    "text",
    [
        "a,b,c\n1,1.5,x y\n2,2.5,ä\n",
        "a;b;c\n1;1.5;x y\n2;2.5;ä\n",
        "a;b;c\n1;1,5;x y\n2;2,5;ä\n",
        "a\tb\tc\n1\t1.5\tx y\n2\t2.5\tä\n",
        "a|b|c\r\n1|1.5|x y\r\n2|2.5|ä",
        'a   b  c\n1   1.5  "x y"\n  2 2.5  ä  \n',
        '"a","b","c"\n"1","1.5","x y"\n"2","2.5","ä"\n',
        "sep=;\na;b;c\n1;1.5;x y\n2;2.5;ä\n",
        "\n\na,b,c\r\n\r\n1,1.5,x y\r\n   \r\n2,2.5,ä\r\n\r\n",
        "a,b,c\r1,1.5,x y\r2,2.5,ä\r",
        "a,b,c,\n1,1.5,x y,\n2,2.5,ä,\n",
        "a,b,c\n1,1.5,x y,\n2,2.5,ä,\n",
        "a,b,c,\n1,1.5,x y\n2,2.5,ä\n",
        " a , b ,c\n 1, 1.5 ,x y\n2,2.5,ä\n",
    ],
)
def test_same_table_however_it_is_written(write, text):
    assert read_table(write(text)).table.to_pydict() == PLAIN


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"])
def test_encodings(write, encoding):
    raw = read_table(write("a,b,c\n1,1.5,x y\n2,2.5,ä\n".encode(encoding)))

    assert raw.table.to_pydict() == PLAIN
    assert ("encoding" in codes(raw)) == (encoding in ("latin-1", "cp1252"))


def test_latin_1_far_down_the_file_is_told_with_its_line(write):
    raw = read_table(write(b"a,b\n" + b"1,abc\n" * 60_000 + "2,ä €\n".encode("cp1252")))

    assert raw.table.column("b")[-1].as_py() == "ä €"
    assert "line 60002" in raw.findings[0].message


def test_one_bad_byte_does_not_spoil_the_other_characters(write):
    raw = read_table(write("a,b\n1,ö\n".encode() + b"1,abc\n" * 60_000 + "2,ä\n".encode("latin-1")))

    assert [raw.table.column("b")[place].as_py() for place in (0, -1)] == ["ö", "ä"]
    assert codes(raw) == ["encoding"]


def test_packed_tables(tmp_path, write):
    text = b"a,b,c\n1,1.5,x y\n2,2.5,\xc3\xa4\n"
    packed = write(gzip.compress(text), "table.csv.gz")
    with zipfile.ZipFile(tmp_path / "table.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/inner.csv", text)
        archive.writestr("__MACOSX/folder/._inner.csv", b"\0\1")

    assert read_table(packed).table.to_pydict() == PLAIN
    assert read_table(tmp_path / "table.zip").table.to_pydict() == PLAIN


def test_columnar_files(tmp_path):
    table = pa.table({**PLAIN, "__index_level_0__": [7, 8]})
    parquet.write_table(table, tmp_path / "table.parquet")
    feather.write_feather(table, tmp_path / "table.feather")

    assert read_table(tmp_path / "table.parquet").table.to_pydict() == PLAIN
    assert read_table(str(tmp_path / "table.feather")).table.to_pydict() == PLAIN


def test_streams(tmp_path, monkeypatch):
    packed = io.BytesIO()
    parquet.write_table(pa.table(PLAIN), packed)
    text = "a,b,c\n1,1.5,x y\n2,2.5,ä\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))

    assert read_table(io.BytesIO(text.encode())).table.to_pydict() == PLAIN
    assert read_table(io.StringIO(text)).table.to_pydict() == PLAIN
    assert read_table(io.BytesIO(packed.getvalue())).table.to_pydict() == PLAIN
    assert read_table("-").table.to_pydict() == PLAIN


def test_types_and_missing_cells(write):
    raw = read_table(
        write("i,f,t,b,d,w,p\n1,NA,NA,true,2020-01-31,09:05,12%\n?,2.5,,False,,10:00,\n3,-,x,,2021-12-01,,1 234\n")
    )

    assert raw.table.to_pydict() == {
        "i": [1, None, 3],
        "f": [None, 2.5, None],
        "t": ["NA", None, "x"],
        "b": [True, False, None],
        "d": [np.datetime64("2020-01-31").item(), None, np.datetime64("2021-12-01").item()],
        "w": ["09:05", "10:00", None],
        "p": ["12%", None, "1 234"],
    }
    assert set(map(str, raw.table.schema.types)) <= {"int64", "double", "string", "bool", "date32[day]"}


def test_points_group_where_commas_are_decimal(write):
    """Only the whole table tells that "1.000" is a thousand here."""
    raw = read_table(write("a;b;c;d\n1.234,5;1.000;1.5;x\n-2,25;12.000;NA;1.000\n;NA;2.5;y\n"))

    assert raw.table.to_pydict() == {
        "a": [1234.5, -2.25, None],
        "b": [1000.0, 12000.0, None],
        "c": ["1.5", "NA", "2.5"],
        "d": ["x", "1.000", "y"],
    }


def test_quoted_cells_hold_anything(write):
    raw = read_table(write('a,b\r\n1,"x\r\ny, ""z"""\r\n2,5" pipe\r\n'))

    assert raw.table.column("b").to_pylist() == ['x\r\ny, "z"', '5" pipe']


def test_a_cell_longer_than_a_block(write):
    cell = "x\n" * 3_000_000

    assert read_table(write(f'a,b\n1,"{cell}"\n2,y\n')).table.column("b").to_pylist() == [cell, "y"]


@pytest.mark.parametrize("rows", [["01234", "80331"], ["80331"] * 60_000 + ["01234"] * 20_000, ["0x1F", "0x20"]])
def test_codes_keep_their_zeros(write, rows):
    raw = read_table(write("zip,n\n" + "".join(f"{row},1\n" for row in rows)))

    assert raw.table.column("zip").to_pylist() == rows
    assert pa.types.is_int64(raw.table.schema.field("n").type)


def test_plain_zeros_and_fractions_are_no_codes(write):
    assert read_table(write("a,b\n0,0.5\n10,05.5\n")).table.to_pydict() == {"a": [0, 10], "b": [0.5, 5.5]}


def test_a_type_that_changes_late(write, monkeypatch):
    monkeypatch.setattr("automl.data.read_csv.BLOCK_BYTES", 1 << 16)
    raw = read_table(write("a,b,t\n" + "1,2,\n" * 50_000 + "x,2.5,10:00\n"))

    assert [raw.table.column(name)[-1].as_py() for name in "abt"] == ["x", 2.5, "10:00"]
    assert raw.table.column("a")[0].as_py() == "1"


def test_wide_header_beyond_the_first_look(write):
    names = [f"{place:05d}" + "n" * 300 for place in range(2000)]
    raw = read_table(write(",".join(names) + "\n" + ",".join(["1"] * 2000) + "\n"))

    assert raw.table.column_names == names
    assert raw.table.num_rows == 1


def test_strange_names_stay_as_they_are(write):
    names = ['[x]<y>:{z},"q"', "größe €", "n" * 300]
    quoted = ",".join('"' + name.replace('"', '""') + '"' for name in names)

    assert read_table(write(f"{quoted}\n1,2,3\n")).table.column_names == names


def test_empty_name_is_given_one(write):
    raw = read_table(write(" ,column_1,b\n1,2,3\n"))

    assert raw.table.column_names == ["column_1.2", "column_1", "b"]
    assert codes(raw) == ["empty-name"]


def test_thousands_of_columns_of_one_name_are_renamed_at_once():
    started = time.process_time()
    names, found = clean_names(["x"] * 10_000, dedupe=True, source="a table")

    assert time.process_time() - started < 5
    assert ["x", "x.2", "x.3", "x.10000"] == [*names[:3], names[-1]]
    assert len(found) == 9_999


@pytest.mark.parametrize("header", ["a,b", "a,b,"])
def test_what_stands_behind_the_last_column_further_down_is_told(write, header):
    rows = "1,2,\n" * 60_000
    raw = read_table(write(f"{header}\n{rows}3,4,late\n5,6,7\n{rows}"))
    told = next(finding for finding in raw.findings if finding.code == "cells-without-name")

    assert ["a", "b"] == raw.table.column_names
    assert 2 == told.count
    assert "2 rows hold something behind the last column, such as 'late'" in told.message
    assert "cells-without-name" not in codes(read_table(write(f"{header}\n{rows}1,2, \n")))


def test_dedupe_renames(write):
    raw = read_table(write("x,y,x,x.2,x\n1,2,3,4,5\n"), dedupe=True)

    assert raw.table.column_names == ["x", "y", "x.3", "x.2", "x.4"]
    assert codes(raw) == ["duplicate-name"] * 2


@pytest.mark.parametrize(("text", "code"), [("1,2\n3,4\n", "no-header"), ("a:b\n1:2\n", "one-column")])
def test_suspicious_header_is_told(write, text, code):
    (finding,) = read_table(write(text)).findings

    assert (finding.level, finding.code) == ("warning", code)


def test_words_with_spaces_are_no_columns(write):
    raw = read_table(write("first name\nJohn Smith\nAnna Muster\nBo Li\n"))

    assert raw.table.to_pydict() == {"first name": ["John Smith", "Anna Muster", "Bo Li"]}


def test_the_scan_sees_quotes_in_any_piece(write, monkeypatch):
    monkeypatch.setattr(text_content, "PIECE_BYTES", 7)
    content = text_content.Content.of_path(write('"a"\n1\n2\n3\n4\n5\n6\n"7\n8"\n'))

    assert (True, 0) == content.scan(4, "x", ",")
    assert (False, 0) == text_content.Content.of_bytes(b'"a"\n1234567890123456\n').scan(4, "x", ",")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_scan_counts_cells_with_leading_zeros_in_any_piece(monkeypatch, size, end):
    monkeypatch.setattr(text_content, "PIECE_BYTES", size)
    lines = ["a,b", "007,1", "0,0.5", '100,"01"', "00,10:05", "-1,2020-01-01"]
    content = text_content.Content.of_bytes(end.join(lines).encode())

    assert (True, 3) == content.scan(content.after_lines(1), "x", ",")


# -- digits that are no plain numbers -------------------------------------------------------------


def late(rows, cell, *, before="{row}", name="a", more="x"):
    """A table of more bytes than are looked at beforehand, with one odd cell near its end."""
    cells = [before.format(row=row) for row in range(rows)]
    cells[rows - 777] = cell
    return f"b,{name},c\n" + "".join(f"{row % 7},{one},{more}\n" for row, one in enumerate(cells))


@pytest.mark.parametrize("cell", ["007", '"007"'])
def test_a_leading_zero_is_kept_wherever_it_stands(write, cell):
    raw = read_table(write(late(100_000, cell)))
    found = raw.table.column("a")

    assert pa.types.is_string(found.type)
    assert ["99222", "007", "99224"] == found.slice(99_222, 3).to_pylist()
    assert [pa.int64(), pa.string()] == [raw.table.schema.field(name).type for name in "bc"]


def test_leading_zeros_of_text_columns_cost_no_second_reading(write, monkeypatch):
    """Columns known as codes have all the zeros that the scan counted."""
    from automl.data import read_csv

    calls = []
    whole = read_csv._arrow_table
    monkeypatch.setattr(read_csv, "_arrow_table", lambda *args, **options: calls.append(1) or whole(*args, **options))
    raw = read_table(write("".join(["zip,n\n", *(f"{row % 3:05},{row}\n" for row in range(50_000))])))

    assert [pa.string(), pa.int64()] == raw.table.schema.types
    assert [1] == calls


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        ([2**64 - 1, 2**63], pa.uint64(), [2**64 - 1, 2**63]),
        ([2**63, -(2**63)], pa.float64(), [float(2**63), -float(2**63)]),
        ([2**70, 2**70 + 1], pa.string(), [str(2**70), str(2**70 + 1)]),
        ([2**70, 1], pa.float64(), [float(2**70), 1.0]),
        ([2**63, 1.5], pa.float64(), [float(2**63), 1.5]),
        ([2**63, "NA"], pa.uint64(), [2**63, None]),
        ([2**63, "x"], pa.string(), [str(2**63), "x"]),
    ],
)
def test_whole_numbers_beyond_64_bits_stay_apart(write, cells, kind, values):
    found = read_table(write("a,b\n" + "".join(f"{cell},1\n" for cell in cells))).table.column("a")

    assert kind == found.type
    assert values == found.to_pylist()


@pytest.mark.parametrize(
    ("values", "kind"), [([5, None], pa.int64()), ([2**64 - 1, 0], pa.uint64()), ([2**70, 2**70 + 1], pa.string())]
)
def test_whole_decimals_of_databases_are_whole_numbers(values, kind):
    from decimal import Decimal

    column = pa.array([None if value is None else Decimal(value) for value in values], pa.decimal128(38, 0))
    found = read_table(pa.table({"a": column})).table.column("a")

    assert kind == found.type
    assert [None if value is None else str(value) for value in values] == [
        None if value is None else str(value) for value in found.to_pylist()
    ]
