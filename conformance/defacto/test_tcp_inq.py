"""TCP_INQ: how much is left to be read."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.setups.readiness import await_end, await_readable
from libsocket import Socket, TcpInq

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])


@claim(
    "defacto/TCP_INQ/left",
    sentence=("tcp.h/TCP_INQ/bytes"),
    says="With TCP_INQ a read of a TCP connection, over IPv4 and IPv6, comes with the number of bytes that "
    "are left to be read (TCP_CM_INQ), and without it with none.",
    since="4.18",
    commit="b75eba76d3d7",
)
@FAMILIES
def test_a_read_says_what_is_left(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        sender.send(b"12345678")
        await_readable(receiver)
        left = [[int(one) for one in control_messages(receiver, TcpInq, size=1)]]
        receiver.tcp_inq = True
        left += [[int(one) for one in control_messages(receiver, TcpInq, size=3)]]
        left += [[int(one) for one in control_messages(receiver, TcpInq, size=4)]]

        assert observe("left", left) == [[], [4], [0]]


@claim(
    "defacto/TCP_INQ/end",
    says="With TCP_INQ the end of a TCP connection, over IPv4 and IPv6, counts as one more byte that is "
    "left: a read of 1 byte that leaves 3 and the end comes with a 4.",
    since="4.18",
    commit="b75eba76d3d7",
)
@FAMILIES
def test_the_end_counts_as_one(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        receiver.tcp_inq = True
        sender.send(b"1234")
        sender.shutdown(socket.SHUT_WR)
        await_end(receiver)
        left = [int(one) for one in control_messages(receiver, TcpInq, size=1)]
        rest = [receiver.read_exact(3).decode(), receiver.recv(1).decode()]

        assert [observe("left", left), observe("rest", rest)] == [[4], ["234", ""]]


@claim(
    "defacto/TCP_INQ/last",
    says="With TCP_INQ a read of the last byte of a TCP connection, over IPv4 and IPv6, comes with 1 where "
    "the end has come too, and so does the read that tells of the end.",
    since="5.1",
    commit="6466e715651f",
)
@FAMILIES
def test_the_last_byte_leaves_the_end(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        receiver.tcp_inq = True
        sender.send(b"1")
        sender.shutdown(socket.SHUT_WR)
        await_end(receiver)
        reads = [receiver.recv_message(100), receiver.recv_message(100)]

        seen = [
            [read.data.decode(), *(int(one) for one in read.control if isinstance(one, TcpInq))]
            for read in reads
        ]
        assert observe("data_and_left", seen) == [["1", 1], ["", 1]]
