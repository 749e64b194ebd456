"""IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS and IPV6_DSTOPTS as options of a socket: headers of all that it sends."""

from __future__ import annotations

import errno
from socket import IPPROTO_DSTOPTS, IPPROTO_HOPOPTS, IPPROTO_TCP, IPPROTO_UDP

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import (
    OPTIONS,
    OPTIONS_IN_UDP,
    ipv6_packet,
    ipv6_packets,
    set_and_cleared,
    tcp6,
    udp6,
)
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.segments import ACK, SYN, segment
from conformance.plugin.timing import SOON
from libsocket import IPV6_DSTOPTS, IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS, Socket, raw
from netns import Capability, without

HEADERS = pytest.mark.parametrize("option", [IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS, IPV6_DSTOPTS])
LARGEST = 2040
ESTABLISHED, SYN_SENT = 1, 2


@claim(
    "defacto/IPV6_HOPOPTS/packets",
    says="What a UDP socket sends has the header that IPV6_HOPOPTS or IPV6_DSTOPTS is set to, until that is "
    "set with no byte.",
    since="2.6.26",
    commit="aea7427f70cc",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("option", "header"), [(IPV6_HOPOPTS, IPPROTO_HOPOPTS), (IPV6_DSTOPTS, IPPROTO_DSTOPTS)]
)
def test_all_packets_have_the_header(ns, observe, option, header):
    packets = set_and_cleared(option, OPTIONS)

    assert [
        observe("next_headers", [packet.next_header for packet in packets]),
        observe("headers", [packet.payload[:8].hex() for packet in packets[:2]]),
    ] == [[header, header, IPPROTO_UDP], [OPTIONS_IN_UDP.hex(), OPTIONS_IN_UDP.hex()]]


@claim(
    "defacto/IPV6_HOPOPTS/read",
    says="IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS and IPV6_DSTOPTS of a TCP or UDP socket read back as they were "
    "set, and as no byte if they are not set, as at first, or were set with none.",
    since="2.6.26",
    commit="aea7427f70cc",
    needs=[IPV6, Capability.NET_RAW],
)
@HEADERS
@pytest.mark.parametrize("make", [tcp6, udp6], ids=["tcp", "udp"])
def test_the_header_reads_back(ns, observe, option, make):
    with make() as sock:
        read = [sock.get(option)]
        sock.set(option, OPTIONS)
        read.append(sock.get(option))
        sock.set(option, b"")
        read.append(sock.get(option))

        assert observe("first_set_cleared", [octets.hex() for octets in read]) == ["", OPTIONS.hex(), ""]


@claim(
    "defacto/IPV6_HOPOPTS/option-privilege",
    says="Without CAP_NET_RAW IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS and IPV6_DSTOPTS of a UDP socket can be "
    "neither set nor cleared (EPERM).",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6, Capability.NET_RAW],
)
@HEADERS
def test_setting_takes_a_capability(ns, observe, option):
    with udp6() as sock:
        with without(Capability.NET_RAW), refused(errno.EPERM, "errno_set"):
            sock.set(option, OPTIONS)
        sock.set(option, OPTIONS)
        with without(Capability.NET_RAW), refused(errno.EPERM, "errno_cleared"):
            sock.set(option, b"")

        assert observe("kept", sock.get(option).hex()) == OPTIONS.hex()


@claim(
    "defacto/IPV6_HOPOPTS/optlen",
    says="IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS and IPV6_DSTOPTS of a UDP socket are set with a multiple of eight "
    "bytes, 2040 at most. Other numbers of bytes, and fewer than the header says that it has, fail with "
    "EINVAL.",
    since="2.6.18",
    commit="99c7bc0133b8",
    needs=[IPV6, Capability.NET_RAW],
)
@HEADERS
@pytest.mark.parametrize(
    "octets",
    [
        OPTIONS[:1],
        OPTIONS[:7],
        OPTIONS + b"\0",
        bytes([0, LARGEST // 8]) + bytes(LARGEST + 6),
        bytes([0, 1]) + OPTIONS[2:],
    ],
    ids=["1", "7", "9", "2048", "8-of-16"],
)
def test_its_size_is_checked(ns, observe, option, octets):
    largest = bytes([0, LARGEST // 8 - 1]) + bytes(LARGEST - 2)
    with udp6() as sock:
        sock.set(option, OPTIONS)
        with refused(errno.EINVAL):
            sock.set(option, octets)
        kept = sock.get(option).hex()
        sock.set(option, largest)
        beginning = sock.get(option.through(raw(8)))

        assert observe("kept_and_set", [kept, beginning.hex()]) == [OPTIONS.hex(), largest[:8].hex()]


@claim(
    "defacto/IPV6_RTHDRDSTOPTS/listener",
    says="A TCP listener over IPv6 with IPV6_RTHDRDSTOPTS and no IPV6_RTHDR cannot be connected to: its "
    "SYN-ACK has not that header, but its payload length counts it, eight bytes too many, and the client "
    "drops it.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6, Capability.NET_RAW],
)
def test_a_listener_answers_with_a_wrong_length(ns, observe):
    with (
        ipv6_packets() as arriving,
        listening("::1") as plain,
        listening("::1") as listener,
        tcp6() as client,
        tcp6() as unanswered,
    ):
        listener.ipv6_rthdrdstopts = OPTIONS
        client.connect(plain.getsockname())
        missing = [missing_from_synack(arriving)]
        unanswered.setblocking(False)
        with refused(errno.EINPROGRESS):
            unanswered.connect(listener.getsockname())
        missing.append(missing_from_synack(arriving))

        states = [client.tcp_info.state, unanswered.tcp_info.state]
        assert [observe("missing_bytes", missing), observe("states", states)] == [
            [0, len(OPTIONS)],
            [ESTABLISHED, SYN_SENT],
        ]


def missing_from_synack(arriving: Socket) -> int:
    """How many bytes fewer the next SYN-ACK that arrives has than its IPv6 header says."""
    arriving.rcvtimeo = SOON
    while True:
        octets = arriving.recv(70_000)
        packet = ipv6_packet(octets)
        if packet.next_header == IPPROTO_TCP and segment(octets).flags == SYN | ACK:
            return packet.length - len(packet.payload)
