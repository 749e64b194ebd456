"""Names of sockets: who is connected to itself, to whom a bound socket goes, and who shares an address."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from functools import partial

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.event_calls import errno_of
from conformance.plugin.setups.listeners import UDP_NEEDS_NO_LISTENER, full_backlog, listening
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import LISTENING
from conformance.plugin.setups.udp import udp_receiver
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket

UDPS = pytest.mark.parametrize(("kind", "host"), [("udp", "127.0.0.1"), ("udp6", "::1")])
RANGE = "net.ipv4.ip_local_port_range"
TCPS = pytest.mark.parametrize(("kind", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")])


@claim(
    "defacto/connect/itself",
    says="A TCP socket, over IPv4 and IPv6, that connects to the address and port that it is bound to is "
    "connected to itself: it is its own peer, and receives what it sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TCPS
def test_a_socket_is_its_own_peer(ns, observe, kind, host):
    with SOCKETS[kind]() as sock:
        sock.bind((host, 0))
        sock.rcvtimeo = SOON
        sock.connect(sock.getsockname())
        sock.send(b"hello")
        same = sock.getpeername() == sock.getsockname()

        assert observe("own_peer_and_received", [same, sock.recv(9).decode()]) == [True, "hello"]


@claim(
    "defacto/connect/loopback-to-another-host",
    says="A UDP or TCP socket over IPv4 that is bound to 127.0.0.1 fails with EINVAL to connect to another "
    "host, without route_localnet, which one that is not bound can be connected to.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
    survives=UDP_NEEDS_NO_LISTENER,
)
@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_loopback_reaches_no_other_host(peers, observe, kind):
    with (
        peers.right.entered(),
        listening(peers.right.address) as listener,
        peers.left.entered(),
        SOCKETS[kind]() as bound,
        SOCKETS[kind]() as free,
    ):
        bound.bind(("127.0.0.1", 0))
        with refused(errno.EINVAL):
            bound.connect(listener.getsockname())
        free.connect(listener.getsockname())

        assert observe("peer", free.getpeername()[0]) == peers.right.address


@claim(
    "defacto/sendto/loopback-to-another-host",
    says="A UDP socket over IPv4 that is bound to 127.0.0.1 fails with EINVAL to send to another host, "
    "without route_localnet; one that is not bound sends there.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_loopback_sends_to_no_other_host(peers, observe):
    with (
        peers.right.entered(),
        udp_receiver(peers.right.address) as receiver,
        peers.left.entered(),
        Socket.udp() as bound,
        Socket.udp() as free,
    ):
        bound.bind(("127.0.0.1", 0))
        with refused(errno.EINVAL):
            bound.sendto(b"bound", receiver.getsockname())
        free.sendto(b"free", receiver.getsockname())

        assert observe("received", receiver.recv(9).decode()) == "free"


@claim(
    "defacto/sendto/wildcard",
    says="A datagram that a UDP socket sends to 0.0.0.0, or :: over IPv6, and a port goes to this host: "
    "who is bound to 127.0.0.1, or ::1, and the port receives it from there.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize(("kind", "host", "every"), [("udp", "127.0.0.1", "0.0.0.0"), ("udp6", "::1", "::")])
def test_every_address_is_this_host(ns, observe, kind, host, every):
    with udp_receiver(host) as receiver, SOCKETS[kind]() as sock:
        sock.sendto(b"hello", (every, receiver.getsockname()[1]))
        data, source = receiver.recvfrom(9)

        assert observe("received_and_source", [data.decode(), source[0]]) == ["hello", host]


@claim(
    "bind.2/EINVAL/sent",
    sentence="bind.2/EINVAL/bound-already",
    section="ERRORS",
    says="Binding a UDP socket, over IPv4 and IPv6, that has sent a datagram, and has a port since, fails "
    "with EINVAL; one that has sent none can be bound.",
    needs=[IPV6],
)
@UDPS
def test_who_has_sent_is_bound(ns, observe, kind, host):
    with udp_receiver(host) as receiver, SOCKETS[kind]() as sock, SOCKETS[kind]() as other:
        sock.sendto(b"hello", receiver.getsockname())
        with refused(errno.EINVAL):
            sock.bind((host, 0))
        other.bind((host, 0))
        source = receiver.recvfrom(9)[1]

        assert [source[1] == sock.getsockname()[1], observe("other", other.getsockname()[0])] == [True, host]


@claim(
    "defacto/bind/refused-receives-on",
    says="A UDP socket, over IPv4 and IPv6, whose second bind(2) is refused goes on receiving at its first "
    "address.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@UDPS
def test_the_first_address_stays(ns, observe, kind, host):
    with udp_receiver(host) as sock, SOCKETS[kind]() as sender:
        first = sock.getsockname()
        with refused(errno.EINVAL):
            sock.bind((host, 0))
        sender.sendto(b"hello", first)

        assert observe("received", sock.recv(9).decode()) == "hello"


@claim(
    "defacto/SO_REUSEPORT/port-0",
    says="Each of several TCP sockets, over IPv4 and IPv6, that have SO_REUSEPORT and are bound to port 0 of "
    "one address has a port of its own: each of four ports of ip_local_port_range is chosen once, and the "
    "fifth bind(2) fails with EADDRINUSE, where one to a port by number succeeds.",
    since="4.10",
    commit="0643ee4fd1b7",
    needs=[IPV6],
)
@TCPS
def test_each_has_a_port_of_its_own(ns, observe, kind, host):
    ns.sysctl[RANGE] = "40000 40003"
    with ExitStack() as sockets:
        made = [sockets.enter_context(bound_with_reuseport(kind, host)) for _ in range(4)]
        fifth = sockets.enter_context(with_reuseport(kind))
        with refused(errno.EADDRINUSE):
            fifth.bind((host, 0))
        fifth.bind((host, 40_000))

        shared = sum(sock.reuseport for sock in (*made, fifth))
        ports = [sorted(sock.getsockname()[1] for sock in made), fifth.getsockname()[1]]
        assert observe("shared_four_and_fifth", [shared, *ports]) == [
            5,
            [40_000, 40_001, 40_002, 40_003],
            40_000,
        ]


@claim(
    "defacto/SO_REUSEPORT/port-0-udp",
    says="bind(2) to port 0 gives a UDP socket, over IPv4 and IPv6, with SO_REUSEPORT the port that another "
    "with it has at that address, where ip_local_port_range has one alone; without the option it fails with "
    "EADDRINUSE.",
    since="3.9",
    commit="ba418fa357a7",
    needs=[IPV6],
)
@UDPS
def test_a_port_is_chosen_that_is_shared(ns, observe, kind, host):
    ns.sysctl[RANGE] = "40000 40000"
    with bound_with_reuseport(kind, host) as first, SOCKETS[kind]() as other:
        with refused(errno.EADDRINUSE):
            other.bind((host, 0))
        other.reuseport = True
        other.bind((host, 0))

        assert observe("ports", [first.getsockname()[1], other.getsockname()[1]]) == [40_000, 40_000]


def with_reuseport(kind: str) -> Socket:
    """A socket with SO_REUSEPORT."""
    sock = SOCKETS[kind]()
    sock.reuseport = True
    return sock


def bound_with_reuseport(kind: str, host: str) -> Socket:
    """A socket with SO_REUSEPORT at a port that the kernel chooses."""
    sock = with_reuseport(kind)
    sock.bind((host, 0))
    return sock


@claim(
    "defacto/SO_REUSEADDR/two-clients",
    says="Two TCP sockets, over IPv4 and IPv6, bound to one address and port with SO_REUSEADDR connect to "
    "two listeners, and each receives what its own peer sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TCPS
def test_two_clients_have_one_name(ns, observe, kind, host):
    with (
        LISTENING[kind]() as first,
        LISTENING[kind]() as second,
        SOCKETS[kind]() as one,
        SOCKETS[kind]() as two,
    ):
        one.reuseaddr = two.reuseaddr = True
        one.rcvtimeo = two.rcvtimeo = first.rcvtimeo = second.rcvtimeo = SOON
        one.bind((host, 0))
        two.bind(one.getsockname())
        one.connect(first.getsockname())
        two.connect(second.getsockname())
        with first.accept()[0] as left, second.accept()[0] as right:
            left.send(b"left")
            right.send(b"right")
            found = [one.getsockname() == two.getsockname(), one.recv(9).decode(), two.recv(9).decode()]

            assert observe("one_name_and_received", found) == [True, "left", "right"]


@claim(
    "defacto/connect/after-shutdown",
    says="A non-blocking TCP socket, over IPv4 and IPv6, whose connect(2) goes on and that is shut down "
    "for receiving and sending gives the attempt up, with ECONNRESET in SO_ERROR, and connects to another "
    "listener then.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TCPS
def test_it_connects_after_shutdown(ns, observe, kind, host):
    with listening(host, backlog=0) as busy, full_backlog(busy) as sock, LISTENING[kind]() as free:
        sock.nonblocking = True
        begun = errno_of(partial(sock.connect, busy.getsockname()))
        given_up = errno_of(lambda: sock.shutdown(Shutdown.BOTH))
        sock.nonblocking = False
        sock.sndtimeo = SOON
        told = sock.error
        sock.connect(free.getsockname())

        found = [begun, given_up, told, sock.getpeername() == free.getsockname()]
        assert observe("begun_given_up_connected", found) == ["EINPROGRESS", None, errno.ECONNRESET, True]


@claim(
    "defacto/sendto/answer-unix",
    says="Two UNIX datagram sockets that are bound to pathnames or abstract names answer each other at the "
    "address that recvfrom(2) gives.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("name", ["abstract", "pathname"])
def test_an_answer_comes(ns, observe, name, tmp_path):
    names = ["", ""] if name == "abstract" else [str(tmp_path / "one"), str(tmp_path / "two")]
    with Socket.unix(socket.SOCK_DGRAM) as one, Socket.unix(socket.SOCK_DGRAM) as two:
        one.rcvtimeo = two.rcvtimeo = SOON
        one.bind(names[0])
        two.bind(names[1])
        one.sendto(b"question", two.getsockname())
        question, source = two.recvfrom(9)
        two.sendto(b"answer", source)

        assert observe("received", [question.decode(), one.recv(9).decode()]) == ["question", "answer"]
