"""Text tables through Arrow's reader, after a look at the head has found how they are written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from automl.data.amount import thin_text
from automl.data.column_guess import beyond_64_bits, fraction_columns, text_columns
from automl.data.column_names import behind_last_name, clean_names
from automl.data.csv_codes import plain_whole_numbers, with_codes, with_columns
from automl.data.dialect import SPACES, Dialect, find_dialect
from automl.data.encoding import UTF8, WIDE_CODINGS, fallback_encoding, to_utf8
from automl.data.records import MISSING_TOKENS, Finding
from automl.data.spellings import with_spellings
from automl.data.text_content import Content
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    import pyarrow as pa

    from automl.data.amount import ReadLimit

Read = tuple["pa.Table", list[str], list[Finding]]
BLOCK_BYTES = 1 << 22
TAIL_BYTES = 1 << 12
"""So much of the end of a table tells whether its last quote is closed."""
VERY_WIDE = 1000
"""From so many columns on blocks are larger: they would have few rows, and each costs something for each column."""
_GROUPED = r"^\s*[+-]?(0|[1-9]\d{0,2}(\.\d{3})*)(,\d+)?\s*$"


def read_csv(path: Path, limit: ReadLimit | None = None, text: Collection[str] = ()) -> Read:
    """Table with columns by position, their names as written, and findings; with a `limit`, rows from all over it.

    Columns of a name in `text` stay text, whatever their cells look like. Raises DataError, which names the line.
    """
    if path.suffix.lower() in (".gz", ".zip"):
        from automl.data.read_packed import unpack

        data, inside, share = unpack(path, None if limit is None else limit.unpacked_bytes)
        label = path.name if path.suffix.lower() == ".gz" else f"{path.name}, {inside}"
        return _parse(Content.of_bytes(data), label, limit, text, share)
    return _parse(Content.of_path(path), path.name, limit, text)


def parse_csv(data: bytes, source: str, limit: ReadLimit | None = None, text: Collection[str] = ()) -> Read:
    """The same for bytes in memory."""
    return _parse(Content.of_bytes(data), source, limit, text)


def _parse(content: Content, source: str, limit: ReadLimit | None, text: Collection[str], share: float = 1.0) -> Read:
    """`share` is how much of the table the content is."""
    head, complete = content.head()
    dialect = find_dialect(head, source, complete=complete)
    if text:
        names, _ = clean_names(dialect.names, dedupe=True, source=source)
        dialect = replace(dialect, texts=frozenset(place for place, name in enumerate(names) if name in text))
    found = _read(content, dialect, source, limit, share)
    if found is None:
        encoding, finding = fallback_encoding(content.whole())
        dialect = replace(dialect, encoding=encoding, findings=(*dialect.findings, finding))
        found = _read(content, dialect, source, limit, share)
    if found is None:
        raise DataError(f"{source} holds bytes that are no text; save it as UTF-8")
    return found


def _read(content: Content, dialect: Dialect, source: str, limit: ReadLimit | None, share: float) -> Read | None:
    """As much as is allowed; None when the bytes turn out not to be UTF-8. Only that much is converted."""

    def fault() -> str:
        from automl.data.read_faults import explain

        return explain(*_converted(content, dialect), source)

    def open_quote() -> str | None:
        from automl.data.read_faults import open_quote

        return open_quote(*_converted(content, dialect), source)

    part, part_dialect, thinned = content, dialect, 1.0
    if limit is not None:
        part, thinned = thin_text(content, dialect, limit, fault)
        if part is not content and dialect.encoding in WIDE_CODINGS:
            part_dialect = replace(dialect, encoding="utf-8")
    part, part_dialect = _converted(part, part_dialect)
    found = _with_arrow(part, part_dialect, source, fault, open_quote)
    if found is None:
        return None
    table, unnamed = found
    used = share * thinned
    sampled = [limit.finding(used, unpacked=share)] if limit is not None and used < 1 else []
    return table, list(dialect.names), [*dialect.findings, *unnamed, *sampled]


def _converted(content: Content, dialect: Dialect) -> tuple[Content, Dialect]:
    """The same table as UTF-8, with one character between cells."""
    if dialect.encoding not in UTF8:
        content = Content.of_bytes(to_utf8(content.whole(), dialect.encoding))
    if dialect.separator == SPACES:
        from automl.data.spaces import tabs_for_spaces

        content, dialect = Content.of_bytes(tabs_for_spaces(content.whole())), replace(dialect, separator="\t")
    return content, dialect


def _with_arrow(
    content: Content, dialect: Dialect, source: str, fault: Callable[[], str], open_quote: Callable[[], str | None]
) -> tuple[pa.Table, list[Finding]] | None:
    """Arrow's table; None when the bytes turn out not to be UTF-8. The functions find what is wrong in the whole."""
    import pyarrow as pa

    names = [f"c{place}" for place in range(len(dialect.names))]
    start = content.after_lines(dialect.header_lines)
    quotes, zeros = content.scan(start, source, dialect.separator)
    windows = content.windows(dialect, start)
    types = {names[place]: pa.string() for place in (*dialect.texts, *text_columns(dialect, windows))}
    long = [names[place] for place in beyond_64_bits(dialect, windows) if names[place] not in types]
    types |= dict.fromkeys(long, pa.string())
    fractions = {
        names[place]: pa.float64() for place in fraction_columns(dialect, windows) if names[place] not in types
    }
    block = BLOCK_BYTES * (4 if dialect.width >= VERY_WIDE else 1)
    while True:
        try:
            table = _arrow_table(content.stream(start), dialect, types | fractions, quotes=quotes, block=block)
        except pa.ArrowInvalid as error:
            message = str(error)
            if fractions and "conversion error" in message:
                fractions = {}  # they were other things as well
                continue
            if "UTF8" in message or "UTF-8" in message:
                return None
            if "straddl" in message and block < min(content.size, 1 << 30):
                block = min(block * 8, 1 << 30)  # a row, or a quoted cell, longer than a block
                continue
            raise DataError(fault()) from error
        times = [field.name for field in table.schema if pa.types.is_time(field.type)]
        if not times:
            break
        types |= dict.fromkeys(times, pa.string())  # times of day stay as they are written
    if any(pa.types.is_binary(kind) for kind in table.schema.types):
        return None
    if not table.num_rows:
        raise DataError(f"{source} has a header but 0 rows of data; give a table with data")
    unnamed = [] if dialect.width == len(names) else behind_last_name(table, len(names))
    table = table.select(names)
    if quotes:
        from automl.data.read_faults import swallowed_rows

        may_be_open = dialect.width == len(names) and _may_be_open(table, content)
        told = (open_quote() if may_be_open else None) or swallowed_rows(table, dialect, source)
        if told is not None:
            raise DataError(told)

    def as_text(columns: list[str]) -> pa.Table:
        more = dict.fromkeys(columns, pa.string())
        stream = content.stream(start)
        return _arrow_table(stream, dialect, types | more, quotes=quotes, block=block, only=columns)

    # Cells such as "None" and "-" alone: what they mean depends on what other rows, perhaps of another file, hold.
    nothing = [field.name for field in table.schema if pa.types.is_null(field.type)]
    table = with_columns(table, dict(zip(nothing, as_text(nothing).columns, strict=True))) if nothing else table
    table = with_codes(table, zeros, as_text) if zeros else table
    table = with_columns(table, {name: plain_whole_numbers(table.column(name)) for name in long})
    table = _empty_as_null(table)
    table = _grouped_by_points(table, dialect.texts) if dialect.decimal == "," else table
    return with_spellings(table, dialect, windows), unnamed


def _arrow_table(
    stream: pa.NativeFile,
    dialect: Dialect,
    types: dict[str, pa.DataType],
    *,
    quotes: bool,
    block: int,
    only: list[str] | None = None,
) -> pa.Table:
    """All columns, one without a name behind the others, too, or `only` some."""
    from pyarrow import csv

    names = [f"c{place}" for place in range(dialect.width)]

    def on_ragged(row: Any) -> str:
        return "skip" if row.actual_columns == 1 and not row.text.strip() else "error"

    return csv.read_csv(
        stream,
        read_options=csv.ReadOptions(column_names=names, block_size=block),
        parse_options=csv.ParseOptions(
            delimiter=dialect.separator,
            # Blocks are cut much faster where no quotes can hide the end of a line.
            newlines_in_values=quotes,
            quote_char='"' if quotes else False,
            invalid_row_handler=on_ragged,
        ),
        convert_options=csv.ConvertOptions(
            column_types=types,
            null_values=list(MISSING_TOKENS),
            strings_can_be_null=False,
            quoted_strings_can_be_null=True,
            decimal_point=dialect.decimal,
            include_columns=names if only is None else only,
            true_values=["true", "True", "TRUE"],
            false_values=["false", "False", "FALSE"],
        ),
        memory_pool=_pool(),
    )


def _pool() -> pa.MemoryPool:
    """Memory for tables. Arrow's default gives pages back and takes them again while it reads: that halves the speed."""
    import pyarrow as pa

    return pa.jemalloc_memory_pool() if "jemalloc" in pa.supported_memory_backends() else pa.default_memory_pool()


def _may_be_open(table: pa.Table, content: Content) -> bool:
    """Whether a quote may never be closed: that makes the rest of the table the last cell of its last row.

    Only then is a look at the whole worth its time. A last cell of several lines is closed where the table ends with an odd
    number of quotes: two of them stand for one in the cell.
    """
    import pyarrow as pa

    last = table.column(table.num_columns - 1)
    cell = last[table.num_rows - 1].as_py() if pa.types.is_string(last.type) else None
    if not cell or not ("\n" in cell or "\r" in cell):
        return False
    end = content.read(max(content.size - TAIL_BYTES, 0), TAIL_BYTES).rstrip()
    before = end.rstrip(b'"')
    return not before or not cell.strip('"\r\n') or (len(end) - len(before)) % 2 == 0


def _empty_as_null(table: pa.Table) -> pa.Table:
    """Empty cells of text columns are missing. Only a bitmap is added, the text itself is not copied."""
    import pyarrow as pa

    columns = [
        pa.chunked_array([_masked_where_empty(chunk) for chunk in column.chunks], column.type)
        if pa.types.is_string(column.type)
        else column
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, table.column_names)


def _masked_where_empty(chunk: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    _, offsets, text = chunk.buffers()
    if chunk.null_count or chunk.offset or not len(chunk):
        return chunk
    places = np.frombuffer(offsets, dtype=np.int32, count=len(chunk) + 1)
    filled = places[1:] != places[:-1]
    if filled.all():
        return chunk
    known = pa.py_buffer(np.packbits(filled, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), len(chunk), [known, offsets, text])


def _grouped_by_points(table: pa.Table, texts: Collection[int]) -> pa.Table:
    """Columns of "1.234,5" and "1.000" as numbers, in a table whose decimal sign is the comma; `texts` are left alone.

    Only the table as a whole tells that "1.000" is a thousand: nobody further on could know.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = pa.array(MISSING_TOKENS)
    columns: list[Any] = table.columns
    for place, column in enumerate(columns):
        if not pa.types.is_string(column.type) or place in texts:
            continue
        known = pc.if_else(pc.is_in(column, missing), pa.scalar(None, pa.string()), column)
        if known.null_count == len(known) or not pc.all(pc.match_substring_regex(known, _GROUPED)).as_py():
            continue
        plain = pc.replace_substring(pc.replace_substring(pc.utf8_trim_whitespace(known), ".", ""), ",", ".")
        columns[place] = pc.cast(plain, pa.float64())
    return pa.Table.from_arrays(columns, table.column_names)
