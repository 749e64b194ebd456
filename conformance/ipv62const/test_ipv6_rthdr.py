"""IPV6_RTHDR and the like: extension headers that come with a datagram."""

from __future__ import annotations

from socket import IPPROTO_DSTOPTS, IPPROTO_HOPOPTS, IPPROTO_IPV6, IPPROTO_UDP

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.ipv6 import (
    OPTIONS,
    OPTIONS_IN_UDP,
    ipv6_packets,
    packet_ending,
    raw6,
    tcp6,
    udp6,
    udp6_pair,
)
from conformance.plugin.timing import SOON
from libsocket import (
    IPV6_DSTOPTS,
    IPV6_FLOWINFO,
    IPV6_HOPOPTS,
    IPV6_RTHDR,
    DestinationOptions,
    FlowInfo,
    HopLimit,
    HopOptions,
)
from netns import Capability

AUTHHDR, FLOWINFO, HOPLIMIT = 10, 11, 52


@claim(
    "IPV6_RTHDR.2const/IPV6_FLOWINFO/delivers",
    sentence=(
        "IPV6_RTHDR.2const/IPV6_RTHDR/delivery",
        "IPV6_RTHDR.2const/IPV6_FLOWINFO/flowinfo",
        "IPV6_RTHDR.2const/IPV6_RTHDR/same-type",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="With IPV6_FLOWINFO a UDP socket receives with each datagram whose flow label is not zero a control "
    "message of the type IPV6_FLOWINFO, of 32 bits in network byte order: the traffic class and the flow "
    "label. Without it, none.",
    needs=[IPV6],
)
@pytest.mark.parametrize(("traffic", "label"), [(4, 0x12345), (0x28, 1), (0xFC, 0xFFFFF)])
def test_the_flow_comes_with_a_datagram(ns, observe, traffic, label):
    sender, receiver = udp6_pair()
    with sender, receiver:
        sender.ipv6_tclass = traffic
        sender.send_message(b"without", FlowInfo(label))
        without = control_headers(receiver)
        receiver.ipv6_flowinfo = True
        sender.send_message(b"with", FlowInfo(label))
        [(level, kind, data)] = receiver.recvmsg(9, 100)[1]
        message = [level, kind, data.hex()]

        assert [observe("without", without), observe("message", message)] == [
            [],
            [int(IPPROTO_IPV6), FLOWINFO, f"0{traffic:02x}{label:05x}"],
        ]


@claim(
    "IPV6_RTHDR.2const/IPV6_RTHDR/delivers",
    sentence=("IPV6_RTHDR.2const/IPV6_RTHDR/delivery", "IPV6_RTHDR.2const/IPV6_RTHDR/rthdr"),
    section="DESCRIPTION",
    says="On a UDP socket IPV6_RTHDR is set to an integer, not zero, to have the routing header delivered.",
    needs=[IPV6, Capability.NET_RAW],
    expect=differs(
        "IPV6_RECVRTHDR does so; this sets the header of what is sent, and an integer is none",
        since="2.6.14",
        commit="333fad5364d6",
        observed={"errno": "EINVAL"},
    ),
)
def test_rthdr_is_a_flag(ns, observe):
    with udp6() as sock:
        sock.setsockopt(IPPROTO_IPV6, IPV6_RTHDR.number, 1)

        assert observe("set", sock.getsockopt(IPPROTO_IPV6, IPV6_RTHDR.number)) == 1


@claim(
    "IPV6_RTHDR.2const/IPV6_AUTHHDR/delivers",
    sentence=(
        "IPV6_RTHDR.2const/IPV6_RTHDR/delivery",
        "IPV6_RTHDR.2const/IPV6_AUTHHDR/authhdr",
        "IPPROTO_IPV6.2const/IPPROTO_IPV6/supported",
    ),
    section="DESCRIPTION",
    says="On a UDP socket IPV6_AUTHHDR is set to an integer, not zero, to have the authentication header "
    "delivered.",
    needs=[IPV6],
    expect=differs(
        "there is no such option (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENOPROTOOPT"},
    ),
)
def test_authhdr_is_a_flag(ns, observe):
    with udp6() as sock:
        sock.setsockopt(IPPROTO_IPV6, AUTHHDR, 1)

        assert observe("set", sock.getsockopt(IPPROTO_IPV6, AUTHHDR)) == 1


@claim(
    "IPV6_RTHDR.2const/IPV6_DSTOPTS/delivers",
    sentence=("IPV6_RTHDR.2const/IPV6_RTHDR/delivery", "IPV6_RTHDR.2const/IPV6_DSTOPTS/dstopts"),
    section="DESCRIPTION",
    says="On a UDP socket IPV6_DSTOPTS is set to an integer, not zero, to have the destination options "
    "delivered.",
    needs=[IPV6, Capability.NET_RAW],
    expect=differs(
        "IPV6_RECVDSTOPTS does so; this sets the header of what is sent, and an integer is none",
        since="2.6.14",
        commit="333fad5364d6",
        observed={"errno": "EINVAL"},
    ),
)
def test_dstopts_is_a_flag(ns, observe):
    with udp6() as sock:
        sock.setsockopt(IPPROTO_IPV6, IPV6_DSTOPTS.number, 1)

        assert observe("set", sock.getsockopt(IPPROTO_IPV6, IPV6_DSTOPTS.number)) == 1


@claim(
    "IPV6_RTHDR.2const/IPV6_HOPOPTS/delivers",
    sentence=("IPV6_RTHDR.2const/IPV6_RTHDR/delivery", "IPV6_RTHDR.2const/IPV6_HOPOPTS/hopopts"),
    section="DESCRIPTION",
    says="On a UDP socket IPV6_HOPOPTS is set to an integer, not zero, to have the hop options delivered.",
    needs=[IPV6, Capability.NET_RAW],
    expect=differs(
        "IPV6_RECVHOPOPTS does so; this sets the header of what is sent, and an integer is none",
        since="2.6.14",
        commit="333fad5364d6",
        observed={"errno": "EINVAL"},
    ),
)
def test_hopopts_is_a_flag(ns, observe):
    with udp6() as sock:
        sock.setsockopt(IPPROTO_IPV6, IPV6_HOPOPTS.number, 1)

        assert observe("set", sock.getsockopt(IPPROTO_IPV6, IPV6_HOPOPTS.number)) == 1


@claim(
    "IPV6_RTHDR.2const/IPV6_HOPLIMIT/delivers",
    sentence=("IPV6_RTHDR.2const/IPV6_RTHDR/delivery", "IPV6_RTHDR.2const/IPV6_HOPLIMIT/hoplimit"),
    section="DESCRIPTION",
    says="On a UDP socket IPV6_HOPLIMIT is set to an integer, not zero, to have the hop count delivered.",
    needs=[IPV6, Capability.NET_RAW],
    expect=differs(
        "IPV6_RECVHOPLIMIT does so; there is no such option",
        since="2.6.14",
        commit="333fad5364d6",
        observed={"errno": "ENOPROTOOPT"},
    ),
)
def test_hoplimit_is_a_flag(ns, observe):
    with udp6() as sock:
        sock.setsockopt(IPPROTO_IPV6, HOPLIMIT, 1)

        assert observe("set", sock.getsockopt(IPPROTO_IPV6, HOPLIMIT)) == 1


@claim(
    "IPV6_RTHDR.2const/IPV6_RTHDR/outgoing-hop-limit",
    sentence="IPV6_RTHDR.2const/IPV6_RTHDR/outgoing",
    section="DESCRIPTION",
    says="A control message IPV6_HOPLIMIT sets the hop limit of the datagram of a UDP socket that it is sent "
    "with, and of that one only.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("hops", [0, 7, 255])
def test_a_control_message_sets_the_hop_limit(ns, observe, hops):
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.ipv6_unicast_hops = 99
        sender.send_message(b"with", HopLimit(hops))
        sender.send(b"after")
        limits = [packet_ending(seen, b"with").hop_limit, packet_ending(seen, b"after").hop_limit]

        assert observe("with_and_after", limits) == [hops, 99]


@claim(
    "IPV6_RTHDR.2const/IPV6_RTHDR/outgoing-hop-limit-bounds",
    sentence="IPV6_RTHDR.2const/IPV6_RTHDR/outgoing",
    section="DESCRIPTION",
    says="A control message IPV6_HOPLIMIT of 255 sets the hop limit of the datagram of a UDP socket, one of "
    "-1 leaves it as IPV6_UNICAST_HOPS is, and one of 256 or -2 is refused.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(("outside", "inside", "hops"), [(256, 255, 255), (-2, -1, 99)])
def test_a_hop_limit_has_bounds(ns, observe, outside, inside, hops):
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.ipv6_unicast_hops = 99
        with refused():
            sender.send_message(b"outside", HopLimit(outside))
        sender.send_message(b"inside", HopLimit(inside))
        sender.send(b"beside")
        limits = [packet_ending(seen, b"side").hop_limit, packet_ending(seen, b"side").hop_limit]

        assert observe("hop_limits", limits) == [hops, 99]


@claim(
    "IPV6_RTHDR.2const/IPV6_RTHDR/outgoing-flow",
    sentence="IPV6_RTHDR.2const/IPV6_RTHDR/outgoing",
    section="DESCRIPTION",
    says="A control message IPV6_FLOWINFO sets the flow label of the datagram of a UDP socket that it is "
    "sent with, and of that one only.",
    needs=[IPV6, Capability.NET_RAW],
)
def test_a_control_message_sets_the_flow_label(ns, observe):
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.ipv6_autoflowlabel = False
        sender.send_message(b"with", FlowInfo(0x12345))
        sender.send(b"after")
        labels = [packet_ending(seen, b"with").flow_label, packet_ending(seen, b"after").flow_label]

        assert observe("with_and_after", labels) == [0x12345, 0]


@claim(
    "IPV6_RTHDR.2const/IPV6_RTHDR/outgoing-options",
    sentence="IPV6_RTHDR.2const/IPV6_RTHDR/outgoing",
    section="DESCRIPTION",
    says="A control message IPV6_HOPOPTS or IPV6_DSTOPTS puts its header before the datagram of a UDP socket "
    "that it is sent with, and of that one only.",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("message", "header"),
    [(HopOptions(OPTIONS), IPPROTO_HOPOPTS), (DestinationOptions(OPTIONS), IPPROTO_DSTOPTS)],
    ids=["hop", "destination"],
)
def test_a_control_message_adds_a_header(ns, observe, message, header):
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.send_message(b"with", message)
        sender.send(b"after")
        packets = [packet_ending(seen, b"with"), packet_ending(seen, b"after")]
        next_headers = [packet.next_header for packet in packets]

        assert [observe("next_headers", next_headers), observe("header", packets[0].payload[:8].hex())] == [
            [header, IPPROTO_UDP],
            OPTIONS_IN_UDP.hex(),
        ]


@claim(
    "IPV6_RTHDR.2const/IPV6_RTHDR/datagrams-only",
    sentence="IPV6_RTHDR.2const/IPV6_RTHDR/datagrams-only",
    section="DESCRIPTION",
    says="IPV6_FLOWINFO cannot be set on a TCP socket.",
    needs=[IPV6],
    expect=differs(
        "it can be set, and reads back (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "on": 1},
    ),
)
def test_flows_are_of_datagrams(ns, observe):
    with tcp6() as stream, refused():
        stream.set(IPV6_FLOWINFO, True)
        observe("on", int(stream.get(IPV6_FLOWINFO)))


@claim(
    "IPV6_RTHDR.2const/IPV6_RTHDR/raw",
    sentence="IPV6_RTHDR.2const/IPV6_RTHDR/datagrams-only",
    section="DESCRIPTION",
    says="With IPV6_FLOWINFO a raw socket receives the control message, too.",
    needs=[IPV6, Capability.NET_RAW],
)
def test_the_flow_comes_with_a_packet(ns, observe):
    with raw6() as sock:
        sock.rcvtimeo = SOON
        sock.bind(("::1", 0))
        sock.ipv6_flowinfo = True
        sock.send_message(b"hello", FlowInfo(0x12345), address=("::1", 0))
        flows = [int(one) for one in control_messages(sock, FlowInfo)]

        assert observe("flow", flows) == [0x12345]
