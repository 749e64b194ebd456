"""Sending and receiving whole messages: data with control messages, one or many at a time."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from libsocket.addresses import (
    Address,
    Inet,
    Inet6,
    Netlink,
    Packet,
    Vsock,
    from_standard,
    nonstandard,
    to_standard,
)
from libsocket.batch import Batch, send, send_one
from libsocket.compiled import COMPILED
from libsocket.control.wire import AS_OWNED, ROOM, Control, Item, aligned, encode, received, unknown
from libsocket.errqueue import Report, reported
from libsocket.message import CLOEXEC, FLAGS, MSG_ERRQUEUE, MSG_WAITFORONE, Message
from libsocket.sockopt import family_of
from libsocket.stream import Buffer

if TYPE_CHECKING or COMPILED:
    from libsocket._messages import assembled

TUPLES: Final[dict[int, type[Address]]] = {
    int(socket.AF_INET): Inet,
    int(socket.AF_INET6): Inet6,
    int(socket.AF_NETLINK): Netlink,
    int(socket.AF_VSOCK): Vsock,
}
"""Families whose addresses are the standard library's tuples."""
_Got = tuple[bytes, list[Item], int, Any]
"""What ``recvmsg`` gives."""
SIOCGIFINDEX: Final = 0x8933
IFREQ: Final = struct.Struct("@16si20x")


class Messaging(socket.socket):
    """A socket whose messages are typed."""

    __slots__ = ()

    def send_message(
        self, data: Buffer | Iterable[Buffer], *messages: Control, address: Any = None, flags: int = 0
    ) -> int:
        """Send data, in one piece or several, with control messages; say how many bytes were taken.

        ``sock.send_message(b"x", Rights(file), Ucred(pid, uid, gid))``. An address is an ``Address`` or
        what the standard library takes. A stream carries control messages only beside a byte of data.
        TypeError for what can only be received; OSError as sendmsg(2) gives it. Source: cmsg(3).
        """
        buffers = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
        if nonstandard(family_of(self), address) is not None:
            sys.audit("socket.sendmsg", self, address)
            return send_one(self, Message(b"".join(buffers), messages, address=address), flags)
        return self.sendmsg(buffers, [encode(one) for one in messages], flags, to_standard(address))

    def recv_message(self, bufsize: int, *, control: int = ROOM, flags: int = 0) -> Message:
        """The next message: at most ``bufsize`` bytes, with ``control`` bytes for control messages.

        Descriptors in it belong to the Message, and none is inherited by a program that is executed.
        Source: recvmsg(2) in recv(2); cmsg(3).
        """
        family = family_of(self)
        return _whole(self, family, self.recvmsg(bufsize, control, flags | CLOEXEC.get(family, 0)))

    def send_messages(self, messages: Iterable[Message | Buffer], *, flags: int = 0) -> int:
        """Send many messages (or bare data) by one sendmmsg(2), and say how many were sent.

        If one cannot be sent, those before it were: their number is returned, and the error is lost;
        sending the rest meets it again. Only where the very first cannot be sent is its error raised. A
        blocking socket waits for every message; at most 1024 are sent. Descriptors stay the caller's.
        ValueError for MSG_ZEROCOPY, since the messages are copied, and for a host that is not a numeric
        address: no name is looked up.
        """
        return send(self, messages, flags)

    def recv_messages(self, batch: Batch, *, flags: int = MSG_WAITFORONE) -> list[Message]:
        """What has come, at least one message and at most as many as the Batch holds, by one recvmmsg(2).

        It waits for the first only; ``flags=0`` makes a blocking socket wait until the Batch is full.
        What came before an error is given, and the error is left to the next call on the socket.
        TimeoutError when the socket's timeout passes, BlockingIOError if it does not block.
        """
        return batch.receive(self, flags)

    def recv_error(self, bufsize: int = 2048, *, control: int = ROOM) -> Report | None:
        """The next report on the error queue, or None; never waits, whatever the socket's timeout.

        Errors come with IP_RECVERR or IPV6_RECVERR, completions with SO_ZEROCOPY, timestamps with the
        ``TX_*`` flags of SO_TIMESTAMPING. Reading one leaves SO_ERROR as it is, except that the kernel
        moves on to the next queued error. Source: recv(2), MSG_ERRQUEUE.
        """
        batch = _spare(bufsize, control)
        messages = batch.receive_now(self, MSG_ERRQUEUE)
        _SPARES.append(batch)
        return reported(messages[0]) if messages else None

    def _peer(self, address: Any) -> Address | None:
        if address is not None and self.family == socket.AF_PACKET:
            return Packet(self._ifindex(address[0]), *address[1:])
        return from_standard(self.family, address)

    def _ifindex(self, name: str) -> int:
        """Of an interface in this socket's own network namespace; 0 if it is gone by now."""
        try:
            result = fcntl.ioctl(self, SIOCGIFINDEX, IFREQ.pack(name.encode(), 0))
        except OSError:
            return 0
        index: int = IFREQ.unpack(result)[1]
        return index


def _assembled(sock: Messaging, family: int, got: _Got) -> Message:
    data, items, flags, address = got
    kind = TUPLES.get(family) if address else None
    peer = kind(*address) if kind else sock._peer(address)
    return Message(data, received(items) if items else (), flags & FLAGS, peer)


_whole: Final[Callable[[Messaging, int, _Got], Message]] = (
    partial(assembled, AS_OWNED, unknown, Message, TUPLES) if COMPILED else _assembled
)
_SPARES: Final[deque[Batch]] = deque(maxlen=8)
"""Room for a report, for whoever is next: making it costs ten times what the call does."""


def _spare(size: int, control: int) -> Batch:
    wanted = size, aligned(control)
    try:
        batch = _SPARES.pop()
    except IndexError:
        return Batch(1, *wanted)
    return batch if (batch.size, batch.control) == wanted else Batch(1, *wanted)
