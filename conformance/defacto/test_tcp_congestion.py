"""TCP_CONGESTION of listeners and connections: who may choose what, and TCP_CC_INFO."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import OWN_KERNEL, congestion_control
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, pending_connection
from libsocket import Socket
from netns import Capability, initial_sysctl_set, only, without

ALLOWED = "net.ipv4.tcp_allowed_congestion_control"
CUBIC, RENO = "cubic", "reno"
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
STATES = pytest.mark.parametrize("which", [0, 1, 2], ids=["listener", "connected", "accepted"])


OTHERS = {"no-op: setsockopt(*TCP_CONGESTION, *reno*": "those that are not asked may have another"}


@contextmanager
def three(host: str) -> Iterator[tuple[Socket, Socket, Socket]]:
    """A listener, what is connected to it, and what it accepted; all have reno."""
    with (
        listening(host) as listener,
        pending_connection(listener) as connected,
        listener.accept()[0] as accepted,
    ):
        listener.tcp_congestion = connected.tcp_congestion = accepted.tcp_congestion = RENO
        yield listener, connected, accepted


@claim(
    "defacto/TCP_CONGESTION/unknown",
    says="TCP_CONGESTION of a TCP socket that listens, is connected or was accepted, over IPv4 and IPv6, "
    "with the name of no algorithm is refused with ENOENT, and it keeps the one that it has.",
    since="2.6.13",
    commit="5f8ef48d2409",
    survives=OTHERS,
)
@HOSTS
@STATES
def test_an_unknown_name_is_refused(ns, observe, host, which):
    with three(host) as sockets:
        with refused(errno.ENOENT):
            sockets[which].tcp_congestion = "no_such_name"

        assert observe("kept", sockets[which].tcp_congestion) == RENO


@claim(
    "defacto/TCP_CONGESTION/privilege",
    says="A TCP socket that listens, is connected or was accepted, over IPv4 and IPv6, takes an algorithm "
    "that is not in tcp_allowed_congestion_control with CAP_NET_ADMIN alone; without it this is refused with "
    "EPERM, and the socket keeps the one that it has.",
    since="2.6.20",
    commit="ce7bc3bf15cb",
    needs=[OWN_KERNEL],
    survives=OTHERS,
)
@HOSTS
@STATES
def test_others_take_the_capability(ns, observe, host, which):
    with initial_sysctl_set(ALLOWED, RENO), three(host) as sockets:
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            sockets[which].tcp_congestion = CUBIC
        kept = sockets[which].tcp_congestion
        with only(Capability.NET_ADMIN):
            sockets[which].tcp_congestion = CUBIC

        assert observe("kept_and_chosen", [kept, sockets[which].tcp_congestion]) == [RENO, CUBIC]


@claim(
    "defacto/TCP_CONGESTION/what-it-has",
    says="A TCP socket that listens, is connected or was accepted, over IPv4 and IPv6, takes the algorithm "
    "that it has already without any capability, though tcp_allowed_congestion_control does not have it.",
    since="2.6.20",
    commit="ce7bc3bf15cb",
    needs=[OWN_KERNEL],
    survives=OTHERS,
)
@HOSTS
@STATES
def test_what_it_has_it_takes(ns, observe, host, which):
    with initial_sysctl_set(ALLOWED, RENO), three(host) as sockets:
        sockets[which].tcp_congestion = CUBIC
        with only():
            sockets[which].tcp_congestion = CUBIC

        assert observe("kept", sockets[which].tcp_congestion) == CUBIC


@claim(
    "defacto/TCP_CC_INFO/none",
    sentence="tcp.h/TCP_CC_INFO/optional",
    says="TCP_CC_INFO of a TCP connection, over IPv4 and IPv6, whose algorithm is reno or cubic is empty.",
    since="4.1",
    commit="6e9250f59ef9",
    survives={"no-op: setsockopt(*TCP_CONGESTION*": "all have reno before, and the others are not asked"},
)
@HOSTS
@pytest.mark.parametrize("name", [RENO, CUBIC])
def test_some_tell_nothing(ns, observe, host, name):
    with three(host) as (_, connected, _):
        connected.tcp_congestion = name

        assert observe("name_and_size", [connected.tcp_congestion, len(connected.tcp_cc_info)]) == [name, 0]


@claim(
    "defacto/TCP_CC_INFO/bbr",
    sentence="tcp.h/TCP_CC_INFO/optional",
    says="TCP_CC_INFO of a TCP connection, over IPv4 and IPv6, whose algorithm is bbr has the 20 bytes of "
    "its structure, and is empty with reno.",
    since="4.9",
    commit="0f8782ea1497",
    needs=[congestion_control("bbr")],
    survives=OTHERS,
)
@HOSTS
def test_bbr_tells_of_itself(ns, observe, host):
    with three(host) as (_, connected, _):
        sizes = [len(connected.tcp_cc_info)]
        connected.tcp_congestion = "bbr"
        sizes.append(len(connected.tcp_cc_info))

        assert observe("sizes", sizes) == [0, 20]
