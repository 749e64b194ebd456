"""IPV6_HDRINCL: packets that bring their own header."""

from __future__ import annotations

import errno
from socket import AF_INET6, IPPROTO_RAW, inet_pton

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import ipv6_packets, raw6, tcp6, udp6
from conformance.plugin.timing import SOON
from libsocket import IPV6_HDRINCL
from netns import Capability

HERE = inet_pton(AF_INET6, "::1")
OWN_HEADER = bytes([0x60 | 2, 0x81, 0x23, 0x45, 0, 5, 253, 99]) + HERE + HERE
"""Traffic class 0x28, flow label 0x12345, five bytes of protocol 253, hop limit 99."""


@claim(
    "defacto/IPV6_HDRINCL/default",
    says="IPV6_HDRINCL of a raw socket of IPv6 is on at first if its protocol is IPPROTO_RAW, and off if it "
    "is another. It can be turned on and off.",
    since="4.5",
    commit="715f504b1189",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(("protocol", "on"), [(253, False), (IPPROTO_RAW, True)])
def test_it_is_on_by_protocol(ns, observe, protocol, on):
    with raw6(protocol) as sock:
        seen = [sock.ipv6_hdrincl]
        sock.ipv6_hdrincl = not on
        seen.append(sock.ipv6_hdrincl)
        sock.ipv6_hdrincl = on
        seen.append(sock.ipv6_hdrincl)

        assert observe("first_and_set", seen) == [on, not on, on]


@claim(
    "defacto/IPV6_HDRINCL/own-header",
    says="What a raw socket of IPv6 with IPV6_HDRINCL sends begins with the header that the caller supplied; "
    "what one without it sends has the kernel's header before that.",
    since="4.5",
    commit="715f504b1189",
    needs=[IPV6, Capability.NET_RAW],
)
def test_the_header_is_the_callers(ns, observe):
    with ipv6_packets() as seen, raw6() as receiver, raw6() as sock:
        seen.rcvtimeo = receiver.rcvtimeo = SOON
        sock.sendto(OWN_HEADER + b"hello", ("::1", 0))
        without = seen.recv(100)
        sock.ipv6_hdrincl = True
        sock.sendto(OWN_HEADER + b"hello", ("::1", 0))
        own = seen.recv(100)

        assert [observe("without", without[40:].hex()), observe("own", own.hex())] == [
            (OWN_HEADER + b"hello").hex(),
            (OWN_HEADER + b"hello").hex(),
        ]


@claim(
    "defacto/IPV6_HDRINCL/raw-only",
    says="IPV6_HDRINCL of a TCP or UDP socket cannot be set or read (ENOPROTOOPT).",
    since="4.5",
    commit="715f504b1189",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])
def test_only_raw_sockets_have_it(ns, observe, make):
    with make() as sock, raw6() as raw:
        with refused(errno.ENOPROTOOPT, "errno_set"):
            sock.set(IPV6_HDRINCL, True)
        with refused(errno.ENOPROTOOPT, "errno_read"):
            sock.get(IPV6_HDRINCL)
        raw.set(IPV6_HDRINCL, True)

        assert observe("of_raw", raw.get(IPV6_HDRINCL)) is True
