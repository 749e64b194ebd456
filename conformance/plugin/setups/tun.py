"""Interfaces without a link layer whose packets a process reads and writes: tun(4)."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from netns import Namespace

NAME: Final = "tun0"
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000


@contextmanager
def tun(namespace: Namespace, address: str = "10.0.5.1/24") -> Iterator[int]:
    """A descriptor that reads what the interface tun0 of a namespace sends, and writes what it receives."""
    with namespace.entered():
        number = open_tun()
    try:
        namespace.add_address(NAME, address)
        namespace.set_link(NAME, up=True)
        yield number
    finally:
        os.close(number)


def open_tun() -> int:
    """The descriptor of an interface that is made in the namespace where this thread is. Raises: OSError."""
    number = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(number, _TUNSETIFF, struct.pack("16sH22x", NAME.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError:
        os.close(number)
        raise
    return number


def next_sent(number: int) -> bytes:
    """The next IPv4 packet that the interface sends; a host's own of IPv6 are passed over."""
    return next(one for one in iter(lambda: os.read(number, 2000), b"") if one[0] >> 4 == 4)
