"""IPV6_ADD_MEMBERSHIP, IPV6_MULTICAST_IF and IPV6_MULTICAST_HOPS: what cannot be set."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import LOOPBACK, index_of, tcp6, udp6
from libsocket import IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF, Ipv6Mreq

GROUP = "ff05::1234"
NO_INTERFACE = 999


@claim(
    "defacto/IPV6_MULTICAST_IF/errnos",
    says="Setting IPV6_MULTICAST_IF of a UDP socket to a number that no interface has fails with ENODEV, and "
    "it keeps what it had.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_the_interface_must_exist(ns, observe):
    with udp6() as sock:
        sock.set(IPV6_MULTICAST_IF, LOOPBACK)
        with refused(errno.ENODEV):
            sock.set(IPV6_MULTICAST_IF, NO_INTERFACE)

        assert observe("kept", sock.get(IPV6_MULTICAST_IF)) == LOOPBACK


@claim(
    "defacto/IPV6_MULTICAST_IF/bound",
    says="Setting IPV6_MULTICAST_IF of a UDP socket that SO_BINDTODEVICE binds to an interface is "
    "refused with EINVAL for another, which a socket that is not bound takes; for its own it is not "
    "refused, and is kept.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, VETH],
)
def test_a_bound_socket_sends_to_groups_by_its_interface(peers, observe):
    with peers.left.entered(), udp6() as sock, udp6() as free:
        sock.bindtodevice = peers.left.device
        sock.set(IPV6_MULTICAST_IF, index_of(peers.left))
        with refused(errno.EINVAL):
            sock.set(IPV6_MULTICAST_IF, LOOPBACK)
        free.set(IPV6_MULTICAST_IF, LOOPBACK)
        kept = sock.get(IPV6_MULTICAST_IF) == index_of(peers.left)

        assert observe("kept_and_free", [kept, free.get(IPV6_MULTICAST_IF)]) == [True, LOOPBACK]


@claim(
    "defacto/IPV6_MULTICAST_HOPS/tcp",
    says="IPV6_MULTICAST_HOPS of a TCP socket cannot be set, though it can be read. It keeps what it was.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_a_tcp_socket_has_no_multicast_hops(ns, observe):
    with tcp6() as stream, udp6() as sock:
        before = stream.get(IPV6_MULTICAST_HOPS)
        with refused():
            stream.set(IPV6_MULTICAST_HOPS, 2)
        sock.set(IPV6_MULTICAST_HOPS, 2)
        kept = stream.get(IPV6_MULTICAST_HOPS) == before

        assert observe("kept_and_set", [kept, sock.get(IPV6_MULTICAST_HOPS)]) == [True, 2]


@claim(
    "defacto/IPV6_JOIN_GROUP/errnos",
    says="Joining a group twice on one interface fails with EADDRINUSE on a UDP socket, joining what is no "
    "group with EINVAL, and joining on an interface that there is not with ENODEV. Leaving a group that was "
    "not joined fails.",
    since="2.6.13",
    commit="c9e3e8b6958e",
    needs=[IPV6],
)
def test_errnos_of_joining_and_leaving(ns):
    with udp6() as sock:
        sock.ipv6_join_group = Ipv6Mreq(GROUP, LOOPBACK)
        with refused(errno.EADDRINUSE, "errno_twice"):
            sock.ipv6_join_group = Ipv6Mreq(GROUP, LOOPBACK)
        with refused(errno.EINVAL, "errno_unicast"):
            sock.ipv6_join_group = Ipv6Mreq("fd00::1", LOOPBACK)
        with refused(errno.ENODEV, "errno_interface"):
            sock.ipv6_join_group = Ipv6Mreq(GROUP, NO_INTERFACE)
        sock.ipv6_leave_group = Ipv6Mreq(GROUP, LOOPBACK)
        with refused(name="errno_left"):
            sock.ipv6_leave_group = Ipv6Mreq(GROUP, LOOPBACK)


@claim(
    "defacto/IPV6_LEAVE_GROUP/not-joined",
    says="Leaving a group with IPV6_LEAVE_GROUP that a UDP socket has not joined, though another did, or "
    "that it has left, is refused with EADDRNOTAVAIL.",
    since="2.6.13",
    commit="9951f036fe8a",
    needs=[IPV6],
)
def test_what_was_not_joined_is_not_left(ns, observe):
    with udp6() as other, udp6() as sock:
        other.ipv6_join_group = Ipv6Mreq(GROUP, LOOPBACK)
        with refused(errno.EADDRNOTAVAIL):
            sock.ipv6_leave_group = Ipv6Mreq(GROUP, LOOPBACK)
        other.ipv6_leave_group = Ipv6Mreq(GROUP, LOOPBACK)
        with refused(errno.EADDRNOTAVAIL, "errno_left"):
            other.ipv6_leave_group = Ipv6Mreq(GROUP, LOOPBACK)


@claim(
    "defacto/IPV6_MULTICAST_IF/tcp",
    says="IPV6_MULTICAST_IF of a TCP socket cannot be set, though it can be read. It keeps its 0.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_a_tcp_socket_has_no_interface_of_groups(ns, observe):
    with tcp6() as stream, udp6() as sock:
        with refused():  # EINVAL at first, ENOPROTOOPT since long
            stream.set(IPV6_MULTICAST_IF, LOOPBACK)
        sock.set(IPV6_MULTICAST_IF, LOOPBACK)
        seen = [stream.get(IPV6_MULTICAST_IF), sock.get(IPV6_MULTICAST_IF)]

        assert observe("tcp_and_udp", seen) == [0, LOOPBACK]
