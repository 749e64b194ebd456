"""accept(2) and accept4(2) below Python's wrapper, which knows no flags and has room for every address."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.descriptors import limit_files
from conformance.plugin.setups.readiness import await_end
from libsocket import Socket

NOWHERE: Final = 1
"""An address at which a process has no memory."""
UNTOUCHED: Final = 0x7EEEEEEE
"""What a length is before a call that should leave it alone: no family has so long an address."""
SOCK_NONBLOCK: Final = int(socket.SOCK_NONBLOCK)
SOCK_CLOEXEC: Final = int(socket.SOCK_CLOEXEC)

FILE_FLAGS: Final = {"O_NONBLOCK": os.O_NONBLOCK, "O_ASYNC": os.O_ASYNC, "O_APPEND": os.O_APPEND}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def accepted(
    listener: Socket | int, address: int | None = None, length: ctypes.c_int | int | None = None
) -> Socket:
    """The next connection, by accept(2). Address and length are places in memory, or none."""
    place = ctypes.byref(length) if isinstance(length, ctypes.c_int) else ctypes.c_void_p(length)
    return _made(_libc.accept(_number(listener), ctypes.c_void_p(address), place), listener)


def accepted4(listener: Socket | int, flags: int) -> Socket:
    """The next connection, by accept4(2), without its address."""
    return _made(_libc.accept4(_number(listener), None, None, ctypes.c_int(flags)), listener)


def listened(sock: Socket | int, backlog: int) -> None:
    """listen(2) with a backlog that may be negative, where Python would make it 0."""
    if _libc.listen(_number(sock), ctypes.c_int(backlog)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def returned_by_listen(sock: Socket) -> list[object]:
    """What listen(2) returns, and the errno it has set by name, if it has."""
    ctypes.set_errno(0)
    value = _libc.listen(sock.fileno(), 1)
    return [value, errno_name(ctypes.get_errno()) if ctypes.get_errno() else None]


def _number(file: Socket | int) -> int:
    return file if isinstance(file, int) else file.fileno()


def _made(descriptor: int, listener: Socket | int) -> Socket:
    """A socket of the listener's kind: one of AF_ALG has no name by which it could be told."""
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if isinstance(listener, Socket):
        return Socket(listener.family, listener.type, listener.proto, descriptor)
    return Socket.from_fd(descriptor)


def room(size: int = 128) -> ctypes.c_int:
    """A length that says how much room there is for an address."""
    return ctypes.c_int(size)


class Memory:
    """Room for an address, full of 0xff bytes."""

    size: Final = 128

    def __init__(self) -> None:
        self._buffer = ctypes.create_string_buffer(b"\xff" * self.size, self.size)
        self.address = ctypes.addressof(self._buffer)

    @property
    def untouched(self) -> int:
        """How many bytes are still 0xff."""
        return self._buffer.raw.count(b"\xff")


@contextmanager
def read_only_memory() -> Iterator[int]:
    """Where there is memory of 0 bytes that can be read and not written."""
    size = mmap.PAGESIZE
    place = _libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    assert place not in {None, ctypes.c_void_p(-1).value}, "there is no memory"
    try:
        yield place
    finally:
        _libc.munmap(place, size)


def file_flags(sock: Socket) -> list[str]:
    """Which of three file status flags are set, and FD_CLOEXEC."""
    status = fcntl.fcntl(sock, fcntl.F_GETFL)
    found = [name for name, flag in FILE_FLAGS.items() if status & flag]
    return found + ["FD_CLOEXEC"] * (fcntl.fcntl(sock, fcntl.F_GETFD) & fcntl.FD_CLOEXEC)


@contextmanager
def no_descriptor_free() -> Iterator[None]:
    """A block in which this process can open no descriptor: RLIMIT_NOFILE is reached."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit_files(0)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def end_of(client: Socket) -> str:
    """How a connection ended for who made it: what it receives once it is over, at the latest after a while.

    ``ECONNRESET``, or the data, of which there are none at the end of the stream.
    """
    with suppress(AssertionError):
        await_end(client)
    try:
        return repr(client.recv(9, socket.MSG_DONTWAIT).decode())
    except OSError as error:
        return errno_name(error.errno)


@contextmanager
def files_of_whole_kernel(most: int) -> Iterator[None]:
    """A block in which so many files may be open on this kernel: only for one that runs nothing else."""
    limit = Path("/proc/sys/fs/file-max")
    before = limit.read_text(encoding="ascii")
    limit.write_text(str(most), encoding="ascii")
    try:
        yield
    finally:
        limit.write_text(before, encoding="ascii")
