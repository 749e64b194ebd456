"""send(2), sendto(2), sendmsg(2), recv(2), recvfrom(2) and recvmsg(2) with any arguments they can have.

The standard library hides some: a receive of no bytes makes no call, one with MSG_TRUNC gives more than was
copied, an address has the length of its family, and memory is always there.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from conformance.plugin.setups.raw_control import Iovec, Msghdr
from libsocket import MessageFlag, Socket

NOWHERE: Final = 8
"""An address at which no process has memory."""
STORAGE: Final = 128
"""The size of struct sockaddr_storage, which no address exceeds."""
MOST_VECTORS: Final = 1024
"""UIO_MAXIOV."""

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
for _call in ("send", "sendto", "sendmsg", "recv", "recvfrom", "recvmsg", "read", "write", "writev", "readv"):
    _LIBC[_call].restype = ctypes.c_ssize_t


@dataclass(frozen=True)
class Received:
    """What a receive left in its arguments."""

    returned: int
    data: bytes
    """What is in the buffer: as many bytes as were returned, if it has so many."""
    flags: int = 0
    """msg_flags."""
    length: int = 0
    """The length of the address that it says."""
    name: bytes = b""
    """The room for the address, all of it."""


def flags_of(names: Sequence[str]) -> int:
    """MSG_* by their names without that, or as ``0x800000`` where there is no name. Raises: KeyError."""
    return sum(int(name, 0) if name.startswith("0x") else int(MessageFlag[name]) for name in names)


def flag_names(flags: int) -> list[str]:
    """The names of MSG_* without that."""
    return [flag.name or "" for flag in MessageFlag if flags & flag]


def send(sock: Socket, data: bytes, flags: int = 0) -> int:
    """send(2)"""
    return _called(_LIBC.send(sock.fileno(), data, _size(len(data)), flags))


def write(sock: Socket, data: bytes) -> int:
    """write(2)"""
    return _called(_LIBC.write(sock.fileno(), data, _size(len(data))))


def sendto(
    sock: Socket, data: bytes, address: bytes | None = None, length: int | None = None, *, flags: int = 0
) -> int:
    """sendto(2); the length of the address is another than its bytes where one is given."""
    given = length if length is not None else len(address or b"")
    place = ctypes.create_string_buffer(address, max(len(address), STORAGE)) if address is not None else None
    return _called(_LIBC.sendto(sock.fileno(), data, _size(len(data)), flags, place, ctypes.c_int(given)))


def sendmsg(
    sock: Socket,
    *pieces: bytes,
    flags: int = 0,
    address: bytes = b"",
    length: int | None = None,
    control: bytes = b"",
    ignored_flags: int = 0,
    count: int | None = None,
) -> int:
    """sendmsg(2) of some pieces; length, the number of vectors, and msg_flags are what is given."""
    buffers = [ctypes.create_string_buffer(piece, len(piece) or 1) for piece in pieces]
    vectors = _vectors(
        [(ctypes.addressof(one), len(piece)) for one, piece in zip(buffers, pieces, strict=True)]
    )
    name = ctypes.create_string_buffer(address, max(len(address), STORAGE)) if address else None
    messages = ctypes.create_string_buffer(control, max(len(control), 1))
    message = Msghdr(
        ctypes.addressof(name) if name else None,
        (len(address) if length is None else length) & 0xFFFF_FFFF,
        vectors,
        len(pieces) if count is None else count,
        ctypes.addressof(messages) if control else None,
        len(control),
        ignored_flags,
    )
    return _called(_LIBC.sendmsg(sock.fileno(), ctypes.byref(message), flags))


def writev(sock: Socket, *pieces: bytes) -> int:
    """writev(2)"""
    buffers = [ctypes.create_string_buffer(piece, len(piece) or 1) for piece in pieces]
    vectors = _vectors(
        [(ctypes.addressof(one), len(piece)) for one, piece in zip(buffers, pieces, strict=True)]
    )
    return _called(_LIBC.writev(sock.fileno(), vectors, len(pieces)))


def recv(sock: Socket, size: int, flags: int = 0) -> Received:
    """recv(2), of no bytes too."""
    room = ctypes.create_string_buffer(size or 1)
    got = _called(_LIBC.recv(sock.fileno(), room, _size(size), flags))
    return Received(got, room.raw[: min(got, size)])


def read(sock: Socket, size: int) -> Received:
    """read(2), of no bytes too."""
    room = ctypes.create_string_buffer(size or 1)
    got = _called(_LIBC.read(sock.fileno(), room, _size(size)))
    return Received(got, room.raw[: min(got, size)])


def recvfrom(sock: Socket, size: int, room: int | None = STORAGE, flags: int = 0) -> Received:
    """recvfrom(2) with room for an address, any length that is said, or None; all of it is 0xFF before."""
    data = ctypes.create_string_buffer(size or 1)
    name = ctypes.create_string_buffer(b"\xff" * STORAGE, STORAGE)
    length = ctypes.c_int(room or 0)
    place, of_length = (None, None) if room is None else (name, ctypes.byref(length))
    got = _called(_LIBC.recvfrom(sock.fileno(), data, _size(size), flags, place, of_length))
    return Received(got, data.raw[: min(got, size)], 0, length.value, name.raw)


def recvmsg(
    sock: Socket,
    *sizes: int,
    flags: int = 0,
    room: int = 0,
    control: int = 0,
    before: int = 0,
    count: int | None = None,
) -> Received:
    """recvmsg(2) into buffers of these sizes, with room for an address and control messages.

    ``before`` is msg_flags before the call, and the number of vectors what is given.
    """
    buffers = [ctypes.create_string_buffer(size or 1) for size in sizes]
    vectors = _vectors([(ctypes.addressof(one), size) for one, size in zip(buffers, sizes, strict=True)])
    name = ctypes.create_string_buffer(b"\xff" * STORAGE, STORAGE)
    messages = ctypes.create_string_buffer(max(control, 1))
    message = Msghdr(
        ctypes.addressof(name) if room else None,
        room & 0xFFFF_FFFF,
        vectors,
        len(sizes) if count is None else count,
        ctypes.addressof(messages) if control else None,
        control,
        before,
    )
    got = _called(_LIBC.recvmsg(sock.fileno(), ctypes.byref(message), flags))
    data = b"".join(one.raw[:size] for one, size in zip(buffers, sizes, strict=True))[:got]
    return Received(got, data, message.flags, message.namelen, name.raw)


def left_by_recvmsg(sock: Socket, flags: int = 0) -> list[int]:
    """What a recvmsg(2) leaves in its header: returned, or -errno; msg_flags, namelen, controllen, iov_len.

    They were 0x1234, 100, 100 and 50 before.
    """
    data, name, messages = (ctypes.create_string_buffer(100) for _ in range(3))
    vectors = _vectors([(ctypes.addressof(data), 50)])
    message = Msghdr(ctypes.addressof(name), 100, vectors, 1, ctypes.addressof(messages), 100, 0x1234)
    got = _LIBC.recvmsg(sock.fileno(), ctypes.byref(message), flags)
    returned = got if got >= 0 else -ctypes.get_errno()
    return [returned, message.flags, message.namelen, message.controllen, vectors[0].length]


def badly(call: str, sock: Socket, argument: str, *, flags: int = 0, address: bytes = b"") -> None:
    """A call of five bytes, one argument of which is where there is no memory.

    ``buffer``, ``address``, ``length``, ``message``, ``vectors`` or ``control``, as the call has them.
    """
    data = ctypes.create_string_buffer(b"fault", 5)
    name = ctypes.create_string_buffer(address, max(len(address), STORAGE))
    length = ctypes.c_int(len(address) or STORAGE)
    place = {"buffer": ctypes.addressof(data), "address": ctypes.addressof(name), "control": 0}
    place |= {argument: NOWHERE}
    buffer, where = ctypes.c_void_p(place["buffer"]), ctypes.c_void_p(place["address"])
    of_length = ctypes.c_void_p(NOWHERE) if argument == "length" else ctypes.byref(length)
    if call in {"send", "recv"}:
        _called(_LIBC[call](sock.fileno(), buffer, _size(5), flags))
    elif call == "sendto":
        _called(_LIBC.sendto(sock.fileno(), buffer, _size(5), flags, where, length))
    elif call == "recvfrom":
        _called(_LIBC.recvfrom(sock.fileno(), buffer, _size(5), flags, where, of_length))
    else:
        vectors = _vectors([(place["buffer"], 5)])
        message = Msghdr(None, 0, vectors, 1, place["control"] or None, 24 if place["control"] else 0, 0)
        if argument == "address":
            message.name, message.namelen = NOWHERE, len(address) or 16
        if argument == "vectors":
            message.iov = ctypes.cast(ctypes.c_void_p(NOWHERE), ctypes.POINTER(Iovec))
        header = ctypes.c_void_p(NOWHERE) if argument == "message" else ctypes.byref(message)
        _called(_LIBC[call](sock.fileno(), header, flags))


def with_lengths(call: str, sock: Socket, *, vector: int = 5, control: int = 0) -> int:
    """sendmsg(2) or recvmsg(2) of five bytes, whose iov_len and msg_controllen are what is given."""
    data = ctypes.create_string_buffer(b"hello", 5)
    messages = ctypes.create_string_buffer(STORAGE)
    vectors = _vectors([(ctypes.addressof(data), vector)])
    place = ctypes.addressof(messages) if control else None
    return _called(
        _LIBC[call](sock.fileno(), ctypes.byref(Msghdr(None, 0, vectors, 1, place, control, 0)), 0)
    )


def of_descriptor(call: str, number: int) -> None:
    """A call of a byte with any descriptor."""
    data = ctypes.create_string_buffer(b"x", 1)
    vectors = _vectors([(ctypes.addressof(data), 1)])
    message = Msghdr(None, 0, vectors, 1, None, 0, 0)
    if call.endswith("msg"):
        _called(_LIBC[call](number, ctypes.byref(message), 0))
    else:
        _called(_LIBC[call](number, data, _size(1), 0, None, None))


def _vectors(places: Sequence[tuple[int, int]]) -> ctypes.Array[Iovec]:
    return (Iovec * max(len(places), 1))(*(Iovec(place, size) for place, size in places))


def _size(number: int) -> ctypes.c_size_t:
    return ctypes.c_size_t(number)


def _called(result: int) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
