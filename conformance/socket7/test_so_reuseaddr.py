"""SO_REUSEADDR: when an address that is in use may be bound once more."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import pending_connection
from conformance.plugin.setups.reuse import reusing_socket


def left_behind(reuse: bool) -> tuple[bool, tuple[str, int]]:
    """The option and the address of a server that closed its connection before its client, and is gone."""
    with reusing_socket(reuse) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pending_connection(listener), listener.accept()[0]:
            return listener.reuseaddr, listener.getsockname()


@claim(
    "socket.7/SO_REUSEADDR/bound-not-listening",
    sentence=(
        "libsocket/reuseaddr/reuse",
        "libsocket/reuseaddr/listener",
        "socket.7/SO_REUSEADDR/reuse",
        "socket.7/SO_REUSEADDR/listener",
    ),
    section="Socket options",
    says="A TCP socket over IPv4 may bind the address of another one that does not listen, if both have "
    "SO_REUSEADDR.",
)
def test_shares_the_address_of_a_socket_that_does_not_listen(ns, observe):
    with reusing_socket() as first, reusing_socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(first.getsockname())

        assert observe("same", second.getsockname() == first.getsockname()) is True


@claim(
    "socket.7/SO_REUSEADDR/active-listener",
    sentence=(
        "libsocket/reuseaddr/listener",
        "socket.7/SO_REUSEADDR/listener",
        "bind.2/EADDRINUSE/taken",
    ),
    section="Socket options",
    says="A TCP socket over IPv4 may not bind the address on which another one listens, though both have "
    "SO_REUSEADDR (and not SO_REUSEPORT): EADDRINUSE.",
)
def test_does_not_share_the_address_of_a_listener(ns, observe):
    with reusing_socket() as first, reusing_socket() as second, reusing_socket() as third:
        first.bind(("127.0.0.1", 0))
        second.bind(first.getsockname())
        first.listen()
        with refused(errno.EADDRINUSE):
            third.bind(first.getsockname())
        shared = second.getsockname() == first.getsockname()
        newcomer = [third.reuseaddr, third.getsockname()]

        assert observe("before_and_while_it_listens", [shared, *newcomer]) == [True, True, ("0.0.0.0", 0)]


@claim(
    "socket.7/SO_REUSEADDR/any-listener",
    sentence=("libsocket/reuseaddr/any", "socket.7/SO_REUSEADDR/any", "bind.2/EADDRINUSE/taken"),
    section="Socket options",
    says="While a TCP socket listens on a port of INADDR_ANY, another one can bind that port at no local "
    "IPv4 address, though both have SO_REUSEADDR (and not SO_REUSEPORT): EADDRINUSE.",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "0.0.0.0"])
def test_a_listener_on_every_address_has_the_port_alone(ns, observe, host):
    with reusing_socket() as first, reusing_socket() as second, reusing_socket() as third:
        first.bind(("0.0.0.0", 0))
        port = first.getsockname()[1]
        second.bind((host, port))
        first.listen()
        with refused(errno.EADDRINUSE):
            third.bind((host, port))
        shared = second.getsockname() == (host, port)
        newcomer = [third.reuseaddr, third.getsockname()]

        assert observe("before_and_while_it_listens", [shared, *newcomer]) == [True, True, ("0.0.0.0", 0)]


@claim(
    "socket.7/SO_REUSEADDR/any-bound-not-listening",
    sentence=("libsocket/reuseaddr/any", "socket.7/SO_REUSEADDR/listener"),
    section="Socket options",
    says="While no TCP socket listens on it, a port may be bound at INADDR_ANY and at a single IPv4 address "
    "by two that have SO_REUSEADDR, in either order.",
)
@pytest.mark.parametrize(("held", "wanted"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "0.0.0.0")])
def test_shares_a_port_that_is_bound_at_every_address(ns, observe, held, wanted):
    with reusing_socket() as first, reusing_socket() as second:
        first.bind((held, 0))
        port = first.getsockname()[1]
        second.bind((wanted, port))

        assert observe("same", second.getsockname() == (wanted, port)) is True


@claim(
    "socket.7/SO_REUSEADDR/both-required",
    sentence=("libsocket/reuseaddr/reuse", "socket.7/notes/reuseaddr-both", "bind.2/EADDRINUSE/taken"),
    section="NOTES",
    says="A TCP socket over IPv4 cannot bind an address that another one has bound unless both set "
    "SO_REUSEADDR (or both SO_REUSEPORT): EADDRINUSE.",
)
@pytest.mark.parametrize(("holder", "newcomer"), [(False, False), (False, True), (True, False)])
def test_one_socket_alone_shares_nothing(ns, observe, holder, newcomer):
    with reusing_socket(holder) as first, reusing_socket(newcomer) as second:
        first.bind(("127.0.0.1", 0))
        address = first.getsockname()
        with refused(errno.EADDRINUSE):
            second.bind(address)
        set_by = [first.reuseaddr, second.reuseaddr]
        first.close()
        second.bind(address)

        assert observe("set_by_and_bound_once_free", [*set_by, second.getsockname() == address]) == [
            holder,
            newcomer,
            True,
        ]


@claim(
    "socket.7/SO_REUSEADDR/both-required-once-closed",
    sentence=(
        "libsocket/reuseaddr/reuse",
        "socket.7/notes/reuseaddr-both",
        "bind.2/EADDRINUSE/taken",
        "ip.7/bind/time-wait",
    ),
    section="NOTES",
    says="An IPv4 address that a TCP server has just left, closing a connection first, can be bound again "
    "only if the server that left and the one that returns both set SO_REUSEADDR: EADDRINUSE otherwise.",
)
@pytest.mark.parametrize(("before", "after"), [(False, False), (False, True), (True, False)])
def test_one_server_alone_does_not_return_to_its_port(ns, observe, before, after):
    left_with, refusing = left_behind(before)
    _, sharing = left_behind(True)
    with reusing_socket(after) as server, reusing_socket() as other:
        with refused(errno.EADDRINUSE):
            server.bind(refusing)
        other.bind(sharing)

        assert observe(
            "set_by_and_bound_where_both_set_it",
            [left_with, server.reuseaddr, other.getsockname() == sharing],
        ) == [before, after, True]
