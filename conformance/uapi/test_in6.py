"""Flow labels and options that are not there, as the comments in include/uapi/linux/in6.h tell them."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import (
    OPTIONS,
    OPTIONS_IN_UDP,
    ipv6_packets,
    packet_ending,
    packet_options,
    udp6,
)
from conformance.plugin.setups.udp import udp_receiver
from libsocket import IPV6_FLOWLABEL_MGR, In6FlowlabelReq, Inet6, Other, Socket, raw
from netns import Capability

HOPOPTS, DSTOPTS = 3, 4
"""Types of IPV6_2292PKTOPTIONS' control messages."""
DONTFRAG, USE_MIN_MTU = 62, 63
FLOWINFO = 11
CREATE, EXCLUSIVELY = 1, 2
"""Flags of IPV6_FLOWLABEL_MGR."""
LABEL_MASK, CLASS_MASK = 0x000FFFFF, 0x0FF00000
LABEL, CLASS = 0x54321, 0x2C


def lease_with_options(sock: Socket, kind: int, flags: int = CREATE) -> None:
    """Lease ``LABEL`` for packets to ::1, and for these a header of options."""
    request = IPV6_FLOWLABEL_MGR.codec.encode(In6FlowlabelReq("::1", LABEL, share=1, flags=flags))
    octets = request + packet_options(kind, OPTIONS)
    sock.set(IPV6_FLOWLABEL_MGR.through(raw(len(octets))), octets)


@claim(
    "in6.h/IPV6_FLOWLABEL_MGR/options",
    sentence="in6.h/IPV6_FLOWLABEL_MGR/options",
    section="struct in6_flowlabel_req",
    says="What follows the request with which a UDP socket leases a flow label by IPV6_FLOWLABEL_MGR are "
    "options as IPV6_2292PKTOPTIONS takes them: a packet that it sends with the label, with "
    "IPV6_FLOWINFO_SEND, has the header of options by hops that is there, and one without the label has not.",
    needs=[IPV6, Capability.NET_RAW],
)
def test_packets_with_the_label_have_the_options(ns, observe):
    with ipv6_packets() as seen, udp6() as sender, udp_receiver("::1") as receiver:
        port = receiver.getsockname()[1]
        lease_with_options(sender, HOPOPTS)
        sender.ipv6_flowinfo_send = True
        sender.sendto(b"without", ("::1", port, 0))
        sender.sendto(b"with", ("::1", port, LABEL))
        packets = [packet_ending(seen, end) for end in (b"without", b"with")]

        assert [
            observe("labelled", [packet.flow_label == LABEL for packet in packets]),
            observe("next_headers", [packet.next_header for packet in packets]),
            observe("header", packets[1].payload[:8].hex()),
        ] == [[False, True], [socket.IPPROTO_UDP, socket.IPPROTO_HOPOPTS], OPTIONS_IN_UDP.hex()]


@claim(
    "defacto/IPV6_FLOWLABEL_MGR/destination-options",
    says="Of the options that follow the request of IPV6_FLOWLABEL_MGR on a UDP socket those at the "
    "destination are refused with EINVAL, where those by hops are taken.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
)
def test_options_at_the_destination_are_refused(ns, observe):
    with udp6() as sock:
        with refused(errno.EINVAL):
            lease_with_options(sock, DSTOPTS)
        lease_with_options(sock, HOPOPTS)
        with refused(errno.EEXIST, "errno_leased"):
            lease_with_options(sock, HOPOPTS, CREATE | EXCLUSIVELY)


@claim(
    "in6.h/IPV6_FLOWINFO/byte-order",
    sentence="in6.h/IPV6_FLOWINFO/byte-order",
    section="Bitmask constants of flow label and priority",
    says="The flow information in the address that a UDP socket with IPV6_FLOWINFO_SEND sends to is in "
    "network byte order, and so is what IPV6_FLOWINFO delivers: in it 0x000FFFFF, in that order, takes out "
    "the flow label, and 0x0FF00000 the traffic class.",
    needs=[IPV6],
)
@pytest.mark.parametrize(("label", "traffic_class"), [(LABEL, CLASS), (1, 4), (0xFFFFF, 0xFC)])
def test_flow_information_is_in_network_byte_order(ns, observe, label, traffic_class):
    with udp6() as sender, udp_receiver("::1") as receiver:
        receiver.ipv6_flowinfo = True
        sender.ipv6_flowinfo_send = True
        sender.ipv6_tclass = traffic_class
        port, host = receiver.getsockname()[1], Inet6("::1", 0).raw[8:]
        sender.sendto(
            b"hello", Other(socket.AF_INET6, port.to_bytes(2, "big") + label.to_bytes(4, "big") + host)
        )
        [(level, kind, octets)] = receiver.recvmsg(9, 100)[1]
        flow = int.from_bytes(octets, "big")

        assert [
            [level, kind],
            observe("label_and_class", [flow & LABEL_MASK, (flow & CLASS_MASK) >> 20]),
        ] == [[socket.IPPROTO_IPV6, FLOWINFO], [label, traffic_class]]


@claim(
    "in6.h/IPV6_USE_MIN_MTU/not-yet",
    sentence="in6.h/IPV6_USE_MIN_MTU/not-yet",
    section="Advanced API (RFC3542)",
    says="IPV6_USE_MIN_MTU, 63, is not there yet: setting and reading it is refused on a TCP, UDP or raw "
    "socket over IPv6, where IPV6_DONTFRAG, 62, is set and read.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    "kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW], ids=["tcp", "udp", "raw"]
)
def test_the_least_mtu_cannot_be_asked_for(ns, observe, kind):
    with Socket(socket.AF_INET6, kind, socket.IPPROTO_UDP if kind == socket.SOCK_RAW else 0) as sock:
        with refused(name="errno_set"):
            sock.setsockopt(socket.IPPROTO_IPV6, USE_MIN_MTU, 1)
        with refused(name="errno_read"):
            sock.getsockopt(socket.IPPROTO_IPV6, USE_MIN_MTU)
        sock.setsockopt(socket.IPPROTO_IPV6, DONTFRAG, 1)

        assert observe("dontfrag", sock.getsockopt(socket.IPPROTO_IPV6, DONTFRAG)) == 1
