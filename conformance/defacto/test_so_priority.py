"""SO_PRIORITY where documents are silent: IP_TOS, the control message."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.pairs import udp_pair
from libsocket import Priority, Socket
from netns import Capability, without

LOW_DELAY, THROUGHPUT, RELIABILITY = 0x10, 0x08, 0x04


def priorities(receiver: Socket) -> list[int]:
    """The priorities that come with the next message."""
    return [int(priority) for priority in control_messages(receiver, Priority)]


@claim(
    "defacto/SO_PRIORITY/follows-ip-tos",
    sentence="libsocket/priority/sets",
    says="Setting IP_TOS on a UDP socket sets its SO_PRIORITY: low delay to 6, throughput to 2, reliability"
    " to 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(("tos", "priority"), [(LOW_DELAY, 6), (THROUGHPUT, 2), (RELIABILITY, 0)])
def test_the_tos_sets_the_priority(ns, observe, tos, priority):
    with Socket.udp() as sock:
        sock.priority = 5
        before = sock.priority
        sock.ip_tos = tos

        assert observe("before_and_after", [before, sock.priority]) == [5, priority]


@claim(
    "defacto/SO_PRIORITY/cmsg-for-one-message",
    says="A control message SO_PRIORITY gives the UDP datagram over IPv4 that it goes with a priority, and "
    "no later one.",
    since="6.14",
    commit="a32f3e9d1ed1",
)
def test_a_control_message_gives_one_message_a_priority(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvpriority = True
        sender.priority = 3
        sender.send_message(b"by control message", Priority(5))
        sender.send(b"by the socket")

        assert observe("priorities", [priorities(receiver), priorities(receiver)]) == [[5], [3]]


@claim(
    "defacto/SO_PRIORITY/cmsg-needs-capability",
    says="Sending a control message SO_PRIORITY outside 0 to 6 by UDP over IPv4 with neither CAP_NET_ADMIN "
    "nor CAP_NET_RAW is refused with EPERM.",
    since="6.14",
    commit="a32f3e9d1ed1",
    needs=[Capability.NET_ADMIN],
)
@pytest.mark.parametrize(("free", "taking"), [(0, 2**32 - 1), (6, 7)])
def test_the_control_message_is_refused_without_capability(ns, observe, free, taking):
    sender, receiver = udp_pair()
    with sender, receiver:
        with without(Capability.NET_ADMIN, Capability.NET_RAW):
            sender.send_message(b"free", Priority(free))
            with refused(errno.EPERM):
                sender.send_message(b"refused", Priority(taking))
        sender.send_message(b"allowed", Priority(taking))

        assert observe("received", [receiver.recv(20).decode() for _ in "12"]) == ["free", "allowed"]


@claim(
    "defacto/SO_PRIORITY/cmsg-unknown",
    says="Sending a control message SO_PRIORITY by UDP over IPv4 is refused with EINVAL.",
    since="4.7",
    until="6.14",
    commit="24025c465f77",
    survives={"no-op: sendmsg(*": "the test ends with the call that is refused no more"},
)
def test_the_control_message_is_unknown(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        with refused(errno.EINVAL):
            sender.send_message(b"with one", Priority(5))
        sender.send(b"without")

        assert observe("received", receiver.recv(20).decode()) == "without"
