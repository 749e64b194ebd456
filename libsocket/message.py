"""What is received or sent in one piece: data, control messages, flags and an address."""

from __future__ import annotations

import socket
from typing import Any, Final, NamedTuple, Self, TypeVar

from libsocket.control.descriptors import Descriptors
from libsocket.control.wire import Control

__all__ = ["Message"]

T = TypeVar("T")

MSG_DONTWAIT: Final = 0x40
MSG_ERRQUEUE: Final = 0x2000
MSG_WAITFORONE: Final = 0x10000
MSG_CMSG_CLOEXEC: Final = 0x40000000
"""Plain numbers: to combine the standard library's makes an enum each time."""
FLAGS: Final = ~MSG_CMSG_CLOEXEC
"""All but the one that a receive here may set, and that comes back."""
CLOEXEC: Final[dict[int, int]] = {int(socket.AF_UNIX): MSG_CMSG_CLOEXEC}
"""What a receive sets, by family: only UNIX sockets carry descriptors, and packet sockets refuse the flag."""


class Message(NamedTuple):
    """Data and what goes with it, in the order of what ``recvmsg`` gives.

    A received one owns the descriptors in its control messages: those that nobody takes are closed by
    ``close``, by leaving its ``with`` block, or once nothing refers to them any more.
    """

    data: bytes
    control: tuple[Control, ...] = ()
    flags: int = 0
    """What recvmsg(2) says of what it gave; nothing to a message that is sent."""
    address: Any = None
    """Who sent it, as an ``Address``, or None on a connected socket; or whom to send it to."""

    @property
    def truncated(self) -> bool:
        """Whether the datagram was longer than the buffer, and its end is lost: MSG_TRUNC."""
        return bool(self.flags & socket.MSG_TRUNC)

    @property
    def control_truncated(self) -> bool:
        """Whether control messages are missing or cut for want of room: MSG_CTRUNC.

        Descriptors that found no room were closed by the kernel. Linux sets it too where a security
        module refused one, and where the process may open no more.
        """
        return bool(self.flags & socket.MSG_CTRUNC)

    def find(self, kind: type[T]) -> T | None:
        """The first control message of a kind: ``message.find(Ucred)``."""
        for value in self.control:
            if isinstance(value, kind):
                return value
        return None

    def close(self) -> None:
        """Close the descriptors that nobody took; again is harmless."""
        for value in self.control:
            if isinstance(value, Descriptors):
                value.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
