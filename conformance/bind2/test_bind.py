"""bind(2): a socket gets its address."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import Socket

ADDRESS = "127.0.0.2", 4321
ANOTHER = "127.0.0.3", 4321

KINDS = pytest.mark.parametrize(
    ("make", "address", "another"),
    [
        (Socket.tcp, ADDRESS, ANOTHER),
        (Socket.udp, ADDRESS, ANOTHER),
        (Socket.unix, b"\0name", b"\0another"),
    ],
    ids=["tcp", "udp", "unix"],
)


@claim(
    "bind.2/bind/assigns-address",
    sentence=("bind.2/bind/assigns", "libsocket/bind/assigns"),
    section="DESCRIPTION",
    says="A TCP, UDP (IPv4) or UNIX stream socket has the address to which it was bound.",
)
@KINDS
def test_the_socket_has_the_address(ns, observe, make, address, another):
    with make() as sock, make() as other:
        sock.bind(address)
        other.bind(another)

        addresses = [str(sock.getsockname()), str(other.getsockname())]
        assert observe("addresses", addresses) == [str(address), str(another)]


@claim(
    "bind.2/bind/reached-at-address",
    sentence=("bind.2/bind/assigns", "libsocket/bind/assigns", "ip.7/bind/to-receive"),
    section="DESCRIPTION",
    says="A UDP socket that was bound to a local address receives what is sent to that address, and not "
    "what is sent to another one with the same port.",
)
def test_is_reached_at_its_address(ns, observe):
    with Socket.udp() as sock, Socket.udp() as sender, Socket.udp() as astray:
        sock.rcvtimeo = astray.rcvtimeo = SOON
        sock.bind(ADDRESS)
        astray.connect(ANOTHER)
        astray.send(b"astray")
        with refused(errno.ECONNREFUSED):
            astray.recv(9)
        sender.sendto(b"hello", ADDRESS)

        assert observe("received", sock.recv(9).decode()) == "hello"


@claim(
    "bind.2/EINVAL/bound-already",
    sentence="bind.2/EINVAL/bound-already",
    section="ERRORS",
    says="Binding a TCP, UDP or UNIX stream socket that already has an address to another one fails with "
    "EINVAL.",
)
@KINDS
def test_is_bound_only_once(ns, observe, make, address, another):
    with make() as sock, make() as unbound:
        sock.bind(address)
        with refused(errno.EINVAL):
            sock.bind(another)
        unbound.bind(another)

        addresses = [str(sock.getsockname()), str(unbound.getsockname())]
        assert observe("addresses", addresses) == [str(address), str(another)]


@claim(
    "bind.2/EINVAL/bound-already-autobind",
    sentence="bind.2/EINVAL/bound-already",
    section="ERRORS",
    says="Binding a UNIX stream socket that already has an address to none, for the kernel to choose, fails "
    "with EINVAL.",
    expect=differs(
        "it succeeds, and the socket keeps its address (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "address": str(b"\0name")},
    ),
    survives={"no-op: bind({sa_family=AF_UNIX}, 2) = 0": "to do nothing and succeed is the difference"},
)
def test_no_address_is_chosen_for_a_bound_socket(ns, observe):
    with Socket.unix() as sock:
        sock.bind(b"\0name")
        with refused(errno.EINVAL):
            sock.bind("")
            observe("address", str(sock.getsockname()))


@claim(
    "bind.2/EADDRINUSE/taken",
    sentence="bind.2/EADDRINUSE/taken",
    section="ERRORS",
    says="Binding a TCP, UDP or UNIX stream socket to the address of another such socket fails with "
    "EADDRINUSE, where neither has SO_REUSEADDR or SO_REUSEPORT set.",
)
@KINDS
def test_two_sockets_do_not_have_one_address(ns, observe, make, address, another):
    with make() as first, make() as second:
        first.bind(address)
        with refused(errno.EADDRINUSE):
            second.bind(address)
        second.bind(another)

        assert observe("address_of_the_second", str(second.getsockname())) == str(another)
