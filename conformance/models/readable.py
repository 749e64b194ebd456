"""When a TCP socket with a low-water mark is readable.

It is once as many bytes wait as the mark says, or once nothing more can come: the peer has shut down sending
or this end receiving. Setting the mark changes it at once, and so does each byte that is taken.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from termios import FIONREAD
from typing import NamedTuple

from conformance.models.settling import settled
from conformance.plugin.properties import Step
from conformance.plugin.setups.ioctls import asked
from conformance.plugin.setups.readiness import readable_by_epoll, readable_by_poll, readable_by_select
from libsocket import Socket


class Reader(NamedTuple):
    """Bytes that wait, and whether each of the three calls says readable."""

    waiting: int = 0
    select: bool = False
    poll: bool = False
    epoll: bool = False


def seen(writer: Socket, reader: Socket, steps: Sequence[Step]) -> Iterator[Reader]:
    """What a kernel shows after each step, up to the first that is otherwise."""
    for (name, value), due in zip(steps, expected(steps), strict=True):
        _act(writer, reader, name, value)
        waiting = settled(lambda: asked(reader, FIONREAD), due.waiting)
        calls = readable_by_select, readable_by_poll, readable_by_epoll
        shown = Reader(waiting, *(call(reader) for call in calls))
        yield shown
        if shown != due:
            return


def _act(writer: Socket, reader: Socket, name: str, value: int) -> None:
    if name == "rcvlowat":
        reader.rcvlowat = value
    elif name == "write":
        writer.send(bytes(value))
    elif name == "read" and asked(reader, FIONREAD):
        reader.recv(value, socket.MSG_DONTWAIT)
    elif name == "shut_rd":
        reader.shutdown(socket.SHUT_RD)


def expected(steps: Sequence[Step]) -> Iterator[Reader]:
    """What it should show after each step, from a fresh connection on."""
    waiting, mark, ended = 0, 1, False
    for name, value in steps:
        if name == "rcvlowat":
            mark = value or 1
        elif name == "write":
            waiting += value
        elif name == "read":
            waiting -= min(value, waiting)
        elif name == "shut_rd":
            ended = True
        yield Reader(waiting, *[ended or waiting >= mark] * 3)
