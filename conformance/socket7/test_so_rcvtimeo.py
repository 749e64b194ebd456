"""SO_RCVTIMEO: how long a call waits for something to arrive."""

from __future__ import annotations

import errno
import selectors
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import timed
from libsocket import Socket


@claim(
    "socket.7/SO_RCVTIMEO/eagain",
    sentence=("libsocket/rcvtimeo/sets", "libsocket/rcvtimeo/outcome"),
    section="Socket options",
    says="A receive that has waited for the whole timeout and got nothing fails with EAGAIN.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair])
def test_nothing_came_in_time(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        sock.rcvtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            sock.recv(1)

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "socket.7/SO_RCVTIMEO/partial-receive",
    sentence="libsocket/rcvtimeo/outcome",
    section="Socket options",
    says="A receive that times out after it got some of what it waits for returns what it got.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_some_came_in_time(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        sock.rcvtimeo = 0.05
        peer.send(b"abc")

        assert observe("received", sock.recv(10, socket.MSG_WAITALL).decode()) == "abc"


@claim(
    "socket.7/SO_RCVTIMEO/accept",
    sentence="libsocket/rcvtimeo/outcome",
    section="Socket options",
    says="The receive timeout bounds accept(2) too, which fails with EAGAIN where nobody connects.",
)
@pytest.mark.parametrize("listening", [listening, listening_unix])
def test_nobody_connected_in_time(ns, observe, listening):
    with listening() as listener:
        listener.rcvtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            listener.accept()
        with pending_connection(listener), listener.accept()[0]:  # as it can be while somebody does
            pass

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "socket.7/SO_RCVTIMEO/zero-by-default",
    sentence="libsocket/rcvtimeo/zero",
    section="Socket options",
    says="A socket begins with a receive timeout of zero.",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix])
def test_is_zero_at_first(ns, observe, make):
    with make() as sock:
        assert observe("timeout", sock.rcvtimeo) == 0


@claim(
    "socket.7/SO_RCVTIMEO/zero-never-times-out",
    sentence="libsocket/rcvtimeo/zero",
    section="Socket options",
    says="With a receive timeout of zero a receive waits until something arrives.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair])
def test_zero_waits_until_something_comes(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        sock.rcvtimeo = 0.01
        sock.rcvtimeo = 0
        with delayed(lambda: peer.send(b"late")):
            received = sock.recv(4)

        assert observe("received", received.decode()) == "late"


@claim(
    "socket.7/SO_RCVTIMEO/polling-unaffected",
    sentence="libsocket/rcvtimeo/io-only",
    section="Socket options",
    says="select(2), poll(2) and epoll_wait(2) pay no heed to the receive timeout of a socket.",
)
@pytest.mark.parametrize("kind", [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector])
def test_polling_has_a_timeout_of_its_own(ns, observe, kind):
    with Socket.udp() as sock, kind() as selector:
        sock.rcvtimeo = 0.01
        selector.register(sock, selectors.EVENT_READ)
        with timed() as took:
            selector.select(0.1)

        assert observe("waited", took.lasted(0.1)) is True
