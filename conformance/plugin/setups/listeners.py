"""Listening sockets, and connections that wait in their backlog."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager

from libsocket import Socket


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[Socket]:
    """A TCP socket that listens on a free port."""
    with Socket.tcp() as listener:
        listener.bind((host, 0))
        listener.listen()
        yield listener


@contextmanager
def listening_unix() -> Iterator[Socket]:
    """A UNIX domain socket that listens under an abstract name, which the kernel chooses."""
    with Socket.unix() as listener:
        listener.bind("")
        listener.listen()
        yield listener


@contextmanager
def pending_connection(listener: Socket) -> Iterator[Socket]:
    """A client whose connection is ready to be accepted: its connect returns a moment before that."""
    with Socket(listener.family, listener.type) as client:
        client.connect(listener.getsockname())
        select.select([listener], [], [])
        yield client


@contextmanager
def full_backlog(listener: Socket) -> Iterator[Socket]:
    """A client that will have to wait: the connection before it fills the listener's queue."""
    listener.listen(0)
    with pending_connection(listener), Socket(listener.family, listener.type) as client:
        yield client
