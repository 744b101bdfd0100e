"""Frames between our own processes: a header, then bytes, over a private socket pair.

The header is one byte for the kind, a number (of a job or a process) and the length of the body. What a job carries
is pickled once by who sends it and opened once by who needs it; the server in between passes it on unopened.
"""

from __future__ import annotations

import contextlib
import struct
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket

SETTINGS_VARIABLE = "AUTOML_WORKERS_SETTINGS"
"""Environment variable by which the driver tells the server its settings, as JSON."""
_HEADER = struct.Struct("!BqQ")
_CHUNK_BYTES = 1 << 20


class Kind(IntEnum):
    """What a frame says; the number is a job's id unless said otherwise."""

    SUBMIT = 1
    """Driver to server: limits and payload of a job."""
    CANCEL = 2
    """Driver to server: drop or kill a job."""
    IMPORTING = 3
    """Server to driver: the module (body) that is imported next; empty when all are."""
    NOTE = 4
    """Server to driver: one sentence worth keeping."""
    WORKER = 5
    """Server to driver: a worker was forked; the number is its process id."""
    GONE = 6
    """Server to driver: a worker has ended; the number is its process id."""
    STARTED = 7
    """Server to driver: a worker has the job."""
    JOB = 8
    """Server to worker: payload of a job."""
    READY = 9
    """Worker to server: jobs can come."""
    RESULT = 10
    """Worker to server, server to driver: what came of a job."""
    LAST_RESULT = 11
    """Worker to server: a result from a worker that has grown and wants to be replaced."""


class Frame(NamedTuple):
    """One message."""

    kind: Kind
    number: int
    body: bytes


def pack(kind: Kind, number: int = 0, body: bytes = b"") -> bytes:
    """A frame as bytes."""
    return _HEADER.pack(kind, number, len(body)) + body


def read_frame(channel: socket.socket) -> Frame:
    """The next frame of a blocking socket; EOFError when the other side is gone."""
    kind, number, length = _HEADER.unpack(_exactly(channel, _HEADER.size))
    return Frame(Kind(kind), number, _exactly(channel, length))


def _exactly(channel: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = channel.recv(min(count - len(parts), _CHUNK_BYTES))
        except ConnectionError as error:
            raise EOFError from error
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


class Channel:
    """A socket that never blocks: frames are kept until the other side takes them, and assembled as they come."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self.ended = False
        """Whether the other side is gone."""
        self._socket = channel
        self._incoming = bytearray()
        self._outgoing = bytearray()

    def fileno(self) -> int:
        """The file descriptor, for selectors; -1 when closed."""
        return self._socket.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether frames wait for the other side to read."""
        return bool(self._outgoing)

    def put(self, kind: Kind, number: int = 0, body: bytes = b"") -> None:
        """Send a frame, or keep what cannot be sent now for `flush`."""
        self._outgoing += pack(kind, number, body)
        self.flush()

    def flush(self) -> None:
        """Send what the other side will take."""
        while self._outgoing:
            try:
                sent = self._socket.send(bytes(self._outgoing[:_CHUNK_BYTES]))
            except BlockingIOError:
                return
            except OSError:  # the reader is gone; `take` will see the end too, after what it sent last
                self._outgoing.clear()
                return
            del self._outgoing[:sent]

    def take(self) -> list[Frame]:
        """All frames that have come whole; sets `ended` at the end of the stream."""
        while not self.ended:
            try:
                part = self._socket.recv(_CHUNK_BYTES)
            except BlockingIOError:
                break
            except OSError:
                part = b""
            self.ended = not part
            self._incoming += part
        frames = []
        while len(self._incoming) >= _HEADER.size:
            kind, number, length = _HEADER.unpack_from(self._incoming)
            end = _HEADER.size + length
            if len(self._incoming) < end:
                break
            frames.append(Frame(Kind(kind), number, bytes(self._incoming[_HEADER.size : end])))
            del self._incoming[:end]
        return frames

    def close(self) -> None:
        """Close the socket of this process."""
        with contextlib.suppress(OSError):
            self._socket.close()
