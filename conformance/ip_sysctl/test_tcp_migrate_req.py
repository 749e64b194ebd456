"""tcp_migrate_req: which of the listeners of a port has a connection, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from conformance.plugin.claim import claim
from conformance.plugin.needs import sysctl
from conformance.plugin.setups.listeners import pending_connection
from conformance.plugin.setups.made_peer import MADE, made_peers
from conformance.plugin.setups.readiness import await_readable, readable_by_select
from conformance.plugin.setups.reuse import sharing_socket
from libsocket import Socket

MIGRATE = "net.ipv4.tcp_migrate_req"
MANY = 24
"""Connections: none of two listeners has all of them by chance."""
ACCEPTED = {"no-op: close(*": "a connection that was accepted may stay open"}


@contextmanager
def sharing_listeners(host: str = "127.0.0.1") -> Iterator[tuple[Socket, Socket]]:
    """A TCP socket that listens, and one on its port, by SO_REUSEPORT, that does not yet."""
    with sharing_socket() as first, sharing_socket() as second:
        first.bind((host, 0))
        second.bind(first.getsockname())
        first.listen(MANY)
        yield first, second


def accepted(listener: Socket) -> int:
    """How many connections wait at a listener, which are closed."""
    number = 0
    while readable_by_select(listener):
        listener.accept()[0].close()
        number += 1
    return number


@claim(
    "ip-sysctl/tcp_migrate_req/tied",
    sentence="ip-sysctl/tcp_migrate_req/tied",
    section="TCP variables",
    says="A TCP connection over IPv4 is accepted by the listener that had its SYN, though another listens on "
    "the port by SO_REUSEPORT before the handshake is over.",
    needs=MADE,
    survives={"no-op: bind(*": "a listener that is not bound is given a port", **ACCEPTED},
)
def test_a_connection_is_of_one_listener(peers, observe):
    with (
        made_peers(peers, MANY) as ends,
        peers.right.entered(),
        sharing_listeners(peers.right.address) as (first, second),
    ):
        for end in ends:
            end.ask(first)
        second.listen(MANY)
        for end in ends:
            end.send()
        ends[0].replies()

        assert observe("accepted", [accepted(first), accepted(second)]) == [MANY, 0]


@claim(
    "ip-sysctl/tcp_migrate_req/random",
    sentence="ip-sysctl/tcp_migrate_req/random",
    section="TCP variables",
    says="With tcp_migrate_req, and without a program, some of 24 TCP connections over IPv4 whose listener "
    "is closed go to one and some to another of two that listen on the port by SO_REUSEPORT.",
    since="5.14",
    needs=[*MADE, sysctl(MIGRATE)],
    survives=ACCEPTED,
)
def test_a_listener_is_chosen_at_random(peers, observe):
    peers.right.namespace.sysctl[MIGRATE] = 1
    with (
        made_peers(peers, MANY) as ends,
        peers.right.entered(),
        sharing_listeners(peers.right.address) as (first, second),
        sharing_socket() as third,
    ):
        third.bind(first.getsockname())
        for end in ends:
            end.connect(first)
        ends[0].replies()
        second.listen(MANY)
        third.listen(MANY)
        first.close()
        one, other = accepted(second), accepted(third)

        assert observe("all_and_both", [one + other, one > 0, other > 0]) == [MANY, True, True]


@claim(
    "ip-sysctl/tcp_migrate_req/settings",
    sentence="ip-sysctl/tcp_migrate_req/settings",
    section="TCP variables",
    says="A TCP connection over IPv4 that goes, with tcp_migrate_req, from a listener without TCP_SAVE_SYN "
    "to one with it has no TCP_SAVED_SYN when it is accepted there, and one whose SYN that listener had has.",
    since="5.14",
    needs=[sysctl(MIGRATE)],
)
def test_a_syn_is_not_saved_afterwards(ns, observe):
    ns.sysctl[MIGRATE] = 1
    with sharing_listeners() as (first, second):
        second.tcp_save_syn = 1
        with pending_connection(first):
            second.listen()
            first.close()
            await_readable(second)
            with second.accept()[0] as migrated, pending_connection(second), second.accept()[0] as direct:
                saved = [len(one.tcp_saved_syn) > 0 for one in (migrated, direct)]

                assert observe("migrated_and_direct", saved) == [False, True]
