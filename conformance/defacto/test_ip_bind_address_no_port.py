"""IP_BIND_ADDRESS_NO_PORT where ports are few and destinations several."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.timing import SOON
from libsocket import Socket

HERE = "127.0.0.9"
DESTINATIONS = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
PORT_RANGE = "net.ipv4.ip_local_port_range"
ELSEWHERE = "50000 50010"
"""Ports for the listeners: one of theirs is none that a connection shares."""


def bound(*, no_port: bool) -> Socket:
    """A TCP socket that is bound to an address of this host and to port 0."""
    sock = Socket.tcp()
    with ExitStack() as failing:
        failing.callback(sock.close)
        if no_port:
            sock.ip_bind_address_no_port = True
        sock.bind((HERE, 0))
        failing.pop_all()
    return sock


@contextmanager
def listeners(hosts: list[str]) -> Iterator[list[Socket]]:
    """One at each of these addresses."""
    with ExitStack() as opened:
        yield [opened.enter_context(listening(host)) for host in hosts]


def connected(sockets: ExitStack, destinations: list[Socket], *, no_port: bool) -> list[int]:
    """The ports from which sockets are connected, that are bound first, to one destination each."""
    return [_connected(sockets, sockets.enter_context(bound(no_port=no_port)), one) for one in destinations]


def _connected(sockets: ExitStack, sock: Socket, listener: Socket) -> int:
    listener.rcvtimeo = SOON
    sock.connect(listener.getsockname())
    accepted, (_, port) = listener.accept()
    sockets.enter_context(accepted)
    return int(port)


@claim(
    "defacto/IP_BIND_ADDRESS_NO_PORT/each-port-for-each-destination",
    says="Where two ports are free, TCP sockets with IP_BIND_ADDRESS_NO_PORT that are bound to an address "
    "of IPv4 make two connections to each of three destinations. One more bind succeeds, and its connect is "
    "refused with EADDRNOTAVAIL.",
    since="4.2",
    commit="90c337da1524",
)
def test_each_destination_has_each_port(ns, observe):
    ns.sysctl[PORT_RANGE] = ELSEWHERE
    with listeners(DESTINATIONS) as all_, ExitStack() as sockets:
        ns.sysctl[PORT_RANGE] = "40000 40001"
        ports = connected(sockets, [*all_, *all_], no_port=True)
        seventh = sockets.enter_context(bound(no_port=True))
        with refused(errno.EADDRNOTAVAIL):
            seventh.connect(all_[0].getsockname())

        assert observe("ports", sorted(ports)) == [40_000] * 3 + [40_001] * 3


@claim(
    "defacto/IP_BIND_ADDRESS_NO_PORT/without-it",
    says="Where two ports are free, TCP sockets without IP_BIND_ADDRESS_NO_PORT that are bound to an "
    "address of IPv4 make two connections, to whichever destinations. One more bind is refused with "
    "EADDRINUSE; with the option it succeeds, and its connect to a third destination is refused with "
    "EADDRNOTAVAIL.",
    since="4.2",
    commit="90c337da1524",
)
def test_without_it_each_port_is_had_once(ns, observe):
    ns.sysctl[PORT_RANGE] = ELSEWHERE
    with listeners(DESTINATIONS[:2]) as both, ExitStack() as sockets:
        ns.sysctl[PORT_RANGE] = "40000 40001"
        ports = connected(sockets, both, no_port=False)
        with refused(errno.EADDRINUSE):
            bound(no_port=False).close()
        third = sockets.enter_context(bound(no_port=True))
        with refused(errno.EADDRNOTAVAIL, "errno_of_connect"):
            third.connect((DESTINATIONS[2], 9))

        assert observe("ports", sorted(ports)) == [40_000, 40_001]
