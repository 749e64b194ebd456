"""A port that many UDP sockets have, each at an address of its own: who can be bound to it besides."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from functools import partial

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import ANOTHER_USER, IPV6, NOBODY, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.calls import answer
from conformance.plugin.setups.ports import (
    address_of,
    anywhere,
    crowd,
    free_to_bind,
    others_at_other_ports,
)
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.reuse import arrivals, group
from libsocket import SO_REUSEADDR, SO_REUSEPORT, Socket
from netns import Namespace, as_user

FAMILIES = pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
BOUND_ANYWAY = {"no-op: setsockopt(*IPV6_FREEBIND*": "the wildcard address can be bound without it"}
FREE, TAKEN = 99, 11
"""Numbers of an address that none of the eleven has, and of the last of them."""


@claim(
    "defacto/bind/crowded-port",
    says="A port that 11 UDP sockets, over IPv4 and IPv6, have, each at an address of its own, can be bound "
    "at another address, and cannot at one of those: EADDRINUSE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
@FAMILIES
def test_a_port_is_taken_by_address(ns, observe, family):
    with crowd(family) as crowded, free_to_bind(family) as sock, free_to_bind(family) as other:
        port = crowded[0].getsockname()[1]
        with refused(errno.EADDRINUSE):
            sock.bind((address_of(family, TAKEN), port))
        sock.bind((address_of(family, FREE), port))
        with refused(errno.EADDRINUSE, "errno_twice"):
            other.bind((address_of(family, FREE), port))

        assert observe("bound", sock.getsockname()[:2] == (address_of(family, FREE), port)) is True


@claim(
    "defacto/bind/crowded-port-at-every-address",
    says="A port that 11 UDP sockets, over IPv4 and IPv6, have, each at an address of its own, cannot be "
    "bound at every address, as one that one of them has cannot: EADDRINUSE.",
    since="7.0",
    backports=("6.1.168", "6.6.131", "6.12.80", "6.18.21", "6.19.11"),
    commit="e537dd15d0d4",
    needs=[IPV6],
    survives=BOUND_ANYWAY,
)
@FAMILIES
@pytest.mark.parametrize("count", [1, 10, 11])
def test_a_port_that_many_have_is_not_free(ns, observe, family, count):
    with crowd(family, count=count) as crowded, free_to_bind(family) as sock:
        with refused(errno.EADDRINUSE):
            sock.bind((anywhere(family), crowded[0].getsockname()[1]))
        sock.bind((anywhere(family), 0))

        assert observe("bound", sock.getsockname()[0]) == anywhere(family)


@claim(
    "defacto/bind/crowded-port-of-every-address",
    says="A port that 11 UDP sockets with SO_REUSEADDR, over IPv4 and IPv6, have, of which one is bound to "
    "every address, cannot be bound without it at an address that none has: EADDRINUSE; with it it can, "
    "there and at one of theirs.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=BOUND_ANYWAY,
)
@FAMILIES
@pytest.mark.parametrize("host", [FREE, TAKEN])
def test_a_port_is_taken_at_every_address(ns, observe, family, host):
    with (
        crowd(family, SO_REUSEADDR, any_too=True) as crowded,
        free_to_bind(family) as sock,
        free_to_bind(family, SO_REUSEADDR) as reusing,
    ):
        address = address_of(family, host), crowded[0].getsockname()[1]
        with refused(errno.EADDRINUSE):
            sock.bind(address)
        reusing.bind(address)

        assert observe("bound", reusing.getsockname()[:2] == address) is True


def bound_at(address: tuple[str, int], family: int) -> str:
    """What the bind of a UDP socket with SO_REUSEPORT gives."""
    with free_to_bind(family, SO_REUSEPORT) as sock:
        return answer(lambda: sock.bind(address))


@claim(
    "defacto/SO_REUSEPORT/crowded-port",
    says="A port that 11 UDP sockets with SO_REUSEPORT, over IPv4 and IPv6, have, each at an address of its "
    "own, can be bound with it at one of their addresses by the same user, and cannot by another, nor "
    "without it: EADDRINUSE.",
    since="3.9",
    commit="ba418fa357a7",
    needs=[IPV6, ANOTHER_USER],
    survives={
        "no-op: setsockopt(*SO_REUSEPORT*": "another user is refused with it as without it",
        "no-op: close(*": "who was refused need not be closed",
    },
)
@FAMILIES
def test_a_port_is_shared_by_address(ns, observe, family):
    with (
        crowd(family, SO_REUSEPORT) as crowded,
        free_to_bind(family) as alone,
        free_to_bind(family, SO_REUSEPORT) as sharing,
    ):
        address = address_of(family, TAKEN), crowded[0].getsockname()[1]
        by_another = as_user(NOBODY, partial(bound_at, address, family))
        with refused(errno.EADDRINUSE):
            alone.bind(address)
        sharing.bind(address)

        bound = sharing.getsockname()[:2] == address
        assert observe("another_and_bound", [by_another, bound]) == ["EADDRINUSE", True]


@claim(
    "defacto/SO_BINDTODEVICE/crowded-port",
    says="A port that 11 UDP sockets over IPv4 have, each at an address of its own, of which one is bound to "
    "lo by SO_BINDTODEVICE, can be bound at its address by a socket that is bound to another interface, and "
    "cannot by one that is bound to lo, or to none: EADDRINUSE.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
def test_a_port_is_taken_by_interface(ns, observe):
    ns.add_veth("left", "right")
    family = socket.AF_INET
    with crowd(family) as crowded, free_to_bind(family) as sock:
        crowded[-1].bindtodevice = "lo"
        address = crowded[-1].getsockname()
        with refused(errno.EADDRINUSE):
            sock.bind(address)
        sock.bindtodevice = "lo"
        devices = [sock.bindtodevice]
        with refused(errno.EADDRINUSE, "errno_same"):
            sock.bind(address)
        sock.bindtodevice = "left"
        sock.bind(address)

        devices.append(sock.bindtodevice)
        assert observe("devices_and_bound", [devices, sock.getsockname() == address]) == [
            ["lo", "left"],
            True,
        ]


SLOTS = 256


@claim(
    "defacto/bind/crowded-address",
    says="In a network namespace that was made where net.ipv4.udp_child_hash_entries is 256 a port that 11 "
    "UDP sockets over IPv4 have, each at an address of its own, is free at another address and taken at "
    "theirs (EADDRINUSE), also when 510 sockets at two more addresses have other ports.",
    since="6.2",
    commit="9804985bf27f",
)
def test_a_port_is_taken_among_many(ns, observe):
    ns.sysctl["net.ipv4.udp_child_hash_entries"] = SLOTS
    with (
        Namespace() as inner,
        crowd(socket.AF_INET) as crowded,
        ExitStack() as stack,
        free_to_bind(socket.AF_INET) as sock,
    ):
        port = crowded[0].getsockname()[1]
        others = others_at_other_ports(stack, port, SLOTS)
        with refused(errno.EADDRINUSE):
            sock.bind(crowded[-1].getsockname())
        sock.bind((address_of(socket.AF_INET, FREE), port))

        size = abs(int(inner.sysctl["net.ipv4.udp_hash_entries"]))
        found = [size, others, sock.getsockname() == (address_of(socket.AF_INET, FREE), port)]
        assert observe("size_others_and_bound", found) == [SLOTS, 510, True]


@claim(
    "defacto/SO_REUSEPORT/connected-member-of-every-address",
    says="Of two UDP sockets, over IPv4 and IPv6, that share a port of every address with SO_REUSEPORT one "
    "that connects to a third gets what that sends, and nothing of ten others, who all come to the other.",
    since="5.4",
    commit="acdcecc61285",
    needs=[IPV6],
)
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_member_that_connects_is_for_its_peer(ns, observe, family, host):
    with group(2, partial(Socket.udp, family), host=anywhere(family)) as members, Socket.udp(family) as peer:
        address = host, members[0].getsockname()[1]
        peer.connect(address)
        members[1].connect(peer.getsockname())
        peer.send(b"x")
        await_readable(members[1])
        members[1].recv(9)

        assert observe("counts", arrivals(members, 10, address=address)) == [10, 0]
