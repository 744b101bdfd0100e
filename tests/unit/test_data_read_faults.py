"""What cannot be read is refused with file, line and what to do, never with a raw error of Arrow."""

import gzip
import io
import zipfile

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from automl.data import read_faults, read_packed
from automl.data.read import read_table
from automl.errors import DataError

MANY = "a,b\n" + "1,abc\n" * 60_000
"""More than the head that is looked at first."""


@pytest.fixture
def refused(tmp_path):
    """The message with which a file of this content is refused."""

    def refused(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DataError) as error:
            read_table(path)
        message = str(error.value)
        assert "Arrow" not in message
        assert "CSV parse error" not in message
        return message

    return refused


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "0 rows"),
        ("\n \n", "0 rows"),
        ("a,b\n", "0 rows"),
        ("a,b\n\n\n", "0 rows"),
        ("a,b\n1,2\n1,2,3\n", "line 3: 3 cells, but the header has 2"),
        ("a,b\n1,2\n\n\n1\n", "line 5: 1 cell,"),
        ('a,b\n1,"x\ny"\n1,2,3\n', "line 4: 3 cells"),
        ("a\tb\tc\n1\t2\n", "separator tab"),
        (MANY + "1,2,3\n", "line 60002: 3 cells"),
        (MANY + "\n1\n", "line 60003: 1 cell,"),
        (MANY.replace("\n", "\r\n") + "1,2,3\n", "line 60002: 3 cells"),
        ('a,b\n1,"x\n2,y\n', "line 2: a quote"),
        ('a,b\n1,x\n"2,y\n3,z\n', "line 3: 1 cell,"),
        ('"a,b\n1,2\n3,4\n', "line 1: a quote"),
        (MANY + '1,"x\n' + "2,y\n" * 5, "line 60002: a quote"),
        (MANY + '"1,x\n' + "2,y\n" * 5, "line 60002: 1 cell,"),
        (MANY + '1,"x\n' + "1,abc\n" * 900_000, "line 60002: a quote"),
        ("a,b\n1,x\0y\n", "NUL byte in line 2"),
        (MANY + "1,\0\n", "NUL byte in line 60002"),
        ("a,b\n1,2\n".encode("utf-16-le"), "UTF-16"),
        ("x,y,x\n1,2,3\n", "'x', at positions 1 and 3"),
        ("x,y, x\n1,2,3\n", "--dedupe"),
    ],
)
def test_faults_of_text_tables(refused, content, words):
    assert words in refused(content)


@pytest.mark.parametrize(
    "end", ['"x\ny', '"x\n""y""', '"x\ny""', '"x\ny""""', '"\n""', '"""\n', '"x\ny""\n\n', '"x\ny""\r\n  \n']
)
def test_a_quote_that_is_never_closed_is_told_however_the_table_ends(refused, end):
    assert "line 3: a quote" in refused(f"a,b\n1,x\n2,{end}")


@pytest.mark.parametrize(
    ("end", "cell"),
    [
        ('"x\ny"', "x\ny"),
        ('"x\n""y"""\n', 'x\n"y"'),
        ('"x\ny"""""\r\n\r\n', 'x\ny""'),
        ('"\n"\n \n', "\n"),
        ('"x\n""\n"\n', 'x\n"\n'),
    ],
)
def test_a_last_cell_of_several_lines_that_is_closed_costs_no_second_look_at_the_table(monkeypatch, end, cell):
    def look(*_):
        raise AssertionError("the whole table was looked at")

    if cell.strip():
        monkeypatch.setattr(read_faults, "open_quote", look)

    assert read_table(io.StringIO(f"a,b\n1,x\n2,{end}")).table.column("b").to_pylist() == ["x", cell]


def test_a_quote_that_swallows_rows(refused):
    rows = "".join(f"{number},word,{number}\n" for number in range(5))
    told = refused(f'a,b,c\n{rows}7,"lost,7\n{rows}8,"found",8\n{rows}')
    assert "row 6: the cell of column 'b' holds 5 whole rows, beginning with '0,word,0'; a quote" in told


def test_a_quote_that_swallows_rows_of_texts_and_of_numbers(refused):
    texts = [
        "".join(f"text {number} of {part},{('bad', 'good')[number % 2]}\n" for number in range(30)) for part in range(3)
    ]
    told = refused(f'text,y\n{texts[0]}"forgotten,good\n{texts[1]}"found at last",good\n{texts[2]}')
    assert "row 31: the cell of column 'text' holds 30 whole rows" in told
    numbers = "".join(f"{number}.5,{number}\n" for number in range(30))
    assert "'z' holds 30 whole rows" in refused(f'y,z\n{numbers}7,"8\n{numbers}7,"8"\n{numbers}')


@pytest.mark.parametrize(
    "text",
    [
        "Dear Sir,\nI live at 5 Oak Road, Leeds\nI bought a lamp, it broke\nI want money back, please\nRegards",
        "to buy:\n" + "".join(f"screws of {size}, {size}\n" for size in range(20)),
        "one, 5\ntwo, 6\nthree, 7\nfour",
    ],
)
@pytest.mark.parametrize("target", [["bad", "good"], [1, 2]])
def test_lines_with_the_separators_of_rows_are_no_rows_unless_they_look_alike(tmp_path, text, target):
    frame = pd.DataFrame({"text": [text, *["All good\nthanks"] * 19], "y": target * 10})
    for columns in (["text", "y"], ["y", "text"]):
        frame[columns].to_csv(tmp_path / "letters.csv", index=False)
        assert frame["text"].tolist() == read_table(tmp_path / "letters.csv").table.column("text").to_pylist()


def test_texts_of_several_lines_are_no_rows(tmp_path):
    path = tmp_path / "letters.csv"
    letter = "Dear all,\nno, yes, perhaps\nwhen, where, why\nyours\nme, myself, I\n"
    path.write_text("a,b,c\n" + "".join(f'{number},"{letter}",{number}\n' for number in range(20)))
    assert 20 == read_table(path).table.num_rows


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"PK\x03\x04rest", "table.csv", "spreadsheet"),
        (b"PAR1rest", "table.csv", ".parquet"),
        (b"\x1f\x8brest", "table.csv", ".gz"),
        (b"rest", "table.xlsx", "save the sheet as CSV"),
        (b"rest", "table.abc", "'.abc', which is not known"),
        (b"no parquet", "table.parquet", "damaged"),
        (b"no feather", "table.feather", "damaged"),
        (b"no gzip", "table.csv.gz", "no sound gzip"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 9999, mtime=0)[:-20], "table.csv.gz", "no sound gzip"),
        (b"no zip", "table.zip", "no sound zip"),
        (b"rest", "table.parquet.gz", "unpack it"),
    ],
)
def test_faults_of_formats(refused, content, name, words):
    message = refused(content, name)

    assert words in message
    assert name in message


def test_cut_parquet(tmp_path, refused):
    parquet.write_table(pa.table({"a": list(range(1000))}), tmp_path / "whole.parquet")

    assert "damaged" in refused((tmp_path / "whole.parquet").read_bytes()[:-100], "cut.parquet")


def test_parquet_without_rows(tmp_path):
    parquet.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "none.parquet")

    with pytest.raises(DataError, match="0 rows"):
        read_table(tmp_path / "none.parquet")


def test_missing_file_and_folder(tmp_path):
    (tmp_path / "houses.csv").write_text("a\n1\n")

    with pytest.raises(DataError, match=r"does not exist; did you mean houses\.csv"):
        read_table(tmp_path / "house.csv")
    with pytest.raises(DataError, match="folder .* does not exist"):
        read_table(tmp_path / "nowhere" / "house.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)


def test_zip_with_several_tables_lists_them(tmp_path):
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("train.csv", "a\n1\n")
        archive.writestr("test.csv", "a\n1\n")

    with pytest.raises(DataError, match=r"2 files \(train\.csv, test\.csv\)"):
        read_table(tmp_path / "two.zip")


@pytest.mark.parametrize("ending", ["gz", "zip"])
def test_unpacking_is_bounded(tmp_path, monkeypatch, ending):
    """The limit holds while unpacking, before the content is in memory."""
    monkeypatch.setattr(read_packed, "UNPACKED_FREE", 1 << 20)
    monkeypatch.setattr(read_packed, "_CHUNK", 1 << 18)
    path = tmp_path / f"bomb.csv.{ending}"
    if ending == "gz":
        path.write_bytes(gzip.compress(b"0" * (1 << 24)))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb.csv", b"0" * (1 << 24))

    with pytest.raises(DataError, match="unpacks to more than"):
        read_table(path)
