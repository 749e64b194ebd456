"""Calls with more bytes than one may transfer: a thread makes the call, and this one serves the other end.

What is written and read into are 2 MiB of memory that are mapped again and again, so that little is needed.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from socket import MSG_DONTWAIT
from typing import Final

from conformance.plugin.timing import LONG, SOON
from libsocket import Shutdown, Socket

MOST: Final = 0x7FFF_F000
"""What the pages name: the largest int, down to a page."""
_PART: Final = 2**21
_MAP_FIXED, _MAP_NORESERVE, _MAP_POPULATE = 0x10, 0x4000, 0x8000
_FAILED: Final = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.read.restype = _libc.write.restype = _libc.sendfile.restype = ctypes.c_ssize_t


def _map(address: int | None, size: int, flags: int, file: int) -> int:
    given = (ctypes.c_void_p(address), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE, flags, file)
    place: int | None = _libc.mmap(*given, ctypes.c_long(0))
    if place is None or place == _FAILED:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return place


@contextmanager
def _memory(size: int) -> Iterator[int]:
    """The address of so many bytes, which are the same ones again and again."""
    file = os.memfd_create("part")
    whole = -(-size // _PART) * _PART
    place = _map(None, whole, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE, -1)
    try:
        os.ftruncate(file, _PART)
        for start in range(place, place + whole, _PART):
            _map(start, _PART, mmap.MAP_SHARED | _MAP_FIXED | _MAP_POPULATE, file)
        yield place
    finally:
        _libc.munmap(ctypes.c_void_p(place), ctypes.c_size_t(whole))
        os.close(file)


def _called(sock: Socket, call: Callable[[], int], serve: Callable[[], None]) -> int:
    """What a call of a socket returned, made in a thread while its peer was served; -1 where it failed."""
    returned: list[int] = []
    thread = threading.Thread(target=lambda: returned.append(call()), daemon=True)
    thread.start()
    try:
        serve()
    except BaseException:
        with suppress(OSError):
            sock.shutdown(Shutdown.BOTH)
        raise
    finally:
        thread.join()
    return returned[0]


def written_at_once(sock: Socket, peer: Socket, size: int) -> tuple[int, int]:
    """What one write(2) of so many bytes returned, and how many the peer received."""
    with _memory(size) as place:
        given = (sock.fileno(), ctypes.c_void_p(place), ctypes.c_size_t(size))
        return _sent(sock, peer, lambda: int(_libc.write(*given)))


def sent_at_once(sock: Socket, peer: Socket, size: int) -> tuple[int, int]:
    """What one sendfile(2) of so many bytes of a file returned, and how many the peer received."""
    file = os.memfd_create("large")
    try:
        os.ftruncate(file, size)
        given = (sock.fileno(), file, None, ctypes.c_size_t(size))
        return _sent(sock, peer, lambda: int(_libc.sendfile(*given)))
    finally:
        os.close(file)


def _sent(sock: Socket, peer: Socket, call: Callable[[], int]) -> tuple[int, int]:
    received = 0

    def send() -> int:
        returned = call()
        sock.shutdown(Shutdown.WRITE)
        return returned

    def discard() -> None:
        nonlocal received
        room = bytearray(_PART)
        peer.rcvtimeo = SOON
        while came := peer.recv_into(room):
            received += came

    return _called(sock, send, discard), received


def read_at_once(sock: Socket, peer: Socket, size: int) -> tuple[int, int]:
    """What one read(2) of so many bytes returned while the peer sent as many, and how many were left.

    It waits for as many as it may give, by SO_RCVLOWAT, and the timeout is that of all its waits together.
    """
    sock.rcvlowat = 2**31 - 1
    sock.rcvtimeo = float(LONG)

    def serve() -> None:
        part, left = memoryview(bytes(_PART)), size
        peer.sndtimeo = SOON
        while left:
            left -= peer.send(part[:left])

    with _memory(size) as place:
        given = (sock.fileno(), ctypes.c_void_p(place), ctypes.c_size_t(size))
        read = _called(sock, lambda: int(_libc.read(*given)), serve)
    return read, len(sock.recv(_PART, MSG_DONTWAIT))
