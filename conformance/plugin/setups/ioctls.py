"""ioctls of a socket: numbers that they give, whom its signals go to, when its last packet came."""

from __future__ import annotations

import fcntl
import sys
from typing import Final

from libsocket import Socket

FIOASYNC: Final = 0x5452
FIOSETOWN: Final = 0x8901
SIOCSPGRP: Final = 0x8902
FIOGETOWN: Final = 0x8903
SIOCGPGRP: Final = 0x8904
_SIOCGSTAMP: Final = 0x8906


def word(number: int) -> bytes:
    """An int as ioctl takes it."""
    return number.to_bytes(4, sys.byteorder, signed=True)


def asked(sock: Socket, request: int) -> int:
    """The int that an ioctl gives."""
    return int.from_bytes(fcntl.ioctl(sock, request, word(0)), sys.byteorder, signed=True)


def owner(sock: Socket, request: int = SIOCGPGRP) -> int:
    """The process that gets its signals; a group is negative."""
    return asked(sock, request)


def time_of_last_packet(sock: Socket) -> int:
    """When the last packet that was passed on had come, in microseconds since 1970 (SIOCGSTAMP)."""
    stamp = fcntl.ioctl(sock, _SIOCGSTAMP, bytes(16))
    return 1_000_000 * int.from_bytes(stamp[:8], sys.byteorder) + int.from_bytes(stamp[8:], sys.byteorder)
