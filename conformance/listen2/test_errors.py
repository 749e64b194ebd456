"""listen(2) that fails: for what its argument is, and where no port is left."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from typing import Final

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ALG, IPV6, MPTCP, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.accepting import listened
from conformance.plugin.setups.alg import hash_socket
from conformance.plugin.setups.reuse import reusing_socket, sharing_socket
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.setups.states import in_state
from libsocket import Socket

RANGE = "net.ipv4.ip_local_port_range"
FILES: Final[Mapping[str, Callable[[], int]]] = {
    "file": lambda: os.open("/dev/null", os.O_RDWR),
    "directory": lambda: os.open("/", os.O_RDONLY),
    "eventfd": lambda: os.eventfd(0),
}
"""What opens a file of each kind that is no socket."""


def number_of_closed(sock: Socket) -> int:
    """The number that was a socket's descriptor until now."""
    number = sock.fileno()
    sock.close()
    return number


@claim(
    "listen.2/EBADF/closed",
    sentence="listen.2/EBADF/not-valid",
    section="ERRORS",
    says="listen(2) of the descriptor -1, and of the number of a TCP or UNIX stream socket that was closed, "
    "fails with EBADF.",
)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_closed_descriptor_does_not_listen(ns, observe, kind):
    with in_state(kind, "bound") as sock:
        listened(sock, 1)
        before = sock.acceptconn
        with refused(errno.EBADF, "errno_of_minus_one"):
            listened(-1, 1)
        with refused(errno.EBADF):
            listened(number_of_closed(sock), 1)

        assert observe("accepting_before", before) is True


@claim(
    "listen.2/ENOTSOCK/files",
    sentence="listen.2/ENOTSOCK/no-socket",
    section="ERRORS",
    says="listen(2) of a descriptor of a character device, a directory or an eventfd(2) fails with ENOTSOCK.",
)
@pytest.mark.parametrize("file", FILES)
def test_only_a_socket_listens(ns, observe, file):
    number = FILES[file]()
    with refused(errno.ENOTSOCK):
        listened(number, 1)
    os.close(number)
    with in_state("tcp", "bound") as sock:
        listened(sock, 1)

        assert observe("accepting_socket", sock.acceptconn) is True


@claim(
    "defacto/listen/o-path",
    says="listen(2) of a descriptor of a directory that was opened with O_PATH fails with EBADF, though it "
    "is open; without O_PATH it fails with ENOTSOCK.",
    since="2.6.39",
    commit="1abf0c718f15",
)
def test_a_mere_path_is_no_descriptor(ns, observe):
    path, directory = os.open("/", os.O_PATH), os.open("/", os.O_RDONLY)
    with refused(errno.EBADF):
        listened(path, 1)
    with refused(errno.ENOTSOCK, "errno_without"):
        listened(directory, 1)
    os.close(path)
    os.close(directory)
    with in_state("tcp", "bound") as sock:
        listened(sock, 1)

        assert observe("accepting_socket", sock.acceptconn) is True


@claim(
    "listen.2/EADDRINUSE/ephemeral-ports",
    sentence="listen.2/EADDRINUSE/ephemeral-ports",
    section="ERRORS",
    says="listen(2) of a TCP socket, over IPv4 and IPv6, that is not bound fails with EADDRINUSE "
    "where every port of net.ipv4.ip_local_port_range is taken, and succeeds once one is free.",
    needs=[IPV6, sysctl(RANGE)],
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_no_ephemeral_port_is_left(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40001"
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second, SOCKETS[kind]() as third:
        first.listen()
        second.listen()
        with refused(errno.EADDRINUSE):
            third.listen()
        states = [third.acceptconn]
        port = first.getsockname()[1]
        first.close()
        third.listen()

        assert observe("accepting", [*states, third.acceptconn, third.getsockname()[1] == port]) == [
            False,
            True,
            True,
        ]


@claim(
    "listen.2/EADDRINUSE/ephemeral-ports-mptcp",
    sentence="listen.2/EADDRINUSE/ephemeral-ports",
    section="ERRORS",
    says="listen(2) of an MPTCP socket, over IPv4 and IPv6, that is not bound fails with EADDRINUSE where "
    "every port of net.ipv4.ip_local_port_range is taken, and succeeds once one is free.",
    needs=[IPV6, MPTCP, sysctl(RANGE)],
)
@pytest.mark.parametrize("kind", ["mptcp", "mptcp6"])
def test_no_ephemeral_port_is_left_on_mptcp(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40000"
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second:
        first.listen()
        with refused(errno.EADDRINUSE):
            second.listen()
        before = second.acceptconn
        first.close()
        second.listen()

        assert observe("accepting", [before, second.acceptconn]) == [False, True]


@claim(
    "defacto/listen/bound-port-outside-range",
    says="listen(2) of a TCP socket, over IPv4 and IPv6, that is bound succeeds though every port of "
    "net.ipv4.ip_local_port_range is taken.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, sysctl(RANGE)],
)
@pytest.mark.parametrize("kind", ["tcp", "tcp6"])
def test_who_is_bound_needs_no_ephemeral_port(ns, observe, kind):
    ns.sysctl[RANGE] = "40000 40000"
    with SOCKETS[kind]() as first, SOCKETS[kind]() as second, SOCKETS[kind]() as bound:
        first.listen()
        with refused(errno.EADDRINUSE):
            second.listen()
        bound.bind((first.getsockname()[0], 50000))
        bound.listen()

        assert observe("accepting", [second.acceptconn, bound.acceptconn]) == [False, True]


@claim(
    "listen.2/EADDRINUSE/reuseport",
    sentence="listen.2/EADDRINUSE/same-port",
    section="ERRORS",
    says="While a TCP socket with SO_REUSEPORT listens, over IPv4 or IPv6, listen(2) of another that has it "
    "and is bound to the same address and port fails with EADDRINUSE.",
    needs=[IPV6],
    expect=differs(
        "both listen where both have SO_REUSEPORT",
        since="3.9",
        commit="055dc21a1d1d",
        observed={"errno": None, "listen_at_one": [True, True, True]},
    ),
)
@pytest.mark.parametrize(("kind", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")], ids=["tcp", "tcp6"])
def test_only_one_of_two_that_share_listens(ns, observe, kind, host):
    with sharing_socket(SOCKETS[kind]) as first, sharing_socket(SOCKETS[kind]) as second:
        first.bind((host, 0))
        second.bind(first.getsockname())
        first.listen()
        with refused(errno.EADDRINUSE):
            second.listen()
            same = first.getsockname() == second.getsockname()
            observe("listen_at_one", [first.acceptconn, second.acceptconn, same])


@claim(
    "defacto/listen/reuseaddr-cleared",
    says="listen(2) of a TCP socket, over IPv4 and IPv6, that shares its address by SO_REUSEADDR and has "
    "cleared the option since fails with EADDRINUSE, though no other listens; with the option it listens.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize(("kind", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")], ids=["tcp", "tcp6"])
def test_the_option_counts_when_it_listens(ns, observe, kind, host):
    with reusing_socket(make=SOCKETS[kind]) as first, reusing_socket(make=SOCKETS[kind]) as second:
        first.bind((host, 0))
        second.bind(first.getsockname())
        second.reuseaddr = False
        with refused(errno.EADDRINUSE):
            second.listen()
        second.reuseaddr = True
        second.listen()

        assert observe("listens", [first.acceptconn, second.acceptconn]) == [False, True]


@claim(
    "defacto/listen/connected-at-port",
    says="A TCP socket, over IPv4 and IPv6, that shares its address by SO_REUSEADDR with one that is "
    "connected from there listens by listen(2).",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@pytest.mark.parametrize(("kind", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")], ids=["tcp", "tcp6"])
def test_a_connection_at_the_port_does_not_matter(ns, observe, kind, host):
    with (
        in_state(kind, "listening") as other,
        reusing_socket(make=SOCKETS[kind]) as first,
        reusing_socket(make=SOCKETS[kind]) as second,
    ):
        first.bind((host, 0))
        second.bind(first.getsockname())
        first.connect(other.getsockname())
        second.listen()
        same = first.getsockname() == second.getsockname()
        peer = first.getpeername() == other.getsockname()

        assert observe("listens_at_same", [second.acceptconn, same, peer]) == [True, True, True]


@claim(
    "listen.2/listen/alg",
    sentence="listen.2/listen/types",
    section="DESCRIPTION",
    says="A socket of AF_ALG, which is of type SOCK_SEQPACKET, can be listened at.",
    needs=[ALG],
    expect=differs(
        "it is refused with EOPNOTSUPP, as are sockets of other types",
        since="2.6.38",
        commit="03c8efc1ffeb",
        observed={"errno": "EOPNOTSUPP"},
    ),
)
def test_a_sequenced_packet_socket_listens(ns, observe):
    with hash_socket() as sock:
        sock.listen()
        observe("listens", sock.acceptconn)
