"""Control messages that come with what is received."""

from __future__ import annotations

import struct
from typing import Final, TypeVar

from libsocket import Socket
from netns import Namespace, initial_sysctl

T = TypeVar("T")

_HEADER: Final = struct.Struct("@Nii")
"""struct cmsghdr"""
_OPTMEM_MAX: Final = "net.core.optmem_max"


def control_messages(sock: Socket, kind: type[T], *, size: int = 100, flags: int = 0) -> list[T]:
    """Those of one kind that come with the next message, or with the next ``size`` bytes of a stream."""
    return [one for one in sock.recv_message(size, flags=flags).control if isinstance(one, kind)]


def control_headers(sock: Socket, flags: int = 0) -> list[list[int]]:
    """Level, type and size in bytes of all that come with the next message."""
    return [[level, kind, len(data)] for level, kind, data in sock.recvmsg(100, 200, flags)[1]]


def messages_in(data: bytes) -> list[list[int | str]]:
    """Level, type and data, as hexadecimal digits, of the control messages that an option reads."""
    found: list[list[int | str]] = []
    while len(data) >= _HEADER.size:
        length, level, kind = _HEADER.unpack_from(data)
        found.append([level, kind, data[_HEADER.size : length].hex()])
        data = data[max(length + 7 & ~7, _HEADER.size) :]
    return found


def optmem_max(ns: Namespace) -> int:
    """The sysctl of a network namespace, which older kernels have for all of them."""
    return int(ns.sysctl[_OPTMEM_MAX] if _OPTMEM_MAX in ns.sysctl else initial_sysctl(_OPTMEM_MAX))
