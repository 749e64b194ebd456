"""Senders and receivers that are joined, in one namespace or across two."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.waiting import wait_until
from conformance.plugin.timing import SOON
from libsocket import Linger, Socket
from netns import Host, Peers, Routed


def udp_pair(host: str = "127.0.0.1") -> tuple[Socket, Socket]:
    """Two UDP sockets on loopback: a sender, and a receiver that it is connected to."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sender, receiver = Socket.udp(family), Socket.udp(family)
    sender.bind((host, 0))
    receiver.bind((host, 0))
    sender.connect(receiver.getsockname())
    return sender, receiver


UDP_PAIRS: Final[Mapping[str, Callable[[], tuple[Socket, Socket]]]] = {
    "udp": udp_pair,
    "udp6": partial(udp_pair, "::1"),
}
TCP_PAIRS: Final[Mapping[str, Callable[[], tuple[Socket, Socket]]]] = {
    "tcp": Socket.tcp_pair,
    "tcp6": partial(Socket.tcp_pair, socket.AF_INET6),
}
INTERNET_PAIRS: Final = {**UDP_PAIRS, **TCP_PAIRS}
"""What makes a sender and a receiver on loopback, over IPv4 and over IPv6."""


def connected_udp_pair() -> tuple[Socket, Socket]:
    """Two UDP sockets on loopback, each of which has the other as its peer."""
    left, right = udp_pair()
    right.connect(left.getsockname())
    return left, right


def unix_datagram_pair() -> tuple[Socket, Socket]:
    """Two UNIX domain datagram sockets, connected to each other: a send runs the receiver's filter."""
    return Socket.pair(socket.SOCK_DGRAM)


def impatient_pair() -> tuple[Socket, Socket]:
    """A TCP connection whose keepalive would have the shortest times, and its peer."""
    sock, peer = Socket.tcp_pair()
    make_impatient(sock)
    return sock, peer


def make_impatient(sock: Socket) -> None:
    """Give keepalive the shortest times: a probe after a second, given up after another."""
    sock.tcp_keepidle = sock.tcp_keepintvl = sock.tcp_keepcnt = 1


def fill_buffer(sock: Socket) -> int:
    """Send until no more fits, nor after what was under way has arrived; the number of bytes that did."""
    sent = 0
    while more := _send_what_fits(sock):
        sent += more
        _await_acknowledged(sock)
    return sent


def _send_what_fits(sock: Socket) -> int:
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += sock.send(bytes(65_536), socket.MSG_DONTWAIT)
    return sent


def _await_acknowledged(sock: Socket) -> None:
    """Wait until nothing of a stream is under way, which the peer acknowledges at the latest after 0.2 s.

    What does not tell what is under way has a moment; to a UNIX domain socket nothing ever is.
    """
    with suppress(OSError):
        if sock.family != socket.AF_UNIX:
            wait_until(lambda: sock.tcp_info.unacked == 0, seconds=0.25)
        return
    select.select([], [sock], [], 0.02)


_ENOUGH: Final = 100_000


def limit_buffer(sock: Socket) -> None:
    """Have a UNIX datagram socket's buffer full before the receiver has as many datagrams as it may.

    Where much is the default, it would be the other way round.
    """
    sock.sndbuf = _ENOUGH
    assert sock.sndbuf <= 2 * _ENOUGH, "its buffer is as large as before"


def shrink_buffer(sock: Socket) -> None:
    """Make a full send buffer smaller than what waits there: nothing fits until most of it is received."""
    before = sock.sndbuf
    sock.sndbuf = 1
    assert sock.sndbuf < before, "its buffer is as large as before"


@contextmanager
def slow_reader() -> Iterator[tuple[Socket, Socket]]:
    """A TCP sender and a peer that does not read: once the peer's buffer is full, the sender's own fills."""
    with listening() as listener, Socket.tcp() as sender:
        sender.connect(listener.getsockname())
        with listener.accept()[0] as peer:
            peer.rcvtimeo = SOON  # what never comes ends the test
            yield sender, peer


@contextmanager
def udp_across(hosts: Peers | Routed) -> Iterator[tuple[Socket, Socket]]:
    """A UDP sender on the left and a receiver on the right, bound to every address there."""
    with hosts.left.entered():
        sender = Socket.udp()
    with hosts.right.entered():
        receiver = Socket.udp()
    with sender, receiver:
        receiver.bind(("0.0.0.0", 0))
        receiver.rcvtimeo = SOON
        yield sender, receiver


def await_those_across(hosts: Peers) -> None:
    """Wait until what the left host sent before has arrived on the right: a datagram comes after it."""
    with udp_across(hosts) as (sender, receiver):
        sender.sendto(b"after", (hosts.right.address, receiver.getsockname()[1]))
        receiver.recv(9)


def received_until(last: str, receiver: Socket) -> list[str]:
    """All messages up to one that is sure to come."""
    return [*iter(lambda: receiver.recv(20).decode(), last), last]


UNACKED_ENDS: Final = {
    "no-op: setsockopt(*SO_LINGER*": "it lets the namespace of a sender whose peer is silent go at once"
}
"""For the claims that are tried with an :func:`unanswered_sender`, or an :func:`unacked_sender`."""


@contextmanager
def unacked_sender(hosts: Peers, version: int = 4) -> Iterator[Socket]:
    """A connected TCP sender on the left to whom no acknowledgement comes, and whose timers rest."""
    _rest_timers(hosts, version)
    with unanswered_sender(hosts, version) as sender:
        yield sender


@contextmanager
def unanswered_sender(hosts: Peers, version: int = 4) -> Iterator[Socket]:
    """A connected TCP sender on the left, to whom nothing comes from the right any more."""
    with hosts.right.entered(), listening(_address(hosts.right, version)) as listener:
        with hosts.left.entered():
            sender = Socket.tcp(listener.family)
        with sender:
            sender.linger = Linger(True, 0)  # no answer to its end would come either
            sender.connect(listener.getsockname())
            with listener.accept()[0]:
                hosts.right.namespace.add_route(_only(hosts.left, version), type="blackhole")
                yield sender


def unacked_and_unsent(sender: Socket) -> list[int]:
    """Segments that are sent and not acknowledged, and bytes that are not sent."""
    info = sender.tcp_info
    return [info.unacked, info.notsent_bytes]


def send_one_by_one(sender: Socket, number: int) -> None:
    """Send so many bytes, each when the one before has left, or has had a moment to do so.

    Where the device still holds what was sent before, TCP may put several of them in one segment.
    """
    for count in range(1, number + 1):
        sender.send(b"x")
        wait_until(partial(_have_left, sender, count), seconds=0.25)


def _have_left(sender: Socket, count: int) -> bool:
    return unacked_and_unsent(sender) == [count, 0]


def _rest_timers(hosts: Peers, version: int) -> None:
    """Let nothing be sent again, probed for or uncorked by a timer while a test lasts."""
    left = hosts.left.namespace
    left.sysctl["net.ipv4.tcp_early_retrans"] = 0
    left.add_route(_only(hosts.right, version), dev=hosts.left.device, rto_min=100)


def _address(host: Host, version: int) -> str:
    return host.address if version == 4 else str(host.address6)


def _only(host: Host, version: int) -> str:
    """The network of this host alone."""
    return f"{_address(host, version)}/{32 if version == 4 else 128}"


AWAITED: Final = {"no-op: close()*": "what is sent after it comes by sockets of its own"}
"""For the claims that are tried with :func:`await_those_before`, and where no other close matters."""


def await_those_before(pair: Callable[[], tuple[Socket, Socket]]) -> None:
    """Wait until what was sent before has been taken or dropped: a datagram of another pair comes after it.

    A busy kernel has what goes by loopback delivered later than send(2) returns.
    """
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"after")
        receiver.recv(10)
