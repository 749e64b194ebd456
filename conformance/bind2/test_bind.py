"""bind(2): a socket gets its address."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from libsocket import Socket


@claim(
    "bind.2/bind/assigns-address",
    sentence="libsocket/bind/assigns",
    section="DESCRIPTION",
    says="Binding assigns the address to the socket.",
)
@pytest.mark.parametrize(
    ("make", "address"),
    [(Socket.tcp, ("127.0.0.2", 4321)), (Socket.udp, ("127.0.0.2", 4321)), (Socket.unix, b"\0name")],
    ids=["tcp", "udp", "unix"],
)
def test_the_socket_has_the_address(ns, observe, make, address):
    with make() as sock:
        sock.bind(address)

        assert observe("is_the_address", sock.getsockname() == address) is True


@claim(
    "bind.2/bind/reached-at-address",
    sentence="libsocket/bind/assigns",
    section="DESCRIPTION",
    says="A socket is reached at the address it was bound to.",
)
def test_is_reached_at_its_address(ns, observe):
    with Socket.udp() as sock, Socket.udp() as sender:
        sock.bind(("127.0.0.2", 4321))
        sender.sendto(b"hello", ("127.0.0.2", 4321))

        assert observe("received", sock.recv(9).decode()) == "hello"


@claim(
    "bind.2/EINVAL/bound-already",
    section="ERRORS",
    says="Binding a socket that already has an address fails with EINVAL.",
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp])
def test_is_bound_only_once(ns, observe, make):
    with make() as sock:
        sock.bind(("127.0.0.2", 4321))
        with refused(errno.EINVAL):
            sock.bind(("127.0.0.3", 4321))

        assert observe("host", sock.getsockname()[0]) == "127.0.0.2"


@claim(
    "bind.2/EADDRINUSE/taken",
    section="ERRORS",
    says="Binding an address that another socket has fails with EADDRINUSE.",
)
@pytest.mark.parametrize(
    ("make", "address"),
    [(Socket.tcp, ("127.0.0.2", 4321)), (Socket.udp, ("127.0.0.2", 4321)), (Socket.unix, b"\0name")],
    ids=["tcp", "udp", "unix"],
)
def test_two_sockets_do_not_have_one_address(ns, observe, make, address):
    with make() as first, make() as second:
        first.bind(address)
        with refused(errno.EADDRINUSE):
            second.bind(address)
        first.close()
        second.bind(address)

        assert observe("bound_once_free", second.getsockname() == address) is True
