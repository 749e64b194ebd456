"""rmem_max, rmem_default, and those of wmem: they are the whole kernel's, and so moved in guests alone."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import OWN_KERNEL
from conformance.plugin.setups.options import read_back_on_udp
from libsocket import SO_RCVBUF, SO_SNDBUF, Socket
from netns import initial_sysctl, initial_sysctl_set


@claim(
    "socket.7/rmem_max/sets-the-limit",
    sentence="socket.7/rmem_max/maximum",
    section="/proc interfaces",
    says="What net.core.rmem_max is set to is from then on the largest size, in bytes, that SO_RCVBUF gives "
    "a UDP socket, doubled.",
    since="2.2",
    needs=[OWN_KERNEL],
)
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_rmem_max_limits_what_may_be_set(ns, observe, more):
    with initial_sysctl_set("net.core.rmem_max", 100_000):
        assert observe("stored", read_back_on_udp(SO_RCVBUF, 100_000 + more)) == 2 * min(
            100_000 + more, 100_000
        )


@claim(
    "socket.7/rmem_default/sets-the-default",
    sentence=("socket.7/rmem_default/default", "socket.7/proc/core"),
    section="/proc interfaces",
    says="What net.core.rmem_default is set to, in bytes, is the receive buffer of UDP and UNIX stream "
    "sockets that are made from then on, and not of those that are there.",
    since="2.2",
    needs=[OWN_KERNEL],
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix])
def test_rmem_default_is_for_new_sockets(ns, observe, make):
    before = int(initial_sysctl("net.core.rmem_default"))
    with make() as old, initial_sysctl_set("net.core.rmem_default", 100_000), make() as new:
        assert observe("old_and_new", [old.get(SO_RCVBUF), new.get(SO_RCVBUF)]) == [before, 100_000]


@claim(
    "socket.7/wmem_max/sets-the-limit",
    sentence="socket.7/wmem_max/maximum",
    section="/proc interfaces",
    says="What net.core.wmem_max is set to is from then on the largest size, in bytes, that SO_SNDBUF gives "
    "a UDP socket, doubled.",
    since="2.2",
    needs=[OWN_KERNEL],
)
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_wmem_max_limits_what_may_be_set(ns, observe, more):
    with initial_sysctl_set("net.core.wmem_max", 100_000):
        assert observe("stored", read_back_on_udp(SO_SNDBUF, 100_000 + more)) == 2 * min(
            100_000 + more, 100_000
        )


@claim(
    "socket.7/wmem_default/sets-the-default",
    sentence="socket.7/wmem_default/default",
    section="/proc interfaces",
    says="What net.core.wmem_default is set to, in bytes, is the send buffer of UDP and UNIX stream "
    "sockets that are made from then on, and not of those that are there.",
    since="2.2",
    needs=[OWN_KERNEL],
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.unix])
def test_wmem_default_is_for_new_sockets(ns, observe, make):
    before = int(initial_sysctl("net.core.wmem_default"))
    with make() as old, initial_sysctl_set("net.core.wmem_default", 100_000), make() as new:
        assert observe("old_and_new", [old.get(SO_SNDBUF), new.get(SO_SNDBUF)]) == [before, 100_000]
