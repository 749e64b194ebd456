"""Whether a socket is readable, by each of the calls that report it."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from libsocket import Socket


@contextmanager
def below_lowat(pair: Callable[[], tuple[Socket, Socket]]) -> Iterator[tuple[Socket, Socket]]:
    """A writer and a reader: five bytes wait at the reader, whose low-water mark is ten."""
    writer, reader = pair()
    with writer, reader:
        writer.send(b"12345")
        select.select([reader], [], [])
        reader.rcvlowat = 10
        yield writer, reader


def readable_by_select(sock: Socket, seconds: float = 0) -> bool:
    """Whether select(2) calls it readable, at once or within some seconds."""
    return bool(select.select([sock], [], [], seconds)[0])


def readable_by_poll(sock: Socket, seconds: float = 0) -> bool:
    """Whether poll(2) calls it readable, at once or within some seconds."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def readable_by_epoll(sock: Socket, seconds: float = 0) -> bool:
    """Whether epoll(7) calls it readable, at once or within some seconds."""
    with select.epoll() as epoll:
        epoll.register(sock, select.EPOLLIN)
        return bool(epoll.poll(seconds))
