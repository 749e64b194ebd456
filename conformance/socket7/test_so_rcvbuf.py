"""SO_RCVBUF: how much may wait to be received."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.integers import integers
from libsocket import Socket
from netns import Namespace, initial_sysctl, only

INT_MAX = 2**31 - 1

PACKET_HEADER = range(128, 513)
"""Bytes that a packet's header may take: it depends on the machine and the kernel's configuration."""


@claim(
    "socket.7/SO_RCVBUF/doubled",
    sentence="libsocket/rcvbuf/doubled",
    section="Socket options",
    says="Setting the receive buffer stores twice the size asked for, and that is what reads back.",
)
@pytest.mark.parametrize("asked", [4096, 65_536])
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, Socket.unix])
def test_reads_back_doubled(ns, observe, make, asked):
    with make() as sock:
        sock.rcvbuf = asked

        assert observe("read_back", sock.rcvbuf) == 2 * asked


@claim(
    "socket.7/SO_RCVBUF/minimum-256",
    sentence="libsocket/rcvbuf/minimum",
    section="Socket options",
    says="The smallest (doubled) receive buffer is 256 bytes.",
    expect=differs(
        "the floor is 2048 bytes and a packet's header, 2304 on most 64-bit machines",
        since="2.6.37",
        commit="7a91b434e2ba",
        observed={"is_2048_and_a_header": True},
    ),
)
@pytest.mark.parametrize("asked", [0, 1, 128])
def test_smallest_is_256(ns, observe, asked):
    with Socket.udp() as sock:
        sock.rcvbuf = asked
        observe("is_2048_and_a_header", sock.rcvbuf - 2048 in PACKET_HEADER)

        assert observe("minimum", sock.rcvbuf) == 256


@claim(
    "socket.7/SO_RCVBUF/default",
    sentence="libsocket/rcvbuf/sysctls",
    section="Socket options",
    says="A new socket has the receive buffer that rmem_default says; TCP has a default of its own.",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix])
def test_starts_with_the_default(ns, observe, make):
    with make() as sock:
        assert observe("default", sock.rcvbuf) == int(initial_sysctl("net.core.rmem_default"))


@claim(
    "socket.7/SO_RCVBUF/maximum",
    sentence="libsocket/rcvbuf/sysctls",
    section="Socket options",
    says="Asking for more than rmem_max is no error and gives rmem_max, doubled.",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, Socket.unix])
def test_more_than_the_maximum_gives_the_maximum(ns, observe, make):
    with make() as sock:
        sock.rcvbuf = INT_MAX

        assert observe("largest", sock.rcvbuf) == 2 * int(initial_sysctl("net.core.rmem_max"))


@claim(
    "socket.7/SO_RCVBUF/cut-doubled-raised",
    sentence="libsocket/rcvbuf/bytes",
    section="Socket options",
    says="What is stored is the size asked for, cut to rmem_max, doubled, and never below the minimum.",
)
@integers(25, asked=((0, INT_MAX), (0, 8192)))
def test_any_size_is_cut_doubled_and_raised(asked):
    with Namespace(), Socket.udp() as sock:
        sock.rcvbuf = 0
        minimum = sock.rcvbuf
        sock.rcvbuf = asked

        assert sock.rcvbuf == max(2 * min(asked, int(initial_sysctl("net.core.rmem_max"))), minimum)


@claim(
    "socket.7/rmem_default/default-receive-buffer",
    section="/proc interfaces",
    says="rmem_default holds the receive buffer, in bytes, that sockets start with.",
)
def test_rmem_default_is_what_sockets_start_with(ns, observe):
    with Socket.netlink() as sock:
        assert observe("default", sock.rcvbuf) == int(initial_sysctl("net.core.rmem_default"))


@claim(
    "socket.7/rmem_max/most-that-a-user-may-set",
    section="/proc interfaces",
    says="rmem_max holds the largest size, in bytes, that a user may ask for with SO_RCVBUF.",
)
def test_a_user_gets_rmem_max_and_no_byte_more(ns, observe):
    maximum = int(initial_sysctl("net.core.rmem_max"))
    with Socket.udp() as modest, Socket.udp() as greedy, only():
        modest.rcvbuf = maximum
        greedy.rcvbuf = maximum + 1

        assert observe("over_maximum", [modest.rcvbuf - 2 * maximum, greedy.rcvbuf - 2 * maximum]) == [0, 0]
