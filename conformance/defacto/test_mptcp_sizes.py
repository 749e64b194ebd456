"""How many bytes options of MPTCP sockets are read into, and what include/uapi/linux/mptcp.h says of them."""

from __future__ import annotations

import errno
import sys
from typing import Final

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import MPTCP
from conformance.plugin.refusal import refused
from conformance.plugin.setups.mptcp import mptcp_connection, socket_for
from libsocket import (
    INT,
    MPTCP_FULL_INFO,
    MPTCP_TCPINFO,
    TCP_CORK,
    TCP_INQ,
    TCP_NODELAY,
    raw,
)

HOST: Final = "127.0.0.1"
HEAD: Final = 16
"""Bytes of struct mptcp_subflow_data: size_subflow_data, num_subflows, size_kernel, size_user."""
ASKED: Final = MPTCP_TCPINFO.through(MPTCP_FULL_INFO.codec)
"""With bytes that are in the buffer when it is read, and those that are there then."""


def numbers(*those: int) -> bytes:
    """Each as a C int."""
    return b"".join(one.to_bytes(4, sys.byteorder) for one in those)


@claim(
    "defacto/IPPROTO_MPTCP/room-for-fewer",
    says="Reading TCP_NODELAY, TCP_CORK or TCP_INQ of an MPTCP socket over IPv4 with room for three bytes "
    "gives one, where a TCP socket gives three.",
    since="5.17",
    commit="3b1e21eb60e8",
    needs=[MPTCP],
)
@pytest.mark.parametrize("option", [TCP_NODELAY, TCP_CORK, TCP_INQ], ids=lambda option: option.name)
def test_one_byte_is_read(ns, observe, option):
    with socket_for(HOST, mptcp=True) as sock, socket_for(HOST, mptcp=False) as tcp:
        sock.set(option.through(INT), 1)
        octets = sock.get(option.through(raw(3)))
        as_tcp = tcp.get(option.through(raw(3)))

        seen = [len(octets), int.from_bytes(octets, sys.byteorder), len(as_tcp)]
        assert observe("size_value_and_size_of_tcp", seen) == [1, 1, 3]


@claim(
    "defacto/MPTCP_TCPINFO/set-by-kernel",
    sentence="mptcp.h/mptcp_subflow_data/num_subflows",
    says="MPTCP_TCPINFO of a connected MPTCP socket over IPv4 is asked with a struct mptcp_subflow_data in "
    "which num_subflows and size_kernel are 0 (mptcp.h): EINVAL where either is 1.",
    since="5.16",
    commit="06f15cee3693",
    needs=[MPTCP],
)
@pytest.mark.parametrize("wrong", [(1, 0), (0, 1)], ids=["num_subflows", "size_kernel"])
def test_what_the_kernel_sets_is_zero(ns, observe, wrong):
    with mptcp_connection(HOST) as (client, _):
        with refused(errno.EINVAL):
            client.get(ASKED, request=numbers(HEAD, *wrong, 0))
        given = client.get(ASKED, request=numbers(HEAD, 0, 0, 0))

        assert observe("subflows", int.from_bytes(given[4:8], sys.byteorder)) == 1


@claim(
    "defacto/MPTCP_TCPINFO/size-of-structure",
    sentence="mptcp.h/mptcp_subflow_data/size_subflow_data",
    says="MPTCP_TCPINFO of a connected MPTCP socket over IPv4 is asked with a size_subflow_data, the size of "
    "the structure that asks (mptcp.h), of 16 to as many bytes as there are: EINVAL for 15, and for one more "
    "than there are.",
    since="5.16",
    commit="06f15cee3693",
    needs=[MPTCP],
)
@pytest.mark.parametrize(
    ("wrong", "right"), [(HEAD - 1, HEAD), (ASKED.codec.size + 1, ASKED.codec.size)], ids=["less", "more"]
)
def test_the_size_is_that_of_the_structure(ns, observe, wrong, right):
    with mptcp_connection(HOST) as (client, _):
        with refused(errno.EINVAL):
            client.get(ASKED, request=numbers(wrong, 0, 0, 0))
        given = client.get(ASKED, request=numbers(right, 0, 0, 0))

        assert observe("subflows", int.from_bytes(given[4:8], sys.byteorder)) == 1
