"""SO_RCVPRIORITY: the priority of what was received, as a control message."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.timing import SOON
from libsocket import Priority, Socket


@claim(
    "defacto/SO_RCVPRIORITY/delivers",
    says="With SO_RCVPRIORITY the priority of each datagram comes with it to a UDP socket, over IPv4 and "
    "IPv6, as a control message: the SO_PRIORITY of its sender on the same host, 0 where that has none. "
    "Without the option none comes.",
    since="6.14",
    commit="e45469e594b2",
    needs=[IPV6],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_priority_comes_always(ns, observe, host):
    sender, receiver = udp_pair(host)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.priority = 6
        sender.send(b"without")
        without_option = control_messages(receiver, Priority)
        receiver.rcvpriority = True
        sender.send(b"with")
        with_priority = [int(one) for one in control_messages(receiver, Priority)]
        sender.priority = 0
        sender.send(b"none")
        with_none = [int(one) for one in control_messages(receiver, Priority)]

        assert observe("priorities", [without_option, with_priority, with_none]) == [[], [6], [0]]


@claim(
    "defacto/SO_RCVPRIORITY/not-of-streams",
    says="With SO_RCVPRIORITY no priority comes with what a TCP socket over IPv4 receives, though the option "
    "is on.",
    since="6.14",
    commit="e45469e594b2",
    survives={"no-op: setsockopt(*SO_PRIORITY*": "a priority that does not come may be any"},
)
def test_no_priority_comes_with_a_stream(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        right.rcvtimeo = SOON
        right.rcvpriority = True
        left.priority = 6
        left.send(b"stream")
        message = right.recv_message(100)

        assert observe(
            "option_bytes_and_priorities",
            [
                right.rcvpriority,
                message.data.decode(),
                [int(one) for one in message.control if isinstance(one, Priority)],
            ],
        ) == [True, "stream", []]
