"""send(2): what a send promises, when it waits and when it is refused."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix
from conformance.plugin.setups.pairs import udp_pair, unix_datagram_pair
from conformance.plugin.setups.threads import in_thread
from conformance.plugin.timing import TIMEOUT, timed
from libsocket import Shutdown, Socket

LONG = bytes(1 << 20)
"""More than the buffers of a narrow pair hold, however the kernel counts."""

TOO_LONG_FOR_UDP = 65_535 - 20 - 8 + 1
"""One byte more than an IPv4 packet holds beside its own header and that of UDP."""

BLOCKS = claim(
    "send.2/send/blocks-without-room",
    sentence="libsocket/send/blocks",
    section="DESCRIPTION",
    says="Sending what does not fit into the send buffer waits until it does.",
)


def narrow(pair: tuple[Socket, Socket]) -> tuple[Socket, Socket]:
    """The same two sockets, with buffers far below a megabyte."""
    for sock in pair:
        sock.sndbuf = sock.rcvbuf = 65_536
    return pair


@BLOCKS
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_goes_on_once_there_is_room(ns, observe, pair):
    left, right = narrow(pair())
    with left, right, in_thread(lambda: left.send(LONG)) as sent:
        before = sent.wait(0.05)
        right.read_exact(len(LONG))

        assert observe("sent_before_and_after_reading", [before, sent.wait(TIMEOUT)]) == [False, True]


@BLOCKS
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_waits_as_long_as_it_may(ns, observe, pair):
    left, right = narrow(pair())
    with left, right:
        left.sndtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN):
            left.write_all(LONG)

        assert observe("waited", took.lasted(0.05)) is True


@claim(
    "send.2/EAGAIN/nonblocking-without-room",
    sentence="libsocket/send/would-block",
    section="ERRORS",
    says="A non-blocking socket fails with EAGAIN when there is no room in its send buffer.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_a_nonblocking_socket_does_not_wait(ns, observe, pair):
    left, right = narrow(pair())
    with left, right:
        left.nonblocking = True
        left.send(b"first")
        with refused(errno.EAGAIN):
            left.write_all(LONG)

        assert observe("received", right.read_exact(5).decode()) == "first"


@claim(
    "send.2/EMSGSIZE/nothing-sent",
    sentence="libsocket/send/emsgsize",
    section="DESCRIPTION",
    says="A message too long to be passed on in one piece fails with EMSGSIZE, and nothing of it is sent.",
)
def test_nothing_of_a_message_too_long_is_sent(ns, observe):
    left, right = udp_pair()
    with left, right:
        with refused(errno.EMSGSIZE):
            left.send(bytes(TOO_LONG_FOR_UDP))
        left.send(b"next")

        assert observe("received", right.recv(9).decode()) == "next"


@claim(
    "send.2/EMSGSIZE/unix-nothing-sent",
    sentence="libsocket/send/emsgsize",
    section="DESCRIPTION",
    says="A UNIX datagram longer than the send buffer fails with EMSGSIZE, and nothing of it is sent.",
)
def test_nothing_of_a_unix_datagram_too_long_is_sent(ns, observe):
    left, right = unix_datagram_pair()
    with left, right:
        with refused(errno.EMSGSIZE):
            left.send(bytes(left.sndbuf))
        left.send(b"next")

        assert observe("received", right.recv(9).decode()) == "next"


@claim(
    "send.2/send/success-says-nothing-of-delivery",
    sentence="libsocket/send/no-indication",
    section="DESCRIPTION",
    says="A failure to deliver is not told by send: a datagram for a port that nobody holds is sent.",
)
def test_a_datagram_for_nobody_is_sent(ns, observe):
    sender, gone = udp_pair()
    with sender, gone:
        gone.close()
        sent = sender.send(b"hello")
        with refused(errno.ECONNREFUSED):
            sender.recv(9)

        assert observe("sent", sent) == 5


@claim(
    "send.2/send/local-errors-told",
    sentence="libsocket/send/local-errors",
    section="DESCRIPTION",
    says="An error that is found on this machine is the error of send: with no route it is ENETUNREACH.",
)
def test_a_datagram_without_a_route_is_not_sent(ns, observe):
    with Socket.udp() as sender, Socket.udp() as receiver:
        receiver.bind(("127.0.0.1", 0))
        with refused(errno.ENETUNREACH):
            sender.sendto(b"hello", ("192.0.2.1", 9))

        assert observe("sent_where_a_route_is", sender.sendto(b"hello", receiver.getsockname())) == 5


@claim(
    "send.2/ENOTCONN/stream-not-connected",
    section="ERRORS",
    says="Sending on a stream socket that is not connected fails with ENOTCONN.",
    expect=differs(
        "TCP gives EPIPE, as the page's own BUGS allow (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EPIPE"},
    ),
)
def test_a_stream_must_be_connected(ns, observe):
    with listening() as listener, Socket.tcp() as connected, Socket.tcp() as sock:
        connected.connect(listener.getsockname())
        connected.send(b"hello")
        with refused(errno.ENOTCONN):
            sock.send(b"hello")


@claim(
    "send.2/ENOTCONN/unix-stream-not-connected",
    section="ERRORS",
    says="Sending on a UNIX stream socket that is not connected fails with ENOTCONN.",
)
def test_a_unix_stream_must_be_connected(ns, observe):
    with listening_unix() as listener, Socket.unix() as sock:
        with refused(errno.ENOTCONN):
            sock.send(b"hello")
        sock.connect(listener.getsockname())

        assert observe("sent_once_connected", sock.send(b"hello")) == 5


@claim(
    "send.2/EDESTADDRREQ/no-peer",
    section="ERRORS",
    says="Sending on a datagram socket that has no peer, with no address given, fails with EDESTADDRREQ.",
)
def test_a_datagram_needs_a_destination(ns, observe):
    with Socket.udp() as sock, Socket.udp() as receiver:
        receiver.bind(("127.0.0.1", 0))
        with refused(errno.EDESTADDRREQ):
            sock.send(b"hello")
        sock.connect(receiver.getsockname())

        assert observe("sent_once_connected", sock.send(b"hello")) == 5


@claim(
    "send.2/EPIPE/shut-down-here",
    section="ERRORS",
    says="Sending on a stream socket whose own sending side was shut down fails with EPIPE.",
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair])
def test_nothing_is_sent_after_the_end(ns, observe, pair):
    left, right = pair()
    with left, right:
        left.send(b"before")
        left.shutdown(Shutdown.WRITE)
        with refused(errno.EPIPE):
            left.send(b"after")

        assert observe("received", right.read_to_string()) == "before"
