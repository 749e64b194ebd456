"""When a subflow that nothing comes back by is not used any more."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import BLACKHOLE, MPTCP, VETH
from conformance.plugin.setups.mptcp import (
    SECOND,
    allow_second_subflow,
    await_joined,
    connected,
    mptcp_across,
)
from conformance.plugin.setups.netstat import counted
from conformance.plugin.setups.packets import packets
from conformance.plugin.timing import SOON, timed
from libsocket import Socket
from netns import Capability, Host

INTERVAL = 0.2
"""Seconds from one retransmission of MPTCP to the next, at least."""
MOST = 30
"""Pieces of data that are sent at most until a subflow is stale."""


def next_source(arriving: Socket, data: bytes) -> str:
    """The address from which data comes first."""
    while not (packet := arriving.recv(2000)).endswith(data):
        pass
    return socket.inet_ntoa(packet[12:16])


def is_stale(host: Host) -> bool:
    """Whether a subflow of a host has become stale."""
    with host.entered():
        return counted("SubflowStale") > 0


@claim(
    "mptcp-sysctl/stale_loss_cnt/stale",
    sentence="mptcp-sysctl/stale_loss_cnt/stale",
    section="/proc/sys/net/mptcp/* Variables",
    says="Where nothing comes back by the first subflow of an MPTCP connection over IPv4, whose second is a "
    "backup, what is sent goes by the first until MPTCP's timer, of 0.2 seconds or more, has run out "
    "stale_loss_cnt times, 1 or 8, and by the second after that: the first is counted as stale "
    "(SubflowStale).",
    since="5.15",
    needs=(MPTCP, Capability.NET_RAW, VETH, BLACKHOLE),
)
@pytest.mark.parametrize("times", [1, 8])
def test_a_subflow_is_stale(peers, observe, times):
    peers.left.namespace.sysctl["net.mptcp.stale_loss_cnt"] = times
    allow_second_subflow(peers, backup=True)
    with mptcp_across(peers) as (client, listener), packets() as arriving:
        arriving.rcvtimeo = SOON
        with connected(client, listener) as accepted:
            await_joined(arriving)
            peers.right.namespace.add_route(f"{peers.left.address}/32", type="blackhole")
            with timed() as took:
                client.send(b"early")
                accepted.read_exact(5)
                send_until_stale(client, accepted, peers.left)
            client.send(b"late")
            accepted.read_exact(4)
            sources = [next_source(arriving, data) for data in (b"early", b"late")]

            assert [observe("sources", sources), observe("late", took.lasted(times * INTERVAL))] == [
                [peers.left.address, SECOND],
                True,
            ]


def send_until_stale(client: Socket, accepted: Socket, host: Host) -> None:
    """Send a piece of data once the one before has arrived, until a subflow of the client's host is stale."""
    for _ in range(MOST):
        client.send(b"more")
        accepted.read_exact(4)
        if is_stale(host):
            return
