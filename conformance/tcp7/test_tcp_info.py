"""TCP_INFO: what the kernel tells of a connection."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.readiness import await_end
from conformance.plugin.timing import SOON
from libsocket import TCP_INFO, Socket, raw

ESTABLISHED, CLOSE, CLOSE_WAIT, LISTEN = 1, 7, 8, 10


@claim(
    "tcp.7/TCP_INFO/state",
    sentence="tcp.7/TCP_INFO/collects",
    section="Socket options",
    says="TCP_INFO tells the state of a TCP socket, over IPv4 and IPv6: closed, listening, established, and "
    "waiting to be closed once its peer has ended.",
    since="2.4",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_it_tells_the_state(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right, Socket.tcp(family) as sock:
        states = [sock.tcp_info.state, left.tcp_info.state]
        sock.listen()
        right.shutdown(socket.SHUT_WR)
        await_end(left)
        states += [sock.tcp_info.state, left.tcp_info.state]

        assert observe("states", states) == [CLOSE, ESTABLISHED, LISTEN, CLOSE_WAIT]


@claim(
    "tcp.7/TCP_INFO/counts",
    sentence=("tcp.7/TCP_INFO/collects", "tcp.h/tcpi_bytes/acknowledged-and-received"),
    section="Socket options",
    says="TCP_INFO tells how many bytes of a TCP connection its peer has acknowledged, the SYN of the one "
    "that connected counted as one, and how many it has received from it, over IPv4 and IPv6.",
    since="4.1",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_it_tells_how_much_was_sent(ns, observe, family):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.rcvtimeo = right.rcvtimeo = SOON
        left.send(b"12345")
        right.read_exact(5)
        right.send(b"123")
        left.read_exact(3)
        info = left.tcp_info

        assert observe("acked_and_received", [info.bytes_acked, info.bytes_received]) == [1 + 5, 3]


@claim(
    "tcp.7/TCP_INFO/structure",
    sentence="tcp.7/TCP_INFO/structure",
    section="Socket options",
    says="TCP_INFO of a TCP socket, over IPv4 and IPv6, gives a program that knows less of the structure, "
    "and asks for fewer bytes, the first of them; 104 bytes, the structure of Linux 2.6, are always there.",
    since="2.4",
)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("size", [0, 1, 8, 104])
def test_fewer_bytes_are_the_first(ns, observe, family, size):
    with Socket.tcp(family) as sock:
        few = sock.get(TCP_INFO.through(raw(size)))
        sock.listen()
        state = sock.get(TCP_INFO.through(raw(1)))[0]

        assert observe("size_and_states", [len(few), *few[:1], state]) == [size, *[CLOSE][:size], LISTEN]
