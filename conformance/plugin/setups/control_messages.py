"""Control messages that come with what is received."""

from __future__ import annotations

from typing import TypeVar

from libsocket import Socket

T = TypeVar("T")


def control_messages(sock: Socket, kind: type[T], *, size: int = 100, flags: int = 0) -> list[T]:
    """Those of one kind that come with the next message, or with the next ``size`` bytes of a stream."""
    return [one for one in sock.recv_message(size, flags=flags).control if isinstance(one, kind)]


def control_headers(sock: Socket, flags: int = 0) -> list[list[int]]:
    """Level, type and size in bytes of all that come with the next message."""
    return [[level, kind, len(data)] for level, kind, data in sock.recvmsg(100, 200, flags)[1]]
