"""The options of the level SOL_MPTCP, which tell about a connection."""

from __future__ import annotations

import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, MPTCP
from conformance.plugin.setups.mptcp import mptcp_connection
from libsocket import MPTCP_FULL_INFO, MPTCP_INFO, raw

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
ESTABLISHED = 1
FULL_INFO_HEAD = 40
"""Bytes of struct mptcp_full_info before its struct mptcp_info: sizes, numbers and two pointers."""
NUMBERS_END = 40
"""Bytes of struct mptcp_info to the end of rcv_nxt."""
ROOM = 100
"""Bytes that are enough for what comes before the times in it."""


@claim(
    "mptcp/MPTCP_INFO/sequences",
    sentence=("mptcp/Socket-options/MPTCP_INFO", "mptcp/Socket-options/level"),
    section="Socket options",
    says="MPTCP_INFO, of the level 284, of two MPTCP sockets that are connected, over IPv4 and IPv6, has the "
    "numbers of their sequences: write_seq of one is rcv_nxt of the other, and 5 bytes that were sent and "
    "received add 5 to both.",
    since="5.16",
    needs=[MPTCP, IPV6],
)
@HOSTS
def test_the_state_of_the_connection(ns, observe, host):
    with mptcp_connection(host) as (client, accepted):
        client.send(b"x")
        accepted.read_exact(1)
        before = [client.mptcp_info.write_seq, accepted.mptcp_info.rcv_nxt]
        client.send(b"12345")
        accepted.read_exact(5)
        after = [client.mptcp_info.write_seq, accepted.mptcp_info.rcv_nxt]

        more = [after[0] - before[0], after[1] - before[1]]
        assert [MPTCP_INFO.level, observe("alike", before[0] == before[1]), observe("more", more)] == [
            284,
            True,
            [5, 5],
        ]


@claim(
    "mptcp/MPTCP_TCPINFO/subflow",
    sentence=("mptcp/Socket-options/MPTCP_TCPINFO", "mptcp/Concepts/subflow"),
    section="Socket options",
    says="MPTCP_TCPINFO of an MPTCP socket that is connected by one subflow, over IPv4 and IPv6, has the one "
    "struct tcp_info of that: it is established, and has counted the 5 bytes that were received.",
    since="5.16",
    needs=[MPTCP, IPV6],
)
@HOSTS
def test_the_state_of_the_subflow(ns, observe, host):
    with mptcp_connection(host) as (client, accepted):
        client.send(b"12345")
        accepted.read_exact(5)

        seen = [[one.state, one.bytes_received] for one in accepted.mptcp_tcpinfo]
        assert observe("state_and_received", seen) == [[ESTABLISHED, 5]]


@claim(
    "mptcp/MPTCP_SUBFLOW_ADDRS/subflow",
    sentence="mptcp/Socket-options/MPTCP_SUBFLOW_ADDRS",
    section="Socket options",
    says="MPTCP_SUBFLOW_ADDRS of two MPTCP sockets that are connected by one subflow, over IPv4 and IPv6, "
    "has one pair of addresses: the local one of one is the remote one of the other.",
    since="5.16",
    needs=[MPTCP, IPV6],
)
@HOSTS
def test_the_addresses_of_the_subflow(ns, observe, host):
    with mptcp_connection(host) as (client, accepted):
        (there,), (here,) = client.mptcp_subflow_addrs, accepted.mptcp_subflow_addrs

        alike = [
            there.local == here.remote == client.getsockname()[:2],
            there.remote == here.local == accepted.getsockname()[:2],
        ]
        assert observe("alike", alike) == [True, True]


@claim(
    "mptcp/MPTCP_FULL_INFO/all-at-once",
    sentence="mptcp/Socket-options/MPTCP_FULL_INFO",
    section="Socket options",
    says="MPTCP_FULL_INFO of an MPTCP socket that is connected by one subflow, over IPv4 and IPv6, asked "
    "with a struct mptcp_full_info that has no room for arrays, says that there is 1, and has MPTCP_INFO at "
    "its end, with the same token and sequence numbers.",
    since="6.5",
    needs=[MPTCP, IPV6],
)
@HOSTS
def test_all_at_once(ns, observe, host):
    with mptcp_connection(host) as (client, _):
        given = client.get(MPTCP_FULL_INFO, request=bytes(FULL_INFO_HEAD + ROOM))
        info = client.get(MPTCP_INFO.through(raw(ROOM)))[:NUMBERS_END]

        subflows = int.from_bytes(given[16:20], sys.byteorder)
        alike = given[FULL_INFO_HEAD:][:NUMBERS_END] == info
        assert [observe("subflows", subflows), observe("alike", [any(info), alike])] == [1, [True, True]]
