"""IPV6_RECVHOPOPTS and the like: headers that come with a datagram."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers
from conformance.plugin.setups.ipv6 import OPTIONS, OPTIONS_IN_UDP, udp6_pair
from libsocket import (
    DestinationOptions,
    HopLimit,
    HopOptions,
    Socket,
)
from netns import Capability, without


@claim(
    "defacto/IPV6_RECVHOPOPTS/delivers",
    says="With IPV6_RECVHOPOPTS, IPV6_RECVDSTOPTS or IPV6_RECVHOPLIMIT a UDP socket receives the header or "
    "the hop limit with each datagram that has it, as IPV6_HOPOPTS, IPV6_DSTOPTS or IPV6_HOPLIMIT. Without "
    "it, none.",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("option", "message", "received"),
    [
        (Socket.ipv6_recvhopopts, HopOptions(OPTIONS), HopOptions(OPTIONS_IN_UDP)),
        (Socket.ipv6_recvdstopts, DestinationOptions(OPTIONS), DestinationOptions(OPTIONS_IN_UDP)),
        (Socket.ipv6_recvhoplimit, HopLimit(7), HopLimit(7)),
    ],
    ids=["hop-options", "destination-options", "hop-limit"],
)
def test_headers_come_with_a_datagram(ns, observe, option, message, received):
    sender, receiver = udp6_pair()
    with sender, receiver:
        sender.send_message(b"without", message)
        without_it = control_headers(receiver)
        receiver.set(option, True)
        sender.send_message(b"with", message)
        [came] = receiver.recv_message(9).control

        assert [observe("without", without_it), observe("received", repr(came))] == [[], repr(received)]


@claim(
    "defacto/IPV6_HOPOPTS/privilege",
    says="Without CAP_NET_RAW a UDP socket cannot send a datagram with a control message IPV6_HOPOPTS or "
    "IPV6_DSTOPTS (EPERM).",
    since="2.6.14",
    commit="333fad5364d6",
    needs=[IPV6, Capability.NET_RAW],
)
@pytest.mark.parametrize(
    "message", [HopOptions(OPTIONS), DestinationOptions(OPTIONS)], ids=["hop", "destination"]
)
def test_sending_options_takes_a_capability(ns, observe, message):
    sender, receiver = udp6_pair()
    with sender, receiver:
        with without(Capability.NET_RAW), refused(errno.EPERM):
            sender.send_message(b"without", message)
        sender.send_message(b"with", message)

        assert observe("received", receiver.recv(9).decode()) == "with"
