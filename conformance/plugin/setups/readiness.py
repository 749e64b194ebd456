"""Whether a socket is readable, by each of the calls that report it."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conformance.plugin.timing import SOON
from libsocket import Socket

_EVENTS = {
    select.POLLIN: "IN",
    select.POLLPRI: "PRI",
    select.POLLOUT: "OUT",
    select.POLLERR: "ERR",
    select.POLLHUP: "HUP",
}


@contextmanager
def below_lowat(pair: Callable[[], tuple[Socket, Socket]], lowat: int = 6) -> Iterator[tuple[Socket, Socket]]:
    """A writer and a reader: five bytes wait at the reader, whose low-water mark is six or another."""
    writer, reader = pair()
    with writer, reader:
        writer.send(b"12345")
        await_readable(reader)
        reader.rcvlowat = lowat
        yield writer, reader


def await_readable(sock: Socket) -> None:
    """Wait until something has arrived. A kernel that never says so differs."""
    assert readable_by_select(sock, SOON), f"nothing arrived within {SOON:g} seconds"


def await_writable(sock: Socket) -> None:
    """Wait until a connection is made or refused. A kernel that never says so differs."""
    assert select.select([], [sock], [], SOON)[1], f"not writable within {SOON:g} seconds"


def await_error(sock: Socket) -> None:
    """Wait until an error is pending. A kernel that never says so differs."""
    assert _polled(sock, select.POLLERR), f"no error within {SOON:g} seconds"


def await_end(sock: Socket) -> None:
    """Wait until the peer has sent its last, and all of it is here. A kernel that never says so differs."""
    assert _polled(sock, select.POLLRDHUP), f"no end within {SOON:g} seconds"


def await_hangup(sock: Socket) -> None:
    """Wait until a connection is over in both directions. A kernel that never says so differs."""
    assert _polled(sock, select.POLLHUP), f"not over within {SOON:g} seconds"


@contextmanager
def arrival(sock: Socket) -> Iterator[None]:
    """Leave the block once something has arrived. A kernel that never says so differs.

    A socket may be readable before, as one that was shut for reading always is: only a new event tells.
    """
    with select.epoll() as epoll:
        epoll.register(sock, select.EPOLLIN | select.EPOLLET)
        epoll.poll(0)
        yield
        assert epoll.poll(SOON), f"nothing arrived within {SOON:g} seconds"


def readable_by_select(sock: Socket, seconds: float = 0) -> bool:
    """Whether select(2) calls it readable, at once or within some seconds."""
    return bool(select.select([sock], [], [], seconds)[0])


def writable(sock: Socket) -> bool:
    """Whether select(2) calls it writable now."""
    return bool(select.select([], [sock], [], 0)[1])


def readable_by_poll(sock: Socket, seconds: float = 0) -> bool:
    """Whether poll(2) calls it readable, at once or within some seconds."""
    return bool(polled(sock, select.POLLIN, seconds))


def readable_by_epoll(sock: Socket, seconds: float = 0) -> bool:
    """Whether epoll(7) calls it readable, at once or within some seconds."""
    with select.epoll() as epoll:
        epoll.register(sock, select.EPOLLIN)
        return bool(epoll.poll(seconds))


def events(sock: Socket) -> list[str]:
    """What poll(2) reports of a socket now, asked for POLLIN, POLLPRI and POLLOUT."""
    reported = polled(sock, select.POLLIN | select.POLLPRI | select.POLLOUT)
    return [name for bit, name in _EVENTS.items() if reported & bit]


def polled(sock: Socket, asked: int, seconds: float = 0) -> int:
    """The events that poll(2) reports, asked for some, at once or within some seconds; 0 for none."""
    poll = select.poll()
    poll.register(sock, asked)
    return sum(bits for _, bits in poll.poll(seconds * 1000))


def _polled(sock: Socket, event: int) -> bool:
    """Whether poll(2) reports an event before long."""
    return bool(polled(sock, event, SOON) & event)
