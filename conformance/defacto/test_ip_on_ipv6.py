"""Options of IP on sockets of IPv6. No page says that they have them."""

from __future__ import annotations

import errno
from socket import AF_INET6

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.packets import next_header, packets
from conformance.plugin.timing import SOON
from libsocket import IP_FREEBIND, Socket
from netns import Capability, only

NOT_LOCAL = "2001:db8::1"
MAKES = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])


@claim(
    "defacto/IPPROTO_IP/freebind-of-ipv6",
    says="IP_FREEBIND, an option of IP, lets a TCP or UDP socket over IPv6 be bound to an IPv6 address that "
    "this host does not have, without any capability.",
    since="4.3",
    commit="35a256fee52c",
    needs=[IPV6],
)
@MAKES
def test_an_address_of_ipv6_need_not_be_local(ns, observe, make):
    with make(AF_INET6) as sock, only():
        with refused(errno.EADDRNOTAVAIL):
            sock.bind((NOT_LOCAL, 0))
        sock.set(IP_FREEBIND, True)
        sock.bind((NOT_LOCAL, 0))

        assert observe("address", sock.getsockname()[0]) == NOT_LOCAL


@claim(
    "defacto/IPPROTO_IP/ttl-and-tos-of-ipv6",
    says="IP_TTL and IP_TOS of a UDP socket over IPv6 are those of the IPv4 packets that it sends.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_packets_of_ipv4_have_them(ns, observe):
    with packets() as seen, Socket.udp(AF_INET6) as sock:
        seen.rcvtimeo = SOON
        sock.ip_ttl, sock.ip_tos = 33, 0x10
        sock.sendto(b"hello", ("::ffff:127.0.0.1", 9))
        header = next_header(seen)

        assert observe("ttl_and_tos", [header.ttl, header.tos]) == [33, 0x10]
