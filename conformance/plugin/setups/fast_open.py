"""TCP Fast Open: data in the packet that asks for a connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from conformance.plugin.setups.ipv6 import address6
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.pairs import await_those_across
from conformance.plugin.setups.readiness import await_end
from conformance.plugin.timing import SOON
from libsocket import Linger, Socket
from netns import Host, Peers

CLIENT, SERVER = 1, 2
"""Bits of net.ipv4.tcp_fastopen."""
COOKIE_KEPT = {
    "no-op: close(*": "the connection that got the cookie may stay open",
    "no-op: setsockopt(*SO_LINGER*": "it may take longer to end",
    "no-op: sendto(*after*": "what is left of it has arrived in time",
}
"""For the claims that are tried with :func:`get_cookie`, or with a connection alike."""


@contextmanager
def fast_listener(
    hosts: Peers, *, queue: int = 5, server: int = SERVER, version: int = 4
) -> Iterator[Socket]:
    """A TCP socket on the right that listens with Fast Open, for clients on the left that may use it."""
    hosts.left.namespace.sysctl["net.ipv4.tcp_fastopen"] = CLIENT
    hosts.right.namespace.sysctl["net.ipv4.tcp_fastopen"] = server
    with hosts.right.entered(), listening(address_of(hosts.right, version)) as listener:
        listener.tcp_fastopen = queue
        yield listener


def address_of(host: Host, version: int) -> str:
    """A host's IPv4 or IPv6 address."""
    return host.address if version == 4 else address6(host)


def fast_client(hosts: Peers, listener: Socket) -> Socket:
    """A TCP socket on the left, still to connect, with TCP_FASTOPEN_CONNECT."""
    with hosts.left.entered():
        client = Socket.tcp(listener.family)
    client.tcp_fastopen_connect = True
    return client


def get_cookie(hosts: Peers, listener: Socket) -> None:
    """Connect once, by which the left host has a cookie from then on; nothing of it is under way any more."""
    with fast_client(hosts, listener) as client:
        client.linger = Linger(True, 0)
        client.connect(listener.getsockname())
        listener.accept()[0].close()
        await_end(client)
    await_those_across(hosts)


@contextmanager
def early_data(hosts: Peers, listener: Socket) -> Iterator[tuple[Socket, Socket]]:
    """The ends of a connection that sends "early" as soon as it may, with its SYN if there is a cookie."""
    with fast_client(hosts, listener) as client:
        client.connect(listener.getsockname())
        client.send(b"early")
        with listener.accept()[0] as accepted:
            client.rcvtimeo = accepted.rcvtimeo = SOON
            yield client, accepted
