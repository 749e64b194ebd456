"""How many bytes options of MPTCP sockets are read into, and what include/uapi/linux/mptcp.h says of them."""

from __future__ import annotations

import errno
import sys
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, MPTCP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.mptcp import mptcp_connection, socket_for
from libsocket import (
    INT,
    MPTCP_FULL_INFO,
    MPTCP_SUBFLOW_ADDRS,
    MPTCP_TCPINFO,
    TCP_CORK,
    TCP_INQ,
    TCP_NODELAY,
    raw,
)

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
HEAD: Final = 16
"""Bytes of struct mptcp_subflow_data: size_subflow_data, num_subflows, size_kernel, size_user."""
AS_ASKED: Final = MPTCP_FULL_INFO.codec
"""Bytes that are in the buffer when an option is read, and those that are there then."""
OPTIONS = pytest.mark.parametrize(
    "option", [MPTCP_TCPINFO, MPTCP_SUBFLOW_ADDRS], ids=lambda option: option.name
)


def numbers(*those: int) -> bytes:
    """Each as a C int."""
    return b"".join(one.to_bytes(4, sys.byteorder) for one in those)


@claim(
    "defacto/IPPROTO_MPTCP/room-for-fewer",
    says="Reading TCP_NODELAY, TCP_CORK or TCP_INQ of an MPTCP socket, over IPv4 and IPv6, with room for one "
    "to three bytes gives one, where a TCP socket gives as many as there is room for; into more it gives "
    "four.",
    since="5.17",
    commit="3b1e21eb60e8",
    needs=[MPTCP, IPV6],
)
@HOSTS
@pytest.mark.parametrize("option", [TCP_NODELAY, TCP_CORK, TCP_INQ], ids=lambda option: option.name)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 1, 3), (4, 4, 4), (5, 4, 4)], ids=lambda sizes: sizes[0])
def test_one_byte_is_read(ns, observe, host, option, sizes):
    room, size, of_tcp = sizes
    with socket_for(host, mptcp=True) as sock, socket_for(host, mptcp=False) as tcp:
        sock.set(option.through(INT), 1)
        octets = sock.get(option.through(raw(room)))
        as_tcp = tcp.get(option.through(raw(room)))

        seen = [len(octets), int.from_bytes(octets, sys.byteorder), len(as_tcp)]
        assert observe("size_value_and_size_of_tcp", seen) == [size, 1, of_tcp]


@claim(
    "defacto/MPTCP_TCPINFO/set-by-kernel",
    says="MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS of a connected MPTCP socket, over IPv4 and IPv6, are asked "
    "with a struct mptcp_subflow_data in which num_subflows and size_kernel are 0 (mptcp.h): EINVAL for "
    "another number.",
    since="5.16",
    commit="06f15cee3693",
    needs=[MPTCP, IPV6],
)
@HOSTS
@OPTIONS
@pytest.mark.parametrize("wrong", [(1, 0), (0, 1)], ids=["num_subflows", "size_kernel"])
def test_what_the_kernel_sets_is_zero(ns, observe, host, option, wrong):
    asked = option.through(AS_ASKED)
    with mptcp_connection(host) as (client, _):
        with refused(errno.EINVAL):
            client.get(asked, request=numbers(HEAD, *wrong, 0))
        given = client.get(asked, request=numbers(HEAD, 0, 0, 0))
        subflows = int.from_bytes(given[4:8], sys.byteorder)

        assert observe("subflows", subflows) == 1


@claim(
    "defacto/MPTCP_TCPINFO/size-of-structure",
    says="MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS of a connected MPTCP socket, over IPv4 and IPv6, are asked "
    "with a size_subflow_data, the size of the structure that asks (mptcp.h), of 16 to as many bytes as "
    "there are: EINVAL for another.",
    since="5.16",
    commit="06f15cee3693",
    needs=[MPTCP, IPV6],
)
@HOSTS
@OPTIONS
@pytest.mark.parametrize(
    "sizes",
    [(0, HEAD), (HEAD - 1, HEAD), (AS_ASKED.size + 1, AS_ASKED.size)],
    ids=["none", "less", "more"],
)
def test_the_size_is_that_of_the_structure(ns, observe, host, option, sizes):
    wrong, right = sizes
    asked = option.through(AS_ASKED)
    with mptcp_connection(host) as (client, _):
        with refused(errno.EINVAL):
            client.get(asked, request=numbers(wrong, 0, 0, 0))
        given = client.get(asked, request=numbers(right, 0, 0, 0))
        subflows = int.from_bytes(given[4:8], sys.byteorder)

        assert observe("subflows", subflows) == 1
