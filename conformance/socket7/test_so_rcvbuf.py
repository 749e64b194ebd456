"""SO_RCVBUF: how much may wait to be received."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.properties import integers
from conformance.plugin.refusal import refused
from conformance.plugin.setups.options import read_back_on_udp
from libsocket import SO_RCVBUF, Socket
from netns import Namespace, initial_sysctl, only

INT_MAX = 2**31 - 1

PACKET_HEADER = range(128, 513)
"""Bytes that a packet's header may take: it depends on the machine and the kernel's configuration."""

CUT_DOUBLED_RAISED = claim(
    "socket.7/SO_RCVBUF/cut-doubled-raised",
    sentence=(
        *("libsocket/rcvbuf/bytes", "libsocket/rcvbuf/doubled", "libsocket/rcvbuf/sysctls"),
        *("socket.7/SO_RCVBUF/bytes", "socket.7/SO_RCVBUF/doubled", "socket.7/SO_RCVBUF/sysctls"),
        *("libsocket/rcvbuf/minimum", "socket.7/SO_RCVBUF/minimum"),
    ),
    section="Socket options",
    says="What a UDP socket stores is the size asked for, cut to net.core.rmem_max, doubled, and never below "
    "what asking for 0 gives.",
)


@claim(
    "socket.7/SO_RCVBUF/minimum-256",
    sentence=("libsocket/rcvbuf/minimum", "socket.7/SO_RCVBUF/minimum"),
    section="Socket options",
    says="The smallest (doubled) receive buffer of a UDP, TCP or UNIX stream socket is 256 bytes.",
    expect=differs(
        "the floor is 2048 bytes and a packet's header, 2304 on most 64-bit machines",
        since="2.6.37",
        commit="7a91b434e2ba",
        observed={"is_2048_and_a_header": True},
    ),
)
@pytest.mark.parametrize("asked", [0, 127, 128, 129])
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, Socket.unix])
def test_smallest_is_256(ns, observe, make, asked):
    with make() as sock:
        sock.rcvbuf = asked
        stored = sock.rcvbuf
        observe("is_2048_and_a_header", stored - 2048 in PACKET_HEADER)

        assert observe("minimum", stored) == max(2 * asked, 256)


@CUT_DOUBLED_RAISED
@integers(25, asked=((0, INT_MAX), (0, 8192)))
def test_any_size_is_cut_doubled_and_raised(asked):
    with Namespace():
        minimum = read_back_on_udp(SO_RCVBUF, 0)

        assert read_back_on_udp(SO_RCVBUF, asked) == max(
            2 * min(asked, int(initial_sysctl("net.core.rmem_max"))), minimum
        )


@CUT_DOUBLED_RAISED
def test_sizes_at_the_limits_are_cut_doubled_and_raised(ns, observe):
    largest = 2 * int(initial_sysctl("net.core.rmem_max"))
    minimum = read_back_on_udp(SO_RCVBUF, 0)
    sizes = [max(minimum // 2 - 1, 0), minimum // 2, minimum // 2 + 1, largest // 2, INT_MAX]

    assert observe("stored", [read_back_on_udp(SO_RCVBUF, size) for size in sizes]) == [
        minimum,
        minimum,
        minimum + 2,
        largest,
        largest,
    ]


@claim(
    "socket.7/rmem_max/most-that-a-user-may-set",
    sentence="socket.7/rmem_max/maximum",
    section="/proc interfaces",
    since="2.2",
    says="net.core.rmem_max holds the largest size, in bytes, that a user without capabilities may set with "
    "SO_RCVBUF on a UDP socket; what is stored is twice that.",
)
def test_a_user_gets_rmem_max_and_no_byte_more(ns, observe):
    maximum = int(initial_sysctl("net.core.rmem_max"))
    with Socket.udp() as modest, Socket.udp() as greedy, only():
        modest.rcvbuf = maximum - 1
        greedy.rcvbuf = maximum + 1
        with refused():  # as the user without capabilities that it is
            greedy.rcvbufforce = maximum + 1

        assert observe("stored", [modest.rcvbuf, greedy.rcvbuf]) == [2 * maximum - 2, 2 * maximum]
