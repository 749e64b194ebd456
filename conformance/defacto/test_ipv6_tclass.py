"""IPV6_TCLASS: the traffic class of packets."""

from __future__ import annotations

import errno
from socket import IPPROTO_IPV6

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.ipv6 import ipv6_packets, packet_ending, udp6_pair
from libsocket import TrafficClass
from netns import Capability

TCLASS = 67


@claim(
    "defacto/IPV6_TCLASS/packets",
    says="The packets of a UDP socket of IPv6 have the traffic class that IPV6_TCLASS is.",
    since="2.6.14",
    commit="41a1f8ea4fbf",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("traffic", [1, 8, 255])
def test_packets_have_it(ns, observe, traffic):
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.send(b"before")
        sender.ipv6_tclass = traffic
        sender.send(b"after")
        classes = [packet_ending(seen, b"before").traffic_class, packet_ending(seen, b"after").traffic_class]

        assert observe("before_and_after", classes) == [0, traffic]


@claim(
    "defacto/IPV6_TCLASS/control-message",
    says="A control message IPV6_TCLASS sets the traffic class of the datagram of a UDP socket that it is "
    "sent with, and of that one only.",
    since="2.6.14",
    commit="41a1f8ea4fbf",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize("traffic", [0, 4, 255])
def test_a_control_message_sets_it(ns, observe, traffic):
    sender, receiver = udp6_pair()
    with ipv6_packets() as seen, sender, receiver:
        sender.ipv6_tclass = 8
        sender.send_message(b"with", TrafficClass(traffic))
        sender.send(b"after")
        classes = [packet_ending(seen, b"with").traffic_class, packet_ending(seen, b"after").traffic_class]

        assert observe("with_and_after", classes) == [traffic, 8]


@claim(
    "defacto/IPV6_TCLASS/control-message-outside",
    says="A UDP socket cannot send with a control message IPV6_TCLASS of 256 or less than -1 (EINVAL).",
    since="2.6.14",
    commit="41a1f8ea4fbf",
    needs=[IPV6],
)
@pytest.mark.parametrize("traffic", [-2, 256])
def test_a_control_message_has_bounds(ns, observe, traffic):
    sender, receiver = udp6_pair()
    with sender, receiver:
        with refused(errno.EINVAL):
            sender.send_message(b"outside", TrafficClass(traffic))
        sender.send_message(b"inside", TrafficClass(255))

        assert observe("received", receiver.recv(9).decode()) == "inside"


@claim(
    "defacto/IPV6_RECVTCLASS/delivers",
    says="With IPV6_RECVTCLASS a UDP socket receives with each datagram its traffic class, zero too, as a "
    "control message IPV6_TCLASS, an int. Without it, as at first, none.",
    since="2.6.14",
    commit="41a1f8ea4fbf",
    needs=[IPV6],
    survives={"no-op: setsockopt(*IPV6_TCLASS, ?0?*": "it is 0 already"},
)
@pytest.mark.parametrize("traffic", [0, 4, 255])
def test_it_comes_with_a_datagram(ns, observe, traffic):
    sender, receiver = udp6_pair()
    with sender, receiver:
        sender.ipv6_tclass = traffic
        sender.send(b"without")
        without = control_headers(receiver)
        receiver.ipv6_recvtclass = True
        sender.send(b"with")
        headers = control_headers(receiver)
        sender.send(b"again")
        classes = [int(one) for one in control_messages(receiver, TrafficClass)]

        assert [observe("without", without), observe("headers", headers), observe("classes", classes)] == [
            [],
            [[int(IPPROTO_IPV6), TCLASS, 4]],
            [traffic],
        ]
