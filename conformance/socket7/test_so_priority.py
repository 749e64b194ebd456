"""SO_PRIORITY: which packets leave first."""

from __future__ import annotations

import errno

import pytest

from conformance.claims import claim, differs
from conformance.needs import VETH, qdisc
from conformance.refusals import refused
from libsocket import Socket
from netns import Capability, Host, only, without

INTERACTIVE, BULK = 6, 2
"""Priorities that the queueing discipline pfifo_fast puts in its first and in its last band (tc-prio(8))."""


def hold_back(host: Host, sender: Socket, sink: tuple[str, int]) -> None:
    """Make what a host sends from now on wait for more than a minute, in bands by priority.

    The bucket fills in four seconds, and each of the packets that queue up here, ahead of all others,
    takes most of it.
    """
    host.namespace.add_qdisc(host.device, "tbf", handle="1:", rate="4kbit", burst=2000, limit=100_000)
    host.namespace.add_qdisc(host.device, "pfifo_fast", handle="2:", parent="1:1")
    sender.priority = INTERACTIVE
    for _ in range(25):
        sender.sendto(bytes(1472), sink)


def let_go(host: Host, sender: Socket, sink: tuple[str, int]) -> None:
    """Let what waits go on; the packet sent here makes the host look at its queue."""
    host.namespace.change_qdisc(host.device, "tbf", handle="1:", rate="1gbit", burst=200_000, limit=100_000)
    sender.sendto(b"", sink)


@claim(
    "socket.7/SO_PRIORITY/higher-first",
    section="Socket options",
    says="A queueing discipline may send packets of a higher priority first, although they were sent later.",
    needs=[VETH, qdisc("tbf"), qdisc("pfifo_fast")],
)
def test_a_higher_priority_overtakes(peers, observe):
    with peers.left.entered():
        sender = Socket.udp()
    with peers.right.entered():
        receiver, sink = Socket.udp(), Socket.udp()
    with sender, receiver, sink:
        receiver.bind((peers.right.address, 0))
        sink.bind((peers.right.address, 0))
        sender.sendto(b"finds the neighbour", receiver.getsockname())
        receiver.recv(20)
        hold_back(peers.left, sender, sink.getsockname())
        sender.priority = BULK
        sender.sendto(b"bulk", receiver.getsockname())
        sender.priority = INTERACTIVE
        sender.sendto(b"interactive", receiver.getsockname())
        let_go(peers.left, sender, sink.getsockname())

        assert observe("order", [receiver.recv(20).decode(), receiver.recv(20).decode()]) == [
            "interactive",
            "bulk",
        ]


@claim(
    "socket.7/SO_PRIORITY/0-to-6-free",
    section="Socket options",
    says="Priorities from 0 to 6 take no capability.",
)
@pytest.mark.parametrize("priority", range(7))
def test_0_to_6_take_no_capability(ns, observe, priority):
    with Socket.udp() as sock, only():
        sock.priority = 6 - priority
        sock.priority = priority

        assert observe("priority", sock.priority) == priority


@claim(
    "socket.7/SO_PRIORITY/others-need-capability",
    section="Socket options",
    says="A priority outside 0 to 6 is refused to a process without capabilities.",
    needs=[Capability.NET_ADMIN],
)
@pytest.mark.parametrize("priority", [-1, 7, 2**31 - 1])
def test_others_are_refused_without_capability(ns, observe, priority):
    with Socket.udp() as sock:
        sock.priority = priority
        sock.priority = 3
        with without(Capability.NET_ADMIN, Capability.NET_RAW), refused(errno.EPERM):
            sock.priority = priority

        assert observe("priority", sock.priority) == 3


@claim(
    "socket.7/SO_PRIORITY/net-admin-suffices",
    section="Socket options",
    says="CAP_NET_ADMIN alone is enough for a priority outside 0 to 6.",
    needs=[Capability.NET_ADMIN],
)
@pytest.mark.parametrize("priority", [-1, 7])
def test_net_admin_alone_suffices(ns, observe, priority):
    with Socket.udp() as sock:
        with only(Capability.NET_ADMIN):
            sock.priority = priority

        assert observe("priority", sock.priority) == priority


@claim(
    "socket.7/SO_PRIORITY/net-admin-required",
    section="Socket options",
    says="A priority outside 0 to 6 takes CAP_NET_ADMIN; no other capability stands in for it.",
    needs=[Capability.NET_ADMIN, Capability.NET_RAW],
    expect=differs("CAP_NET_RAW does as well", since="5.17", commit="a1b519b74548", observed={"errno": None}),
)
def test_net_admin_is_required(ns, observe):
    with Socket.udp() as sock:
        sock.priority = 7
        sock.priority = 3
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            sock.priority = 7

        assert observe("priority", sock.priority) == 3
