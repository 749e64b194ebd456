"""shutdown(2): one direction of a connection ends, or both."""

from __future__ import annotations

import errno
import select
from collections.abc import Iterator
from contextlib import contextmanager
from socket import SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair
from libsocket import Shutdown, Socket


@contextmanager
def arrival(sock: Socket) -> Iterator[None]:
    """Leave the block once something has arrived, or after a while in vain.

    A socket that was shut for reading always counts as readable, so only a new event tells.
    """
    with select.epoll() as epoll:
        epoll.register(sock, select.EPOLLIN | select.EPOLLET)
        epoll.poll(0)
        yield
        epoll.poll(5)


@claim(
    "shutdown.2/SHUT_RD/nothing-more-received",
    sentence="libsocket/shutdown/disables",
    section="DESCRIPTION",
    says="After SHUT_RD nothing that arrives later is received.",
    expect=differs(
        "TCP and UDP receive what arrives later all the same (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"received": ["", "late"]},
    ),
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair])
def test_what_arrives_later_is_not_received(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.shutdown(Shutdown.READ)
        ended = left.recv(9)
        with arrival(left):
            right.send(b"late")

        assert observe("received", [ended.decode(), left.recv(9).decode()]) == ["", ""]


@claim(
    "shutdown.2/SHUT_RD/nothing-more-received-unix",
    sentence="libsocket/shutdown/disables",
    section="DESCRIPTION",
    says="After SHUT_RD on a UNIX stream socket nothing more is received: its peer is refused with EPIPE.",
)
def test_a_unix_socket_takes_nothing_more(ns, observe):
    left, right = Socket.pair()
    with left, right:
        right.send(b"early")
        left.shutdown(Shutdown.READ)
        with refused(errno.EPIPE):
            right.send(b"late")

        assert observe("received", left.read_to_string()) == "early"


@claim(
    "shutdown.2/SHUT_RD/other-direction-open",
    section="DESCRIPTION",
    says="SHUT_RD ends receiving only: sending goes on.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_shut_for_reading_still_sends(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.shutdown(Shutdown.READ)
        ended = left.recv(9)
        left.send(b"hello")

        assert observe("received", [ended.decode(), right.recv(9).decode()]) == ["", "hello"]


@claim(
    "shutdown.2/SHUT_WR/nothing-more-sent",
    sentence="libsocket/shutdown/disables",
    section="DESCRIPTION",
    says="After SHUT_WR sending is refused.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_shut_for_writing_sends_nothing_more(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.send(b"before")
        left.shutdown(Shutdown.WRITE)
        with refused(errno.EPIPE):
            left.send(b"after")

        assert observe("received", right.recv(20).decode()) == "before"


@claim(
    "shutdown.2/SHUT_WR/other-direction-open",
    section="DESCRIPTION",
    says="SHUT_WR ends sending only: receiving goes on.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, udp_pair])
def test_shut_for_writing_still_receives(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.shutdown(Shutdown.WRITE)
        with refused(errno.EPIPE):
            left.send(b"after")
        right.send(b"hello")

        assert observe("received", left.recv(9).decode()) == "hello"


@claim(
    "shutdown.2/SHUT_RDWR/both-directions-end",
    sentence="libsocket/shutdown/disables",
    section="DESCRIPTION",
    says="After SHUT_RDWR sending is refused and receiving gives the end of the stream.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_shut_both_ways_does_neither(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.send(b"before")
        left.shutdown(Shutdown.BOTH)
        with refused(errno.EPIPE):
            left.send(b"after")

        assert observe("received", left.recv(9).decode()) == ""


@claim(
    "shutdown.2/ENOTCONN/not-connected",
    section="ERRORS",
    says="Shutting down a socket that is not connected fails with ENOTCONN.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair])
def test_there_must_be_a_connection(ns, observe, pair):
    left, right = pair()
    with left, right, Socket(left.family, left.type) as alone:
        left.shutdown(Shutdown.WRITE)
        with refused(errno.ENOTCONN):
            alone.shutdown(Shutdown.WRITE)
        right.send(b"hello")

        assert observe("received", left.recv(9).decode()) == "hello"


@claim(
    "shutdown.2/ENOTCONN/unix-not-connected",
    section="ERRORS",
    says="Shutting down a UNIX domain socket that is not connected fails with ENOTCONN.",
    expect=differs(
        "it succeeds: whether there is a peer is not asked (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None},
    ),
)
@pytest.mark.parametrize("type_", [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET])
def test_a_unix_socket_must_have_a_peer(ns, observe, type_):
    left, right = Socket.pair(type_)
    with left, right, Socket.unix(type_) as alone:
        left.shutdown(Shutdown.WRITE)
        with refused(errno.ENOTCONN):
            alone.shutdown(Shutdown.WRITE)
