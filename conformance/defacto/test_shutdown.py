"""shutdown(2) beyond what it says: how a socket reads that was shut for reading, and the errnos."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair, unix_datagram_pair
from conformance.plugin.setups.readiness import arrival
from libsocket import Shutdown, Socket


def unix_packet_pair() -> tuple[Socket, Socket]:
    """Two UNIX domain sockets that keep messages apart and in order, connected to each other."""
    return Socket.pair(socket.SOCK_SEQPACKET)


@claim(
    "defacto/SHUT_RD/reads-as-ended",
    says="With nothing left to receive, a blocking TCP, UDP or UNIX socket that has a peer and was shut for "
    "reading gives 0 bytes and does not wait.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    "pair", [Socket.tcp_pair, Socket.pair, unix_packet_pair, unix_datagram_pair, udp_pair]
)
def test_shut_for_reading_reads_as_ended(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.shutdown(Shutdown.READ)

        assert observe("received", left.recv(9).decode()) == ""


@claim(
    "defacto/SHUT_RD/nonblocking-udp-eagain",
    says="A non-blocking UDP socket that was shut for reading and has nothing to receive fails with EAGAIN,"
    " where a blocking one gives 0 bytes.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_nonblocking_udp_socket_has_no_end(ns, observe):
    left, right = udp_pair()
    with left, right:
        left.shutdown(Shutdown.READ)
        blocking = left.recv(9)
        left.nonblocking = True
        with refused(errno.EAGAIN):
            left.recv(9)

        assert observe("blocking", blocking.decode()) == ""


@claim(
    "defacto/SHUT_RD/nonblocking-unix-datagram-eagain",
    says="A non-blocking UNIX datagram socket that was shut for reading and has nothing to receive fails "
    "with EAGAIN, where a blocking one gives 0 bytes.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_nonblocking_unix_datagram_socket_has_no_end(ns, observe):
    left, right = unix_datagram_pair()
    with left, right:
        left.shutdown(Shutdown.READ)
        blocking = left.recv(9)
        left.nonblocking = True
        with refused(errno.EAGAIN):
            left.recv(9)

        assert observe("blocking", blocking.decode()) == ""


@claim(
    "defacto/SHUT_RD/nonblocking-streams-end",
    says="A non-blocking TCP or UNIX stream socket that was shut for reading and has nothing to receive "
    "gives 0 bytes, where one that was not shut fails with EAGAIN.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_nonblocking_stream_has_an_end(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.nonblocking = True
        with refused(errno.EAGAIN):
            left.recv(9)
        left.shutdown(Shutdown.READ)

        assert observe("received", left.recv(9).decode()) == ""


@claim(
    "defacto/SHUT_RD/udp-without-peer",
    says="A UDP socket without a peer is shut for reading, though shutdown(2) fails with ENOTCONN.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_a_udp_socket_is_shut_though_refused(ns, observe):
    with Socket.udp() as sock:
        sock.bind(("127.0.0.1", 0))
        with refused(errno.ENOTCONN):
            sock.shutdown(Shutdown.READ)

        assert observe("received", sock.recv(9).decode()) == ""


@claim(
    "defacto/SHUT_RDWR/late-data-resets",
    says="Data that arrives at a TCP socket after SHUT_RDWR resets the connection: the next receive fails "
    "with ECONNRESET, and the peer's next send with EPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_data_for_who_receives_no_more_resets(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        left.shutdown(Shutdown.BOTH)
        before = left.recv(9)
        with arrival(left):
            right.send(b"late")
        with refused(errno.ECONNRESET):
            left.recv(9)
        with refused(errno.EPIPE, "errno_of_peer"):
            right.send(b"later")

        assert observe("before", before.decode()) == ""


@claim(
    "defacto/SHUT_WR/datagram-epipe",
    says="Sending on a connected UDP or UNIX datagram socket after SHUT_WR or SHUT_RDWR fails with EPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("how", [Shutdown.WRITE, Shutdown.BOTH], ids=["write", "both"])
@pytest.mark.parametrize("pair", [udp_pair, unix_datagram_pair], ids=["udp", "unix"])
def test_a_datagram_socket_shut_for_writing_gives_epipe(ns, observe, pair, how):
    left, right = pair()
    with left, right:
        left.send(b"before")
        left.shutdown(how)
        with refused(errno.EPIPE):
            left.send(b"after")

        assert observe("received", right.recv(9).decode()) == "before"


@claim(
    "defacto/SHUT_RD/unix-datagram-peer-epipe",
    says="Sending to a connected UNIX datagram socket after its SHUT_RD or SHUT_RDWR fails with EPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("how", [Shutdown.READ, Shutdown.BOTH], ids=["read", "both"])
def test_a_unix_datagram_socket_shut_for_reading_gives_its_peer_epipe(ns, observe, how):
    left, right = unix_datagram_pair()
    with left, right:
        right.send(b"before")
        left.shutdown(how)
        with refused(errno.EPIPE):
            right.send(b"after")

        assert observe("received", left.recv(9).decode()) == "before"
