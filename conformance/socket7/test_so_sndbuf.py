"""SO_SNDBUF: how much may wait to be sent."""

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
    "socket.7/SO_SNDBUF/doubled",
    sentence="libsocket/sndbuf/doubled",
    section="Socket options",
    says="Setting the send buffer stores twice the size asked for, and that is what reads back.",
)
@pytest.mark.parametrize("asked", [4096, 65_536])
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, Socket.unix])
def test_reads_back_doubled(ns, observe, make, asked):
    with make() as sock:
        sock.sndbuf = asked

        assert observe("read_back", sock.sndbuf) == 2 * asked


@claim(
    "socket.7/SO_SNDBUF/minimum-2048",
    sentence="libsocket/sndbuf/minimum",
    section="Socket options",
    says="The smallest (doubled) send buffer is 2048 bytes.",
    expect=differs(
        "the floor is two packets of 2048 bytes with their headers, 4608 on most 64-bit machines",
        since="3.11",
        commit="eea86af6b1e1",
        observed={"is_twice_2048_and_a_header": True},
    ),
)
@pytest.mark.parametrize("asked", [0, 1, 1024])
def test_smallest_is_2048(ns, observe, asked):
    with Socket.udp() as sock:
        sock.sndbuf = asked
        observe("is_twice_2048_and_a_header", sock.sndbuf / 2 - 2048 in PACKET_HEADER)

        assert observe("minimum", sock.sndbuf) == 2048


@claim(
    "socket.7/SO_SNDBUF/default",
    sentence="libsocket/sndbuf/sysctls",
    section="Socket options",
    says="A new socket has the send buffer that wmem_default says; TCP has a default of its own.",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix])
def test_starts_with_the_default(ns, observe, make):
    with make() as sock:
        assert observe("default", sock.sndbuf) == int(initial_sysctl("net.core.wmem_default"))


@claim(
    "socket.7/SO_SNDBUF/maximum",
    sentence="libsocket/sndbuf/sysctls",
    section="Socket options",
    says="Asking for more than wmem_max is no error and gives wmem_max, doubled.",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, Socket.unix])
def test_more_than_the_maximum_gives_the_maximum(ns, observe, make):
    with make() as sock:
        sock.sndbuf = INT_MAX

        assert observe("largest", sock.sndbuf) == 2 * int(initial_sysctl("net.core.wmem_max"))


@claim(
    "socket.7/SO_SNDBUF/cut-doubled-raised",
    sentence="libsocket/sndbuf/bytes",
    section="Socket options",
    says="What is stored is the size asked for, cut to wmem_max, doubled, and never below the minimum.",
)
@integers(25, asked=((0, INT_MAX), (0, 8192)))
def test_any_size_is_cut_doubled_and_raised(asked):
    with Namespace(), Socket.udp() as sock:
        sock.sndbuf = 0
        minimum = sock.sndbuf
        sock.sndbuf = asked

        assert sock.sndbuf == max(2 * min(asked, int(initial_sysctl("net.core.wmem_max"))), minimum)


@claim(
    "socket.7/wmem_default/default-send-buffer",
    section="/proc interfaces",
    says="wmem_default holds the send buffer, in bytes, that sockets start with.",
)
def test_wmem_default_is_what_sockets_start_with(ns, observe):
    with Socket.netlink() as sock:
        assert observe("default", sock.sndbuf) == int(initial_sysctl("net.core.wmem_default"))


@claim(
    "socket.7/wmem_max/most-that-a-user-may-set",
    section="/proc interfaces",
    says="wmem_max holds the largest size, in bytes, that a user may ask for with SO_SNDBUF.",
)
def test_a_user_gets_wmem_max_and_no_byte_more(ns, observe):
    maximum = int(initial_sysctl("net.core.wmem_max"))
    with Socket.udp() as modest, Socket.udp() as greedy, only():
        modest.sndbuf = maximum
        greedy.sndbuf = maximum + 1

        assert observe("over_maximum", [modest.sndbuf - 2 * maximum, greedy.sndbuf - 2 * maximum]) == [0, 0]
