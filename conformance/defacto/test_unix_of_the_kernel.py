"""What is the whole kernel's about UNIX sockets: programs on cgroups, core dumps, how many there can be."""

from __future__ import annotations

import errno
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import EBPF, OWN_KERNEL
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.capabilities import kernel_sysctl_set
from conformance.plugin.setups.cgroups import (
    CGROUP_SOCK_ADDR,
    CGROUP_SOCKOPT,
    GETSOCKOPT,
    PERMITS,
    REFUSES,
    UNIX_CONNECT,
    UNIX_SENDMSG,
    asked_by,
)
from conformance.plugin.setups.listeners import listening_unix
from conformance.plugin.setups.processes import aborted
from conformance.plugin.setups.unix_names import listen_where_one_can
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Child, ChildDied

KINDS = pytest.mark.parametrize(
    "kind",
    [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET],
    ids=["stream", "dgram", "seqpacket"],
)
CORE_PATTERN, FILE_MAX = "kernel/core_pattern", "fs/file-max"


@claim(
    "defacto/cgroup/unix-connect",
    says="A connect of a UNIX stream, datagram or seqpacket socket that was made in a cgroup fails with "
    "EPERM where a program of the type BPF_CGROUP_UNIX_CONNECT on that refuses it, and succeeds where the "
    "program permits it.",
    since="6.7",
    commit="859051dd165e",
    needs=[OWN_KERNEL, EBPF],
)
@KINDS
def test_a_program_refuses_a_connect(ns, observe, kind):
    with Socket.unix(kind) as target:
        target.bind("")
        listen_where_one_can(target)
        address = target.getsockname()
        with refused(errno.EPERM):
            asked_by(REFUSES, CGROUP_SOCK_ADDR, UNIX_CONNECT, lambda: connected_to(kind, address))
        permitted = asked_by(PERMITS, CGROUP_SOCK_ADDR, UNIX_CONNECT, lambda: connected_to(kind, address))

        assert observe("connected", permitted) is True


def connected_to(kind: int, address: bytes) -> bool:
    """Whether a socket of its own gets a peer of that name."""
    with Socket.unix(kind) as sock:
        sock.connect(address)
        return bool(sock.getpeername() == address)


@claim(
    "defacto/cgroup/unix-sendmsg",
    says="Sending to the name of a UNIX datagram socket from one that was made in a cgroup fails with EPERM "
    "where a program of the type BPF_CGROUP_UNIX_SENDMSG on that refuses it, and without an address to the "
    "peer it succeeds; where the program permits it the former succeeds, too.",
    since="6.7",
    commit="859051dd165e",
    needs=[OWN_KERNEL, EBPF],
)
def test_a_program_refuses_a_send(ns, observe):
    with Socket.unix(socket.SOCK_DGRAM) as target:
        target.rcvtimeo = SOON
        target.bind("")
        address = target.getsockname()
        with refused(errno.EPERM):
            asked_by(REFUSES, CGROUP_SOCK_ADDR, UNIX_SENDMSG, lambda: sent_to(address))
        asked_by(REFUSES, CGROUP_SOCK_ADDR, UNIX_SENDMSG, lambda: sent_to_peer(address))
        received = [target.recv(9).decode()]
        asked_by(PERMITS, CGROUP_SOCK_ADDR, UNIX_SENDMSG, lambda: sent_to(address))
        received += [target.recv(9).decode()]

        assert observe("received", received) == ["to peer", "to name"]


def sent_to(address: bytes) -> int:
    """Send to a name; the number of bytes."""
    with Socket.unix(socket.SOCK_DGRAM) as sock:
        return sock.sendto(b"to name", address)


def sent_to_peer(address: bytes) -> int:
    """Send to the peer of that name; the number of bytes."""
    with Socket.unix(socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        return sock.send(b"to peer")


@claim(
    "defacto/cgroup/unix-peerpidfd",
    says="SO_PEERPIDFD of a connected UNIX stream socket that was made in a cgroup is read though a program "
    "of the type BPF_CGROUP_GETSOCKOPT on that refuses all options, and SO_TYPE of it fails with EPERM; "
    "where the program permits it both are read. An option of TCP fails with EOPNOTSUPP, whatever the "
    "program says.",
    since="6.5",
    commit="7b26952a91cf",
    needs=[OWN_KERNEL, EBPF],
)
def test_a_program_is_not_asked_about_a_pidfd(ns, observe):
    with refused(errno.EPERM):
        asked_by(REFUSES, CGROUP_SOCKOPT, GETSOCKOPT, type_of_a_new)
    with refused(errno.EOPNOTSUPP, "errno_of_another_level"):
        asked_by(REFUSES, CGROUP_SOCKOPT, GETSOCKOPT, another_level_of_a_new)
    with refused(errno.EOPNOTSUPP, "errno_permitted"):
        asked_by(PERMITS, CGROUP_SOCKOPT, GETSOCKOPT, another_level_of_a_new)
    refusing, permitting = (
        asked_by(answer, CGROUP_SOCKOPT, GETSOCKOPT, pidfd_of_a_new) for answer in (REFUSES, PERMITS)
    )
    permitted = asked_by(PERMITS, CGROUP_SOCKOPT, GETSOCKOPT, type_of_a_new)

    found = [refusing, permitting, permitted]
    assert observe("pidfds_and_type", found) == [True, True, int(socket.SOCK_STREAM)]


def type_of_a_new() -> int:
    """SO_TYPE of a socket of its own."""
    left, right = Socket.pair()
    with left, right:
        return left.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)


def another_level_of_a_new() -> int:
    """An option of TCP of a socket of its own."""
    left, right = Socket.pair()
    with left, right:
        return left.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def pidfd_of_a_new() -> bool:
    """Whether SO_PEERPIDFD of a socket of its own gives a descriptor."""
    left, right = Socket.pair()
    with left, right, left.peerpidfd as pidfd:
        return pidfd.fileno() >= 0


@claim(
    "defacto/core_pattern/unix-socket",
    says="While kernel.core_pattern is @ and the pathname of a UNIX stream socket that listens, the core of "
    "a process that SIGABRT ends is sent there, an ELF file, and SO_PEERCRED of the connection is that "
    "process.",
    since="6.16",
    commit="a9194f88782a",
    needs=[OWN_KERNEL],
)
def test_a_core_is_sent_to_a_socket(ns, observe, tmp_path):
    path = str(tmp_path / "core")
    with Socket.unix() as listener, kernel_sysctl_set(CORE_PATTERN, f"@{path}"):
        listener.rcvtimeo = SOON
        listener.bind(path)
        listener.listen()
        with Child(aborted) as child, listener.accept()[0] as core:
            core.rcvtimeo = SOON
            found = [core.recv(4).hex(), core.peercred.pid - child.pid]

        assert observe("magic_and_another_process", found) == [b"\x7fELF".hex(), 0]


@claim(
    "defacto/core_pattern/unix-nobody",
    says="While kernel.core_pattern is @ and a pathname where no UNIX stream socket listens, or nothing is, "
    "a process that SIGABRT ends is ended all the same, and makes no file there.",
    since="6.16",
    commit="a9194f88782a",
    needs=[OWN_KERNEL],
)
@pytest.mark.parametrize("bound", [False, True], ids=["no-file", "not-listening"])
def test_a_core_is_sent_to_nobody(ns, observe, tmp_path, bound):
    paths = {True: tmp_path / "bound", False: tmp_path / "missing"}
    with Socket.unix() as sock, kernel_sysctl_set(CORE_PATTERN, f"@{paths[bound]}"):
        sock.bind(str(paths[True]))
        with Child(aborted) as child, pytest.raises(ChildDied) as died:
            child.value()

        found = [died.value.exitcode, sorted(path.name for path in tmp_path.iterdir())]
        assert observe("status_and_files", found) == [-6, ["bound"]]


@claim(
    "defacto/AF_UNIX/twice-file-max",
    says="While there are more UNIX sockets than twice fs.file-max, making another, of the types stream, "
    "datagram or seqpacket, fails with ENFILE for a process with every capability as well, and so does "
    "connecting a stream or seqpacket socket; a TCP socket is made.",
    since="5.15",
    commit="f4bd73b5a950",
    needs=[OWN_KERNEL],
)
@KINDS
def test_there_are_only_so_many_sockets(ns, observe, kind):
    with (
        listening_unix() as listener,
        listening_unix(socket.SOCK_SEQPACKET) as packets,
        Socket.unix() as client,
        Socket.unix(socket.SOCK_SEQPACKET) as packet_client,
    ):
        with kernel_sysctl_set(FILE_MAX, "0"):
            refusals = [
                answer(lambda: Socket.unix(kind).close()),
                answer(lambda: client.connect(listener.getsockname())),
                answer(lambda: packet_client.connect(packets.getsockname())),
            ]
            with Socket.tcp() as tcp:
                found = [tcp.fileno() >= 0]
        client.connect(listener.getsockname())
        packet_client.connect(packets.getsockname())
        with Socket.unix(kind) as made:
            found += [made.fileno() >= 0]

        assert observe("refusals_tcp_after", [refusals, found]) == [["ENFILE"] * 3, [True, True]]
