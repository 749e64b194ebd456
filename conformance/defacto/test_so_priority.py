"""SO_PRIORITY where documents are silent: CAP_NET_RAW, IP_TOS, the control message, accept."""

from __future__ import annotations

import errno
import struct

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.pairs import udp_pair
from libsocket import FLAG, SO_PRIORITY, SOL_SOCKET, Numbers, Option, Socket
from netns import Capability, only, without

SO_RCVPRIORITY = Option(
    "SO_RCVPRIORITY",
    SOL_SOCKET,
    Numbers(82, parisc=0x404D, sparc=0x5B),
    FLAG,
    since="6.14",
    doc="""Receive with each message the priority it came with.""",
)

LOW_DELAY, THROUGHPUT, RELIABILITY = 0x10, 0x08, 0x04


def send_with_priority(sender: Socket, data: bytes, priority: int) -> None:
    """Send one message with a priority of its own."""
    sender.sendmsg([data], [(SOL_SOCKET, SO_PRIORITY.number, struct.pack("@i", priority))])


def priorities(receiver: Socket) -> list[int]:
    """The priorities that come with the next message."""
    told = receiver.recvmsg(100, 100)[1]
    return [struct.unpack("@i", data)[0] for _, kind, data in told if kind == SO_PRIORITY.number]


@claim(
    "defacto/SO_PRIORITY/follows-ip-tos",
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
        receiver.set(SO_RCVPRIORITY, True)
        sender.priority = 3
        send_with_priority(sender, b"by control message", 5)
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
            send_with_priority(sender, b"refused", 7)
        send_with_priority(sender, b"allowed", 7)

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
            send_with_priority(sender, b"with one", 5)
        sender.send(b"without")

        assert observe("received", receiver.recv(20).decode()) == "without"
