"""SO_SNDTIMEO: how long a call waits for room to send, or for a connection."""

from __future__ import annotations

import errno
import selectors

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import full_backlog, listening, listening_unix
from conformance.plugin.setups.pairs import fill_buffer, slow_reader
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import timed
from libsocket import Socket

UNIX_SAYS_EAGAIN = differs(
    "EAGAIN, as connect(2) says of non-blocking UNIX domain sockets; older than the history in git",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"errno": "EAGAIN"},
)


@claim(
    "socket.7/SO_SNDTIMEO/eagain",
    sentence=("libsocket/sndtimeo/sets", "libsocket/sndtimeo/outcome"),
    section="Socket options",
    says="A send that has waited for the whole timeout and found no room fails with EAGAIN.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_no_room_in_time(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        sock.send(b"x")
        ns.set_link("lo", up=False)  # nothing is acknowledged any more, so what is full stays full
        fill_buffer(sock)
        sock.sndtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            sock.send(b"x")

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "socket.7/SO_SNDTIMEO/partial-send",
    sentence="libsocket/sndtimeo/outcome",
    section="Socket options",
    says="A send that times out with some of its data sent returns how much that is.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_room_for_some_in_time(ns, observe, pair):
    sock, peer = pair()
    with sock, peer:
        sock.sndbuf = 65_536
        sock.sndtimeo = 0.05
        data = bytes(50_000_000)
        sent = sock.send(data)

        assert observe("some_sent", 0 < sent < len(data)) is True


@claim(
    "socket.7/SO_SNDTIMEO/connect-einprogress",
    sentence="libsocket/sndtimeo/outcome",
    section="Socket options",
    says="A connect that has waited for the whole send timeout fails with EINPROGRESS.",
)
def test_no_connection_in_time(ns, observe):
    with listening() as listener, full_backlog(listener) as client:
        client.sndtimeo = 0.05
        with timed() as took, refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "socket.7/SO_SNDTIMEO/connect-goes-on",
    sentence="libsocket/sndtimeo/outcome",
    section="Socket options",
    says="After the timeout of a connect the attempt goes on, as on a non-blocking socket: "
    "another one fails with EALREADY.",
)
def test_connecting_goes_on_after_the_timeout(ns, observe):
    with listening() as listener, full_backlog(listener) as client:
        client.sndtimeo = 0.05
        with refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())

        with timed() as took, refused(errno.EALREADY):
            client.connect(listener.getsockname())

        assert observe("waited_again", took.lasted(0.05)) is True


@claim(
    "socket.7/SO_SNDTIMEO/unix-connect-einprogress",
    sentence="libsocket/sndtimeo/outcome",
    section="Socket options",
    says="A UNIX domain connect that has waited for the whole send timeout fails with EINPROGRESS.",
    expect=UNIX_SAYS_EAGAIN,
)
def test_no_unix_connection_in_time(ns, observe):
    with listening_unix() as listener, full_backlog(listener) as client:
        client.sndtimeo = 0.05
        with timed() as took, refused(errno.EINPROGRESS):
            client.connect(listener.getsockname())

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "socket.7/SO_SNDTIMEO/zero-by-default",
    sentence="libsocket/sndtimeo/zero",
    section="Socket options",
    says="A socket begins with a send timeout of zero.",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, Socket.unix])
def test_is_zero_at_first(ns, observe, make):
    with make() as sock:
        assert observe("timeout", sock.sndtimeo) == 0


@claim(
    "socket.7/SO_SNDTIMEO/zero-never-times-out",
    sentence="libsocket/sndtimeo/zero",
    section="Socket options",
    says="With a send timeout of zero a send waits until there is room.",
)
def test_zero_waits_until_there_is_room(ns, observe):
    with slow_reader() as (sock, peer):
        sock.sndtimeo = 0.01
        sock.sndtimeo = 0
        queued = fill_buffer(sock)
        with delayed(lambda: peer.read_exact(queued)):
            sent = sock.send(bytes(65_536))

        assert observe("sent", sent) == 65_536


@claim(
    "socket.7/SO_SNDTIMEO/polling-unaffected",
    sentence="libsocket/sndtimeo/io-only",
    section="Socket options",
    says="select(2), poll(2) and epoll_wait(2) pay no heed to the send timeout of a socket.",
)
@pytest.mark.parametrize("kind", [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector])
def test_polling_has_a_timeout_of_its_own(ns, observe, kind):
    sock, peer = Socket.pair()
    with sock, peer, kind() as selector:
        fill_buffer(sock)
        sock.sndtimeo = 0.01
        selector.register(sock, selectors.EVENT_WRITE)
        with timed() as took:
            selector.select(0.1)

        assert observe("waited", took.lasted(0.1)) is True
