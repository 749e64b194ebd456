"""ioctls of a socket: numbers that they give, whom its signals go to, when its last packet came."""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Protocol

from libsocket import Socket

FIOASYNC: Final = 0x5452
FIOSETOWN: Final = 0x8901
SIOCSPGRP: Final = 0x8902
FIOGETOWN: Final = 0x8903
SIOCGPGRP: Final = 0x8904
FIONBIO: Final = 0x5421
SIOCOUTQNSD: Final = 0x894B
SIOCGSTAMPNS: Final = 0x8907
SIOCGSKNS: Final = 0x894C
SIOCGSTAMP: Final = 0x8906
_SIOCUNIXFILE: Final = 0x89E0

REQUESTS: Final[Mapping[str, int]] = {
    "SIOCINQ": 0x541B,
    "SIOCOUTQ": 0x5411,
    "SIOCOUTQNSD": SIOCOUTQNSD,
    "SIOCATMARK": 0x8905,
    "SIOCGPGRP": SIOCGPGRP,
    "TCGETS": 0x5401,
    "TIOCGWINSZ": 0x5413,
    "FIOQSIZE": 0x5460,
    "0x541BAD": 0x541BAD,
    "0x89C1": 0x89C1,
}
"""Numbers of ioctls by name; the last two stand for nothing."""


NUMBERS: Final[Mapping[str, int]] = {
    **REQUESTS,
    "FIONBIO": FIONBIO,
    "FIOASYNC": FIOASYNC,
    "SIOCSPGRP": SIOCSPGRP,
    "FIOSETOWN": FIOSETOWN,
    "FIOGETOWN": FIOGETOWN,
    "SIOCGSTAMP": SIOCGSTAMP,
    "SIOCGSTAMPNS": SIOCGSTAMPNS,
}
"""Numbers of all of them by name."""


class _File(Protocol):
    def fileno(self) -> int: ...


def word(number: int) -> bytes:
    """An int as ioctl takes it."""
    return number.to_bytes(4, sys.byteorder, signed=True)


def asked(sock: _File, request: int) -> int:
    """The int that an ioctl gives."""
    return int.from_bytes(fcntl.ioctl(sock, request, word(0)), sys.byteorder, signed=True)


def returned_and_given(sock: _File, request: str) -> list[int]:
    """What an ioctl by name returns, and the int that it gives."""
    room = bytearray(word(0))
    returned = fcntl.ioctl(sock, NUMBERS[request], room, True)
    return [returned, int.from_bytes(room, sys.byteorder, signed=True)]


def namespace_of(sock: _File) -> int:
    """The descriptor of its network namespace that an ioctl returns (SIOCGSKNS). Raises: OSError."""
    return fcntl.ioctl(sock, SIOCGSKNS)


def with_word(sock: Socket, request: str, number: int) -> int:
    """The int that an ioctl by name leaves where another was."""
    return int.from_bytes(fcntl.ioctl(sock, NUMBERS[request], word(number)), sys.byteorder, signed=True)


def owner(sock: Socket, request: int = SIOCGPGRP) -> int:
    """The process that gets its signals; a group is negative."""
    return asked(sock, request)


def time_of_last_packet(sock: Socket) -> int:
    """When the last packet that was passed on had come, in microseconds since 1970 (SIOCGSTAMP)."""
    stamp = fcntl.ioctl(sock, SIOCGSTAMP, bytes(16))
    return 1_000_000 * int.from_bytes(stamp[:8], sys.byteorder) + int.from_bytes(stamp[8:], sys.byteorder)


def nanoseconds_of_last_packet(sock: Socket) -> int:
    """When the last packet that was passed on had come, in nanoseconds since 1970 (SIOCGSTAMPNS)."""
    stamp = fcntl.ioctl(sock, SIOCGSTAMPNS, bytes(16))
    return 10**9 * int.from_bytes(stamp[:8], sys.byteorder) + int.from_bytes(stamp[8:], sys.byteorder)


@contextmanager
def file_of(sock: Socket) -> Iterator[int]:
    """A descriptor of the file that a UNIX socket is bound to (SIOCUNIXFILE)."""
    fd = fcntl.ioctl(sock, _SIOCUNIXFILE)
    try:
        yield fd
    finally:
        os.close(fd)


def ioctl_at(sock: Socket, request: str, place: int) -> None:
    """An ioctl by name whose argument is at an address. Raises: OSError."""
    number = ctypes.c_ulong(NUMBERS[request])
    if _libc.ioctl(sock.fileno(), number, ctypes.c_void_p(place)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


_libc: Final = ctypes.CDLL(None, use_errno=True)
