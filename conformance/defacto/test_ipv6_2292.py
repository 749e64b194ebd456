"""IPV6_2292PKTINFO and the like: the control messages of RFC 2292, which newer ones replaced."""

from __future__ import annotations

import sys
from socket import AF_INET6, IPPROTO_IPV6, inet_pton

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.control_messages import control_headers
from conformance.plugin.setups.ipv6 import LOOPBACK, OPTIONS, OPTIONS_IN_UDP, udp6_pair
from libsocket import DestinationOptions, HopLimit, HopOptions, Socket
from netns import Capability

PKTINFO, HOPOPTS, DSTOPTS, HOPLIMIT = 2, 3, 4, 8
INFO = inet_pton(AF_INET6, "::1") + LOOPBACK.to_bytes(4, sys.byteorder)
"""A struct in6_pktinfo."""


@claim(
    "defacto/IPV6_2292PKTINFO/delivers",
    says="With IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_2292HOPOPTS or IPV6_2292DSTOPTS a UDP socket "
    "receives with each datagram what the option of RFC 3542 gives, in a control message of the old type. "
    "Without it, as at first, none.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("option", "message", "expected"),
    [
        (Socket.ipv6_2292pktinfo, HopLimit(7), (PKTINFO, INFO)),
        (Socket.ipv6_2292hoplimit, HopLimit(7), (HOPLIMIT, (7).to_bytes(4, sys.byteorder))),
        (Socket.ipv6_2292hopopts, HopOptions(OPTIONS), (HOPOPTS, OPTIONS_IN_UDP)),
        (Socket.ipv6_2292dstopts, DestinationOptions(OPTIONS), (DSTOPTS, OPTIONS_IN_UDP)),
    ],
    ids=["pktinfo", "hoplimit", "hopopts", "dstopts"],
)
def test_messages_of_the_old_types_come(ns, observe, option, message, expected):
    sender, receiver = udp6_pair()
    with sender, receiver:
        sender.send_message(b"without", message)
        without = control_headers(receiver)
        receiver.set(option, True)
        sender.send_message(b"with", message)
        [(level, kind, data)] = receiver.recvmsg(9, 100)[1]
        came = [level, kind, data.hex()]

        assert [observe("without", without), observe("came", came)] == [
            [],
            [int(IPPROTO_IPV6), expected[0], expected[1].hex()],
        ]
