"""SO_RCVTIMEO: how long a call waits for something to arrive."""

from __future__ import annotations

import errno
import selectors
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import (
    late_connection,
    listening,
    listening_unix,
    pending_connection,
)
from conformance.plugin.setups.pairs import udp_pair, unix_datagram_pair
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON, timed
from libsocket import Socket


@claim(
    "socket.7/SO_RCVTIMEO/eagain",
    sentence=(
        *("libsocket/rcvtimeo/sets", "libsocket/rcvtimeo/outcome"),
        *("socket.7/SO_RCVTIMEO/timeouts", "socket.7/SO_RCVTIMEO/outcome"),
    ),
    section="Socket options",
    says="A receive on a TCP, UDP or UNIX socket that has waited for the whole receive timeout and got "
    "nothing fails with EAGAIN.",
    since="2.3.41",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair, unix_datagram_pair])
def test_nothing_came_in_time(ns, observe, pair):
    peer, sock = pair()
    with sock, peer:
        sock.rcvtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            sock.recv(1)
        peer.send(b"x")

        assert observe("waited_and_received_after", [took.lasted(0.05), sock.recv(1).decode()]) == [True, "x"]


@claim(
    "socket.7/SO_RCVTIMEO/partial-receive",
    sentence=("libsocket/rcvtimeo/outcome", "socket.7/SO_RCVTIMEO/outcome"),
    section="Socket options",
    says="A receive with MSG_WAITALL on a TCP or UNIX stream socket that times out after it got some of what "
    "it waits for returns what it got.",
    since="2.3.41",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_some_came_in_time(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        sock.rcvtimeo = 0.05
        peer.send(b"abc")
        with timed() as took:
            received = sock.recv(10, socket.MSG_WAITALL)

        assert [observe("received", received.decode()), observe("waited", took.lasted(0.05))] == ["abc", True]


@claim(
    "socket.7/SO_RCVTIMEO/accept",
    sentence=("libsocket/rcvtimeo/outcome", "socket.7/SO_RCVTIMEO/outcome"),
    section="Socket options",
    says="The receive timeout bounds accept(2) on a TCP or UNIX stream socket, which fails with EAGAIN where "
    "nobody connects.",
    since="2.3.41",
)
@pytest.mark.parametrize("listening", [listening, listening_unix])
def test_nobody_connected_in_time(ns, observe, listening):
    with listening() as listener:
        listener.rcvtimeo = 0.05
        with (
            pending_connection(listener),
            listener.accept()[0],  # as it can be while somebody connects
            timed() as took,
            late_connection(listener),
            refused(errno.EAGAIN),
        ):
            listener.accept()[0].close()

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "socket.7/SO_RCVTIMEO/zero-never-times-out",
    sentence=("libsocket/rcvtimeo/zero", "socket.7/SO_RCVTIMEO/zero"),
    section="Socket options",
    says="With a receive timeout of zero a receive on a TCP, UDP or UNIX stream socket waits until "
    "something arrives.",
    since="2.3.41",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair])
def test_zero_waits_until_something_comes(ns, observe, pair):
    peer, sock = pair()
    with sock, peer:
        sock.rcvtimeo = 0.01
        with refused(errno.EAGAIN):
            sock.recv(4)
        sock.rcvtimeo = 0
        with delayed(lambda: peer.send(b"late")):
            received = sock.recv(4)

        assert observe("received", received.decode()) == "late"


@claim(
    "socket.7/SO_RCVTIMEO/polling-unaffected",
    sentence=("libsocket/rcvtimeo/io-only", "socket.7/SO_RCVTIMEO/io-only"),
    section="Socket options",
    says="select(2), poll(2) and epoll_wait(2) pay no heed to the receive timeout of a UDP socket, which "
    "ends its receive.",
    since="2.3.41",
)
@pytest.mark.parametrize("kind", [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector])
def test_polling_has_a_timeout_of_its_own(ns, observe, kind):
    peer, sock = udp_pair()
    with peer, sock, kind() as selector:
        sock.rcvtimeo = 0.01
        with refused(errno.EAGAIN):
            sock.recv(1)
        selector.register(sock, selectors.EVENT_READ)
        with timed() as took:
            selector.select(0.1)
        peer.send(b"x")

        assert [
            observe("waited", took.lasted(0.1)),
            observe("ready_then", bool(selector.select(SOON))),
        ] == [True, True]
