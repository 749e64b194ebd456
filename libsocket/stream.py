"""Reading and writing as a stream: everything follows from one ``read`` and one ``write``.

No class here keeps anything about the stream it reads, apart from ``Chain`` and ``Take``, which
belong to one reader: a Socket can be read and written from many threads.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import TypeVar

from libsocket.errors import UnexpectedEof, WriteZero

__all__ = ["Chain", "Reader", "Take", "Writer"]

Data = bytes
"""The built-in, under a name that the method ``bytes`` does not hide."""
Buffer = bytes | bytearray | memoryview

CHUNK = 65_536

R = TypeVar("R", bound="Reader")
W = TypeVar("W", bound="Writer")


def _natural(n: int) -> int:
    if n < 0:
        raise ValueError(f"a number of bytes is not negative, as {n} is")
    return n


class Reader:
    """What can be read piece by piece. The end of the stream is ``b""`` and no error.

    A number of bytes that is negative raises ValueError.
    """

    __slots__ = ()

    def read(self, n: int) -> Data:
        """At most ``n`` bytes, as soon as there are any; ``b""`` at the end of the stream."""
        raise NotImplementedError

    def read_to_end(self, into: bytearray | None = None) -> Data:
        """Everything up to the end of the stream.

        Whatever arrives is added to ``into``, if it is given, before the next read: it keeps what
        came before an error, such as EAGAIN on a non-blocking socket.
        """
        buffer = bytearray() if into is None else into
        start = len(buffer)
        while piece := self.read(CHUNK):
            buffer += piece
        return Data(memoryview(buffer)[start:])

    def read_to_string(self) -> str:
        """Everything up to the end of the stream, as UTF-8; UnicodeDecodeError if it is not."""
        return self.read_to_end().decode()

    def read_exact(self, n: int) -> Data:
        """Exactly ``n`` bytes; UnexpectedEof, with what there was, if the stream ends before."""
        buffer = bytearray()
        while len(buffer) < _natural(n):
            piece = self.read(n - len(buffer))
            if not piece:
                raise UnexpectedEof(Data(buffer), n)
            buffer += piece
        return Data(buffer)

    def bytes(self) -> Iterator[int]:
        """The bytes one at a time. Each is a read of its own, so none is lost if iteration stops."""
        while byte := self.read(1):
            yield byte[0]

    def chars(self) -> Iterator[str]:
        """The characters of a UTF-8 stream one at a time; reads no byte beyond the last one given.

        UnicodeDecodeError where the stream is not UTF-8 or ends within a character.
        """
        decoder = codecs.getincrementaldecoder("utf-8")()
        for byte in self.bytes():
            yield from decoder.decode(Data((byte,)))
        decoder.decode(b"", final=True)

    def by_ref(self: R) -> R:
        """This reader itself: adapters refer to what they read and never take it over."""
        return self

    def chain(self, other: Reader) -> Chain:
        """This stream up to its end, then the other."""
        return Chain(self, other)

    def take(self, limit: int) -> Take:
        """At most the next ``limit`` bytes of this stream, then an end; the rest stays unread."""
        return Take(self, limit)


class Chain(Reader):
    """One stream after another."""

    __slots__ = ("_streams",)

    def __init__(self, *streams: Reader) -> None:
        self._streams = list(streams)

    def read(self, n: int) -> Data:
        while _natural(n) and self._streams:
            if piece := self._streams[0].read(n):
                return piece
            del self._streams[0]
        return b""


class Take(Reader):
    """The first bytes of a stream."""

    __slots__ = ("_stream", "limit")

    def __init__(self, stream: Reader, limit: int) -> None:
        self._stream: Reader = stream
        self.limit: int = _natural(limit)
        """How many bytes may still be read."""

    def read(self, n: int) -> Data:
        size = min(_natural(n), self.limit)
        piece = self._stream.read(size) if self.limit else b""
        self.limit -= len(piece)
        return piece


class Writer:
    """What can be written piece by piece. Text is written as ``write_all(f"…".encode())``."""

    __slots__ = ()

    def write(self, data: Buffer) -> int:
        """Write what can be written at once, and say how many bytes that was."""
        raise NotImplementedError

    def write_all(self, data: Buffer) -> None:
        """Write everything; WriteZero if nothing more is taken."""
        rest = memoryview(data).cast("B")
        while rest:
            written = self.write(rest)
            if not written:
                raise WriteZero(f"{len(rest)} of {memoryview(data).nbytes} bytes could not be written")
            rest = rest[written:]

    def flush(self) -> None:
        """Nothing: no byte is held on this side of the kernel."""
