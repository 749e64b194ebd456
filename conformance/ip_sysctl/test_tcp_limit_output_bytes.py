"""tcp_limit_output_bytes: how much of a TCP connection waits in the queues of its host."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH, qdisc
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import unacked_and_unsent
from conformance.plugin.setups.resting import RESTING_ENDS
from libsocket import Linger, Socket
from netns import Host, Peers

LIMIT, AUTOCORKING, SLOW_START = (
    f"net.ipv4.tcp_{name}" for name in ("limit_output_bytes", "autocorking", "pacing_ss_ratio")
)
NUMBER = 8
"""Segments, fewer than a congestion window has at first."""
HELD_UP = {
    **RESTING_ENDS,
    "no-op: sendto(*= 1472": "where one of the packets that hold up others is missing the rest do that",
    "no-op: close(*": "what a datagram socket has sent stays in the queue",
}


def hold_up(host: Host, address: str) -> None:
    """Let a host send no more for ten seconds: full packets go before, each of which takes more than one."""
    host.namespace.add_qdisc(host.device, "tbf", rate="8kbit", burst=2000, limit=100_000)
    with Socket.udp() as sock:
        for _ in range(8):
            sock.sendto(bytes(1472), (address, 9))


def queued(hosts: Peers) -> list[int]:
    """How many of eight segments of a connection of the left come to its queue, and how many do not.

    Nothing but the limit holds them up before, and none leaves the queue, nor is it sent again, however slow
    this machine is: a connection that is accepted takes its rate from the congestion window of the route, and
    a millisecond's worth of that may be queued.
    """
    left = hosts.left.namespace
    left.sysctl.update({AUTOCORKING: 0, SLOW_START: 1000})
    left.add_route(f"{hosts.right.address}/32", dev=hosts.left.device, rto_min=10, initcwnd=10_000)
    with (
        hosts.right.entered(),
        Socket.tcp() as receiver,
        hosts.left.entered(),
        listening(hosts.left.address) as listener,
    ):
        listener.tcp_congestion = "reno"
        receiver.connect(listener.getsockname())
        sender, _ = listener.accept()
        with sender:
            sender.linger = Linger(True, 0)
            hold_up(hosts.left, hosts.right.address)
            size = sender.tcp_info.snd_mss
            for _ in range(NUMBER):
                sender.send(bytes(size))
            unacked, unsent = unacked_and_unsent(sender)
            return [unacked, unsent // size]


@claim(
    "ip-sysctl/tcp_limit_output_bytes/most",
    sentence="ip-sysctl/tcp_limit_output_bytes/most",
    section="TCP variables",
    says="Of eight segments of 1448 bytes of a TCP connection over IPv4, while none leaves the queue of its "
    "interface, one or two come to it with a tcp_limit_output_bytes of 1, more with one of 10000, though no "
    "more than seven, as the memory for a segment counts, and all with one of 4194304.",
    since="3.6",
    needs=[VETH, qdisc("tbf")],
    survives=HELD_UP,
)
@pytest.mark.parametrize(("limit", "least", "most"), [(1, 1, 2), (10_000, 3, 7), (4_194_304, 8, 8)])
def test_no_more_is_queued(peers, observe, limit, least, most):
    peers.left.namespace.sysctl[LIMIT] = limit
    segments, left = observe("queued_and_unsent", queued(peers))

    assert [least <= segments <= most, segments + left] == [True, NUMBER]


@claim(
    "ip-sysctl/tcp_limit_output_bytes/default",
    sentence="ip-sysctl/tcp_limit_output_bytes/default",
    section="TCP variables",
    says="In a new network namespace tcp_limit_output_bytes is 4194304, and eight segments of a TCP "
    "connection over IPv4 come to the queue of its interface, none of which leaves that.",
    since="6.16",
    needs=[VETH, qdisc("tbf")],
    survives=HELD_UP,
)
def test_much_is_queued_at_first(peers, observe):
    limit = observe("limit", peers.left.namespace.sysctl[LIMIT])

    assert [limit, observe("queued_and_unsent", queued(peers))] == ["4194304", [NUMBER, 0]]
