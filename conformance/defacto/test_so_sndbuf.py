"""SO_SNDBUF and SO_SNDBUFFORCE where documents are silent: extreme sizes, whose privilege, accept."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import USER_NAMESPACE, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.options import read_back_on_udp, set_on_udp
from libsocket import INT, SO_MARK, SO_SNDBUF, SO_SNDBUFFORCE, Socket
from netns import Capability, in_user_namespace, initial_sysctl

INT_MAX = 2**31 - 1


@claim(
    "defacto/SO_SNDBUF/negative-is-the-maximum",
    says="A negative size is no error: it counts as a huge one and gives wmem_max, doubled.",
)
@pytest.mark.parametrize("asked", [-1, -(2**31)])
def test_a_negative_size_gives_the_maximum(ns, observe, asked):
    with Socket.udp() as sock:
        sock.set(SO_SNDBUF.through(INT), asked)

        assert observe("sndbuf", sock.sndbuf) == 2 * int(initial_sysctl("net.core.wmem_max"))


@claim(
    "defacto/SO_SNDBUF/inherited-by-accept",
    says="A TCP connection that is accepted has the send buffer that was set on the listener.",
)
def test_an_accepted_connection_has_the_buffer(ns, observe):
    with listening() as listener:
        listener.sndbuf = 30_000
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("sndbuf", accepted.sndbuf) == 2 * 30_000


@claim(
    "defacto/SO_SNDBUF/not-inherited-on-unix",
    says="A UNIX connection that is accepted has the default send buffer, whatever the listener's.",
)
def test_an_accepted_unix_connection_has_the_default(ns, observe):
    default = int(initial_sysctl("net.core.wmem_default"))
    with listening_unix() as listener:
        listener.sndbuf = 30_000
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("listener_and_accepted", [listener.sndbuf, accepted.sndbuf]) == [60_000, default]


@claim(
    "defacto/SO_SNDBUFFORCE/negative-is-the-minimum",
    says="A negative size is no error and gives the smallest buffer; with SO_SNDBUF it gives the largest.",
    needs=[initially(Capability.NET_ADMIN)],
)
@pytest.mark.parametrize("asked", [-1, -(2**31)])
def test_a_negative_size_gives_the_minimum(ns, observe, asked):
    with Socket.udp() as smallest, Socket.udp() as sock:
        smallest.sndbuf = 0
        sock.set(SO_SNDBUFFORCE.through(INT), asked)

        assert observe("over_minimum", sock.sndbuf - smallest.sndbuf) == 0


@claim(
    "defacto/SO_SNDBUFFORCE/largest",
    says="A size that cannot be doubled gives the largest even int.",
    needs=[initially(Capability.NET_ADMIN)],
)
@pytest.mark.parametrize("asked", [2**30, INT_MAX])
def test_the_largest_is_the_largest_even_int(ns, observe, asked):
    with Socket.udp() as sock:
        sock.sndbufforce = asked

        assert observe("sndbuf", sock.sndbuf) == INT_MAX - 1


@claim(
    "defacto/SO_SNDBUFFORCE/takes-no-memory",
    says="Even the largest send buffer takes no memory before data is sent.",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_the_largest_takes_no_memory(ns, observe):
    with Socket.udp() as sock:
        sock.sndbufforce = INT_MAX
        memory = sock.meminfo

        assert observe("used_ahead_limit", [memory.wmem_alloc, memory.fwd_alloc, memory.sndbuf]) == [
            0,
            0,
            INT_MAX - 1,
        ]


@claim(
    "defacto/SO_SNDBUFFORCE/set-only",
    says="It cannot be read: ENOPROTOOPT. What it set reads back as SO_SNDBUF.",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_it_can_only_be_set(ns, observe):
    with Socket.udp() as sock:
        sock.sndbufforce = 10_000
        with refused(errno.ENOPROTOOPT):
            sock.get(SO_SNDBUFFORCE)

        assert observe("sndbuf", sock.sndbuf) == 2 * 10_000


@claim(
    "defacto/SO_SNDBUFFORCE/first-user-namespace",
    says="CAP_NET_ADMIN in the user namespace that owns the network namespace is not enough: EPERM.",
    needs=[USER_NAMESPACE],
)
def test_net_admin_of_ones_own_namespace_is_refused(ns, observe):
    mark = in_user_namespace(lambda: read_back_on_udp(SO_MARK, 7))
    with refused(errno.EPERM):
        in_user_namespace(lambda: set_on_udp(SO_SNDBUFFORCE, 10_000))

    assert observe("mark", mark) == 7
