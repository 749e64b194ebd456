"""SO_PEERCRED: who is at the other end."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, NOBODY
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening_unix
from libsocket import SO_PEERCRED, Socket, Ucred, raw
from netns import as_user


@claim(
    "socket.7/SO_PEERCRED/pair",
    sentence="socket.7/SO_PEERCRED/peer",
    section="Socket options",
    says="SO_PEERCRED of both ends of a UNIX socketpair, stream, datagram or seqpacket, is the process that "
    "made it, with its user and group.",
)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_a_pair_names_its_maker(ns, observe, kind):
    me = Ucred(os.getpid(), os.geteuid(), os.getegid())
    left, right = Socket.pair(kind)
    with left, right:
        assert observe("is_this_process", [left.peercred == me, right.peercred == me]) == [True, True]


def peer_of_another(name: str) -> list[int]:
    """Connect under another user: user and group of the peer, and who connected."""
    with Socket.unix() as client:
        client.connect(name)
        return [*client.peercred[1:], os.geteuid(), os.getegid()]


@claim(
    "socket.7/SO_PEERCRED/connection",
    sentence="socket.7/SO_PEERCRED/peer",
    section="Socket options",
    says="SO_PEERCRED of an accepted UNIX stream connection is who called connect, as which it stays though "
    "that process has ended, and that of the client is who called listen.",
    needs=[ANOTHER_USER],
    survives={"no-op: close()*": "the process that connected ends and closes what it has"},
)
def test_a_connection_names_both_ends(ns, observe):
    with listening_unix() as listener:
        seen = as_user(NOBODY, lambda: peer_of_another(listener.getsockname()))
        with listener.accept()[0] as server:
            of_client = [*server.peercred[1:], server.peercred.pid not in {0, os.getpid()}]

            assert observe("of_listener_and_client", [seen, of_client]) == [
                [os.geteuid(), os.getegid(), NOBODY, NOBODY],
                [NOBODY, NOBODY, True],
            ]


@claim(
    "defacto/SO_PEERCRED/no-peer",
    says="SO_PEERCRED of a new UNIX stream socket, of a TCP or UDP socket and of a UNIX datagram socket that "
    "was connected is no error: process 0, user and group -1. That of a UNIX listener is who called listen.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_where_there_is_no_peer_to_name(ns, observe):
    tcp, other_tcp = Socket.tcp_pair()
    with (
        Socket.unix() as new,
        Socket.unix(socket.SOCK_DGRAM) as bound,
        Socket.unix(socket.SOCK_DGRAM) as connected,
        Socket.udp() as udp,
        listening_unix() as listener,
        tcp,
        other_tcp,
    ):
        bound.bind("")
        connected.connect(bound.getsockname())
        connected_to_it = connected.getpeername() == bound.getsockname()
        nobody = [list(one.peercred) for one in (new, connected, udp, tcp)]

        assert observe(
            "nobody_and_itself", [connected_to_it, nobody, listener.peercred.pid == os.getpid()]
        ) == [
            True,
            [[0, -1, -1]] * 4,
            True,
        ]


@claim(
    "defacto/SO_PEERCRED/read-only",
    says="SO_PEERCRED of a UNIX stream socket cannot be set: ENOPROTOOPT.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_it_cannot_be_set(ns, observe):
    left, right = Socket.pair()
    with left, right:
        before = left.peercred
        with refused(errno.ENOPROTOOPT):
            left.set(SO_PEERCRED.through(raw(12)), bytes(12))

        assert observe("kept", left.peercred == before == (os.getpid(), os.geteuid(), os.getegid())) is True
