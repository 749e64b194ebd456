"""accept(2) that waits for a connection: what ends it, and what it takes then."""

from __future__ import annotations

import errno
import fcntl
import os
import signal

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, MPTCP, VSOCK, VSOCK_LOOPBACK
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import SOCK_NONBLOCK, accepted, accepted4, end_of
from conformance.plugin.setups.listeners import pending_connection
from conformance.plugin.setups.readiness import (
    await_error,
    await_readable,
    readable_by_epoll,
    readable_by_poll,
    readable_by_select,
)
from conformance.plugin.setups.signals import signalled
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import LISTENING
from conformance.plugin.setups.threads import delayed
from conformance.plugin.timing import SOON, timed
from libsocket import Linger, Shutdown, Socket

STREAMS = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
MPTCPS = pytest.mark.parametrize("kind", ["mptcp", "mptcp6"])
PLAIN = pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
UNIX = pytest.mark.parametrize("kind", ["unix", "unix-seqpacket"])
TCP = pytest.mark.parametrize("kind", ["tcp", "tcp6"])
VSOCKS = pytest.mark.parametrize("kind", ["vsock", "vsock-seqpacket"])
NEEDS = [IPV6]
MPTCP_NEEDS = [IPV6, MPTCP]

WHO = "a TCP listener over IPv4 or IPv6, or a UNIX stream or seqpacket listener"
DUPLICATED = {
    "no-op: close()*": "who was accepted may stay",
    "no-op: ioctl(FIONBIO, ?0?*": "Python's dup sets what is so already",
}
LATER = 0.03
"""Seconds, after which something happens to a listener where an accept waits."""


def accepts(listener: Socket) -> str:
    """``accepted``, once a connection is; refused otherwise."""
    with accepted(listener):
        return "accepted"


@claim(
    "accept.2/accept/blocks",
    sentence="accept.2/accept/blocks",
    section="DESCRIPTION",
    says=f"accept(2) of {WHO} that blocks, and at which no connection waits, waits until there is one.",
    needs=NEEDS,
)
@STREAMS
def test_it_waits_for_a_connection(ns, observe, kind):
    with LISTENING[kind]() as listener, SOCKETS[kind]() as client:
        listener.rcvtimeo = SOON
        with delayed(lambda: client.connect(listener.getsockname()), LATER) as begun:
            server = accepted(listener)
            waited = begun.is_set()
        with server:
            server.rcvtimeo = SOON
            client.send(b"hello")

            seen = [waited, server.recv(9).decode()]
            assert observe("waited_and_received", seen) == [True, "hello"]


@claim(
    "accept.2/accept/blocks-vsock",
    sentence="accept.2/accept/blocks",
    section="DESCRIPTION",
    says="accept(2) of an AF_VSOCK stream or seqpacket listener that blocks, and at which no connection "
    "waits, waits until there is one.",
    since="5.14",
    needs=[VSOCK, VSOCK_LOOPBACK],
)
@VSOCKS
def test_it_waits_for_a_connection_on_vsock(ns, observe, kind):
    with LISTENING[kind]() as listener, SOCKETS[kind]() as client:
        with delayed(lambda: client.connect(listener.getsockname()), LATER) as begun:
            server = accepted(listener)
            waited = begun.is_set()
        with server:
            server.rcvtimeo = SOON
            client.send(b"hello")

            seen = [waited, server.recv(9).decode()]
            assert observe("waited_and_received", seen) == [True, "hello"]


@claim(
    "accept.2/accept/blocks-mptcp",
    sentence="accept.2/accept/blocks",
    section="DESCRIPTION",
    says="accept(2) of an MPTCP listener, over IPv4 and IPv6, that blocks, and at which no connection waits, "
    "waits until there is one.",
    needs=MPTCP_NEEDS,
)
@MPTCPS
def test_it_waits_for_a_connection_on_mptcp(ns, observe, kind):
    with LISTENING[kind]() as listener, SOCKETS[kind]() as client:
        with delayed(lambda: client.connect(listener.getsockname()), LATER) as begun:
            server = accepted(listener)
            waited = begun.is_set()
        with server:
            server.rcvtimeo = SOON
            client.send(b"hello")

            seen = [waited, server.recv(9).decode()]
            assert observe("waited_and_received", seen) == [True, "hello"]


@claim(
    "accept.2/EAGAIN/nonblocking-mptcp",
    sentence=("accept.2/accept/nonblocking", "accept.2/EAGAIN/nonblocking"),
    section="ERRORS",
    says="accept(2) of an MPTCP listener, over IPv4 and IPv6, that does not block, and at which no "
    "connection waits, fails with EAGAIN.",
    needs=MPTCP_NEEDS,
)
@MPTCPS
def test_it_does_not_wait_on_mptcp(ns, observe, kind):
    with LISTENING[kind]() as listener:
        listener.nonblocking = True
        with refused(errno.EAGAIN):
            accepted(listener).close()
        with pending_connection(listener):
            assert observe("with_connection", accepts(listener)) == "accepted"


@claim(
    "accept.2/accept4/nonblock-of-new-socket",
    sentence="accept.2/accept4/SOCK_NONBLOCK",
    section="DESCRIPTION",
    says=f"accept4(2) with SOCK_NONBLOCK of {WHO} that blocks waits until there is a connection: the flag is "
    "for the new socket alone.",
    needs=NEEDS,
)
@STREAMS
def test_the_flag_is_for_the_new_socket(ns, observe, kind):
    with LISTENING[kind]() as listener, SOCKETS[kind]() as client:
        listener.rcvtimeo = SOON
        with (
            delayed(lambda: client.connect(listener.getsockname()), LATER) as begun,
            accepted4(listener, SOCK_NONBLOCK) as server,
        ):
            waited = begun.is_set()
            with refused(errno.EAGAIN):
                server.recv(1)

            assert observe("waited", waited) is True


@claim(
    "accept.2/EAGAIN/nonblocking-by-kind",
    sentence=("accept.2/accept/nonblocking", "accept.2/EAGAIN/nonblocking"),
    section="ERRORS",
    says="accept(2) of a TCP listener over IPv6, or a UNIX seqpacket listener, that does not block, and at "
    "which no connection waits, fails with EAGAIN.",
    needs=NEEDS,
)
@pytest.mark.parametrize("kind", ["tcp6", "unix-seqpacket"])
def test_it_does_not_wait_where_it_does_not_block(ns, observe, kind):
    with LISTENING[kind]() as listener:
        listener.nonblocking = True
        with refused(errno.EAGAIN):
            accepted(listener).close()
        with pending_connection(listener):
            assert observe("with_connection", accepts(listener)) == "accepted"


@claim(
    "socket.7/SO_RCVTIMEO/accept-by-kind",
    sentence="socket.7/SO_RCVTIMEO/outcome",
    section="Socket options",
    says="accept(2) of a TCP listener over IPv6 or a UNIX seqpacket listener at which no connection comes "
    "while its receive timeout lasts fails with EAGAIN.",
    needs=[IPV6],
)
@pytest.mark.parametrize("kind", ["tcp6", "unix-seqpacket"])
def test_it_waits_as_long_as_the_timeout(ns, observe, kind):
    with LISTENING[kind]() as listener:
        listener.rcvtimeo = LATER
        with timed() as took, refused(errno.EAGAIN):
            accepted(listener).close()
        lasted = took.lasted(LATER)
        with pending_connection(listener):
            seen = [lasted, accepts(listener)]
            assert observe("lasted_and_with_connection", seen) == [True, "accepted"]


@claim(
    "socket.7/SO_RCVTIMEO/accept-mptcp",
    sentence="socket.7/SO_RCVTIMEO/outcome",
    section="Socket options",
    says="accept(2) of an MPTCP listener, over IPv4 and IPv6, at which no connection comes while its receive "
    "timeout of 10 ms lasts, fails with EAGAIN.",
    needs=MPTCP_NEEDS,
    expect=differs(
        "the option is kept by the MPTCP socket, and accept(2) waits by that of the TCP socket inside, which "
        "has none: it goes on until there is a connection",
        since="5.6",
        commit="cf7da0d66cc1",
        observed={"errno": None, "timeout": 0.01},
    ),
)
@MPTCPS
def test_a_timeout_ends_it_on_mptcp(ns, observe, kind):
    with LISTENING[kind]() as listener, SOCKETS[kind]() as client:
        listener.rcvtimeo = 0.01
        observe("timeout", round(listener.rcvtimeo, 2))
        with delayed(lambda: client.connect(listener.getsockname()), 0.1), refused(errno.EAGAIN):
            accepted(listener).close()


@claim(
    "accept.2/notification/readable-by-kind",
    sentence=("accept.2/notification/calls", "accept.2/notification/readable"),
    section="DESCRIPTION",
    says=f"select(2), poll(2) and epoll(7) report that {WHO} is readable once a client has connected, and "
    "not before, nor once accept(2) has given a socket for it.",
    needs=NEEDS,
)
@pytest.mark.parametrize(
    "readable", [readable_by_select, readable_by_poll, readable_by_epoll], ids=["select", "poll", "epoll"]
)
@STREAMS
def test_a_connection_is_reported(ns, observe, kind, readable):
    with LISTENING[kind]() as listener:
        before = readable(listener)
        with pending_connection(listener):
            waits = readable(listener, SOON)
            with accepted(listener):
                assert observe("readable", [before, waits, readable(listener)]) == [False, True, False]


@claim(
    "accept.2/NOTES/taken-by-another",
    sentence=("accept.2/NOTES/spurious", "accept.2/NOTES/never-blocks"),
    section="NOTES",
    says=f"A connection at {WHO} that poll(2) reported waits no more once another descriptor of the listener "
    "has accepted it: accept(2) that does not block fails with EAGAIN then.",
    needs=NEEDS,
    survives=DUPLICATED,
)
@STREAMS
def test_another_has_taken_it(ns, observe, kind):
    with LISTENING[kind]() as listener, listener.dup() as other, pending_connection(listener):
        reported = readable_by_poll(listener, SOON)
        taken = accepts(other)
        listener.nonblocking = True
        with refused(errno.EAGAIN):
            accepted(listener).close()

        assert observe("reported_and_taken", [reported, taken]) == [True, "accepted"]


@claim(
    "accept.2/NOTES/blocks-then",
    sentence=("accept.2/NOTES/spurious", "accept.2/NOTES/blocks-then"),
    section="NOTES",
    says=f"accept(2) of {WHO} that blocks waits for the next connection where another descriptor of the "
    "listener has accepted the one that poll(2) reported.",
    needs=NEEDS,
    survives=DUPLICATED,
)
@STREAMS
def test_it_waits_for_the_next(ns, observe, kind):
    with (
        LISTENING[kind]() as listener,
        listener.dup() as other,
        pending_connection(listener),
        SOCKETS[kind]() as second,
    ):
        listener.rcvtimeo = SOON
        accepted(other).close()
        with delayed(lambda: second.connect(listener.getsockname()), LATER) as begun:
            server = accepted(listener)
            waited = begun.is_set()
        with server:
            second.send(b"second")
            server.rcvtimeo = SOON
            seen = [waited, server.recv(9).decode()]

        assert observe("waited_and_received", seen) == [True, "second"]


@claim(
    "accept.2/NOTES/removed-by-error",
    sentence="accept.2/NOTES/spurious",
    section="NOTES",
    says="A TCP connection, over IPv4 and IPv6, that poll(2) reported is not there any more once its client "
    "has reset it: accept(2) of a listener that does not block fails with EAGAIN.",
    needs=[IPV6],
    expect=differs(
        "accept gives it all the same: a connection that is reset goes on waiting (older than the history in "
        "git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "reported": True, "met": "ECONNRESET"},
    ),
    survives={"no-op: ioctl(FIONBIO*": "on Linux there is nothing to wait for"},
)
@TCP
def test_an_error_removes_it(ns, observe, kind):
    with LISTENING[kind]() as listener, pending_connection(listener) as client:
        observe("reported", readable_by_poll(listener, SOON))
        client.linger = Linger(True, 0)
        client.close()
        listener.nonblocking = True
        with refused(errno.EAGAIN), accepted(listener) as server:
            observe("met", end_of(server))


@claim(
    "defacto/accept/shutdown-ends-waiting",
    says="accept(2) that waits at a TCP listener, over IPv4 and IPv6, or at a UNIX stream or seqpacket "
    "listener fails with EINVAL when that is shut down for receiving.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@PLAIN
def test_a_shutdown_ends_it(ns, observe, kind):
    with LISTENING[kind]() as listener:
        listener.rcvtimeo = SOON
        with delayed(lambda: listener.shutdown(Shutdown.READ), LATER) as begun:
            with refused(errno.EINVAL):
                accepted(listener).close()
            waited = begun.is_set()

        assert observe("waited", waited) is True


@claim(
    "defacto/accept/shut-unix-listener",
    says="A connection that waits at a UNIX stream or seqpacket listener when that is shut down for "
    "receiving can still be accepted; then accept(2) fails with EINVAL, also where the listener blocks.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={"no-op: close()*": "who was accepted may stay"},
)
@UNIX
def test_who_waits_is_accepted_after_a_shutdown(ns, observe, kind):
    with LISTENING[kind]() as listener, pending_connection(listener) as client:
        listener.rcvtimeo = SOON
        listener.shutdown(Shutdown.READ)
        client.send(b"hello")
        with accepted(listener) as server, refused(errno.EINVAL):
            observe("received", server.recv(9).decode())
            accepted(listener).close()
        with SOCKETS[kind]() as late, refused(errno.ECONNREFUSED, "errno_of_connect"):
            late.connect(listener.getsockname())

        assert observe("listens", listener.acceptconn) is True


@claim(
    "defacto/accept/shut-tcp-listener",
    says="A connection that waits at a TCP listener, over IPv4 and IPv6, when that is shut down for "
    "receiving is reset, and accept(2) fails with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TCP
def test_who_waits_is_reset_by_a_shutdown(ns, observe, kind):
    with LISTENING[kind]() as listener, pending_connection(listener) as client:
        listener.rcvtimeo = SOON
        before = listener.acceptconn
        listener.shutdown(Shutdown.READ)
        await_error(client)
        with refused(errno.ECONNRESET, "errno_of_client"):
            client.recv(1)
        with refused(errno.EINVAL):
            accepted(listener).close()

        assert observe("listened_and_listens", [before, listener.acceptconn]) == [True, False]


@claim(
    "accept.2/return/descriptor",
    sentence="accept.2/return/descriptor",
    section="RETURN VALUE",
    says=f"accept(2) of {WHO} gives a descriptor that was not open before, the lowest of those.",
    needs=NEEDS,
)
@STREAMS
def test_it_is_the_lowest_free_descriptor(ns, observe, kind):
    with LISTENING[kind]() as listener, pending_connection(listener):
        lower, higher = os.dup(0), os.dup(0)
        os.close(lower)
        with accepted(listener) as server:
            number = server.fileno()
        os.close(higher)

        assert observe("is_lowest", [number == lower, number < higher]) == [True, True]


@claim(
    "defacto/accept/connection-when-client-is-gone",
    says="A UNIX stream or seqpacket connection whose client has closed it while data wait there unread is "
    "accepted, and gives those data.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@UNIX
def test_data_of_who_is_gone(ns, observe, kind):
    with LISTENING[kind]() as listener:
        with pending_connection(listener) as client:
            client.send(b"early")
        await_readable(listener)
        with accepted(listener) as server:
            server.rcvtimeo = SOON

            assert observe("received", [server.recv(9).decode(), server.recv(9).decode()]) == ["early", ""]


@claim(
    "accept.2/notification/sigio",
    sentence="accept.2/notification/sigio",
    section="DESCRIPTION",
    says="A TCP listener over IPv4 or IPv6, or a UNIX stream or seqpacket listener, with O_ASYNC and an "
    "owner (F_SETOWN) sends it SIGIO when a client has connected, and without O_ASYNC it does not.",
    needs=[IPV6],
    survives={"no-op: close()*": "who was accepted may stay"},
)
@PLAIN
def test_the_owner_is_told_of_a_connection(ns, observe, kind):
    with signalled(signal.SIGIO) as came, LISTENING[kind]() as listener:
        fcntl.fcntl(listener, fcntl.F_SETOWN, os.getpid())
        with pending_connection(listener):
            accepted(listener).close()
        without = list(came)
        fcntl.fcntl(listener, fcntl.F_SETFL, os.O_ASYNC)
        with pending_connection(listener), accepted(listener):
            assert observe("without_and_with", [without, came[:1]]) == [[], ["SIGIO"]]
