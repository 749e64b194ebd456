"""SO_PRIORITY: which packets leave first."""

from __future__ import annotations

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.overtaking import overtaking, queue_both, queued_messages
from libsocket import Socket
from netns import Capability, without

INTERACTIVE = 6
"""A priority that the queueing discipline pfifo_fast puts before 0, the default (tc-prio(8))."""


@claim(
    "socket.7/SO_PRIORITY/higher-first",
    sentence=("libsocket/priority/sets", "libsocket/priority/orders", "socket.7/SO_PRIORITY/orders"),
    section="Socket options",
    says="The queueing discipline pfifo_fast sends UDP packets of priority 6 before those of priority 0 that "
    "were sent earlier and still wait.",
    needs=[VETH, qdisc("tbf"), qdisc("pfifo_fast")],
)
def test_a_higher_priority_overtakes(peers, observe):
    with overtaking(peers) as (bulk, interactive, receiver):
        interactive.priority = INTERACTIVE
        queue_both(bulk, interactive, receiver)

        assert observe("order", queued_messages(receiver)) == ["interactive", "bulk"]


@claim(
    "socket.7/SO_PRIORITY/net-admin-required",
    sentence=(
        "libsocket/priority/privilege",
        "socket.7/SO_PRIORITY/privilege",
        "capabilities.7/CAP_NET_ADMIN/so-priority",
    ),
    section="Socket options",
    says="On a UDP socket a priority outside 0 to 6 takes CAP_NET_ADMIN; no other capability stands in for "
    "it.",
    needs=[Capability.NET_ADMIN, Capability.NET_RAW],
    expect=differs("CAP_NET_RAW does as well", since="5.17", commit="a1b519b74548", observed={"errno": None}),
    survives={"no-op: setsockopt(*SO_PRIORITY*": "CAP_NET_RAW, which does, ends the test before its answer"},
)
def test_net_admin_is_required(ns, observe):
    with Socket.udp() as sock:
        sock.priority = 7
        allowed = sock.priority
        sock.priority = 3
        with without(Capability.NET_ADMIN), refused():
            sock.priority = 7

        assert observe("allowed_and_kept", [allowed, sock.priority]) == [7, 3]
