"""SO_PEERSEC: the security label of who is at the other end of a UNIX socket."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import PEER_LABELS
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.setups.processes import security_label
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import SO_PEERSEC, Socket, raw

STREAMS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])


@claim(
    "defacto/SO_PEERSEC/pair",
    says="SO_PEERSEC of both ends of a UNIX stream socketpair is the label that a security module gives the "
    "process which made it.",
    since="4.18",
    commit="0b811db2cb2a",
    needs=[PEER_LABELS],
)
def test_a_pair_has_the_label_of_its_maker(ns, observe):
    left, right = Socket.pair()
    with left, right:
        label = security_label()

        assert observe("is_the_label", [left.peersec == label, right.peersec == label]) == [True, True]


@claim(
    "defacto/SO_PEERSEC/connection",
    says="SO_PEERSEC of both ends of a UNIX stream or seqpacket connection is the label that a security "
    "module gives the process at the other.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[PEER_LABELS],
)
@STREAMS
def test_a_connection_has_the_labels_of_both_ends(ns, observe, kind):
    with (
        listening_unix(kind) as listener,
        pending_connection(listener) as client,
        listener.accept()[0] as accepted,
    ):
        label = security_label()

        assert observe("is_the_label", [client.peersec == label, accepted.peersec == label]) == [True, True]


@claim(
    "defacto/SO_PEERSEC/room",
    says="Reading SO_PEERSEC of a UNIX stream socketpair into a byte less than the label has is refused with "
    "ERANGE; into as many bytes it is read whole.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[PEER_LABELS],
)
def test_a_label_is_read_whole(ns, observe):
    left, right = Socket.pair()
    with left, right:
        whole = left.get(SO_PEERSEC.through(raw(256)))
        with refused(errno.ERANGE):
            left.get(SO_PEERSEC.through(raw(len(whole) - 1)))

        assert observe("same", left.get(SO_PEERSEC.through(raw(len(whole)))) == whole) is True


@claim(
    "defacto/SO_PEERSEC/elsewhere",
    says="SO_PEERSEC of a UDP, UNIX datagram or netlink socket is refused with ENOPROTOOPT, where a UNIX "
    "stream socketpair has a label.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[PEER_LABELS],
)
@pytest.mark.parametrize("kind", ["udp", "udp6", "unix-datagram", "netlink"])
def test_other_sockets_have_no_peer_with_a_label(ns, observe, kind):
    left, right = Socket.pair()
    with left, right, SOCKETS[kind]() as sock:
        with refused(errno.ENOPROTOOPT):
            sock.get(SO_PEERSEC)

        assert observe("of_a_pair", left.peersec == security_label()) is True
