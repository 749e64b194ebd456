"""Names of UNIX sockets byte by byte: as they are given to the kernel, and as it returns them."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from conformance.plugin.timing import SOON
from libsocket import Other, Socket

SUN_PATH: Final = 108
"""The size of sun_path in struct sockaddr_un."""
FAMILY: Final = 2
"""The size of sun_family, sa_family_t: where sun_path begins."""
WHOLE: Final = FAMILY + SUN_PATH
"""The size of struct sockaddr_un."""
ROOM: Final = 120
"""Bytes that every name has room in."""
_BEYOND = 8
"""Bytes behind the room that the kernel is told of."""
_UNTOUCHED = b"\xff"
_IN_DELETE_SELF = 0x400

_libc = ctypes.CDLL(None, use_errno=True)


def unix_address(sun_path: bytes) -> Other:
    """An address whose length is that of sun_family and of these bytes: no null byte is added."""
    return Other(int(socket.AF_UNIX), sun_path)


@dataclass(frozen=True)
class Returned:
    """What a call left of an address: the length it told, and memory that was full of 0xff bytes before."""

    length: int
    memory: bytes
    """The room that the kernel was told of."""
    beyond: bytes
    """Memory behind it."""

    @property
    def family(self) -> int:
        return int.from_bytes(self.memory[:FAMILY], sys.byteorder)

    @property
    def sun_path(self) -> str:
        """What the length covers of sun_path, as far as there was room."""
        return self.memory[FAMILY : self.length].decode("latin-1")


def own_name(sock: Socket, room: int = ROOM) -> Returned:
    """The socket's own address: getsockname(2)."""
    return _returned(lambda memory, length: _libc.getsockname(sock.fileno(), memory, length), room)


def peer_name(sock: Socket, room: int = ROOM) -> Returned:
    """The address of its peer: getpeername(2)."""
    return _returned(lambda memory, length: _libc.getpeername(sock.fileno(), memory, length), room)


def sender_name(sock: Socket, room: int = ROOM) -> Returned:
    """The address of who sent what is next received, one byte of it: recvfrom(2)."""
    byte = ctypes.create_string_buffer(1)
    return _returned(lambda *name: _libc.recvfrom(sock.fileno(), byte, 1, 0, *name), room)


def accepted_with_name(sock: Socket, room: int = ROOM) -> tuple[Socket, Returned]:
    """The next connection, and the address of who made it: accept(2)."""
    made: list[int] = []

    def accept(*name: object) -> int:
        made.append(_libc.accept(sock.fileno(), *name))
        return made[-1]

    returned = _returned(accept, room)
    return Socket.from_fd(made[-1]), returned


def _checked(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def _returned(call: Callable[..., int], room: int) -> Returned:
    size = room + _BEYOND
    memory = ctypes.create_string_buffer(_UNTOUCHED * size, size)
    length = ctypes.c_uint(room)
    _checked(call(memory, ctypes.byref(length)))
    return Returned(length.value, memory.raw[:room], memory.raw[room:])


def from_nowhere(call: str, sock: Socket) -> None:
    """``bind``, ``connect``, ``getsockname`` or ``getpeername`` with an address where there is no memory."""
    length = ctypes.c_uint(WHOLE)
    third = length if call in {"bind", "connect"} else ctypes.byref(length)
    _checked(_libc[call](sock.fileno(), ctypes.c_void_p(1), third))


def listen_where_one_can(sock: Socket) -> None:
    """Listen, if it is no datagram socket, which receives without."""
    if sock.type != socket.SOCK_DGRAM:
        sock.listen()


@contextmanager
def listening_at(type_: int, name: bytes) -> Iterator[Socket]:
    """A socket that listens under a name; an accept there ends if nobody comes."""
    with Socket.unix(type_) as listener:
        listener.rcvtimeo = SOON
        listener.bind(unix_address(name))
        listener.listen()
        yield listener


ENDS_WITH_ITS_PROCESS: Final = {"no-op: close() = 0": "it is closed by a process that ends then"}
"""For the claims in which another user's process makes a socket, and ends."""


def connect_and_send(type_: int, address: str | bytes) -> None:
    """``hello`` from a socket of its own, connected to that address."""
    with Socket.unix(type_) as sock:
        sock.connect(address)
        sock.send(b"hello")


@contextmanager
def watched(path: str) -> Iterator[Callable[[], bool]]:
    """Whether a file is gone, its last reference too: inotify(7) tells it once, as IN_DELETE_SELF."""
    fd = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        _checked(_libc.inotify_add_watch(fd, path.encode(), _IN_DELETE_SELF))
        yield lambda: bool(select.select([fd], [], [], 0)[0])
    finally:
        os.close(fd)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """A block with another file mode creation mask; it is the whole process's."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode_of(path: str) -> str:
    """The permissions of a file, as ``0o755``; ``no file`` without one."""
    return oct(stat.S_IMODE(os.lstat(path).st_mode)) if os.path.lexists(path) else "no file"


def owner_of(path: str) -> list[int]:
    """User and group of a file; nothing without one."""
    status = [os.lstat(path)] if os.path.lexists(path) else []
    return [number for one in status for number in (one.st_uid, one.st_gid)]
