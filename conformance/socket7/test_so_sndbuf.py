"""SO_SNDBUF: how much may wait to be sent."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.properties import integers
from conformance.plugin.refusal import refused
from conformance.plugin.setups.options import read_back_on_udp
from libsocket import SO_SNDBUF, Socket
from netns import Namespace, initial_sysctl, only

INT_MAX = 2**31 - 1

PACKET_HEADER = range(128, 513)
"""Bytes that a packet's header may take: it depends on the machine and the kernel's configuration."""

CUT_DOUBLED_RAISED = claim(
    "socket.7/SO_SNDBUF/cut-doubled-raised",
    sentence=(
        *("libsocket/sndbuf/bytes", "libsocket/sndbuf/doubled", "libsocket/sndbuf/sysctls"),
        *("socket.7/SO_SNDBUF/bytes", "socket.7/SO_SNDBUF/doubled", "socket.7/SO_SNDBUF/sysctls"),
        *("libsocket/sndbuf/minimum", "socket.7/SO_SNDBUF/minimum"),
    ),
    section="Socket options",
    says="What a UDP socket stores is the size asked for, cut to net.core.wmem_max, doubled, and never below "
    "what asking for 0 gives.",
)


@claim(
    "socket.7/SO_SNDBUF/minimum-2048",
    sentence=("libsocket/sndbuf/minimum", "socket.7/SO_SNDBUF/minimum"),
    section="Socket options",
    says="The smallest (doubled) send buffer of a UDP, TCP or UNIX stream socket is 2048 bytes.",
    expect=differs(
        "the floor is two packets of 2048 bytes with their headers, 4608 on most 64-bit machines",
        since="3.11",
        commit="eea86af6b1e1",
        observed={"is_twice_2048_and_a_header": True},
    ),
)
@pytest.mark.parametrize("asked", [0, 1023, 1024, 1025])
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, Socket.unix])
def test_smallest_is_2048(ns, observe, make, asked):
    with make() as sock:
        sock.sndbuf = asked
        stored = sock.sndbuf
        observe("is_twice_2048_and_a_header", stored / 2 - 2048 in PACKET_HEADER)

        assert observe("minimum", stored) == max(2 * asked, 2048)


@CUT_DOUBLED_RAISED
@integers(25, asked=((0, INT_MAX), (0, 8192)))
def test_any_size_is_cut_doubled_and_raised(asked):
    with Namespace():
        minimum = read_back_on_udp(SO_SNDBUF, 0)

        assert read_back_on_udp(SO_SNDBUF, asked) == max(
            2 * min(asked, int(initial_sysctl("net.core.wmem_max"))), minimum
        )


@CUT_DOUBLED_RAISED
def test_sizes_at_the_limits_are_cut_doubled_and_raised(ns, observe):
    largest = 2 * int(initial_sysctl("net.core.wmem_max"))
    minimum = read_back_on_udp(SO_SNDBUF, 0)
    sizes = [max(minimum // 2 - 1, 0), minimum // 2, minimum // 2 + 1, largest // 2, INT_MAX]

    assert observe("stored", [read_back_on_udp(SO_SNDBUF, size) for size in sizes]) == [
        minimum,
        minimum,
        minimum + 2,
        largest,
        largest,
    ]


@claim(
    "socket.7/wmem_max/most-that-a-user-may-set",
    sentence="socket.7/wmem_max/maximum",
    section="/proc interfaces",
    since="2.2",
    says="net.core.wmem_max holds the largest size, in bytes, that a user without capabilities may set with "
    "SO_SNDBUF on a UDP socket; what is stored is twice that.",
)
def test_a_user_gets_wmem_max_and_no_byte_more(ns, observe):
    maximum = int(initial_sysctl("net.core.wmem_max"))
    with Socket.udp() as modest, Socket.udp() as greedy, only():
        modest.sndbuf = maximum - 1
        greedy.sndbuf = maximum + 1
        with refused():  # as the user without capabilities that it is
            greedy.sndbufforce = maximum + 1

        assert observe("stored", [modest.sndbuf, greedy.sndbuf]) == [2 * maximum - 2, 2 * maximum]
