"""Packets that are stamped as they arrive, and the clock that stamps them."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_readable
from libsocket import Socket, Timestamp


def microseconds(sock: Socket, size: int = 99) -> list[int]:
    """The times that come with the next ``size`` bytes, as a struct timeval has them."""
    times = control_messages(sock, Timestamp, size=size, flags=socket.MSG_WAITALL)
    return [stamp.nanoseconds // 1000 for stamp in times]


def now() -> int:
    """Microseconds, the rest dropped as in a struct timeval."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000


@contextmanager
def stamping() -> Iterator[None]:
    """A block in which packets are stamped as they arrive.

    The kernel begins to a moment after the first socket asks; till then it tells the time of reading. One
    that has not begun after five seconds never will.
    """
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.timestamp = True
        end = now() + 5_000_000
        while not _stamped_on_arrival(sender, receiver):
            assert now() < end, "the kernel still tells the time of reading"
        yield


def _stamped_on_arrival(sender: Socket, receiver: Socket) -> bool:
    sender.send(b"now?")
    await_readable(receiver)
    arrived = now()
    return any(at < arrived for at in microseconds(receiver))
