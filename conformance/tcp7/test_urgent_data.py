"""Urgent data: one byte, read beside the stream or discarded, and the pointer that marks it."""

from __future__ import annotations

import socket

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.readiness import await_end
from conformance.plugin.setups.segments import URG, next_segment, segments
from conformance.plugin.setups.urgent import at_mark, await_urgent, send_with_urgent_byte
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])


def recv(sock: Socket, room: bytearray, flags: int) -> int:
    """recv(2)"""
    return sock.recv_into(room, len(room), flags)


def recvmsg(sock: Socket, room: bytearray, flags: int) -> int:
    """recvmsg(2)"""
    return sock.recvmsg_into([room], 0, flags)[0]


@claim(
    "tcp.7/Sockets-API/single-byte",
    sentence=("tcp.7/Sockets-API/out-of-band", "tcp.7/urgent-data/sent"),
    section="Sockets API",
    says="Of several bytes that are sent with MSG_OOB on a TCP connection, over IPv4 and IPv6, the last one "
    "is out-of-band data, and the others are part of the stream.",
)
@FAMILIES
def test_the_last_byte_is_urgent(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"abc", socket.MSG_OOB)
        sender.shutdown(socket.SHUT_WR)
        await_urgent(receiver)
        await_end(receiver)
        urgent = receiver.recv(9, socket.MSG_OOB).decode()

        assert observe("urgent_and_stream", [urgent, receiver.read_to_string()]) == ["c", "ab"]


@claim(
    "tcp.7/Sockets-API/newer-urgent",
    sentence="tcp.7/Sockets-API/newer-urgent",
    section="Sockets API",
    says="Out-of-band data that was not read when newer arrives is part of the stream of a TCP connection, "
    "over IPv4 and IPv6, without SO_OOBINLINE too.",
)
@FAMILIES
def test_older_urgent_data_joins_the_stream(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"a")
        sender.send(b"X", socket.MSG_OOB)
        await_urgent(receiver)
        sender.send(b"Y", socket.MSG_OOB)
        sender.shutdown(socket.SHUT_WR)
        await_end(receiver)
        urgent = receiver.recv(9, socket.MSG_OOB).decode()
        seen = [receiver.oobinline, urgent, receiver.read_to_string()]

        assert observe("inline_urgent_and_stream", seen) == [False, "Y", "aX"]


@claim(
    "tcp.7/Sockets-API/peek",
    sentence="tcp.7/Sockets-API/peek",
    section="Sockets API",
    says="With MSG_PEEK out-of-band data of a TCP connection, over IPv4 and IPv6, is read and stays to be "
    "read again.",
)
@FAMILIES
def test_urgent_data_is_peeked_at(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        sender.send(b"X", socket.MSG_OOB)
        await_urgent(receiver)
        peeked = receiver.recv(9, socket.MSG_OOB | socket.MSG_PEEK).decode()

        assert observe("peeked_and_read", [peeked, receiver.recv(9, socket.MSG_OOB).decode()]) == ["X", "X"]


@claim(
    "tcp.7/Sockets-API/trunc-discards",
    sentence=("tcp.7/Sockets-API/trunc", "tcp.7/Sockets-API/trunc-discards"),
    section="Sockets API",
    says="With MSG_TRUNC recv(2) and recvmsg(2) on a TCP connection, over IPv4 and IPv6, discard the bytes "
    "that they count and leave the buffer as it is.",
    since="2.4",
)
@FAMILIES
@pytest.mark.parametrize("receive", [recv, recvmsg])
def test_bytes_are_discarded(ns, observe, family, receive):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"abcde")
        sender.shutdown(socket.SHUT_WR)
        await_end(receiver)
        room = bytearray(b"...")
        count = receive(receiver, room, socket.MSG_TRUNC)
        seen = [count, room.decode(), receiver.read_to_string()]

        assert observe("count_buffer_and_rest", seen) == [3, "...", "de"]


@claim(
    "tcp.7/Sockets-API/trunc-urgent",
    sentence="tcp.7/Sockets-API/trunc-urgent",
    section="Sockets API",
    says="With MSG_TRUNC and MSG_OOB a receive on a TCP connection, over IPv4 and IPv6, discards the "
    "out-of-band byte, which is not there to be received again, and leaves the buffer as it is.",
    since="2.4.4",
)
@FAMILIES
def test_the_urgent_byte_is_discarded(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        send_with_urgent_byte(sender)
        await_urgent(receiver)
        await_end(receiver)
        room = bytearray(b".")
        count = receiver.recv_into(room, 1, socket.MSG_OOB | socket.MSG_TRUNC)
        with refused():
            receiver.recv(1, socket.MSG_OOB)
        receiver.rcvtimeo = SOON
        seen = [count, room.decode(), receiver.read_to_string()]

        assert observe("count_buffer_and_stream", seen) == [1, ".", "abcd"]


@claim(
    "tcp.7/tcp_stdurg/received",
    sentence=(
        "tcp.7/tcp_stdurg/last-byte",
        "tcp.7/tcp_stdurg/first-after",
        "tcp.7/Sockets-API/urgent-pointer",
        "tcp.7/Sockets-API/stdurg",
        "ip-sysctl/tcp_stdurg/standard",
    ),
    section="/proc interfaces",
    says="A TCP receiver over IPv4 takes the byte before the one that the urgent pointer marks for urgent "
    "where tcp_stdurg is 0, and the one that it marks where tcp_stdurg is 1.",
    since="2.2",
)
@pytest.mark.parametrize(("standard", "urgent", "stream"), [(0, "X", "abcd"), (1, "c", "abXd")])
def test_the_pointer_is_read_either_way(ns, observe, standard, urgent, stream):
    ns.sysctl["net.ipv4.tcp_stdurg"] = standard
    sender, receiver = Socket.tcp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        send_with_urgent_byte(sender)
        await_urgent(receiver)
        await_end(receiver)
        received = receiver.recv(9, socket.MSG_OOB).decode()

        assert observe("urgent_and_stream", [received, receiver.read_to_string()]) == [urgent, stream]


def pointer_sent() -> list[int]:
    """The flag URG and the urgent pointer of a segment that carries one urgent byte."""
    sender, receiver = Socket.tcp_pair()
    with sender, receiver, segments() as arriving:
        arriving.rcvtimeo = SOON
        sender.send(b"X", socket.MSG_OOB)
        segment = next_segment(arriving)
    return [segment.flags & URG, segment.urgent]


@claim(
    "tcp.7/tcp_stdurg/sent-by-default",
    sentence=(
        "tcp.7/tcp_stdurg/default",
        "tcp.7/tcp_stdurg/first-after",
        "tcp.7/Sockets-API/urgent-pointer",
        "ip-sysctl/tcp_stdurg/default",
    ),
    section="/proc interfaces",
    says="The urgent pointer of a TCP segment over IPv4 that carries one urgent byte marks the byte after it "
    "where tcp_stdurg is 0, as it is at first.",
    since="2.2",
    needs=[Capability.NET_RAW],
)
def test_the_pointer_marks_the_byte_after(ns, observe):
    default = ns.sysctl["net.ipv4.tcp_stdurg"]

    assert [observe("default", default), observe("flag_and_pointer", pointer_sent())] == ["0", [URG, 1]]


@claim(
    "tcp.7/tcp_stdurg/sent",
    sentence=("tcp.7/tcp_stdurg/last-byte", "tcp.7/Sockets-API/stdurg"),
    section="/proc interfaces",
    says="The urgent pointer of a TCP segment over IPv4 that carries one urgent byte marks that byte where "
    "tcp_stdurg is 1.",
    since="2.2",
    needs=[Capability.NET_RAW],
    expect=differs(
        "what is sent is the same: only how one that arrives is read changes (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"flag_and_pointer": [32, 1]},
    ),
)
def test_the_pointer_marks_the_last_byte(ns, observe):
    ns.sysctl["net.ipv4.tcp_stdurg"] = 1

    assert observe("flag_and_pointer", pointer_sent()) == [URG, 0]


@claim(
    "tcp.7/SIOCATMARK/at-mark",
    sentence=("tcp.7/SIOCATMARK/at-mark", "tcp.7/SIOCATMARK/advance", "tcp.7/urgent-data/inline"),
    section="Ioctls",
    says="SIOCATMARK on a TCP socket, over IPv4 and IPv6, is false until all that was sent before the urgent "
    "data is read, and true then.",
)
@FAMILIES
def test_the_mark_is_told(ns, observe, family):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        send_with_urgent_byte(sender)
        await_urgent(receiver)
        await_end(receiver)
        marks = [at_mark(receiver)]
        receiver.recv(1)
        marks.append(at_mark(receiver))
        receiver.recv(1)
        marks.append(at_mark(receiver))

        seen = [*marks, receiver.read_to_string()]
        assert observe("marks_and_rest", seen) == [False, False, True, "cd"]


@claim(
    "tcp.7/SIOCATMARK/next-read",
    sentence=("tcp.7/SIOCATMARK/inline", "tcp.7/SIOCATMARK/apart", "tcp.7/urgent-data/inline"),
    section="Ioctls",
    says="Where SIOCATMARK is true, the next read on a TCP socket, over IPv4 and IPv6, returns the urgent "
    "data with SO_OOBINLINE, and what follows it without.",
    survives={"no-op: setsockopt(*SO_OOBINLINE, ?0?*": "it is off at first"},
)
@FAMILIES
@pytest.mark.parametrize(("inline", "rest"), [(True, "Xcd"), (False, "cd")], ids=["inline", "apart"])
def test_the_next_read_is_at_the_mark(ns, observe, family, inline, rest):
    sender, receiver = Socket.tcp_pair(family)
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.oobinline = inline
        send_with_urgent_byte(sender)
        await_urgent(receiver)
        await_end(receiver)
        receiver.recv(2)
        seen = [at_mark(receiver), receiver.read_to_string()]

        assert observe("mark_and_rest", seen) == [True, rest]
