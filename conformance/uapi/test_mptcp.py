"""What include/uapi/linux/mptcp.h says of the structures by which MPTCP sockets tell of their subflows."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import MPTCP, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.mptcp import full_info, mptcp_connection, two_subflows
from libsocket import MPTCP_FULL_INFO, MPTCP_SUBFLOW_ADDRS, MPTCP_TCPINFO, Option, Socket
from netns import Capability

TWO_SUBFLOWS = (MPTCP, Capability.NET_RAW, VETH)
HOST = "127.0.0.1"
ESTABLISHED = 1
HEAD = 16
"""Bytes of struct mptcp_subflow_data."""
LARGE = 2**31 - 1


def asked(sock: Socket, option: Option[Any], size: int) -> tuple[bytes, int, int]:
    """The array that an option gives for elements of a size; size_kernel and size_user as they are then."""
    request = b"".join(number.to_bytes(4, sys.byteorder) for number in (HEAD, 0, 0, size))
    given = sock.get(option.through(MPTCP_FULL_INFO.codec), request=request)
    in_kernel, taken = (int.from_bytes(given[at : at + 4], sys.byteorder) for at in (8, 12))
    return given[HEAD:], in_kernel, taken


@claim(
    "mptcp.h/mptcp_subflow_data/size-user",
    sentence="mptcp.h/mptcp_subflow_data/size_user",
    says="MPTCP_TCPINFO of an MPTCP socket over IPv4 with two subflows, asked with a size_user of 1, 2 or 8, "
    "gives two elements of as many bytes, the first ones of struct tcp_info: both are established.",
    since="5.16",
    needs=TWO_SUBFLOWS,
)
@pytest.mark.parametrize("size", [1, 2, 8])
def test_an_element_has_the_size(peers, observe, size):
    with two_subflows(peers) as client:
        array, _, taken = asked(client, MPTCP_TCPINFO, size)

        assert [observe("sizes", [len(array), taken]), observe("states", [array[0], array[size]])] == [
            [2 * size, size],
            [ESTABLISHED] * 2,
        ]


@claim(
    "mptcp.h/mptcp_subflow_data/size-user-cut",
    sentence="mptcp.h/mptcp_subflow_data/size_user",
    says="MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS of a connected MPTCP socket over IPv4, asked with a "
    "size_user that is larger than size_kernel, one more or 2147483647, give an element of size_kernel "
    "bytes, and size_user is that then.",
    since="5.16",
    needs=[MPTCP],
)
@pytest.mark.parametrize("option", [MPTCP_TCPINFO, MPTCP_SUBFLOW_ADDRS], ids=lambda option: option.name)
def test_a_size_is_cut(ns, observe, option):
    with mptcp_connection(HOST) as (client, _):
        _, size, less = asked(client, option, 1)
        found = [asked(client, option, more) for more in (size + 1, LARGE)]

        cut = [len(array) == taken == size for array, _, taken in found]
        assert observe("less_and_cut", [less, *cut]) == [1, True, True]


@claim(
    "mptcp.h/mptcp_full_info/set-by-kernel",
    sentence="mptcp.h/mptcp_full_info/set-by-kernel",
    says="MPTCP_FULL_INFO of a connected MPTCP socket over IPv4 is asked with 0 in size_tcpinfo_kernel, "
    "size_sfinfo_kernel and num_subflows, and refused where one of them is 1; they are the sizes of struct "
    "tcp_info, as MPTCP_TCPINFO has it, and of struct mptcp_subflow_info, 264, and 1 then.",
    since="6.5",
    needs=[MPTCP],
)
@pytest.mark.parametrize(
    "wrong",
    [(1, 0, 0), (0, 1, 0), (0, 0, 1)],
    ids=["size_tcpinfo_kernel", "size_sfinfo_kernel", "num_subflows"],
)
def test_what_the_kernel_sets_is_zero(ns, observe, wrong):
    with mptcp_connection(HOST) as (client, _):
        with refused():
            full_info(client, 1, wrong)
        info = full_info(client, 1)

        alike = info.size_of_tcp_info == asked(client, MPTCP_TCPINFO, 1)[1]
        assert [observe("alike", alike), observe("seen", [info.size_of_subflow_info, info.subflows])] == [
            True,
            [264, 1],
        ]


@claim(
    "mptcp.h/mptcp_full_info/size-arrays-user",
    sentence=("mptcp.h/mptcp_full_info/size_arrays_user", "mptcp.h/mptcp_full_info/num_subflows"),
    says="MPTCP_FULL_INFO of an MPTCP socket over IPv4 with two subflows, both established, tells in its "
    "arrays of as many as there are, and of no more than size_arrays_user, 0, 1, 2 or 3; num_subflows is 2.",
    since="6.5",
    needs=TWO_SUBFLOWS,
)
@pytest.mark.parametrize(("room", "told"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_so_many_are_told_of(peers, observe, room, told):
    with two_subflows(peers) as client:
        info = full_info(client, room)
        states = [state for state, _ in info.told]

        assert [observe("subflows", info.subflows), observe("states", states)] == [2, [ESTABLISHED] * told]
