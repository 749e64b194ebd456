"""Which events poll(2) reports, by what has happened to a socket."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.pairs import fill_buffer, udp_pair, unix_datagram_pair
from conformance.plugin.setups.readiness import (
    await_end,
    await_error,
    await_readable,
    await_writable,
    events,
)
from conformance.plugin.setups.sockets import unix_datagram
from libsocket import Linger, Shutdown, Socket

STREAMS = pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])


@claim(
    "socket.7/POLLIN/data",
    sentence=("socket.7/poll/data", "socket.7/O_NONBLOCK/waiting"),
    section="Socket-layer functions",
    says="poll reports POLLIN of a non-blocking TCP, UDP or UNIX socket once data have arrived, not before, "
    "when a receive fails with EAGAIN.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, udp_pair, Socket.pair, unix_datagram_pair])
def test_data_that_arrive(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        receiver.nonblocking = True
        with refused(errno.EAGAIN):
            receiver.recv(1)
        before = events(receiver)
        sender.send(b"data")
        await_readable(receiver)

        assert observe("before_and_after", [before, events(receiver)]) == [["OUT"], ["IN", "OUT"]]


@claim(
    "socket.7/POLLIN/connection",
    sentence="socket.7/poll/set-up",
    section="Socket-layer functions",
    says="poll reports POLLIN of a listening TCP or UNIX stream socket once a connection waits to be "
    "accepted, and nothing before.",
)
@pytest.mark.parametrize("listening", [listening, listening_unix], ids=["tcp", "unix"])
def test_a_connection_that_waits(ns, observe, listening):
    with listening() as listener:
        before = events(listener)
        with pending_connection(listener):
            assert observe("before_and_after", [before, events(listener)]) == [[], ["IN"]]


@claim(
    "socket.7/POLLHUP/peer-closed",
    sentence="socket.7/poll/disconnection",
    section="Socket-layer functions",
    says="poll reports POLLHUP of a TCP socket whose peer has closed the connection.",
    expect=differs(
        "POLLIN alone, until this end is shut down too; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"before_and_after": [["OUT"], ["IN", "OUT"]], "hung_up_at_both_ends": True},
    ),
)
def test_a_tcp_peer_that_closes(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        before = events(left)
        right.close()
        await_end(left)
        after = events(left)
        left.shutdown(Shutdown.WRITE)
        observe("hung_up_at_both_ends", "HUP" in events(left))

        assert observe("before_and_after", [before, after]) == [["OUT"], ["IN", "OUT", "HUP"]]


@claim(
    "socket.7/POLLHUP/unix-peer-closed",
    sentence="socket.7/poll/disconnection",
    section="Socket-layer functions",
    says="poll reports POLLHUP of a UNIX stream socket whose peer has closed the connection.",
)
def test_a_unix_peer_that_closes(ns, observe):
    left, right = Socket.pair()
    with left, right:
        before = events(left)
        right.close()

        assert observe("before_and_after", [before, events(left)]) == [["OUT"], ["IN", "OUT", "HUP"]]


@claim(
    "socket.7/POLLHUP/reset",
    sentence="socket.7/poll/broken",
    section="Socket-layer functions",
    says="poll reports POLLHUP of a TCP socket whose connection the peer has reset, and goes on to when the "
    "error was read; it reports none of a UDP socket whose peer's port is closed.",
)
def test_a_connection_that_is_reset(ns, observe):
    left, right = Socket.tcp_pair()
    sender, receiver = udp_pair()
    with left, right, sender, receiver:
        right.linger = Linger(True, 0)
        right.close()
        await_error(left)
        broken = [events(left), left.error, events(left)]
        receiver.close()
        sender.send(b"anybody there?")
        await_error(sender)

        assert observe("reset_and_refused", [broken, events(sender)]) == [
            [["IN", "OUT", "ERR", "HUP"], errno.ECONNRESET, ["IN", "OUT", "HUP"]],
            ["OUT", "ERR"],
        ]


@claim(
    "socket.7/POLLOUT/room",
    sentence="socket.7/poll/room",
    section="Socket-layer functions",
    says="poll reports POLLOUT of a TCP or UNIX stream socket whose send buffer is empty, not when it is "
    "full, and again when the peer has read all of it.",
)
@STREAMS
def test_room_in_the_send_buffer(ns, observe, pair):
    sender, receiver = pair()
    with sender, receiver:
        before = events(sender)
        sent = fill_buffer(sender)
        full = events(sender)
        receiver.read_exact(sent)
        await_writable(sender)

        assert observe("empty_full_and_read", [before, full, events(sender)]) == [["OUT"], [], ["OUT"]]


@claim(
    "socket.7/POLLOUT/connect-finished",
    sentence=("socket.7/poll/connect", "socket.7/O_NONBLOCK/waiting"),
    section="Socket-layer functions",
    says="poll reports POLLIN and POLLOUT of a non-blocking TCP socket when its connect has finished.",
    expect=differs(
        "POLLOUT alone; POLLIN comes with data; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno_of_connect": "EINPROGRESS", "error": 0, "finished": ["OUT"]},
    ),
)
def test_a_connect_that_has_finished(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS, "errno_of_connect"):
            client.connect(listener.getsockname())
        await_writable(client)

        assert [observe("error", client.error), observe("finished", events(client))] == [0, ["IN", "OUT"]]


@claim(
    "socket.7/POLLERR/asynchronous",
    sentence="socket.7/poll/error",
    section="Socket-layer functions",
    says="poll reports POLLERR of a connected UDP socket once it was told that its peer's port is closed, "
    "until the error is read.",
)
def test_an_asynchronous_error(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        before = events(sender)
        receiver.close()
        sender.send(b"anybody there?")
        await_error(sender)
        seen = [before, events(sender), sender.error, events(sender)]

        assert observe("before_pending_and_read", seen) == [
            ["OUT"],
            ["OUT", "ERR"],
            errno.ECONNREFUSED,
            ["OUT"],
        ]


@claim(
    "socket.7/POLLHUP/one-direction",
    sentence="socket.7/poll/one-direction",
    section="Socket-layer functions",
    says="poll reports POLLHUP of a TCP or UNIX stream socket whose peer has shut down one direction, that "
    "in which it sends.",
    expect=differs(
        "POLLIN alone, until both directions are shut down; older than the history in git",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"before_and_after": [["OUT"], ["IN", "OUT"]], "hung_up_at_both_ends": True},
    ),
)
@STREAMS
def test_a_peer_that_shuts_one_direction(ns, observe, pair):
    left, right = pair()
    with left, right:
        before = events(left)
        right.shutdown(Shutdown.WRITE)
        await_end(left)
        after = events(left)
        left.shutdown(Shutdown.WRITE)
        observe("hung_up_at_both_ends", "HUP" in events(left))

        assert observe("before_and_after", [before, after]) == [["OUT"], ["IN", "OUT", "HUP"]]


@claim(
    "defacto/POLLHUP/new-stream",
    says="poll reports POLLOUT and POLLHUP of a TCP or UNIX stream socket that was never connected, and of a "
    "UDP or UNIX datagram socket POLLOUT alone.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("stream", "datagram"), [(Socket.tcp, Socket.udp), (Socket.unix, unix_datagram)], ids=["ip", "unix"]
)
def test_a_stream_socket_without_a_connection(ns, observe, stream, datagram):
    with stream() as sock, datagram() as other:
        assert observe("stream_and_datagram", [events(sock), events(other)]) == [["OUT", "HUP"], ["OUT"]]
