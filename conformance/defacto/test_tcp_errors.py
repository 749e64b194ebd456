"""Errors of TCP that are told or not told, and how much a socket holds."""

from __future__ import annotations

import errno
import select
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import VETH
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.icmp import report
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, MADE_ENDS, accepted_from
from conformance.plugin.setups.pairs import UNACKED_ENDS, make_impatient, udp_pair, unanswered_sender
from conformance.plugin.setups.readiness import polled
from conformance.plugin.setups.states import reported
from conformance.plugin.timing import SOON
from libsocket import Socket

HOST_UNREACHABLE = (3, 1)
PACKET = 65_536


@claim(
    "defacto/MSG_ERRQUEUE/tcp-leaves-so-error",
    says="With IP_RECVERR an ICMP message that a host is out of reach is no message in the error queue of a "
    "TCP connection over IPv4: a receive with MSG_ERRQUEUE fails with EAGAIN, and leaves SO_ERROR, which is "
    "EHOSTUNREACH once.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
    survives={
        **MADE_ENDS,
        "no-op: close(*": "what is closed at the end is not used again",
        'no-op: sendto("lost"*': "a message about what is still to be sent is taken as well",
    },
)
def test_the_error_is_not_queued(peers, observe):
    with accepted_from(peers) as (sock, peer):
        sock.ip_recverr = True
        sock.send(b"lost")
        arrived = report(sock, *HOST_UNREACHABLE, sequence=peer.expected)
        queued = answer(lambda: sock.recv(9, socket.MSG_ERRQUEUE))
        errors = [sock.error, sock.error]

        assert [
            observe("arrived_queued_errors", [arrived, queued, errors]),
            observe("ip_recverr", sock.ip_recverr),
        ] == [[list(HOST_UNREACHABLE), "EAGAIN", [errno.EHOSTUNREACH, 0]], True]


@claim(
    "defacto/SO_KEEPALIVE/given-up-reported",
    says="A TCP connection over IPv4 whose keepalive probes were not answered is reported by poll(2) and "
    "epoll(7) with POLLIN, POLLOUT, POLLERR, POLLHUP and POLLRDHUP, and by select(2) as readable and "
    "writable; before, as writable alone.",
    since="2.6.17",
    commit="f348d70a324e",
    needs=[VETH],
    survives=UNACKED_ENDS,
)
def test_an_end_by_keepalive_is_reported(peers, observe):
    with unanswered_sender(peers) as sock:
        before = reported(sock)
        make_impatient(sock)
        sock.keepalive = True
        polled(sock, select.POLLHUP, SOON)
        after = reported(sock)
        error = sock.error

        everything = ["IN", "OUT", "ERR", "HUP", "RDHUP"]
        assert observe("before_after_error", [before, after, error]) == [
            [["OUT"], ["OUT"], ["write"]],
            [everything, everything, ["read", "write"]],
            errno.ETIMEDOUT,
        ]


def come_through() -> None:
    """Send something by loopback and receive it: what was sent before has come by then, or is lost."""
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"x")
        receiver.recv(9)


def datagrams_held(rcvbuf: int) -> tuple[int, bool]:
    """How many datagrams of 1000 bytes a socket holds, and whether SO_RCVBUF bounds their memory."""
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvbuf = rcvbuf
        for _ in range(500):
            sender.send(bytes(1000))
        come_through()
        held = receiver.meminfo.rmem_alloc
        counted = 0
        while answer(lambda: receiver.recv(2000, socket.MSG_DONTWAIT)) != "EAGAIN":
            counted += 1
        return counted, 0 < held <= receiver.rcvbuf + held // counted


@claim(
    "defacto/SO_RCVBUF/held-datagrams",
    says="The memory of the datagrams, of 1000 bytes, that a UDP socket over IPv4 holds (SO_MEMINFO) is "
    "bounded by what SO_RCVBUF reads, and one datagram; with four times as much it holds three to five times "
    "as many.",
    since="4.12",
    commit="a2d133b1d465",
    survives={
        "no-op: close() = 0": "the sockets are not used again",
        "no-op: sendto(*, 0, 0) = 1000": "more are sent than it holds",
    },
)
def test_a_buffer_bounds_what_is_held(ns, observe):
    few, bounded = datagrams_held(20_000)
    many, still = datagrams_held(80_000)

    assert observe("bounded_and_more", [bounded, still, 3 * few <= many <= 5 * few]) == [True, True, True]


def bytes_taken(sock: Socket, sndbuf: int) -> int:
    """How many bytes a TCP socket takes with an SO_SNDBUF, by sends of 1000, until one would wait."""
    sock.sndbuf = sndbuf
    taken = 0
    while answer(lambda: sock.send(bytes(1000), socket.MSG_DONTWAIT)) != "EAGAIN":
        taken += 1000
    return taken


@claim(
    "defacto/SO_SNDBUF/held-stream",
    says="A TCP socket over IPv4 whose peer has no window takes no more bytes, in sends of 1000, than "
    "SO_SNDBUF reads and a packet of 64 KiB, and with four times as much twice as many at least.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=MADE,
)
def test_a_buffer_bounds_what_waits(peers, observe):
    with accepted_from(peers, window=0) as (sock, _):
        few = bytes_taken(sock, 20_000)
        bound = sock.sndbuf
        many = few + bytes_taken(sock, 80_000)

        found = [0 < few <= bound + PACKET, many <= sock.sndbuf + PACKET, many >= 2 * few]
        assert observe("bounded_bounded_more", found) == [True, True, True]


@claim(
    "defacto/IP_PKTOPTIONS/time-to-live",
    says="IP_PKTOPTIONS of a TCP connection over IPv4 with IP_RECVTTL holds a control message IP_TTL: in one "
    "that was accepted with the time to live of the segment that ended the handshake, in one that connected "
    "with 1; without IP_RECVTTL it holds none.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("ttl", [33, 44])
def test_the_time_to_live_is_held(ns, observe, ttl):
    with listening() as listener, Socket.tcp() as client:
        client.ip_ttl = ttl
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            before = [len(one.ip_pktoptions) for one in (server, client)]
            held = [ttl_held(one) for one in (server, client)]

            assert observe("before_and_held", [before, held]) == [
                [0, 0],
                [[socket.IPPROTO_IP, socket.IP_TTL, ttl], [socket.IPPROTO_IP, socket.IP_TTL, 1]],
            ]


def ttl_held(sock: Socket) -> list[int]:
    """Level, type and value of the message that a socket's IP_PKTOPTIONS has with IP_RECVTTL."""
    sock.ip_recvttl = True
    held = sock.ip_pktoptions
    at = (sys.maxsize.bit_length() + 1) // 8  # behind cmsg_len
    return [int.from_bytes(held[one : one + 4], sys.byteorder) for one in (at, at + 4, at + 8)]
