"""SCM_PIDFD and SO_PEERPIDFD: a process that is gone, another that was specified, room, order, names."""

from __future__ import annotations

import fcntl
import os
import socket
import sys

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import initially
from conformance.plugin.setups.descriptors import control_cut
from conformance.plugin.setups.listeners import listening_unix, pending_connection
from conformance.plugin.setups.processes import another_process, process_of
from conformance.plugin.timing import SOON
from libsocket import Fd, Pidfd, Rights, Socket, Ucred
from netns import Capability, in_child

KINDS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
STREAMS = pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
NO_PROCESS, NO_DESCRIPTOR = -1, -2
ABSTRACT_NAME = 6
"""The bytes of a name that the kernel chooses: a zero and five digits."""


def processes(sock: Socket, size: int = 100) -> list[int]:
    """The processes of what comes next as SCM_PIDFD, all closed; NO_DESCRIPTOR for a number that is none."""
    with sock.recv_message(size) as message:
        came = [one for one in message.control if isinstance(one, Pidfd)]
        return [process_of(one) if one.fileno() >= 0 else NO_DESCRIPTOR for one in came]


@claim(
    "defacto/SCM_PIDFD/reaped",
    says="A UNIX stream, datagram or seqpacket socket with SO_PASSPIDFD receives a descriptor of its sender "
    "also if that process has ended and was reaped: /proc shows -1 for it.",
    since="6.17",
    commit="c679d17d3f2d",
)
@KINDS
def test_a_sender_that_is_gone_has_a_descriptor(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passpidfd = True
        in_child(lambda: left.send(b"x"))
        gone = processes(right, 1)
        left.send(b"y")

        assert observe("gone_and_is_this", [gone, [one == os.getpid() for one in processes(right, 1)]]) == [
            [NO_PROCESS],
            [True],
        ]


@claim(
    "defacto/SO_PEERPIDFD/reaped",
    says="SO_PEERPIDFD of an accepted UNIX stream or seqpacket connection is a descriptor of who connected "
    "also if that process has ended and was reaped: /proc shows -1 for it.",
    since="6.16",
    commit="20b70e58961b",
    survives={"no-op: close()*": "the process that connected ends and closes what it has"},
)
@STREAMS
def test_a_peer_that_is_gone_has_a_descriptor(ns, observe, kind):
    with listening_unix(kind) as listener:
        in_child(lambda: connect_once(listener.getsockname(), kind))
        with (
            listener.accept()[0] as of_the_gone,
            pending_connection(listener),
            listener.accept()[0] as of_this,
            of_the_gone.peerpidfd as gone,
            of_this.peerpidfd as here,
        ):
            seen = [process_of(gone), process_of(here) == os.getpid()]

            assert observe("gone_and_is_this", seen) == [NO_PROCESS, True]


def connect_once(name: str | bytes, kind: int) -> None:
    """Connect, and be gone."""
    with Socket.unix(kind) as client:
        client.connect(name)


@claim(
    "defacto/SCM_PIDFD/specified",
    says="If a privileged sender specifies another process by SCM_CREDENTIALS, it is that process of which "
    "a UNIX stream, datagram or seqpacket socket with SO_PASSPIDFD receives a descriptor.",
    since="6.5",
    commit="5e2ff6704a27",
    needs=[initially(Capability.SYS_ADMIN)],
)
@KINDS
def test_a_process_that_was_specified_counts(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right, another_process() as other:
        right.rcvtimeo = SOON
        right.passpidfd = True
        left.send_message(b"x", Ucred(other, os.getuid(), os.getgid()))

        assert observe("is_the_other", [one == other for one in processes(right)]) == [True]


@claim(
    "defacto/SCM_PIDFD/close-on-exec",
    says="A descriptor that is received as SCM_PIDFD is closed on exec, though the receive from a UNIX "
    "stream, datagram or seqpacket socket had no MSG_CMSG_CLOEXEC, and one of SCM_RIGHTS beside it is not.",
    since="6.5",
    commit="5e2ff6704a27",
)
@KINDS
def test_it_is_closed_on_exec(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passpidfd = True
        left.send_message(b"x", Rights(0))
        (_, _, rights), (_, _, pidfd) = right.recvmsg(9, 100)[1]
        with (
            Fd(int.from_bytes(rights, sys.byteorder)) as file,
            Fd(int.from_bytes(pidfd, sys.byteorder)) as process,
        ):
            flags = [fcntl.fcntl(one.fileno(), fcntl.F_GETFD) for one in (file, process)]

            assert observe("flags_of_rights_and_pidfd", flags) == [0, fcntl.FD_CLOEXEC]


@claim(
    "defacto/SCM_PIDFD/order",
    says="SCM_PIDFD is the last of what a UNIX stream, datagram or seqpacket socket receives, behind "
    "SCM_CREDENTIALS and SCM_RIGHTS.",
    since="6.5",
    commit="5e2ff6704a27",
)
@KINDS
def test_it_comes_last(ns, observe, kind):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passcred = right.passpidfd = True
        left.send_message(b"x", Rights(0))
        with right.recv_message(9) as message:
            assert observe("order", [type(one).__name__ for one in message.control]) == [
                "Ucred",
                "Rights",
                "Pidfd",
            ]


@claim(
    "defacto/SCM_PIDFD/room",
    says="With room for less than the 20 bytes that SCM_PIDFD has, none is received from a UNIX stream, "
    "datagram or seqpacket socket with SO_PASSPIDFD, no descriptor is opened, and MSG_CTRUNC is set; with "
    "20 it is received whole.",
    since="6.5",
    commit="5e2ff6704a27",
)
@KINDS
@pytest.mark.parametrize(("room", "count"), [(0, 0), (16, 0), (19, 0), (20, 1)])
def test_it_is_received_whole_or_not(ns, observe, kind, room, count):
    left, right = Socket.pair(kind)
    with left, right:
        right.rcvtimeo = SOON
        right.passpidfd = True
        left.send(b"x")
        before = len(os.listdir("/proc/thread-self/fd"))
        with right.recv_message(9, control=room) as message:
            opened = len(os.listdir("/proc/thread-self/fd")) - before
            seen = [[type(one).__name__ for one in message.control], opened, control_cut(message)]

            assert observe("received_opened_and_cut", seen) == [
                ["Pidfd"] * count,
                count,
                0 if count else socket.MSG_CTRUNC,
            ]


@claim(
    "defacto/SO_PASSPIDFD/autobind",
    says="connect(2) gives an unbound UNIX stream or seqpacket socket that has SO_PASSPIDFD a name in the "
    "abstract namespace, and one without none.",
    since="6.5",
    commit="5e2ff6704a27",
)
@STREAMS
def test_connecting_gives_it_a_name(ns, observe, kind):
    with listening_unix(kind) as listener, Socket.unix(kind) as without, Socket.unix(kind) as sock:
        without.connect(listener.getsockname())
        sock.passpidfd = True
        sock.connect(listener.getsockname())
        names = [without.getpeername(), without.getsockname(), sock.getsockname()]

        assert observe("peer_without_and_with", list(map(len, names))) == [ABSTRACT_NAME, 0, ABSTRACT_NAME]
