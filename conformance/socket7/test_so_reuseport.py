"""SO_REUSEPORT: several sockets on one address, among which what comes is distributed."""

from __future__ import annotations

import errno
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, NOBODY
from conformance.plugin.refusal import refused
from conformance.plugin.setups.reuse import arrivals, group, sharing_socket
from libsocket import Socket
from netns import as_user

TCP6, UDP6 = partial(Socket.tcp, socket.AF_INET6), partial(Socket.udp, socket.AF_INET6)
KINDS = pytest.mark.parametrize(
    ("make", "host"),
    [(Socket.tcp, "127.0.0.1"), (TCP6, "::1"), (Socket.udp, "127.0.0.1"), (UDP6, "::1")],
    ids=["tcp", "tcp6", "udp", "udp6"],
)


@claim(
    "socket.7/SO_REUSEPORT/permits",
    sentence=(
        "socket.7/SO_REUSEPORT/permits",
        "socket.7/SO_REUSEPORT/tcp-and-udp",
        "bind.2/EADDRINUSE/taken",
    ),
    section="Socket options",
    says="Three TCP or UDP sockets over IPv4 or IPv6, all with SO_REUSEPORT before they are bound, can be "
    "bound to one address, and the TCP ones all listen there; a fourth without it cannot be: EADDRINUSE.",
    since="3.9",
)
@KINDS
def test_several_sockets_share_an_address(ns, observe, make, host):
    with group(3, make, host=host) as members, make() as other:
        with refused(errno.EADDRINUSE):
            other.bind(members[0].getsockname())
        names = {member.getsockname() for member in members}
        listening = {member.acceptconn for member in members}

        assert observe("names_and_listening", [len(names), *listening]) == [
            1,
            members[0].type == socket.SOCK_STREAM,
        ]


@claim(
    "socket.7/SO_REUSEPORT/first-too",
    sentence=("socket.7/SO_REUSEPORT/each", "bind.2/EADDRINUSE/taken"),
    section="Socket options",
    says="A TCP or UDP socket with SO_REUSEPORT cannot be bound to the address of one that does not have it: "
    "EADDRINUSE.",
    since="3.9",
)
@KINDS
def test_the_first_must_have_it_too(ns, observe, make, host):
    with make() as first, sharing_socket(make) as second, sharing_socket(make) as third:
        first.bind((host, 0))
        with refused(errno.EADDRINUSE):
            second.bind(first.getsockname())
        second.bind((host, 0))
        third.bind(second.getsockname())

        assert observe("shared", third.getsockname() == second.getsockname()) is True


@claim(
    "socket.7/SO_REUSEPORT/before-bind",
    sentence=("socket.7/SO_REUSEPORT/each", "bind.2/EADDRINUSE/taken"),
    section="Socket options",
    says="That the first TCP or UDP socket sets SO_REUSEPORT after it was bound does not let another with "
    "the option be bound to its address: EADDRINUSE.",
    since="3.9",
    expect=differs(
        "the option counts as it is when the other is bound",
        since="3.9",
        commit="055dc21a1d1d",
        observed={"errno": None, "shared": True},
    ),
)
@KINDS
def test_the_first_must_have_it_before_bind(ns, observe, make, host):
    with make() as first, sharing_socket(make) as second:
        first.bind((host, 0))
        first.reuseport = True
        with refused(errno.EADDRINUSE):
            second.bind(first.getsockname())
            observe("shared", second.getsockname() == first.getsockname())

        assert observe("shared", second.getsockname()[1] != 0) is False


@claim(
    "socket.7/SO_REUSEPORT/same-user",
    sentence=("socket.7/SO_REUSEPORT/same-user", "bind.2/EADDRINUSE/taken"),
    section="Socket options",
    says="A process with another effective user id cannot bind a TCP or UDP socket to an address where all "
    "have SO_REUSEPORT, as one with the same can: EADDRINUSE.",
    since="3.9",
    needs=[ANOTHER_USER],
    survives={"no-op: close()*": "the other process ends and closes what it has"},
)
@KINDS
def test_all_must_have_one_user(ns, observe, make, host):
    with sharing_socket(make) as first, sharing_socket(make) as third:
        first.bind((host, 0))
        address = first.getsockname()
        with refused(errno.EADDRINUSE):
            as_user(NOBODY, lambda: bind_another(make, address))
        third.bind(address)

        assert observe("same", third.getsockname() == address) is True


def bind_another(make, address):
    with sharing_socket(make) as sock:
        sock.bind(address)


@claim(
    "socket.7/SO_REUSEPORT/distributes",
    sentence=("socket.7/SO_REUSEPORT/listeners", "socket.7/SO_REUSEPORT/datagrams"),
    section="Socket options",
    says="Of 40 TCP connections or UDP datagrams from different ports to an address that two sockets share "
    "by SO_REUSEPORT each socket gets some, and together they get all.",
    since="3.9",
    survives={"no-op: close()*": "a connection that was accepted may stay open"},
)
@KINDS
def test_what_comes_is_distributed(ns, observe, make, host):
    with group(2, make, host=host) as members:
        counts = arrivals(members, 40)

        assert observe("all_and_some_each", [sum(counts), min(counts) > 0]) == [40, True]
