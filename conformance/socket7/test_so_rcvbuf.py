"""SO_RCVBUF: how much may wait to be received."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.integers import integers
from conformance.plugin.refusal import refused
from conformance.plugin.setups.options import read_back_on_udp
from libsocket import SO_RCVBUF, Socket
from netns import Namespace, initial_sysctl, only

INT_MAX = 2**31 - 1

PACKET_HEADER = range(128, 513)
"""Bytes that a packet's header may take: it depends on the machine and the kernel's configuration."""

CUT_DOUBLED_RAISED = claim(
    "socket.7/SO_RCVBUF/cut-doubled-raised",
    sentence=("libsocket/rcvbuf/bytes", "socket.7/SO_RCVBUF/bytes"),
    section="Socket options",
    says="What a UDP socket stores is the size asked for, cut to net.core.rmem_max, doubled, and never below "
    "what asking for 0 gives.",
)


def unix_datagram() -> Socket:
    """A UNIX domain datagram socket."""
    return Socket.unix(socket.SOCK_DGRAM)


@claim(
    "socket.7/SO_RCVBUF/doubled",
    sentence=("libsocket/rcvbuf/doubled", "socket.7/SO_RCVBUF/doubled"),
    section="Socket options",
    says="A receive buffer of a UDP, TCP or UNIX stream socket that is set to a size between the minimum and "
    "net.core.rmem_max reads back as twice that size.",
)
@pytest.mark.parametrize("asked", [4096, 65_536])
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, Socket.unix])
def test_reads_back_doubled(ns, observe, make, asked):
    with make() as sock:
        sock.rcvbuf = asked

        assert observe("read_back", sock.rcvbuf) == 2 * asked


@claim(
    "socket.7/SO_RCVBUF/minimum-256",
    sentence=("libsocket/rcvbuf/minimum", "socket.7/SO_RCVBUF/minimum"),
    section="Socket options",
    says="The smallest (doubled) receive buffer is 256 bytes.",
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
        observe("is_2048_and_a_header", sock.rcvbuf - 2048 in PACKET_HEADER)

        assert observe("minimum", sock.rcvbuf) == max(2 * asked, 256)


@claim(
    "socket.7/SO_RCVBUF/default",
    sentence=("libsocket/rcvbuf/sysctls", "socket.7/SO_RCVBUF/sysctls"),
    section="Socket options",
    says="A new UDP or UNIX domain socket has the receive buffer that net.core.rmem_default says.",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix])
def test_starts_with_the_default(ns, observe, make):
    with make() as sock:
        assert observe("default", sock.rcvbuf) == int(initial_sysctl("net.core.rmem_default"))


@claim(
    "socket.7/SO_RCVBUF/default-on-tcp",
    sentence="socket.7/SO_RCVBUF/sysctls",
    section="Socket options",
    says="A new TCP socket has the receive buffer that net.core.rmem_default says.",
    expect=differs(
        "TCP has a default of its own, the second number of net.ipv4.tcp_rmem (50000 here), as tcp(7) says; "
        "older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"default": 50_000},
    ),
)
def test_tcp_starts_with_the_default(ns, observe):
    ns.sysctl["net.ipv4.tcp_rmem"] = "4096 50000 1000000"
    with Socket.tcp() as sock:
        assert observe("default", sock.rcvbuf) == int(initial_sysctl("net.core.rmem_default"))


@claim(
    "socket.7/SO_RCVBUF/maximum",
    sentence=("libsocket/rcvbuf/sysctls", "socket.7/SO_RCVBUF/sysctls"),
    section="Socket options",
    says="On a UDP, TCP or UNIX stream socket, asking for more than net.core.rmem_max is no error and gives "
    "net.core.rmem_max, doubled.",
)
@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp, Socket.unix])
def test_more_than_the_maximum_gives_the_maximum(ns, observe, make, more):
    maximum = int(initial_sysctl("net.core.rmem_max"))
    with make() as sock:
        sock.rcvbuf = maximum + more

        assert observe("largest", sock.rcvbuf) == 2 * min(maximum + more, maximum)


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
    sizes = [minimum // 2 - 1, minimum // 2, minimum // 2 + 1, largest // 2, INT_MAX]

    assert observe("stored", [read_back_on_udp(SO_RCVBUF, size) for size in sizes]) == [
        minimum,
        minimum,
        minimum + 2,
        largest,
        largest,
    ]


@claim(
    "socket.7/rmem_default/default-receive-buffer",
    sentence="socket.7/rmem_default/default",
    section="/proc interfaces",
    says="net.core.rmem_default holds the receive buffer, in bytes, that UDP, UNIX datagram and netlink "
    "sockets start with.",
)
@pytest.mark.parametrize("make", [Socket.udp, unix_datagram, Socket.netlink])
def test_rmem_default_is_what_sockets_start_with(ns, observe, make):
    with make() as sock:
        assert observe("default", sock.rcvbuf) == int(initial_sysctl("net.core.rmem_default"))


@claim(
    "socket.7/rmem_max/most-that-a-user-may-set",
    sentence="socket.7/rmem_max/maximum",
    section="/proc interfaces",
    says="net.core.rmem_max holds the largest size, in bytes, that a user without capabilities may set with "
    "SO_RCVBUF on a UDP socket; what is stored is twice that.",
)
def test_a_user_gets_rmem_max_and_no_byte_more(ns, observe):
    maximum = int(initial_sysctl("net.core.rmem_max"))
    with Socket.udp() as modest, Socket.udp() as greedy, only():
        modest.rcvbuf = maximum - 1
        greedy.rcvbuf = maximum + 1
        with refused(errno.EPERM):  # as the user without capabilities that it is
            greedy.rcvbufforce = maximum + 1

        assert observe("stored", [modest.rcvbuf, greedy.rcvbuf]) == [2 * maximum - 2, 2 * maximum]
