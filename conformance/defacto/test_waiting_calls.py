"""Calls that wait: what does not end them, what does, and what never waits; and what a socket keeps."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, OWN_KERNEL
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted4, files_of_whole_kernel
from conformance.plugin.setups.blocked import await_asleep, fill
from conformance.plugin.setups.event_calls import errno_of
from conformance.plugin.setups.ioctls import FIONBIO, word
from conformance.plugin.setups.listeners import full_backlog, listening, pending_connection
from conformance.plugin.setups.message_calls import send
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import LISTENING, connected, in_state
from conformance.plugin.timing import LONG, SOON, timed
from libsocket import Linger, Other, Shutdown
from netns import Capability, Child, without

TCP = pytest.mark.parametrize("kind", ["tcp", "tcp6"])
KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram", "unix-seqpacket"])
ONE_END = {"no-op: connect(*": "of the two ends one alone needs a peer here"}


@claim(
    "defacto/FIONBIO/receive",
    says="FIONBIO with 1 sets O_NONBLOCK of a TCP, UDP or UNIX socket: a receive fails with EAGAIN where "
    "nothing has come; with 0 it clears it, and a receive waits until SO_RCVTIMEO.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@KINDS
def test_a_receive_no_longer_waits(ns, observe, kind):
    with connected(kind) as (sock, _):
        flags = [fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK]
        fcntl.ioctl(sock, FIONBIO, word(1))
        flags.append(fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK)
        with refused(errno.EAGAIN):
            sock.recv(9)
        fcntl.ioctl(sock, FIONBIO, word(0))
        flags.append(fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK)
        sock.rcvtimeo = 0.05
        with timed() as took, refused(errno.EAGAIN, "errno_at_the_end"):
            sock.recv(9)

        assert observe("flags_and_waited", [flags, took.lasted(0.05)]) == [[0, os.O_NONBLOCK, 0], True]


@claim(
    "defacto/FIONBIO/accept",
    says="After FIONBIO with 1 accept(2) of a TCP or UNIX stream or seqpacket listener at which nobody "
    "waits fails with EAGAIN; one who has connected is accepted.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix-seqpacket"])
def test_an_accept_no_longer_waits(ns, observe, kind):
    with LISTENING[kind]() as listener:
        listener.rcvtimeo = SOON
        fcntl.ioctl(listener, FIONBIO, word(1))
        with refused(errno.EAGAIN):
            accepted4(listener, 0).close()
        with pending_connection(listener), accepted4(listener, 0) as server:
            assert observe("accepted", server.acceptconn) is False


@claim(
    "defacto/FIONBIO/connect",
    says="After FIONBIO with 1 connect(2) of a TCP socket, over IPv4 and IPv6, to a listener whose backlog "
    "is full fails with EINPROGRESS.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(("kind", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")])
def test_a_connect_no_longer_waits(ns, observe, kind, host):
    with listening(host, backlog=0) as busy, full_backlog(busy) as sock, LISTENING[kind]() as free:
        fcntl.ioctl(sock, FIONBIO, word(1))
        with refused(errno.EINPROGRESS):
            sock.connect(busy.getsockname())
        with SOCKETS[kind]() as other:
            other.connect(free.getsockname())

            assert observe("other", other.getpeername() == free.getsockname()) is True


@claim(
    "defacto/O_NONBLOCK/set-while-one-waits",
    says="A receive that waits on a TCP, UDP or UNIX socket goes on waiting when another process that has "
    "it sets O_NONBLOCK by FIONBIO, and gives what comes then.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives=ONE_END,
)
@KINDS
def test_a_waiting_receive_goes_on(ns, observe, kind):
    with connected(kind) as (sock, peer):
        sock.rcvtimeo = float(LONG)
        with Child(lambda: sock.recv(9).decode()) as child:
            asleep = [await_asleep(child.pid)]
            fcntl.ioctl(sock, FIONBIO, word(1))
            asleep.append(await_asleep(child.pid))
            peer.send(b"late")
            received = child.value()
        flag = fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK

        assert observe("asleep_received_flag", [asleep, received, flag]) == [
            [True, True],
            "late",
            os.O_NONBLOCK,
        ]


@claim(
    "defacto/send/shut-down-meanwhile",
    says="A send that waits for room on a TCP, over IPv4 and IPv6, or UNIX stream socket fails with EPIPE "
    "when another process that has it shuts it down for sending.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
def test_a_waiting_send_ends(ns, observe, kind):
    with connected(kind) as (sock, _):
        fill(sock)
        sock.sndtimeo = float(LONG)
        with Child(lambda: errno_of(partial(send, sock, b"x", socket.MSG_NOSIGNAL))) as child:
            asleep = await_asleep(child.pid)
            sock.shutdown(Shutdown.WRITE)

            assert observe("asleep_and_ended", [asleep, child.value()]) == [True, "EPIPE"]


@claim(
    "defacto/send/reset-meanwhile",
    says="A send that waits for room on a TCP socket, over IPv4 and IPv6, fails with ECONNRESET when its "
    "peer resets the connection, and the next one with EPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TCP
def test_a_reset_ends_a_waiting_send(ns, observe, kind):
    with connected(kind) as (sock, peer):
        fill(sock)
        sock.sndtimeo = float(LONG)
        with Child(lambda: errno_of(partial(send, sock, b"x", socket.MSG_NOSIGNAL))) as child:
            asleep = await_asleep(child.pid)
            peer.connect(Other(socket.AF_UNSPEC, bytes(14)))  # which resets, though the child has it, too
            ended = child.value()

        found = [asleep, ended, errno_of(partial(send, sock, b"x", socket.MSG_NOSIGNAL))]
        assert observe("asleep_ended_next", found) == [True, "ECONNRESET", "EPIPE"]


@claim(
    "defacto/send/waits-for-connection",
    says="A blocking send on a TCP socket, over IPv4 and IPv6, that is still connecting waits, and fails "
    "with EAGAIN once SO_SNDTIMEO has passed, where one that does not block does at once.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_send_waits_for_the_connection(ns, observe, host):
    with listening(host, backlog=0) as busy, full_backlog(busy) as sock:
        sock.nonblocking = True
        begun = errno_of(partial(sock.connect, busy.getsockname()))
        at_once = errno_of(partial(send, sock, b"x", socket.MSG_NOSIGNAL))
        sock.nonblocking = False
        sock.sndtimeo = 0.05
        with timed() as took:
            at_last = errno_of(partial(send, sock, b"x", socket.MSG_NOSIGNAL))

        found = [begun, at_once, took.lasted(0.05), at_last]
        assert observe("begun_at_once_waits", found) == ["EINPROGRESS", "EAGAIN", True, "EAGAIN"]


@claim(
    "defacto/SO_LINGER/listener",
    says="close(2) of a TCP listener, over IPv4 and IPv6, with SO_LINGER and a connection that waits there "
    "returns at once, and the connection is reset.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TCP
def test_a_listener_does_not_linger(ns, observe, kind):
    with LISTENING[kind]() as listener, pending_connection(listener) as client:
        client.rcvtimeo = SOON
        listener.linger = Linger(True, LONG)
        lingers = listener.linger.seconds
        listener.close()
        with refused(errno.ECONNRESET):
            client.recv(9)

        assert observe("lingers", lingers) == LONG


@claim(
    "defacto/fcntl/after-shutdown",
    says="On a TCP socket, over IPv4 and IPv6, that was shut down in both directions F_SETFL and F_SETOWN "
    "set what F_GETFL and F_GETOWN read, as before.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@TCP
def test_flags_and_owner_after_shutdown(ns, observe, kind):
    with in_state(kind, "shut-both") as sock:
        before = [fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK, fcntl.fcntl(sock, fcntl.F_GETOWN)]
        fcntl.fcntl(sock, fcntl.F_SETFL, os.O_NONBLOCK)
        fcntl.fcntl(sock, fcntl.F_SETOWN, os.getpid())
        after = [fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK, fcntl.fcntl(sock, fcntl.F_GETOWN)]
        with refused(errno.EPIPE):
            send(sock, b"x", socket.MSG_NOSIGNAL)

        assert [observe("before", before), after] == [[0, 0], [os.O_NONBLOCK, os.getpid()]]


@claim(
    "defacto/setsockopt/kept-over-states",
    says="A TCP or UDP socket, over IPv4 and IPv6, keeps SO_KEEPALIVE, SO_RCVTIMEO and SO_PRIORITY over a "
    "shutdown and a connect to an address of AF_UNSPEC.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ONE_END,
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "udp6"])
def test_options_outlast_states(ns, observe, kind):
    with connected(kind) as (sock, _):
        sock.keepalive = True
        sock.rcvtimeo = 3.0
        sock.priority = 5
        sock.shutdown(Shutdown.BOTH)
        with refused(errno.EPIPE, "errno_of_send"):
            send(sock, b"x", socket.MSG_NOSIGNAL)
        found = [[sock.keepalive, sock.rcvtimeo, sock.priority]]
        sock.connect(Other(socket.AF_UNSPEC, bytes(14)))
        found.append([sock.keepalive, sock.rcvtimeo, sock.priority])
        with refused(errno.ENOTCONN):
            sock.getpeername()

        assert observe("shut_and_dissolved", found) == [[True, 3.0, 5]] * 2


@claim(
    "defacto/SO_PRIORITY/leaves-tos",
    says="Setting SO_PRIORITY of a UDP or TCP socket over IPv4 leaves IP_TOS as it is, 0 or what was set "
    "before.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_type_of_service_stays(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        sock.priority = 5
        found = [[sock.priority, sock.ip_tos]]
        sock.ip_tos = 0x10
        sock.priority = 3
        found.append([sock.priority, sock.ip_tos])

        assert observe("priority_and_tos", found) == [[5, 0], [3, 0x10]]


@claim(
    "defacto/socket/enfile",
    says="socket(2) of a TCP or UDP socket fails with ENFILE for a process without CAP_SYS_ADMIN where as "
    "many files are open as fs.file-max allows; with it it succeeds.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[OWN_KERNEL],
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_no_more_files_than_the_limit(ns, observe, kind):
    with files_of_whole_kernel(1):
        with without(Capability.SYS_ADMIN), refused(errno.ENFILE):
            SOCKETS[kind]().close()
        with SOCKETS[kind]() as sock:
            made = sock.acceptconn

    assert observe("with_capability", made) is False
