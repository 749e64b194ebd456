"""recvmmsg(2) and sendmmsg(2) as they are: with a timeout, with any number of messages, in bad memory.

libsocket's own take 1024 messages at most and no timeout.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence
from socket import AF_INET, MSG_DONTWAIT, inet_aton
from typing import Final, NamedTuple

from libsocket import Socket

_libc = ctypes.CDLL(None, use_errno=True)
_HEADER: Final = struct.Struct("@PIPNPNi0PI0P")
"""struct mmsghdr: name, its length, vectors, their number, control, its length, flags; then msg_len."""
_VECTOR: Final = struct.Struct("@PN")
_TIMESPEC: Final = struct.Struct("@ll")
UNTOUCHED: Final = 77_777
"""What msg_len is before a call."""
NOWHERE: Final = 8
"""An address at which no process has memory."""


class Received(NamedTuple):
    """What recvmmsg(2) made of its arguments."""

    number: int
    """What it returned."""
    lengths: list[int]
    """msg_len of every element, also of those that were not filled."""
    data: list[str]
    """What is in the buffer of every element: as much as it holds, without zero bytes at its end."""
    left: tuple[int, int]
    """The timeout afterwards, in seconds and nanoseconds."""

    @property
    def filled(self) -> list[int]:
        """msg_len of the elements before the first that was not filled."""
        return self.lengths[: [*self.lengths, UNTOUCHED].index(UNTOUCHED)]


def recvmmsg(
    sock: Socket,
    count: int,
    *,
    size: int = 20,
    flags: int = 0,
    timeout: tuple[int, int] | None = None,
    bad: int | None = None,
) -> Received:
    """Receive ``count`` messages of ``size`` bytes; the buffer of the one that is ``bad`` is no memory.

    The timeout is one of seconds and nanoseconds. Raises: OSError as recvmmsg(2) gives it.
    """
    buffers = [ctypes.create_string_buffer(size) for _ in range(count)]
    places = [NOWHERE if one == bad else ctypes.addressof(buffer) for one, buffer in enumerate(buffers)]
    vectors = bytearray(b"".join(_VECTOR.pack(place, size) for place in places) or bytes(1))
    heads = _headers(count, vectors)
    limit = bytearray(_TIMESPEC.pack(*(timeout or (0, 0))))
    place = _place(limit) if timeout else None
    got = _libc.recvmmsg(sock.fileno(), ctypes.c_void_p(_place(heads)), count, flags, ctypes.c_void_p(place))
    _raise_if_failed(got)
    data = [buffer.raw.rstrip(b"\0").decode() for buffer in buffers]
    return Received(got, _lengths(heads, count), data, _TIMESPEC.unpack(limit))


class Sent(NamedTuple):
    """What sendmmsg(2) made of its arguments."""

    number: int
    """What it returned."""
    lengths: list[int]
    """msg_len of every element, also of those that were not sent."""


def sendmmsg(
    sock: Socket,
    messages: Sequence[Sequence[bytes]],
    *,
    flags: int = 0,
    ports: Sequence[int] = (),
    bad: int | None = None,
) -> Sent:
    """Send messages, each of one piece or several, to the peer or to ports of 127.0.0.1.

    The vectors of the one that is ``bad`` are no memory. Raises: OSError as sendmmsg(2) gives it.
    """
    kept = [[ctypes.create_string_buffer(piece, len(piece) or 1) for piece in one] for one in messages]
    vectors = [_vectors(buffers, list(map(len, one))) for buffers, one in zip(kept, messages, strict=True)]
    names = [_loopback(port) for port in ports]
    heads = bytearray()
    for at, one in enumerate(messages):
        name, length = (_place(names[at]), len(names[at])) if names else (0, 0)
        vector = NOWHERE if at == bad else _place(vectors[at])
        heads += _HEADER.pack(name, length, vector, len(one), 0, 0, 0, UNTOUCHED)
    got = _libc.sendmmsg(sock.fileno(), ctypes.c_void_p(_place(heads or bytearray(1))), len(messages), flags)
    _raise_if_failed(got)
    return Sent(got, _lengths(heads, len(messages)))


def _vectors(buffers: Sequence[ctypes.Array[ctypes.c_char]], sizes: Sequence[int]) -> bytearray:
    places = map(ctypes.addressof, buffers)
    return bytearray(b"".join(map(_VECTOR.pack, places, sizes)))


def _loopback(port: int) -> bytearray:
    """struct sockaddr_in"""
    return bytearray(struct.pack("=H", AF_INET) + struct.pack("!H", port) + inet_aton("127.0.0.1") + bytes(8))


def _headers(count: int, vectors: bytearray) -> bytearray:
    places = (_place(vectors) + _VECTOR.size * one for one in range(count))
    return bytearray(
        b"".join(_HEADER.pack(0, 0, place, 1, 0, 0, 0, UNTOUCHED) for place in places) or bytes(1)
    )


def _lengths(heads: bytearray, count: int) -> list[int]:
    return [_HEADER.unpack_from(heads, _HEADER.size * one)[-1] for one in range(count)]


def _place(memory: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _raise_if_failed(returned: int) -> None:
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def called_at(call: str, number: int, *, count: int = 1, at: int | None = None, timeout_at: int = 0) -> int:
    """What ``recvmmsg`` or ``sendmmsg`` of any descriptor returns, of messages of one byte, without waiting.

    ``at`` is where the messages are said to be, ``timeout_at`` where the timeout is. Raises: OSError.
    """
    byte = ctypes.create_string_buffer(b"x", 1)
    vectors = bytearray(_VECTOR.pack(ctypes.addressof(byte), 1) * max(count, 1))
    heads = _headers(max(count, 1), vectors)
    place = ctypes.c_void_p(_place(heads) if at is None else at)
    rest = (ctypes.c_void_p(timeout_at),) if call == "recvmmsg" else ()
    returned = int(getattr(_libc, call)(number, place, count, MSG_DONTWAIT, *rest))
    _raise_if_failed(returned)
    return returned
