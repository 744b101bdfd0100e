"""Tables whose cells stand between runs of spaces, as tables with tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PIECE_BYTES = 1 << 22
SPACE, LINE_END, TAB = b" \n\t"


def tabs_for_spaces(content: Any) -> bytes:
    """Runs of spaces outside quotes become tabs, line by line, so that line numbers stay; UTF-8 in and out."""
    data = bytes(content).removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    if any(mark in data for mark in (b'"', b"\t", b"\r")):
        return _one_by_one(data)
    import numpy as np

    pieces, start = [], 0
    while start < len(data):
        stop = data.rfind(b"\n", start, start + PIECE_BYTES) + 1 or data.find(b"\n", start) + 1 or len(data)
        pieces.append(_squeezed(np.frombuffer(data, dtype=np.uint8, count=stop - start, offset=start)))
        start = stop
    return b"".join(piece.tobytes() for piece in pieces)


def _squeezed(piece: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Whole lines: one tab for each run of spaces, none at the ends of lines."""
    import numpy as np

    space = piece == SPACE
    single = piece[~(space & np.concatenate([[True], space[:-1]]))]
    space, end = single == SPACE, single == LINE_END
    outer = np.concatenate([[True], end[:-1]]) | np.concatenate([end[1:], [True]])
    kept = single[~(space & outer)]
    return np.where(kept == SPACE, np.uint8(TAB), kept)


def _one_by_one(data: bytes) -> bytes:
    """The same where quotes may hide spaces."""
    import csv
    import io

    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter="\t", lineterminator="\n")
    for line in io.StringIO(data.decode("utf-8", errors="surrogateescape"), newline=None):
        writer.writerow(next(csv.reader([line.strip(" \n")], delimiter=" ", skipinitialspace=True), []))
    return out.getvalue().encode("utf-8", errors="surrogateescape")
