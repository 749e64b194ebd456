"""SO_PRIORITY where documents are silent: CAP_NET_RAW, IP_TOS, the control message, accept."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import udp_pair
from libsocket import Priority, Socket
from netns import Capability, only, without

LOW_DELAY, THROUGHPUT, RELIABILITY = 0x10, 0x08, 0x04


def priorities(receiver: Socket) -> list[int]:
    """The priorities that come with the next message."""
    return [int(priority) for priority in control_messages(receiver, Priority)]


@claim(
    "defacto/SO_PRIORITY/follows-ip-tos",
    sentence="libsocket/priority/sets",
    says="Setting IP_TOS sets the priority: low delay is 6, throughput 2, reliability 0.",
)
@pytest.mark.parametrize(("tos", "priority"), [(LOW_DELAY, 6), (THROUGHPUT, 2), (RELIABILITY, 0)])
def test_the_tos_sets_the_priority(ns, observe, tos, priority):
    with Socket.udp() as sock:
        sock.priority = 5
        sock.ip_tos = tos

        assert observe("priority", sock.priority) == priority


@claim(
    "defacto/SO_PRIORITY/net-raw-suffices",
    says="CAP_NET_RAW alone is enough for a priority outside 0 to 6.",
    since="5.17",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("priority", [-1, 7])
def test_net_raw_alone_suffices(ns, observe, priority):
    with Socket.udp() as sock:
        with only(Capability.NET_RAW):
            sock.priority = priority

        assert observe("priority", sock.priority) == priority


@claim(
    "defacto/SO_PRIORITY/not-inherited-by-accept",
    says="An accepted connection has priority 0, whatever the listener's is.",
)
def test_an_accepted_connection_has_priority_0(ns, observe):
    with listening() as listener:
        listener.priority = 5
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("priorities", [listener.priority, accepted.priority]) == [5, 0]


@claim(
    "defacto/SO_PRIORITY/cmsg-for-one-message",
    says="A control message SO_PRIORITY gives its message a priority and leaves the socket's own alone.",
    since="6.14",
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
    says="The control message takes a capability outside 0 to 6, as the option does: EPERM without.",
    since="6.14",
    needs=[Capability.NET_ADMIN],
)
def test_the_control_message_is_refused_without_capability(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        with without(Capability.NET_ADMIN, Capability.NET_RAW), refused(errno.EPERM):
            sender.send_message(b"refused", Priority(7))
        sender.send_message(b"allowed", Priority(7))

        assert observe("received", receiver.recv(20).decode()) == "allowed"


@claim(
    "defacto/SO_PRIORITY/cmsg-unknown",
    says="No control message sets a priority: EINVAL.",
    until="6.14",
)
def test_the_control_message_is_unknown(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        with refused(errno.EINVAL):
            sender.send_message(b"with one", Priority(5))
        sender.send(b"without")

        assert observe("received", receiver.recv(20).decode()) == "without"
