"""SO_RCVBUF and SO_RCVBUFFORCE where documents are silent: extreme sizes, whose privilege, accept."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import USER_NAMESPACE, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening, listening_unix, pending_connection
from conformance.plugin.setups.options import read_back_on_udp, set_on_udp
from libsocket import INT, SO_MARK, SO_RCVBUF, SO_RCVBUFFORCE, Socket
from netns import Capability, in_user_namespace, initial_sysctl

INT_MAX = 2**31 - 1


@claim(
    "defacto/SO_RCVBUF/negative-is-the-maximum",
    says="A negative size for SO_RCVBUF is no error on a UDP socket and gives net.core.rmem_max, doubled.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("asked", [-1, -(2**31)])
def test_a_negative_size_gives_the_maximum(ns, observe, asked):
    with Socket.udp() as sock:
        sock.set(SO_RCVBUF.through(INT), asked)

        assert observe("rcvbuf", sock.rcvbuf) == 2 * int(initial_sysctl("net.core.rmem_max"))


@claim(
    "defacto/SO_RCVBUF/inherited-by-accept",
    says="An accepted TCP connection has the SO_RCVBUF that was set on the listener before they connected.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_accepted_connection_has_the_buffer(ns, observe):
    with listening() as listener:
        listener.rcvbuf = 30_000
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("rcvbuf", accepted.rcvbuf) == 2 * 30_000


@claim(
    "defacto/SO_RCVBUF/not-inherited-on-unix",
    says="An accepted UNIX connection has the default SO_RCVBUF (net.core.rmem_default), though the "
    "listener has another.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_accepted_unix_connection_has_the_default(ns, observe):
    default = int(initial_sysctl("net.core.rmem_default"))
    with listening_unix() as listener:
        listener.rcvbuf = 30_000
        with pending_connection(listener), listener.accept()[0] as accepted:
            assert observe("listener_and_accepted", [listener.rcvbuf, accepted.rcvbuf]) == [60_000, default]


@claim(
    "defacto/SO_RCVBUFFORCE/negative-is-the-minimum",
    says="A negative size for SO_RCVBUFFORCE is no error on a UDP socket and gives the smallest buffer.",
    since="4.9",
    commit="b98b0bc8c431",
    needs=[initially(Capability.NET_ADMIN)],
)
@pytest.mark.parametrize("asked", [-1, -(2**31)])
def test_a_negative_size_gives_the_minimum(ns, observe, asked):
    with Socket.udp() as smallest, Socket.udp() as sock:
        smallest.rcvbuf = 0
        sock.set(SO_RCVBUFFORCE.through(INT), asked)

        assert observe("rcvbuf", sock.rcvbuf) == smallest.rcvbuf


@claim(
    "defacto/SO_RCVBUFFORCE/largest",
    says="A size for SO_RCVBUFFORCE that cannot be doubled gives a UDP socket the largest even int.",
    since="5.1",
    commit="4057765f2dee",
    needs=[initially(Capability.NET_ADMIN)],
)
@pytest.mark.parametrize(
    ("asked", "held"),
    [(2**30 - 2, INT_MAX - 3), (2**30 - 1, INT_MAX - 1), (2**30, INT_MAX - 1), (INT_MAX, INT_MAX - 1)],
)
def test_the_largest_is_the_largest_even_int(ns, observe, asked, held):
    with Socket.udp() as sock:
        sock.rcvbufforce = asked

        assert observe("rcvbuf", sock.rcvbuf) == held


@claim(
    "defacto/SO_RCVBUFFORCE/takes-no-memory",
    says="Even the largest receive buffer takes no memory of a UDP socket before data arrives.",
    since="5.1",
    commit="4057765f2dee",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_the_largest_takes_no_memory(ns, observe):
    with Socket.udp() as sock:
        sock.rcvbufforce = INT_MAX
        memory = sock.meminfo

        assert observe("used_ahead_limit", [memory.rmem_alloc, memory.fwd_alloc, memory.rcvbuf]) == [
            0,
            0,
            INT_MAX - 1,
        ]


@claim(
    "defacto/SO_RCVBUFFORCE/set-only",
    says="SO_RCVBUFFORCE cannot be read: ENOPROTOOPT, also where it was set.",
    needs=[initially(Capability.NET_ADMIN)],
)
def test_it_can_only_be_set(ns, observe):
    with Socket.udp() as sock:
        sock.rcvbufforce = 10_000
        with refused(errno.ENOPROTOOPT):
            sock.get(SO_RCVBUFFORCE)

        assert observe("rcvbuf", sock.rcvbuf) == 2 * 10_000


@claim(
    "defacto/SO_RCVBUFFORCE/first-user-namespace",
    says="CAP_NET_ADMIN in the user namespace that owns the network namespace is not enough for "
    "SO_RCVBUFFORCE: EPERM.",
    needs=[USER_NAMESPACE],
)
def test_net_admin_of_ones_own_namespace_is_refused(ns, observe):
    mark = in_user_namespace(lambda: read_back_on_udp(SO_MARK, 7))
    with refused(errno.EPERM):
        in_user_namespace(lambda: set_on_udp(SO_RCVBUFFORCE, 10_000))

    assert observe("mark", mark) == 7
