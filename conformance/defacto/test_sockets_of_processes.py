"""Sockets of several processes: over fork(2), execve(2) and SCM_RIGHTS, and what the end of one does."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
from fcntl import F_DUPFD, F_DUPFD_CLOEXEC, F_SETFD, FD_CLOEXEC, fcntl

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import accepted4
from conformance.plugin.setups.blocked import await_asleep
from conformance.plugin.setups.descriptors import files_of
from conformance.plugin.setups.event_calls import errno_of
from conformance.plugin.setups.listeners import pending_connection
from conformance.plugin.setups.pairs import INTERNET_PAIRS
from conformance.plugin.setups.readiness import await_end, await_error, await_readable
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import LISTENING, connected
from conformance.plugin.setups.threads import in_turn
from conformance.plugin.timing import SOON
from libsocket import Rights, Shutdown, Socket
from netns import Child, in_child

TCP = pytest.mark.parametrize("kind", ["tcp", "tcp6"])
INTERNET = pytest.mark.parametrize("kind", ["tcp", "tcp6", "udp", "udp6"])
KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "unix-datagram", "unix-seqpacket"])
HOST = {"tcp": "127.0.0.1", "tcp6": "::1", "udp": "127.0.0.1", "udp6": "::1"}
ELSEWHERE = {"no-op: close() = 0*": "whether the socket is open elsewhere, too, is not asked for"}


def after_execve(script: str, *numbers: int) -> list[str]:
    """What a shell says, which has all descriptors but those with FD_CLOEXEC, and is given some numbers."""
    command = ["/bin/sh", "-c", script, "sh", *map(str, numbers)]
    return subprocess.run(command, close_fds=False, capture_output=True, check=True, text=True).stdout.split()


OPEN_OR_CLOSED = 'for n; do [ -e /proc/self/fd/"$n" ] && echo open || echo closed; done'


@claim(
    "defacto/execve/close-on-exec",
    says="Of a TCP, UDP or UNIX socket's descriptors execve(2) closes those with FD_CLOEXEC, made with "
    "SOCK_CLOEXEC, with F_DUPFD_CLOEXEC, or set with F_SETFD, and leaves those without open.",
    since="2.6.27",
    commit="a677a039be72",
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_some_are_closed(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        family, type_ = sock.family, sock.type
        made = Socket(family, type_ | socket.SOCK_CLOEXEC).detach()
        duplicate = fcntl(made, F_DUPFD_CLOEXEC, 0)
        kept = fcntl(made, F_DUPFD, 0)
        marked = fcntl(made, F_DUPFD, 0)
        fcntl(marked, F_SETFD, FD_CLOEXEC)
        found = after_execve(OPEN_OR_CLOSED, made, duplicate, marked, kept)
        close_all(made, duplicate, kept, marked)

        assert observe("made_duplicate_marked_kept", found) == ["closed", "closed", "closed", "open"]


def close_all(*numbers: int) -> None:
    for number in numbers:
        os.close(number)


@claim(
    "defacto/execve/accepted",
    says="execve(2) closes the descriptor that accept4(2) gave with SOCK_CLOEXEC of a TCP or UNIX stream "
    "listener, and not the one that it gave without.",
    since="2.6.28",
    commit="de11defebf00",
)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_an_accepted_one_is_closed(ns, observe, kind):
    with LISTENING[kind]() as listener, pending_connection(listener), pending_connection(listener):
        listener.rcvtimeo = SOON
        with accepted4(listener, socket.SOCK_CLOEXEC) as closed, accepted4(listener, 0) as kept:
            found = after_execve(OPEN_OR_CLOSED, closed.fileno(), kept.fileno())

            assert observe("with_and_without", found) == ["closed", "open"]


@claim(
    "defacto/execve/same-socket",
    says="After execve(2) a descriptor is the same socket: what the new program writes by a connected TCP, "
    "UDP or UNIX socket its peer receives, and it reads what its peer had sent before.",
    since="2.6.12",
    commit="1da177e4c3f4",
    survives={
        "no-op: close() = 0*": "the other descriptors of the program are not asked for",
        "no-op: fcntl(F_SETFD*": "the other descriptors of the program are not asked for",
    },
)
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_a_program_has_the_socket(ns, observe, kind):
    with connected(kind) as (sock, peer):
        peer.rcvtimeo = SOON
        peer.send(b"question")
        await_readable(sock)
        script = ["/bin/sh", "-c", "head -c 8 >&2; echo answer"]
        done = subprocess.run(
            script, stdin=sock.fileno(), stdout=sock.fileno(), stderr=subprocess.PIPE, check=True
        )

        found = [done.stderr.decode(), peer.recv(20).decode()]
        assert observe("heard_and_received", found) == ["question", "answer\n"]


@claim(
    "defacto/fork/bound-by-child",
    says="What a child process binds, a TCP socket over IPv4 or IPv6 of its parent's, is bound for the "
    "parent, and what it lets listen listens: a client connects, and the parent accepts.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TCP
def test_a_child_binds_and_listens(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        before = sock.getsockname()[1], sock.acceptconn
        in_child(in_turn(lambda: sock.bind((HOST[kind], 0)), sock.listen))
        with pending_connection(sock), sock.accept()[0] as server:
            found = [sock.getsockname()[0], sock.acceptconn, server.getsockname() == sock.getsockname()]

            assert observe("before_and_after", [before, found]) == [(0, False), [HOST[kind], True, True]]


@claim(
    "defacto/fork/connected-by-child",
    says="What a child process connects, a TCP socket over IPv4 or IPv6 of its parent's, is connected for "
    "the parent, and what the child shuts down for sending is shut down: a send fails with EPIPE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TCP
def test_a_child_connects_and_shuts_down(ns, observe, kind):
    with LISTENING[kind]() as listener, SOCKETS[kind]() as sock:
        in_child(lambda: sock.connect(listener.getsockname()))
        peer = sock.getpeername() == listener.getsockname()
        sock.send(b"before")
        in_child(lambda: sock.shutdown(Shutdown.WRITE))
        with refused(errno.EPIPE):
            sock.send(b"after", socket.MSG_NOSIGNAL)
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            received = [server.recv(9).decode(), server.recv(9).decode()]

        assert observe("peer_and_received", [peer, received]) == [True, ["before", ""]]


@claim(
    "defacto/SCM_RIGHTS/internet-socket",
    says="A connected TCP or UDP socket, over IPv4 and IPv6, that another process passes by SCM_RIGHTS "
    "sends and receives where it came, also once that process has ended.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ELSEWHERE,
)
@INTERNET
def test_a_socket_is_passed(ns, observe, kind):
    left, right = Socket.pair()
    sock, peer = INTERNET_PAIRS[kind]()
    with left, right, peer:
        peer.rcvtimeo = right.rcvtimeo = SOON
        errno_of(lambda: peer.connect(sock.getsockname()))
        in_child(lambda: left.send_message(b"x", Rights(sock)))
        sock.close()
        with right.recv_message(1) as message:
            [passed] = files_of(message)
            here = Socket.from_fd(os.dup(passed.fileno()))
        with here:
            here.rcvtimeo = SOON
            here.send(b"sent")
            peer.send(b"answer")

            assert observe("received", [peer.recv(9).decode(), here.recv(9).decode()]) == ["sent", "answer"]


@claim(
    "defacto/SCM_RIGHTS/internet-listener",
    says="A TCP listener, over IPv4 and IPv6, that another process passes by SCM_RIGHTS accepts where it "
    "came, once that process has ended, too.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TCP
def test_a_listener_is_passed(ns, observe, kind):
    left, right = Socket.pair()
    with left, right, LISTENING[kind]() as listener:
        right.rcvtimeo = SOON
        in_child(lambda: left.send_message(b"x", Rights(listener)))
        address = listener.getsockname()
        listener.close()
        with right.recv_message(1) as message:
            [passed] = files_of(message)
            here = Socket.from_fd(os.dup(passed.fileno()))
        with here, pending_connection(here) as client, here.accept()[0] as server:
            client.send(b"hello")
            server.rcvtimeo = SOON

            found = [here.getsockname() == address, server.recv(9).decode()]
            assert observe("address_and_received", found) == [True, "hello"]


@claim(
    "defacto/accept/two-processes",
    says="Of two processes that wait in accept(2) on one TCP listener, over IPv4 and IPv6, each takes a "
    "connection: one the first, and the other the second.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ELSEWHERE,
)
@TCP
def test_two_processes_accept(ns, observe, kind):
    with LISTENING[kind]() as listener, SOCKETS[kind]() as first, SOCKETS[kind]() as second:
        listener.rcvtimeo = SOON
        with Child(lambda: accepted_port(listener)) as one, Child(lambda: accepted_port(listener)) as other:
            asleep = [await_asleep(one.pid), await_asleep(other.pid)]
            first.connect(listener.getsockname())
            second.connect(listener.getsockname())
            taken = sorted([one.value(), other.value()])

        ports = sorted([first.getsockname()[1], second.getsockname()[1]])
        assert [observe("asleep", asleep), taken == ports] == [[True, True], True]


def accepted_port(listener: Socket) -> int:
    """The port of who connects, accepted without Python's own waiting."""
    with accepted4(listener, 0) as server:
        port: int = server.getpeername()[1]
        return port


@claim(
    "defacto/kill/closes",
    says="SIGKILL of the only process that has a TCP connection, over IPv4 and IPv6, closes it: its peer "
    "receives what was sent before, then the end.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TCP
def test_a_killed_process_ends_its_connection(ns, observe, kind):
    sock, peer = INTERNET_PAIRS[kind]()
    with peer, Child(in_turn(lambda: sock.send(b"last"), signal.pause)) as child:
        peer.rcvtimeo = SOON
        sock.close()
        received = [peer.recv(9).decode()]
        os.kill(child.pid, signal.SIGKILL)
        await_end(peer)
        received.append(peer.recv(9).decode())

        assert observe("received", received) == ["last", ""]


@claim(
    "defacto/kill/resets",
    says="SIGKILL of the only process that has a TCP connection, over IPv4 and IPv6, with data that it has "
    "not read resets it: the peer's receive fails with ECONNRESET.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@TCP
def test_a_killed_process_resets_its_connection(ns, observe, kind):
    sock, peer = INTERNET_PAIRS[kind]()
    with peer, Child(signal.pause) as child:
        peer.send(b"unread")
        await_readable(sock)
        sock.close()
        before = peer.error
        os.kill(child.pid, signal.SIGKILL)
        await_error(peer)
        with refused(errno.ECONNRESET):
            peer.recv(9)

        assert observe("error_before", before) == 0
