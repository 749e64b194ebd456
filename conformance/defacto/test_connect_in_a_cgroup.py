"""Connects of the Internet's sockets that a program on a cgroup is asked about."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import EBPF, IPV6, OWN_KERNEL
from conformance.plugin.refusal import refused
from conformance.plugin.setups.cgroups import (
    CGROUP_SOCK_ADDR,
    INET4_CONNECT,
    INET6_CONNECT,
    PERMITS,
    REFUSES,
    asked_by,
)
from conformance.plugin.setups.socket_addresses import HOME, at_home, connect_to, octets_of, peer
from conformance.plugin.setups.sockets import SOCKETS

KINDS = pytest.mark.parametrize("kind", ["tcp", "udp", "tcp6", "udp6"])


def asked(answer, kind, length=None):
    """The peer that a socket gets, or none, in a cgroup whose program gives that answer."""
    return asked_by(
        answer,
        CGROUP_SOCK_ADDR,
        INET6_CONNECT if kind.endswith("6") else INET4_CONNECT,
        lambda: peer_got(kind, length),
    )


def peer_got(kind, length):
    with SOCKETS[kind]() as sock:
        connect_to(sock, octets_of(HOME[kind], length=length))
        return peer(sock)


@claim(
    "defacto/cgroup/inet-connect",
    says="A connect of a new TCP or UDP socket over IPv4 or IPv6 that was made in a cgroup, to an address "
    "of its family, fails with EPERM where a program attached to that as BPF_CGROUP_INET4_CONNECT or "
    "BPF_CGROUP_INET6_CONNECT refuses it and says no other errno; where the program permits it, it "
    "gets the peer that is there.",
    since="4.17",
    commit="d74bad4e74ee",
    needs=[OWN_KERNEL, EBPF, IPV6],
)
@KINDS
def test_a_program_refuses_a_connect(ns, observe, kind):
    with at_home(kind):
        with refused(errno.EPERM):
            asked(REFUSES, kind)

        assert observe("peer_where_permitted", asked(PERMITS, kind)) == HOME[kind]


@claim(
    "defacto/cgroup/inet-connect-short",
    says="A connect of a new TCP or UDP socket over IPv4 or IPv6 to an address of its family of fewer than "
    "16 bytes or, over IPv6, 24 fails with EINVAL in a cgroup with a program attached as "
    "BPF_CGROUP_INET4_CONNECT or BPF_CGROUP_INET6_CONNECT: the program, which may refuse all, is not "
    "asked. With as many bytes it is, and where it refuses and says no other errno it fails with "
    "EPERM.",
    since="4.17",
    commit="d74bad4e74ee",
    needs=[OWN_KERNEL, EBPF, IPV6],
)
@KINDS
@pytest.mark.parametrize("answer", [PERMITS, REFUSES], ids=["permits", "refuses"])
def test_a_program_is_not_asked_of_a_short_address(ns, kind, answer):
    least = 24 if kind.endswith("6") else 16
    with at_home(kind):
        with refused(errno.EINVAL):
            asked(answer, kind, least - 1)
        with refused(errno.EPERM, "errno_of_enough"):
            asked(REFUSES, kind, least)
