"""Errors: what the network tells of a datagram, and to whom."""

from __future__ import annotations

import errno
import select
from collections.abc import Iterator
from contextlib import contextmanager
from socket import AF_UNSPEC, IPPROTO_UDP, MSG_DONTWAIT, MSG_ERRQUEUE

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.pairs import udp_across
from conformance.plugin.setups.readiness import arrival, await_error
from conformance.plugin.setups.udp import refused_flow, udp_receiver, udp_socket
from conformance.plugin.timing import SOON
from libsocket import ExtendedError, Option, Origin, Other, Socket
from netns import Capability

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
IP_PMTUDISC_DO = 2
MTU = 1500
RECVERR: dict[str, Option[bool]] = {"127.0.0.1": Socket.ip_recverr, "::1": Socket.ipv6_recverr}
CHOSEN = "127.0.0.1", 4660
UNSPEC = Other(AF_UNSPEC, bytes(14))
UNREACHABLE = {"127.0.0.1": [Origin.ICMP, 3, 3], "::1": [Origin.ICMP6, 1, 4]}


@contextmanager
def unanswered(host: str) -> Iterator[tuple[Socket, tuple[str, int]]]:
    """A UDP socket that is not connected, and an address at which nobody receives."""
    with udp_receiver(host) as gone, udp_socket(host) as sock:
        address = gone.getsockname()
        gone.close()
        yield sock, address


@claim(
    "udp.7/ECONNREFUSED/next-call",
    sentence=("udp.7/errors/econnrefused", "udp.7/Error-handling/earlier-packet"),
    section="ERRORS",
    says="Once a datagram of a connected UDP socket, over IPv4 and IPv6, has met nobody at its destination, "
    "the next send fails with ECONNREFUSED and sends nothing; the one after it succeeds.",
)
@HOSTS
def test_the_next_call_fails(ns, observe, host):
    with refused_flow(host) as sender:
        sender.send(b"first")
        await_error(sender)
        with udp_socket(host) as late:
            late.bind(sender.getpeername())
            with refused(errno.ECONNREFUSED):
                sender.send(b"second")
            sender.send(b"third")

            assert observe("received", late.recv(9).decode()) == "third"


@claim(
    "udp.7/ECONNREFUSED/receive",
    sentence=("udp.7/errors/econnrefused", "udp.7/Error-handling/asynchronous"),
    section="ERRORS",
    says="A receive on a connected UDP socket, over IPv4 and IPv6, whose datagram has met nobody at its "
    "destination fails with ECONNREFUSED, and once only.",
)
@HOSTS
def test_the_next_receive_fails(ns, observe, host):
    with refused_flow(host) as sender:
        sender.send(b"first")
        await_error(sender)
        with refused(errno.ECONNREFUSED):
            sender.recv(9, MSG_DONTWAIT)

        with refused(errno.EAGAIN, "errno_then"):
            sender.recv(9, MSG_DONTWAIT)


@claim(
    "udp.7/Error-handling/unconnected",
    sentence=("udp.7/Error-handling/unconnected", "udp.7/Error-handling/asynchronous"),
    section="Error handling",
    says="A UDP socket, over IPv4 and IPv6, that is not connected is told that a datagram has met nobody at "
    "its destination (ECONNREFUSED).",
    expect=differs(
        "only a socket that is connected or has IP_RECVERR is told (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={
            "sent": ["unconnected", "connected"],
            "unconnected_and_connected": ["no errno", "ECONNREFUSED"],
        },
    ),
    needs=[Capability.NET_RAW],
)
@HOSTS
def test_an_unconnected_socket_is_told(ns, observe, host):
    with (
        unanswered(host) as (sock, address),
        udp_socket(host) as connected,
        Socket.raw(IPPROTO_UDP, sock.family) as seen,
    ):
        seen.rcvtimeo = SOON
        sock.sendto(b"unconnected", address)
        connected.connect(address)
        connected.send(b"connected")
        await_error(connected)
        observe("sent", [seen.recv(99)[-size:].decode() for size in (11, 9)])
        errors = [errno_name(one.error or None) for one in (sock, connected)]

        assert observe("unconnected_and_connected", errors) == ["ECONNREFUSED", "ECONNREFUSED"]


@claim(
    "udp.7/Error-handling/local",
    sentence=("udp.7/Error-handling/local", "udp.7/Error-handling/unconnected"),
    section="Error handling",
    says="That a datagram over IPv4 is too large to be sent unfragmented, an error that arises on this host, "
    "is told by the send, on a UDP socket that is connected and on one that is not.",
    needs=[VETH],
)
@pytest.mark.parametrize(
    "send",
    [
        lambda sock, data, address: sock.sendto(data, address),
        lambda sock, data, address: (sock.connect(address), sock.send(data)),
    ],
    ids=["unconnected", "connected"],
)
def test_local_errors_are_told(peers, observe, send):
    with udp_across(peers) as (sender, receiver):
        address = peers.right.address, receiver.getsockname()[1]
        sender.sendto(bytes(MTU), address)
        whole = len(receiver.recv(2000))
        sender.ip_mtu_discover = IP_PMTUDISC_DO
        with refused(errno.EMSGSIZE):
            send(sender, bytes(MTU), address)

        assert observe("sent_without", whole) == MTU


@claim(
    "udp.7/Error-handling/error-queue",
    sentence="udp.7/Error-handling/recverr",
    section="Error handling",
    says="With IP_RECVERR, or IPV6_RECVERR over IPv6, a UDP socket that is not connected is told that a "
    "datagram has met nobody, and the queue that MSG_ERRQUEUE reads has the error, the ICMP message, the "
    "datagram's data and its destination.",
)
@HOSTS
def test_the_error_queue_has_it(ns, observe, host):
    with unanswered(host) as (sock, address):
        sock.set(RECVERR[host], True)
        sock.sendto(b"to nobody", address)
        await_error(sock)
        message = sock.recv_message(100, flags=MSG_ERRQUEUE)
        [report] = [one for one in message.control if isinstance(one, ExtendedError)]
        where = [message.address.host, message.address.port == address[1]]

        assert [
            observe("error", errno_name(report.errno)),
            observe("origin_type_code", [int(report.origin), report.type, report.code]),
            observe("data", message.data.decode()),
            observe("destination", where),
        ] == ["ECONNREFUSED", UNREACHABLE[host], "to nobody", [host, True]]


@claim(
    "udp.7/Error-handling/error-queue-keeps-all",
    sentence="udp.7/Error-handling/recverr",
    section="Error handling",
    says="With IP_RECVERR, or IPV6_RECVERR over IPv6, the errors of two datagrams are both in the error "
    "queue, in the order in which they were sent.",
)
@HOSTS
def test_the_error_queue_has_all(ns, observe, host):
    with unanswered(host) as (sock, address):
        sock.set(RECVERR[host], True)
        with arrival(sock):
            sock.sendto(b"first", address)
        with refused(errno.ECONNREFUSED):
            sock.recv(9, MSG_DONTWAIT)
        with arrival(sock):
            sock.sendto(b"second", address)
        data = [sock.recv(100, MSG_ERRQUEUE).decode() for _ in range(2)]

        assert observe("queued", data) == ["first", "second"]


@claim(
    "defacto/IP_RECVERR/fails-a-send-to-another",
    says="With IP_RECVERR, or IPV6_RECVERR over IPv6, the error of one datagram fails the next send of a UDP "
    "socket that is not connected, to another address too, and nothing is sent there.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@HOSTS
def test_the_error_fails_a_send_to_another(ns, observe, host):
    with unanswered(host) as (sock, address), udp_receiver(host) as healthy:
        sock.set(RECVERR[host], True)
        sock.sendto(b"to nobody", address)
        await_error(sock)
        with refused(errno.ECONNREFUSED):
            sock.sendto(b"lost", healthy.getsockname())
        sock.sendto(b"sent", healthy.getsockname())

        assert observe("received", healthy.recv(9).decode()) == "sent"


@claim(
    "defacto/poll/error-of-a-datagram",
    says="poll(2) reports POLLERR beside POLLOUT, and no POLLIN, of a connected UDP socket, over IPv4 and "
    "IPv6, whose datagram has met nobody, until the error is read.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@HOSTS
def test_poll_reports_the_error(ns, observe, host):
    with refused_flow(host) as sender:
        poll = select.poll()
        poll.register(sender, select.POLLIN | select.POLLOUT)
        sender.send(b"to nobody")
        await_error(sender)
        before = poll.poll(0)[0][1]
        with refused(errno.ECONNREFUSED):
            sender.recv(1)

        assert observe("before_and_after", [before, poll.poll(0)[0][1]]) == [
            select.POLLERR | select.POLLOUT,
            select.POLLOUT,
        ]


@claim(
    "defacto/connect/dissolved",
    says="connect(2) with AF_UNSPEC dissolves the association of a UDP socket over IPv4 that was bound to an "
    "address and a port: it keeps both, has no peer, and receives from all again.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_association_is_dissolved(ns, observe):
    with udp_receiver() as peer, Socket.udp() as sock, Socket.udp() as other:
        sock.rcvtimeo = SOON
        sock.bind(CHOSEN)
        sock.connect(peer.getsockname())
        before = sock.getpeername() == peer.getsockname()
        sock.connect(UNSPEC)
        with refused(errno.ENOTCONN):
            sock.getpeername()
        other.sendto(b"hello", CHOSEN)

        assert [
            observe("had_the_peer", before),
            observe("bound_to", sock.getsockname()),
            observe("received", sock.recv(9).decode()),
        ] == [True, CHOSEN, "hello"]


@claim(
    "defacto/connect/dissolved-of-every-address",
    says="A UDP socket, over IPv4 and IPv6, that was bound to a port of every address and connected receives "
    "from all at that port again, sent to the address that it had meanwhile or to another, once connect(2) "
    "with AF_UNSPEC has dissolved its association.",
    since="5.6",
    commit="303d0403b8c2",
)
@pytest.mark.parametrize(
    ("wildcard", "host", "to"),
    [("0.0.0.0", "127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1", "127.0.0.2"), ("::", "::1", "::1")],
)
def test_every_address_is_received_at_again(ns, observe, wildcard, host, to):
    with udp_receiver(host) as peer, udp_socket(host) as sock, udp_socket(host) as other:
        sock.rcvtimeo = SOON
        sock.bind((wildcard, 4660))
        other.sendto(b"before", (to, 4660))
        received = [sock.recv(9).decode()]
        sock.connect(peer.getsockname())
        meanwhile = sock.getsockname()[0]
        sock.connect(UNSPEC)
        other.sendto(b"after", (to, 4660))
        received.append(sock.recv(9).decode())

        seen = [observe("addresses", [meanwhile, sock.getsockname()[0]]), observe("received", received)]
        assert seen == [[host, wildcard], ["before", "after"]]


@claim(
    "defacto/connect/dissolved-releases-port",
    says="connect(2) with AF_UNSPEC takes from a UDP socket over IPv4 the port that it did not choose "
    "itself; bound to an address and port 0 it keeps the address.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
def test_a_port_that_was_given_is_released(ns, observe, address):
    with udp_receiver() as peer, Socket.udp() as sock:
        sock.bind((address, 0))
        sock.connect(peer.getsockname())
        before = [sock.getpeername() == peer.getsockname(), sock.getsockname()[1] != 0]
        sock.connect(UNSPEC)

        assert [observe("peer_and_port_before", before), observe("bound_to", sock.getsockname())] == [
            [True, True],
            (address, 0),
        ]
