"""Many messages by one system call: recvmmsg(2) and sendmmsg(2), which Python does not have."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice, repeat
from typing import TYPE_CHECKING, Any, Final

from libsocket.addresses import LONGEST, Address, from_raw, to_raw
from libsocket.codecs import octets
from libsocket.compiled import COMPILED
from libsocket.control.wire import AS_OWNED, Control, aligned, encode, join, received, split, unknown
from libsocket.message import CLOEXEC, FLAGS, MSG_DONTWAIT, MSG_ZEROCOPY, Message
from libsocket.sockopt import family_of
from libsocket.stream import Buffer

__all__ = ["Batch"]

if TYPE_CHECKING or COMPILED:
    from libsocket._messages import messages as compiled_messages

_libc = ctypes.CDLL(None, use_errno=True)
_recvmmsg, _sendmmsg = _libc.recvmmsg, _libc.sendmmsg
_sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
_recvmmsg.argtypes = [*_sendmmsg.argtypes, ctypes.c_void_p]

IOVEC: Final = struct.Struct("@PN")
HEADER: Final = struct.Struct("@PIPNPNi0PI0P")
"""struct mmsghdr: name, namelen, iov, iovlen, control, controllen, flags; then the length of what came."""
MOST: Final = 1024
"""How many messages a call takes: UIO_MAXIOV."""


class Batch:
    """Room for several messages to be received at once, used again by every call.

    ``count`` messages (at most 1024) of ``size`` bytes, each with ``control`` bytes for control
    messages: with none, whatever comes is dropped and ``control_truncated`` says so. A Batch serves one
    receive at a time; a second thread waits.
    """

    __slots__ = (
        "_control",
        "_control_sizes",
        "_data",
        "_flags",
        "_fresh",
        "_heads",
        "_lengths",
        "_lock",
        "_name_sizes",
        "_names",
        "_vectors",
        "control",
        "count",
        "size",
    )

    def __init__(self, count: int = 64, size: int = 2048, control: int = 0) -> None:
        if not 1 <= count <= MOST or size < 0 or control < 0:
            raise ValueError(f"a Batch holds 1 to {MOST} messages, of 0 bytes or more")
        self.count: int = count
        self.size: int = size
        self.control: int = aligned(control)
        self._lock = threading.Lock()
        self._data, self._names = _memory(count * size), _memory(count * LONGEST)
        self._control = _memory(count * self.control)
        self._vectors = bytearray(b"".join(map(IOVEC.pack, _places(self._data, size, count), repeat(size))))
        self._fresh = b"".join(self._empty_heads())
        self._heads = bytearray(self._fresh)
        self._name_sizes = _field(self._heads, "@P", "I")
        self._control_sizes = _field(self._heads, "@PIPNP", "N")
        self._flags = _field(self._heads, "@PIPNPN", "i")
        self._lengths = _field(self._heads, "@PIPNPNi0P", "I")

    def _empty_heads(self) -> Iterator[bytes]:
        names = _places(self._names, LONGEST, self.count)
        vectors = _places(self._vectors, IOVEC.size, self.count)
        controls = _places(self._control, self.control, self.count)
        for name, vector, control in zip(names, vectors, controls, strict=True):
            yield HEADER.pack(name, LONGEST, vector, 1, control, self.control, 0, 0)

    def receive(self, sock: socket.socket, flags: int) -> list[Message]:
        """What ``Socket.recv_messages`` gives."""
        with self._lock:
            return self._filled(_waiting(sock, select.POLLIN, lambda: self._call(sock, flags)))

    def receive_now(self, sock: socket.socket, flags: int) -> list[Message]:
        """The same without waiting, whatever the socket's timeout: nothing if there is nothing."""
        with self._lock:
            count = self._call(sock, flags | MSG_DONTWAIT)
            if count < 0 and ctypes.get_errno() == errno.EAGAIN:
                return []
            return self._filled(_counted(count))

    def _call(self, sock: socket.socket, flags: int) -> int:
        self._heads[:] = self._fresh
        place = _place(self._heads)
        cloexec = CLOEXEC.get(family_of(sock), 0)
        return int(_recvmmsg(sock.fileno(), place, self.count, flags | cloexec, None))

    def _filled(self, count: int) -> list[Message]:
        """In C, or in Python's own C as far as that goes, for this is what a message costs."""
        if COMPILED:
            return compiled_messages(AS_OWNED, unknown, Message, from_raw, self.size, count, self._heads)
        if not count:
            return []
        data = _pieces(self._data, self.size, self._sizes(count))
        parts = zip(
            data, self._controls(count), self._received_flags(count), self._peers(count), strict=False
        )
        return list(map(tuple.__new__, repeat(Message), parts))

    def _sizes(self, count: int) -> list[int]:
        """With MSG_TRUNC the kernel gives how long a datagram was, not how much of it is here."""
        sizes: list[int] = self._lengths[:count].tolist()
        return sizes if max(sizes) <= self.size else [min(size, self.size) for size in sizes]

    def _received_flags(self, count: int) -> list[int]:
        flags: list[int] = self._flags[:count].tolist()
        return [one & FLAGS for one in flags] if any(flags) else flags

    def _peers(self, count: int) -> Iterable[Address | None]:
        """All at once where they are the same, as they mostly are."""
        sizes = self._name_sizes[:count].tolist()
        names = _pieces(self._names, LONGEST, sizes)
        return repeat(from_raw(names[0])) if names.count(names[0]) == count else map(from_raw, names)

    def _controls(self, count: int) -> Iterable[tuple[Control, ...]]:
        if not self.control:
            return repeat(())
        pieces = _pieces(self._control, self.control, self._control_sizes[:count].tolist())
        return [received(split(piece)) if piece else () for piece in pieces]


def send(sock: socket.socket, messages: Iterable[Message | Buffer], flags: int) -> int:
    """What ``Socket.send_messages`` gives."""
    whole = [one if isinstance(one, Message) else (one, (), 0, None) for one in islice(messages, MOST)]
    for one in whole:
        sys.audit("socket.sendmsg", sock, one[3])
    return len(_sent(sock, whole, flags)) if whole else 0


def send_one(sock: socket.socket, message: Message, flags: int = 0) -> int:
    """Send a message to any ``Address``, and say how many bytes were taken."""
    return _sent(sock, [message], flags)[0]


def _sent(sock: socket.socket, whole: Sequence[Sequence[Any]], flags: int) -> list[int]:
    """How many bytes were taken of each message that was sent."""
    if flags & MSG_ZEROCOPY:
        raise ValueError("MSG_ZEROCOPY sends from the caller's own memory, and this call from a copy")
    buffers, items, _, addresses = zip(*whole, strict=True)
    data = _Pieces([one if type(one) is bytes else octets(one) for one in buffers])
    controls = _Pieces([join(map(encode, one)) if one else b"" for one in items])
    names = _Pieces(_names(sock, addresses))
    vectors = bytearray(b"".join(map(IOVEC.pack, data.places, data.sizes)))
    fields = (names.places, names.sizes, _places(vectors, IOVEC.size, len(whole)), repeat(1))
    tail = (controls.places, controls.sizes, repeat(0), repeat(0))
    heads = bytearray(b"".join(map(HEADER.pack, *fields, *tail)))
    call = (sock.fileno(), _place(heads), len(whole), flags)
    count = _waiting(sock, select.POLLOUT, lambda: int(_sendmmsg(*call)))
    sizes: list[int] = _field(heads, "@PIPNPNi0P", "I")[:count].tolist()
    return sizes


def _names(sock: socket.socket, addresses: Sequence[Any]) -> list[bytes]:
    family = family_of(sock)
    return [b"" if one is None else to_raw(family, one) for one in addresses]


class _Pieces:
    """Pieces one after the other in memory, and where each begins."""

    __slots__ = ("memory", "places", "sizes")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.sizes = list(map(len, pieces))
        self.memory = bytearray().join(pieces) or bytearray(1)
        self.places = accumulate(self.sizes, initial=_place(self.memory))


def _memory(size: int) -> mmap.mmap:
    """Memory that is cut into bytes in one step, and that no child process shares."""
    return mmap.mmap(-1, size or 1, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _place(memory: mmap.mmap | bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def _places(memory: mmap.mmap | bytearray, size: int, count: int) -> list[int]:
    start = _place(memory)
    return [start + size * number for number in range(count)]


def _pieces(memory: mmap.mmap, stride: int, sizes: Sequence[int]) -> Sequence[bytes]:
    """The beginnings of slots, all in one step where they are of one size, as they mostly are."""
    if sizes.count(sizes[0]) == len(sizes):
        pieces: tuple[bytes, ...] = _alike(sizes[0], stride, len(sizes)).unpack_from(memory)
        return pieces
    at = -stride
    return [memory[(at := at + stride) : at + size] for size in sizes]


@lru_cache(64)
def _alike(size: int, stride: int, count: int) -> struct.Struct:
    return struct.Struct(f"{size}s{stride - size}x" * count)


def _field(heads: bytearray, before: str, form: str) -> memoryview:
    """One field of every header, behind those that ``before`` lists."""
    size = struct.calcsize(form)
    offset = struct.calcsize(before + form) - size
    return memoryview(heads).cast(form)[offset // size :: HEADER.size // size]  # type: ignore[call-overload,no-any-return]


def _waiting(sock: socket.socket, event: int, call: Callable[[], int]) -> int:
    """What a call returns; waits as long as the socket's timeout says, as Python's own methods do.

    A call that a signal interrupts is made again, once Python has run the signal's handler.
    """
    timeout = sock.gettimeout()
    end = time.monotonic() + timeout if timeout else None
    while (count := call()) < 0:
        code = ctypes.get_errno()
        if code == errno.EAGAIN and end is not None:
            _wait(sock, event, end - time.monotonic())
        elif code != errno.EINTR:
            raise OSError(code, os.strerror(code))
    return count


def _wait(sock: socket.socket, event: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(sock, event)
    if seconds <= 0 or not poll.poll(seconds * 1000):
        raise TimeoutError("timed out")


def _counted(count: int) -> int:
    if count < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return count
