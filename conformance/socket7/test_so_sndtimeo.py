"""SO_SNDTIMEO: how long a call waits for room to send, or for a connection."""

from __future__ import annotations

import errno
import selectors
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import LINK_DOWN
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import full_backlog, listening, listening_unix
from conformance.plugin.setups.pairs import fill_buffer, slow_reader, unix_datagram_pair
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON, timed
from libsocket import Socket

UNIX_SAYS_EAGAIN = differs(
    "EAGAIN, as connect(2) says of non-blocking UNIX domain sockets; older than the history in git",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"errno": "EAGAIN"},
)


@contextmanager
def unix_pair() -> Iterator[tuple[Socket, Socket]]:
    """Two UNIX stream sockets, closed in the end."""
    left, right = Socket.pair()
    with left, right:
        yield left, right


@claim(
    "socket.7/SO_SNDTIMEO/eagain",
    sentence=(
        *("libsocket/sndtimeo/sets", "libsocket/sndtimeo/outcome"),
        *("socket.7/SO_RCVTIMEO/timeouts", "socket.7/SO_RCVTIMEO/outcome"),
    ),
    section="Socket options",
    says="A send on a TCP or UNIX socket that has waited for the whole send timeout and found no room fails "
    "with EAGAIN.",
    since="2.3.41",
    needs=[LINK_DOWN],
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair, unix_datagram_pair])
def test_no_room_in_time(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        peer.rcvtimeo = SOON
        sock.send(b"x")
        before = peer.recv(1).decode()
        ns.set_link("lo", up=False)  # nothing is acknowledged any more, so what is full stays full
        fill_buffer(sock)
        sock.sndtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            sock.send(b"x")

        assert observe("received_before_and_waited", [before, took.lasted(0.05)]) == ["x", True]


@claim(
    "socket.7/SO_SNDTIMEO/partial-send",
    sentence=("libsocket/sndtimeo/outcome", "socket.7/SO_RCVTIMEO/outcome"),
    section="Socket options",
    says="A send on a TCP or UNIX stream socket that times out with some of its data sent returns how much "
    "that is.",
    since="2.3.41",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_room_for_some_in_time(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        sock.sndtimeo = 0.05
        data = bytes(50_000_000)
        with timed() as took:
            sent = sock.send(data)
        sock.close()
        peer.rcvtimeo = SOON

        assert [
            observe("some_sent", 0 < sent < len(data)),
            observe("waited", took.lasted(0.05)),
            observe("all_received", len(peer.read_to_end()) == sent),
        ] == [True, True, True]


@claim(
    "socket.7/SO_SNDTIMEO/connect-einprogress",
    sentence=("libsocket/sndtimeo/outcome", "socket.7/SO_RCVTIMEO/outcome"),
    section="Socket options",
    says="A TCP connect that has waited for the whole send timeout fails with EINPROGRESS.",
    since="2.3.41",
)
def test_no_connection_in_time(ns, observe):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        client.sndtimeo = 0.05
        with timed() as took, refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "socket.7/SO_SNDTIMEO/connect-goes-on",
    sentence=("libsocket/sndtimeo/outcome", "socket.7/SO_RCVTIMEO/outcome"),
    section="Socket options",
    says="After the timeout of a TCP connect the attempt goes on, as on a non-blocking socket: the "
    "connection is made once the listener has room.",
    since="2.3.41",
)
def test_connecting_goes_on_after_the_timeout(ns, observe):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        client.sndtimeo = 0.05
        with refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())
        listener.rcvtimeo = SOON
        filling = listener.accept()[0]  # the connection that filled the backlog
        with filling, listener.accept()[0] as server:
            assert observe("connected", server.getpeername() == client.getsockname()) is True


@claim(
    "socket.7/SO_SNDTIMEO/unix-connect-einprogress",
    sentence=("libsocket/sndtimeo/outcome", "socket.7/SO_RCVTIMEO/outcome"),
    section="Socket options",
    says="A UNIX stream connect that has waited for the whole send timeout fails with EINPROGRESS.",
    since="2.3.41",
    expect=UNIX_SAYS_EAGAIN,
)
def test_no_unix_connection_in_time(ns, observe):
    with listening_unix(backlog=0) as listener, full_backlog(listener) as client:
        client.sndtimeo = 0.05
        with timed() as took, refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "socket.7/SO_SNDTIMEO/zero-never-times-out",
    sentence=("libsocket/sndtimeo/zero", "socket.7/SO_RCVTIMEO/zero"),
    section="Socket options",
    says="With a send timeout of zero a send on a TCP or UNIX stream socket waits until there is room.",
    since="2.3.41",
)
@pytest.mark.parametrize("pair", [slow_reader, unix_pair])
def test_zero_waits_until_there_is_room(ns, observe, pair):
    with pair() as (sock, peer):
        queued = fill_buffer(sock)
        data = bytes(queued // 2)
        sock.sndtimeo = 0.01
        with refused(errno.EAGAIN):
            sock.write_all(bytes(10_000_000))  # an acknowledgement that came late may make room for some
        sock.sndtimeo = 0
        with delayed(lambda: peer.read_exact(queued)):
            sent = sock.send(data)

        assert observe("all_sent", sent == len(data)) is True


@claim(
    "socket.7/SO_SNDTIMEO/polling-unaffected",
    sentence=("libsocket/sndtimeo/io-only", "socket.7/SO_RCVTIMEO/io-only"),
    section="Socket options",
    says="select(2), poll(2) and epoll_wait(2) pay no heed to the send timeout of a UNIX stream socket, "
    "which ends its send.",
    since="2.3.41",
)
@pytest.mark.parametrize("kind", [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector])
def test_polling_has_a_timeout_of_its_own(ns, observe, kind):
    sock, peer = Socket.pair()
    with sock, peer, kind() as selector:
        queued = fill_buffer(sock)
        sock.sndtimeo = 0.01
        with refused(errno.EAGAIN):
            sock.send(b"x")
        selector.register(sock, selectors.EVENT_WRITE)
        with timed() as took:
            selector.select(0.1)
        peer.read_exact(queued)

        assert [
            observe("waited", took.lasted(0.1)),
            observe("ready_then", bool(selector.select(SOON))),
        ] == [True, True]
