"""UDP where documents are silent: addresses that come back, mapped ones, ends, and large datagrams."""

from __future__ import annotations

import errno
import socket
import sys
from fcntl import ioctl
from functools import partial
from termios import FIONREAD

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.control_messages import control_headers
from conformance.plugin.setups.pairs import AWAITED, UDP_PAIRS, await_those_before, udp_pair
from conformance.plugin.setups.readiness import arrival, await_error, await_readable
from conformance.plugin.setups.socket_addresses import bind_to, connect_to, octets_of, own, peer
from conformance.plugin.setups.unix_names import listen_where_one_can
from conformance.plugin.timing import SOON
from libsocket import Shutdown, Socket
from netns import Capability

KINDS = pytest.mark.parametrize("pair", UDP_PAIRS.values(), ids=UDP_PAIRS)
FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
KINDS6 = pytest.mark.parametrize(
    "make", [partial(Socket.udp, socket.AF_INET6), partial(Socket.tcp, socket.AF_INET6)], ids=["udp", "tcp"]
)
MAPPED = ("::ffff:127.0.0.1", 4321)
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
UNSPEC = {socket.AF_INET: bytes(16), socket.AF_INET6: bytes(28)}
IPPROTO_IP, IP_PKTINFO, IPPROTO_IPV6, IPV6_PKTINFO = 0, 8, 41, 50


def waiting(sock: Socket) -> int:
    """What FIONREAD gives."""
    return int.from_bytes(ioctl(sock, FIONREAD, bytes(4)), sys.byteorder)


@claim(
    "defacto/connect/unspec-after-unspec-bind",
    says="A UDP socket over IPv4 that was bound to port 4321 of the unspecified address, with AF_UNSPEC as "
    "the family, keeps the port once it is connected and disconnected by AF_UNSPEC.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_port_of_no_family_stays(ns, observe):
    with Socket.udp() as sock:
        bind_to(sock, octets_of("0.0.0.0:4321", family=0))
        found = [own(sock)]
        sock.connect(("127.0.0.1", 9))
        found += [own(sock), peer(sock)]
        connect_to(sock, bytes(16))

        assert observe("own_connected_peer_disconnected", [*found, own(sock), peer(sock)]) == [
            "0.0.0.0:4321",
            "127.0.0.1:4321",
            "127.0.0.1:9",
            "0.0.0.0:4321",
            "-",
        ]


@claim(
    "defacto/connect/unspec-returns-to-any",
    says="A UDP socket, over IPv4 and IPv6, that is bound to every address has that of loopback once it is "
    "connected there, and every address again once it is disconnected by AF_UNSPEC; its port stays.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_every_address_comes_back(ns, observe, family):
    with Socket.udp(family) as sock:
        sock.bind((ANY[family], 4321))
        sock.connect((LOOPBACK[family], 9))
        connected = sock.getsockname()[:2]
        connect_to(sock, UNSPEC[family])

        assert observe("connected_and_disconnected", [connected, sock.getsockname()[:2]]) == [
            (LOOPBACK[family], 4321),
            (ANY[family], 4321),
        ]


@claim(
    "defacto/connect/port-0-bound-or-connected",
    says="Connecting a UDP socket, over IPv4 and IPv6, that is bound or connected to port 0 succeeds: it "
    "has its own address and port, and getpeername(2) fails with ENOTCONN.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_port_0_is_no_peer(ns, observe, family):
    with Socket.udp(family) as sock, Socket.udp(family) as other:
        sock.bind((ANY[family], 4321))
        sock.connect((LOOPBACK[family], 0))
        with refused(errno.ENOTCONN):
            sock.getpeername()
        other.connect((LOOPBACK[family], 9))
        before = other.getpeername()[1]
        other.connect((LOOPBACK[family], 0))
        with refused(errno.ENOTCONN, "errno_when_connected"):
            other.getpeername()

        assert observe("own_and_peer_before", [sock.getsockname()[:2], before]) == [
            (LOOPBACK[family], 4321),
            9,
        ]


@claim(
    "defacto/ENETUNREACH/mapped-from-ipv6",
    says="A UDP or TCP socket over IPv6 that is bound to ::1 cannot be connected to a mapped address: "
    "ENETUNREACH; one that is not bound can.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={'no-op: bind(*inet_pton(AF_INET6, "::"*': "a UDP socket is connected to any address"},
)
@KINDS6
def test_a_mapped_address_is_not_reached_from_ipv6(ns, observe, make):
    with make() as target, make() as bound, make() as free:
        target.bind(("::", 4321))
        listen_where_one_can(target)
        bound.bind(("::1", 0))
        with refused(errno.ENETUNREACH):
            bound.connect(MAPPED)
        free.connect(MAPPED)

        assert observe("peer", free.getpeername()[:2]) == MAPPED


@claim(
    "defacto/sendto/mapped-and-ipv6",
    says="sendto(2) of a UDP socket over IPv6 that is bound to ::1 fails for a mapped address with "
    "ENETUNREACH, and of one that is bound to a mapped address for ::1 with EAFNOSUPPORT; each reaches an "
    "address of its own kind.",
    since="4.10",
    commit="ec5e3b0a1d41",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("source", "other", "expected"),
    [
        ("::1", "::ffff:127.0.0.1", errno.ENETUNREACH),
        ("::ffff:127.0.0.1", "::1", errno.EAFNOSUPPORT),
    ],
    ids=["ipv6", "mapped"],
)
def test_a_source_reaches_its_own_kind(ns, observe, source, other, expected):
    with Socket.udp(socket.AF_INET6) as target, Socket.udp(socket.AF_INET6) as sender:
        target.rcvtimeo = SOON
        target.bind(("::", 4321))
        sender.bind((source, 0))
        with refused(expected):
            sender.sendto(b"refused", (other, 4321))
        sender.sendto(b"hello", (source, 4321))
        data, address = target.recvfrom(9)

        assert observe("data_and_source", [data.decode(), address[0]]) == ["hello", source]


@claim(
    "defacto/recvfrom/port-0",
    says="A UDP datagram over IPv4 whose source port is 0 is received, and recvfrom(2) gives the port 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[Capability.NET_RAW],
)
def test_a_datagram_comes_from_port_0(ns, observe):
    with Socket.udp() as receiver, Socket.raw(socket.IPPROTO_UDP) as sender:
        receiver.rcvtimeo = SOON
        receiver.bind(("127.0.0.1", 4321))
        sender.sendto(b"\0\0\x10\xe1\0\x0d\0\0hello", ("127.0.0.1", 0))
        data, address = receiver.recvfrom(9)

        assert observe("data_and_source", [data.decode(), *address]) == ["hello", "127.0.0.1", 0]


@claim(
    "defacto/IP_RECVERR/not-of-ipv6",
    says="IP_RECVERR alone of a UDP socket over IPv6 queues no error of IPv6: a refused datagram is told by "
    "the next call, and nothing is queued; with IPV6_RECVERR it is.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_an_ipv6_error_is_not_queued_for_ipv4(ns, observe):
    sender, receiver = udp_pair("::1")
    with sender, receiver:
        receiver.close()
        sender.ip_recverr = True
        sender.send(b"x")
        await_error(sender)
        told = [sender.ip_recverr, answer(lambda: sender.recv(9))]
        queued = [sender.recv_error() is not None]
        sender.ipv6_recverr = True
        sender.send(b"x")
        await_error(sender)
        queued.append(sender.recv_error() is not None)

        assert observe("option_told_and_queued", [*told, *queued]) == [True, "ECONNREFUSED", False, True]


@claim(
    "defacto/SHUT_RD/udp-connected-later",
    says="A UDP socket, over IPv4 and IPv6, whose SHUT_RD failed with ENOTCONN is shut down all the same, "
    "and stays so when it is connected: a receive that would wait returns 0, and what comes is received.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@KINDS
def test_a_connect_does_not_end_it(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with refused(errno.ENOTCONN):
            receiver.shutdown(Shutdown.READ)
        before = answer(lambda: receiver.recv(9))
        receiver.connect(sender.getsockname())
        connected = receiver.getpeername() == sender.getsockname()
        after = answer(lambda: receiver.recv(9))
        with arrival(receiver):
            sender.send(b"hello")

        assert observe("before_after_received", [before, connected, after, receiver.recv(9).decode()]) == [
            "0 bytes",
            True,
            "0 bytes",
            "hello",
        ]


@claim(
    "defacto/connect/shut-down-udp-again",
    says="A UDP socket, over IPv4 and IPv6, that was shut down in both directions stays so when it is "
    "connected again: a send fails with EPIPE, and a receive that would wait returns 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@KINDS
def test_it_stays_shut_down(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        sender.rcvtimeo = SOON
        sender.shutdown(Shutdown.BOTH)
        before = [answer(lambda: sender.recv(9)), answer(lambda: sender.send(b"x"))]
        sender.connect((receiver.getsockname()[0], 9))
        after = [answer(lambda: sender.recv(9)), answer(lambda: sender.send(b"x"))]

        assert observe("port_before_after", [sender.getpeername()[1], before, after]) == [
            9,
            ["0 bytes", "EPIPE"],
            ["0 bytes", "EPIPE"],
        ]


@claim(
    "defacto/FIONREAD/udp-shut-down",
    says="FIONREAD of a UDP socket, over IPv4 and IPv6, that is shut down for receiving or for sending "
    "gives the size of the next datagram as before, 0 where there is none, or one of no bytes.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives={**AWAITED, "no-op: shutdown(*": "that it changes nothing is what it says"},
)
@KINDS
@pytest.mark.parametrize("how", [Shutdown.READ, Shutdown.WRITE], ids=["read", "write"])
def test_what_waits_is_counted(ns, observe, pair, how):
    sender, receiver = pair()
    with sender, receiver:
        receiver.connect(sender.getsockname())
        sender.send(b"hello")
        await_readable(receiver)
        found = [waiting(receiver)]
        receiver.shutdown(how)
        found.append(waiting(receiver))
        receiver.recv(9)
        found.append(waiting(receiver))
        sender.send(b"")
        await_those_before(pair)
        found.append(waiting(receiver))
        empty = answer(lambda: receiver.recv(9, socket.MSG_DONTWAIT))

        assert observe("before_after_none_empty", [*found, empty]) == [5, 5, 0, 0, "0 bytes"]


@claim(
    "defacto/IPV6_RECVPKTINFO/with-ip-pktinfo",
    says="A UDP socket over IPv6 with IP_PKTINFO and IPV6_RECVPKTINFO receives with a datagram over IPv4 "
    "both IP_PKTINFO and IPV6_PKTINFO, and with one over IPv6 the latter.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_a_mapped_datagram_has_both(ns, observe):
    with Socket.udp(socket.AF_INET6) as receiver, Socket.udp() as over4, Socket.udp(socket.AF_INET6) as over6:
        receiver.rcvtimeo = SOON
        receiver.bind(("::", 0))
        receiver.ip_pktinfo = True
        receiver.ipv6_recvpktinfo = True
        port = receiver.getsockname()[1]
        over4.sendto(b"x", ("127.0.0.1", port))
        by_ipv4 = sorted(control_headers(receiver))
        over6.sendto(b"x", ("::1", port))

        assert observe("by_ipv4_and_ipv6", [by_ipv4, control_headers(receiver)]) == [
            [[IPPROTO_IP, IP_PKTINFO, 12], [IPPROTO_IPV6, IPV6_PKTINFO, 20]],
            [[IPPROTO_IPV6, IPV6_PKTINFO, 20]],
        ]


@claim(
    "defacto/send/larger-than-sndbuf",
    says="A datagram of 20000 bytes, more than SO_SNDBUF, is sent by a UDP socket, over IPv4 and IPv6, with "
    "MSG_DONTWAIT and nothing queued.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@KINDS
def test_a_datagram_may_be_larger_than_the_buffer(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.sndbuf = 0
        smaller = sender.sndbuf < 20_000
        sent = answer(lambda: sender.send(bytes(20_000), socket.MSG_DONTWAIT))

        assert observe("smaller_sent_received", [smaller, sent, len(receiver.recv(30_000))]) == [
            True,
            "sent 20000",
            20_000,
        ]
