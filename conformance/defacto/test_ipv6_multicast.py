"""IPV6_ADD_MEMBERSHIP, IPV6_MULTICAST_IF and IPV6_MULTICAST_HOPS: what cannot be set."""

from __future__ import annotations

import errno

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import LOOPBACK, tcp6, udp6
from libsocket import IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF, Ipv6Mreq

GROUP = "ff05::1234"
NO_INTERFACE = 999


@claim(
    "defacto/IPV6_MULTICAST_IF/errnos",
    says="Setting IPV6_MULTICAST_IF fails with ENODEV on a UDP socket if there is no such interface. On a "
    "TCP socket it fails with ENOPROTOOPT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_errnos_of_an_interface_that_cannot_be_set(ns, observe):
    with udp6() as sock, tcp6() as stream:
        with refused(errno.ENODEV, "errno_interface"):
            sock.set(IPV6_MULTICAST_IF, NO_INTERFACE)
        with refused(errno.ENOPROTOOPT, "errno_tcp"):
            stream.set(IPV6_MULTICAST_IF, LOOPBACK)
        before = sock.get(IPV6_MULTICAST_IF)
        sock.set(IPV6_MULTICAST_IF, LOOPBACK)

        assert observe("before_and_after", [before, sock.get(IPV6_MULTICAST_IF)]) == [0, LOOPBACK]


@claim(
    "defacto/IPV6_MULTICAST_HOPS/tcp",
    says="Setting IPV6_MULTICAST_HOPS fails with ENOPROTOOPT on a TCP socket, where it can be read.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_a_tcp_socket_has_no_multicast_hops(ns, observe):
    with tcp6() as stream, udp6() as sock:
        with refused(errno.ENOPROTOOPT):
            stream.set(IPV6_MULTICAST_HOPS, 2)
        sock.set(IPV6_MULTICAST_HOPS, 2)
        both = [stream.get(IPV6_MULTICAST_HOPS), sock.get(IPV6_MULTICAST_HOPS)]

        assert observe("tcp_and_udp", both) == [1, 2]


@claim(
    "defacto/IPV6_JOIN_GROUP/errnos",
    says="Joining a group twice on one interface fails with EADDRINUSE on a UDP socket, joining what is no "
    "group with EINVAL, joining on an interface that there is not with ENODEV, and leaving a group that was "
    "not joined with EADDRNOTAVAIL.",
    since="2.6.12",
    commit="1da177e4c3f4",
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
        with refused(errno.EADDRNOTAVAIL, "errno_left"):
            sock.ipv6_leave_group = Ipv6Mreq(GROUP, LOOPBACK)
