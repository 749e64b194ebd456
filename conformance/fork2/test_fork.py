"""fork(2): a child's descriptors are of its parent's sockets."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ioctls import owner
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Namespace, in_child

KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "netlink"])


@claim(
    "fork.2/descriptors/one-socket",
    sentence=("fork.2/descriptors/copies", "fork.2/descriptors/same-description"),
    section="DESCRIPTION",
    says="An option that the parent set before fork is read by the child of its descriptor of a TCP, UDP, "
    "UNIX or netlink socket, and one that the child sets by the parent.",
)
@KINDS
def test_options_are_those_of_parent_and_child(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        sock.rcvlowat = 7
        seen = in_child(lambda: read_and_set(sock))

        assert observe("in_child_and_after", [*seen, sock.rcvlowat]) == [7, 9, 9]


def read_and_set(sock: Socket) -> list[int]:
    before = sock.rcvlowat
    sock.rcvlowat = 9
    return [before, sock.rcvlowat]


@claim(
    "fork.2/descriptors/status-flags-shared",
    sentence="fork.2/descriptors/shared",
    section="DESCRIPTION",
    says="O_NONBLOCK that a child sets on its descriptor of a UDP, UNIX datagram or netlink socket is also "
    "its parent's, whose receive fails with EAGAIN; FD_CLOEXEC that it clears is not cleared there.",
)
@pytest.mark.parametrize("kind", ["udp", "unix-datagram", "netlink"])
def test_status_flags_are_shared(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        before = [os.get_blocking(sock.fileno()), os.get_inheritable(sock.fileno())]
        in_the_child = in_child(lambda: changed_flags(sock.fileno()))
        with refused(errno.EAGAIN):
            os.read(sock.fileno(), 9)

        after = [os.get_blocking(sock.fileno()), os.get_inheritable(sock.fileno())]
        seen = observe("blocking_and_inheritable", [before, after])
        assert [in_the_child, *seen] == [[False, True], [True, False], [False, False]]


def changed_flags(fd: int) -> list[bool]:
    os.set_blocking(fd, False)
    fcntl.fcntl(fd, fcntl.F_SETFD, 0)
    return [os.get_blocking(fd), os.get_inheritable(fd)]


@claim(
    "fork.2/descriptors/owner-shared",
    sentence="fork.2/descriptors/shared",
    section="DESCRIPTION",
    says="The process that a child sets with F_SETOWN, and the signal that it sets with F_SETSIG, on its "
    "descriptor of a TCP or UDP socket are those of its parent's.",
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_owner_is_shared(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        before = [owner(sock), fcntl.fcntl(sock, fcntl.F_GETSIG)]
        parent = os.getpid()
        in_child(lambda: owned(sock, parent))

        after = [owner(sock) == parent, fcntl.fcntl(sock, fcntl.F_GETSIG)]
        assert observe("before_and_after", [before, after]) == [[0, 0], [True, 10]]


def owned(sock: Socket, process: int) -> None:
    fcntl.fcntl(sock, fcntl.F_SETOWN, process)
    fcntl.fcntl(sock, fcntl.F_SETSIG, 10)


@claim(
    "fork.2/descriptors/child-closes",
    sentence=("fork.2/descriptors/same-description", "close.2/close/last-descriptor"),
    section="DESCRIPTION",
    says="A child that closes its descriptor of a connected TCP or UNIX stream socket, and ends, leaves the "
    "connection to its parent; one that shuts it down for writing ends that direction for both.",
    survives={"no-op: close() = 0": "the child ends then, and its descriptor is closed by that"},
)
@pytest.mark.parametrize("pair", [Socket.tcp_pair, Socket.pair], ids=["tcp", "unix"])
def test_a_child_closes_only_its_own(ns, observe, pair):
    left, right = pair()
    with left, right:
        right.rcvtimeo = SOON
        in_child(left.close)
        left.send(b"hello")
        received = [right.recv(9).decode()]
        in_child(lambda: left.shutdown(1))
        with refused(errno.EPIPE):
            left.send(b"more")
        received.append(right.recv(9).decode())

        assert observe("received", received) == ["hello", ""]


@claim(
    "defacto/fork/network-namespace",
    says="A UDP or TCP socket stays in the network namespace that it was made in when a child has entered "
    "another: the child binds and connects it there, where another socket of the child's is not heard.",
    since="2.6.24",
    commit="1b8d7ae42d02",
)
@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_socket_keeps_its_network_namespace(ns, observe, kind):
    with SOCKETS[kind]() as sock, SOCKETS[kind]() as here:
        in_child(lambda: bound_elsewhere(sock))
        port = sock.getsockname()[1]
        with refused(errno.EADDRINUSE):
            here.bind(("127.0.0.1", port))

        assert observe("elsewhere", in_child(lambda: bound_there(kind, port))) == "127.0.0.1"


def bound_elsewhere(sock: Socket) -> None:
    with Namespace() as other, other.entered():
        sock.bind(("127.0.0.1", 0))


def bound_there(kind: str, port: int) -> str:
    with Namespace() as other, other.entered(), SOCKETS[kind]() as sock:
        sock.bind(("127.0.0.1", port))
        return str(sock.getsockname()[0])
