"""What is received or sent in one piece: data, control messages, flags and an address."""

from __future__ import annotations

import enum
import socket
from typing import Any, Final, NamedTuple, Self, TypeVar

from libsocket.control.descriptors import Descriptors
from libsocket.control.wire import Control

__all__ = ["Message", "MessageFlag"]

T = TypeVar("T")


class MessageFlag(enum.IntFlag):
    """The ``MSG_*`` that a program gives to a send or a receive, or finds in ``Message.flags``.

    Source: send(2), recv(2), recvmmsg(2) and ``include/linux/socket.h``.
    """

    OOB = 1
    """Out-of-band data."""
    PEEK = 2
    """Leave what is received in the queue."""
    DONTROUTE = 4
    """Send to hosts on attached links only."""
    TRYHARD = DONTROUTE
    CTRUNC = 8
    """Control messages were cut."""
    PROBE = 0x10
    """Probe the path, and do not send."""
    TRUNC = 0x20
    """The datagram was cut; asked for, a receive says how long it was before."""
    DONTWAIT = 0x40
    """This one call does not wait."""
    EOR = 0x80
    """A record ends here."""
    WAITALL = 0x100
    """Wait until all that was asked for is there."""
    FIN = 0x200
    EOF = FIN
    SYN = 0x400
    CONFIRM = 0x800
    """The neighbour answers: no need to ask for its link-layer address again."""
    RST = 0x1000
    ERRQUEUE = 0x2000
    """Receive from the error queue, as ``Socket.recv_error`` does."""
    NOSIGNAL = 0x4000
    """No SIGPIPE, which Python ignores anyway."""
    MORE = 0x8000
    """More data is coming: do not send a packet that is not full."""
    WAITFORONE = 0x10000
    """Of recvmmsg(2): wait for the first message only."""
    BATCH = 0x40000
    """More messages are coming, as sendmmsg(2) says of all but its last."""
    SOCK_DEVMEM = 0x2000000
    """Receive what is in device memory as control messages, since Linux 6.12."""
    ZEROCOPY = 0x4000000
    """Send from the caller's own memory, with SO_ZEROCOPY. TCP since Linux 4.14, UDP since 5.0.

    The memory is not to be changed or freed until ``recv_error`` has given its ZerocopyCompletion.
    """
    FASTOPEN = 0x20000000
    """Connect, and send data with the SYN. TCP since Linux 3.7."""
    CMSG_CLOEXEC = 0x40000000
    """Received descriptors are not inherited by a program that is executed."""


MSG_DONTWAIT: Final = int(MessageFlag.DONTWAIT)
MSG_ERRQUEUE: Final = int(MessageFlag.ERRQUEUE)
MSG_WAITFORONE: Final = int(MessageFlag.WAITFORONE)
MSG_ZEROCOPY: Final = int(MessageFlag.ZEROCOPY)
MSG_CMSG_CLOEXEC: Final = int(MessageFlag.CMSG_CLOEXEC)
"""Plain numbers: to combine those of an enum makes one each time."""
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
    """What recvmsg(2) says of what it gave, bits of ``MessageFlag``; nothing to a message that is sent."""
    address: Any = None
    """Who sent it, as an ``Address``, or None on a connected socket; or whom to send it to."""

    @property
    def truncated(self) -> bool:
        """Whether the datagram was longer than the buffer, and its end is lost: MSG_TRUNC."""
        return bool(self.flags & MessageFlag.TRUNC)

    @property
    def control_truncated(self) -> bool:
        """Whether control messages are missing or cut for want of room: MSG_CTRUNC.

        Descriptors that found no room were closed by the kernel. Linux sets it too where a security
        module refused one, and where the process may open no more.
        """
        return bool(self.flags & MessageFlag.CTRUNC)

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
