"""Scenes on which the tests of several documents open."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from libsocket import Linger, Socket
from netns import Peers

_RTAX_RTO_MIN = 13
"""The metric of a route that says how long TCP waits before it sends again, in milliseconds."""


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


@contextmanager
def later(act: Callable[[], object], seconds: float = 0.1) -> Iterator[threading.Event]:
    """Do something in another thread after a while, or not at all if the block ends first.

    The event tells that it has begun.
    """
    begun = threading.Event()

    def live() -> None:
        begun.set()
        with suppress(OSError):
            act()

    timer = threading.Timer(seconds, live)
    timer.daemon = True
    timer.start()
    try:
        yield begun
    finally:
        timer.cancel()
        timer.join()


@contextmanager
def crowded(listener: Socket) -> Iterator[Socket]:
    """A client that will have to wait: the connection before it fills the listener's queue."""
    listener.listen(0)
    with knocking(listener), Socket(listener.family, listener.type) as client:
        yield client


def fill(sock: Socket) -> int:
    """Send until no more fits; the number of bytes that did."""
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += sock.send(bytes(65_536), socket.MSG_DONTWAIT)
    return sent


@contextmanager
def unread() -> Iterator[tuple[Socket, Socket]]:
    """A TCP sender and a peer that has room for little of what the sender's own buffer holds."""
    with listening() as listener, Socket.tcp() as sender:
        listener.rcvbuf, sender.sndbuf = 16_384, 131_072  # before they connect, which settles the window
        sender.connect(listener.getsockname())
        with listener.accept()[0] as peer:
            yield sender, peer


@contextmanager
def below_mark(pair: Callable[[], tuple[Socket, Socket]]) -> Iterator[tuple[Socket, Socket]]:
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


@contextmanager
def kernel_log() -> Iterator[int]:
    """The kernel's log from now on, for :func:`logged`; it is read and never written."""
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.lseek(log, 0, os.SEEK_END)
        yield log
    finally:
        os.close(log)


def logged(log: int) -> str:
    """What the kernel has logged since then."""
    lines = []
    with suppress(BlockingIOError):
        while True:
            lines.append(os.read(log, 8192).decode(errors="replace"))
    return "".join(lines)


@contextmanager
def udp_across(hosts: Peers) -> Iterator[tuple[Socket, Socket]]:
    """A UDP sender on the left and a receiver on the right, bound to every address there."""
    with hosts.left.entered():
        sender = Socket.udp()
    with hosts.right.entered():
        receiver = Socket.udp()
    with sender, receiver:
        receiver.bind(("0.0.0.0", 0))
        yield sender, receiver


@contextmanager
def unanswered(hosts: Peers) -> Iterator[Socket]:
    """A connected TCP sender on the left to whom no acknowledgement comes, and whose timers rest."""
    _rest_timers(hosts)
    with hosts.right.entered(), listening(hosts.right.address) as listener:
        with hosts.left.entered():
            sender = Socket.tcp()
        with sender:
            sender.linger = Linger(True, 0)  # no answer to its end would come either
            sender.connect(listener.getsockname())
            with listener.accept()[0]:
                hosts.right.namespace.add_route(f"{hosts.left.address}/32", type="blackhole")
                yield sender


def _rest_timers(hosts: Peers) -> None:
    """Let nothing be sent again, probed for or uncorked by a timer while a test lasts."""
    left = hosts.left.namespace
    left.sysctl["net.ipv4.tcp_early_retrans"] = 0
    with left.routing() as ipr:
        rto_min = {"lock": 1 << _RTAX_RTO_MIN, "rto_min": 100_000}
        device = socket.if_nametoindex(hosts.left.device)
        ipr.route("add", dst=f"{hosts.right.address}/32", oif=device, metrics=rto_min)
