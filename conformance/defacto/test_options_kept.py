"""Options that are refused and stay, or that leave another alone, and control messages that are too short."""

from __future__ import annotations

import errno
import sys
from socket import IPPROTO_IP, IPPROTO_IPV6

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.error_queue import next_error, told
from conformance.plugin.setups.message_calls import send
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import Socket

IP_TOS, IPV6_TCLASS = 1, 67
LARGEST = 65_507
"""Bytes that a datagram over IPv4 can carry."""


@claim(
    "defacto/SO_BINDTODEVICE/refused-keeps",
    says="A TCP or UDP socket that is bound to an interface stays so where SO_BINDTODEVICE with the name of "
    "none is refused with ENODEV.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_interface_stays(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        sock.bindtodevice = "lo"
        with refused(errno.ENODEV):
            sock.bindtodevice = "nowhere"

        assert observe("interface", sock.bindtodevice) == "lo"


@claim(
    "defacto/IP_TTL/beside-hop-limit",
    says="IP_TTL and IPV6_UNICAST_HOPS of a UDP or TCP socket over IPv6 leave each other as they are.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp6", "udp6"])
def test_each_has_its_own_number(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        before = [sock.ip_ttl, sock.ipv6_unicast_hops]
        sock.ipv6_unicast_hops = 7
        hops = [sock.ip_ttl, sock.ipv6_unicast_hops]
        sock.ip_ttl = 9

        assert observe("before_hops_ttl", [before, hops, [sock.ip_ttl, sock.ipv6_unicast_hops]]) == [
            [64, 64],
            [64, 7],
            [9, 7],
        ]


@claim(
    "defacto/IPPROTO_IP/cmsg-size",
    says="A control message IP_TOS of none, two, three or five bytes is refused by sendmsg(2) of a UDP "
    "socket over IPv4 with EINVAL, and IPV6_TCLASS of none, three or five over IPv6; with four they are "
    "sent.",
    since="3.13",
    commit="aa6615814533",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("host", "level", "kind", "size"),
    [
        ("127.0.0.1", IPPROTO_IP, IP_TOS, 0),
        ("127.0.0.1", IPPROTO_IP, IP_TOS, 2),
        ("127.0.0.1", IPPROTO_IP, IP_TOS, 3),
        ("127.0.0.1", IPPROTO_IP, IP_TOS, 5),
        ("::1", IPPROTO_IPV6, IPV6_TCLASS, 0),
        ("::1", IPPROTO_IPV6, IPV6_TCLASS, 3),
        ("::1", IPPROTO_IPV6, IPV6_TCLASS, 5),
    ],
    ids=["tos-0", "tos-2", "tos-3", "tos-5", "tclass-0", "tclass-3", "tclass-5"],
)
def test_a_message_needs_its_value(ns, observe, *, host, level, kind, size):
    sender, receiver = udp_pair(host)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with refused(errno.EINVAL):
            sender.sendmsg([b"refused"], [(level, kind, bytes(size))])
        sender.sendmsg([b"hello"], [(level, kind, (4).to_bytes(4, sys.byteorder))])

        assert observe("received", receiver.recv(9).decode()) == "hello"


@claim(
    "defacto/IP_TOS/control-message-of-one-byte",
    says="A UDP socket over IPv4 sends a datagram with the type of service of a control message IP_TOS of "
    "one byte, as a socket with IP_RECVTOS receives it, or of four.",
    since="4.9",
    commit="e895cdce6831",
)
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("tos", [4, 0xFC])
def test_a_byte_is_a_type_of_service(ns, observe, size, tos):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.ip_recvtos = True
        sender.send(b"before")
        sender.sendmsg([b"with"], [(IPPROTO_IP, IP_TOS, tos.to_bytes(size, sys.byteorder))])
        came = [[data[0] for _, _, data in receiver.recvmsg(9, 100)[1]] for _ in range(2)]

        assert observe("before_and_with", came) == [[0], [tos]]


@claim(
    "defacto/EMSGSIZE/not-queued",
    says="A datagram of 65536 bytes is refused by a UDP socket over IPv4 with IP_RECVERR with EMSGSIZE, and "
    "nothing is queued; SO_ERROR is 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_too_large_a_datagram_is_not_queued(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.ip_recverr = True
        with refused(errno.EMSGSIZE):
            send(sender, bytes(65_536))
        seen = [sender.ip_recverr, sender.recv_error(), sender.error]
        sender.send(bytes(LARGEST))

        assert observe("on_queued_error_and_largest", [*seen, len(receiver.recv(70_000))]) == [
            True,
            None,
            0,
            LARGEST,
        ]


@claim(
    "defacto/EMSGSIZE/queued",
    says="A datagram of 65508 bytes is refused by a UDP socket over IPv4 with IP_RECVERR with EMSGSIZE, and "
    "so are 65528 and 70000 by one over IPv6 with IPV6_RECVERR; that is queued too, as an error of this host "
    "with the MTU, 9000, as its ee_info; SO_ERROR is 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize(
    ("host", "option", "size"),
    [
        ("127.0.0.1", Socket.ip_recverr, 65_508),
        ("::1", Socket.ipv6_recverr, 65_528),
        ("::1", Socket.ipv6_recverr, 70_000),
    ],
    ids=["ipv4", "ipv6", "ipv6-larger"],
)
def test_too_large_a_datagram_is_queued(ns, observe, *, host, option, size):
    ns.set_link("lo", mtu=9000)
    sender, receiver = udp_pair(host)
    with sender, receiver:
        sender.set(option, True)
        with refused(errno.EMSGSIZE):
            send(sender, bytes(size))
        queued = told(next_error(sender))

        assert observe("queued_and_error", [*queued, sender.error]) == ["EMSGSIZE", "LOCAL", 9000, 0]
