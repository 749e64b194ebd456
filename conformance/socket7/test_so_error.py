"""SO_ERROR: the error that waits on a socket."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.pairs import udp_pair
from conformance.plugin.setups.readiness import await_error, await_writable
from conformance.plugin.timing import SOON
from libsocket import Socket


def refused_udp() -> Socket:
    """A UDP socket that was told that nobody is at its peer's port."""
    sender, receiver = udp_pair()
    receiver.close()
    sender.send(b"anybody there?")
    await_error(sender)
    return sender


def refused_tcp() -> Socket:
    """A TCP socket whose connect was refused while nobody waited for it."""
    with Socket.tcp() as bound:
        bound.bind(("127.0.0.1", 0))
        client = Socket.tcp()
        client.nonblocking = True
        with refused(errno.EINPROGRESS, "errno_of_connect"):
            client.connect(bound.getsockname())
    await_writable(client)
    return client


BOTH = pytest.mark.parametrize("make", [refused_udp, refused_tcp], ids=["udp", "tcp"])


@claim(
    "socket.7/SO_ERROR/clears",
    sentence="socket.7/SO_ERROR/clears",
    section="Socket options",
    says="On a UDP or TCP socket whose peer's port is closed SO_ERROR reads ECONNREFUSED, and 0 after that.",
    survives={"no-op: close()*": "a bound TCP socket that does not listen refuses as a closed port does"},
)
@BOTH
def test_reading_clears_the_error(ns, observe, make):
    with make() as sock:
        assert observe("errors", [sock.error, sock.error]) == [errno.ECONNREFUSED, 0]


@claim(
    "socket.7/SO_ERROR/cleared-for-calls",
    sentence="socket.7/SO_ERROR/clears",
    section="Socket options",
    says="A pending ECONNREFUSED of a UDP socket fails the next receive; one that SO_ERROR has read does "
    "not: a non-blocking receive then fails with EAGAIN.",
)
def test_what_was_read_fails_no_call(ns, observe):
    with refused_udp() as unread, refused_udp() as read:
        unread.rcvtimeo = SOON
        read.nonblocking = True
        error = read.error
        with refused(errno.ECONNREFUSED, "errno_unread"):
            unread.recv(1)
        with refused(errno.EAGAIN):
            read.recv(1)

        assert observe("read", error) == errno.ECONNREFUSED
