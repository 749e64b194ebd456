"""Whether a peer may join where the first subflow is."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import MPTCP, VETH
from conformance.plugin.setups.mptcp import (
    ANNOUNCED,
    MP_CAPABLE,
    MP_JOIN,
    OPTION,
    accept_announced,
    allow_second_subflow,
    announce,
    mptcp_across,
    subtype_of,
)
from conformance.plugin.setups.mptcp_peer import (
    MADE_MPTCP,
    NO_JOIN,
    RESET_AT_THE_END,
    MptcpPeer,
    accepted_from,
    mptcp_peers,
)
from conformance.plugin.setups.packets import packets
from conformance.plugin.setups.segments import ACK, SYN, segment
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers

ALLOW = "net.mptcp.allow_join_initial_addr_port"
SECTION = "/proc/sys/net/mptcp/* Variables"
ON_THE_WIRE = (MPTCP, Capability.NET_RAW, VETH)
NOBODYS_PORT = 9


@claim(
    "mptcp-sysctl/allow_join_initial_addr_port/told",
    sentence="mptcp-sysctl/allow_join_initial_addr_port/joins",
    section=SECTION,
    says="The MP_CAPABLE option of an MPTCP listener's SYN-ACK over IPv4 says that nobody may join at its "
    "address and port (the flag C) where allow_join_initial_addr_port is 0, and not where it is 1, nor in a "
    "new network namespace.",
    since="5.14",
    needs=MADE_MPTCP,
)
@pytest.mark.parametrize(("value", "flag"), [(None, 0), (1, 0), (0, NO_JOIN)], ids=["new", "1", "0"])
def test_the_peer_is_told(peers, observe, value, flag):
    set_value(peers, value)
    with mptcp_peers(peers) as (peer,):
        answer = peer.ask()

        assert observe("subtype_and_flag", [subtype_of(answer), answer.options[OPTION][1] & NO_JOIN]) == [
            MP_CAPABLE,
            flag,
        ]


def set_value(hosts: Peers, value: int | None) -> None:
    """Of the right host, another before that, or leave it as it is at first."""
    if value is not None:
        hosts.right.namespace.sysctl.update({ALLOW: 1 - value})
        hosts.right.namespace.sysctl[ALLOW] = value


def joined(hosts: Peers, peer: MptcpPeer, value: int) -> bool:
    """Whether a peer that connects to a listener of the right host with this value joins then."""
    hosts.right.namespace.sysctl[ALLOW] = value
    peer.connect()
    with accepted_from(peer):
        return peer.join()


@claim(
    "mptcp-sysctl/allow_join_initial_addr_port/refused",
    sentence="mptcp-sysctl/allow_join_initial_addr_port/joins",
    section=SECTION,
    says="A peer that joins an MPTCP connection over IPv4 at the address and port of the listener, whatever "
    "it was told, gets a second subflow where allow_join_initial_addr_port is 1, and is refused where it is "
    "0.",
    since="5.14",
    needs=MADE_MPTCP,
    expect=differs(
        "the peer is only told, and may join nonetheless",
        since="5.14",
        commit="d2f77960e5b0",
        observed={"joined": [True, True]},
    ),
    survives={**RESET_AT_THE_END, "no-op: close(*": "the first connection may stay open"},
)
def test_a_peer_is_refused(peers, observe):
    with mptcp_peers(peers, 2) as (first, second):
        seen = [joined(peers, first, 1), joined(peers, second, 0)]

        assert observe("joined", seen) == [True, False]


def joins(hosts: Peers, value: int, number: int) -> list[str]:
    """Where a client joins, which may have two subflows more: one from its second address, one to what is
    announced. So many are waited for."""
    hosts.right.namespace.sysctl[ALLOW] = value
    hosts.right.namespace.add_address(hosts.right.device, f"{ANNOUNCED}/24")
    hosts.left.namespace.add_route(f"{ANNOUNCED}/32", via=hosts.right.address, dev=hosts.left.device)
    allow_second_subflow(hosts)
    for host in hosts.left, hosts.right:
        accept_announced(host, subflows=2)
    announce(hosts.right)
    with mptcp_across(hosts) as (client, listener), packets() as arriving:
        arriving.rcvtimeo = SOON
        client.connect(listener.getsockname())
        with listener.accept()[0] as accepted:
            accepted.send(b"data")
            client.read_exact(4)
            found: set[str] = set()
            while len(found) < number:
                found |= joined_by(arriving.recv(2000))
            connect_in_vain(hosts)
            while not_in_vain(packet := arriving.recv(2000)):
                found |= joined_by(packet)
            return sorted(found)


def joined_by(packet: bytes) -> set[str]:
    """The address that a packet asks to join, if it does."""
    found = segment(packet)
    asks = found.flags & (SYN | ACK) == SYN and subtype_of(found) == MP_JOIN
    return {socket.inet_ntoa(packet[16:20])} if asks else set()


def connect_in_vain(hosts: Peers) -> None:
    """Have the left host send a last SYN."""
    with hosts.left.entered(), Socket.tcp() as sock, suppress(ConnectionRefusedError):
        sock.connect((hosts.right.address, NOBODYS_PORT))


def not_in_vain(packet: bytes) -> bool:
    return segment(packet).destination != NOBODYS_PORT


@claim(
    "mptcp-sysctl/allow_join_initial_addr_port/announced",
    sentence=(
        "mptcp-sysctl/allow_join_initial_addr_port/joins",
        "mptcp-sysctl/allow_join_initial_addr_port/announced",
    ),
    section=SECTION,
    says="An MPTCP client over IPv4 whose host has an endpoint for subflows joins at an address that the "
    "listener's host announces, and, where allow_join_initial_addr_port of that is 1 and not where it is 0, "
    "at the address of the first subflow.",
    since="5.14",
    needs=ON_THE_WIRE,
    survives={"no-op: close(*": "the socket that sent the last SYN may stay open"},
)
@pytest.mark.parametrize(("value", "number"), [(1, 2), (0, 1)])
def test_a_client_joins_elsewhere(peers, observe, value, number):
    at = [peers.right.address, ANNOUNCED][-number:]

    assert observe("at", joins(peers, value, number)) == at
