"""Scenes on which the tests of several documents open."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

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
def knocking(listener: Socket) -> Iterator[Socket]:
    """A client whose connection is ready to be accepted: its connect returns a moment before that."""
    with Socket(listener.family, listener.type) as client:
        client.connect(listener.getsockname())
        select.select([listener], [], [])
        yield client


def udp_pair() -> tuple[Socket, Socket]:
    """Two UDP sockets on loopback, connected to each other."""
    left, right = Socket.udp(), Socket.udp()
    left.bind(("127.0.0.1", 0))
    right.bind(("127.0.0.1", 0))
    left.connect(right.getsockname())
    right.connect(left.getsockname())
    return left, right


@contextmanager
def begun(act: Callable[[], object]) -> Iterator[threading.Event]:
    """Do something in another thread; the event tells that it is done."""
    done = threading.Event()

    def live() -> None:
        with suppress(OSError):
            act()
            done.set()

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    yield done
    thread.join()
